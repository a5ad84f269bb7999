"""Filters by fields: from text to what Lucene looks for."""
