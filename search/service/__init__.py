"""The Searcher over HTTP."""
