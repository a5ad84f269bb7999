"""Shards to JsonVectorCollection files, each whole and with a marker."""
