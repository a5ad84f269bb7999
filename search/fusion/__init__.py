"""Fusion: one ranking of documents out of several."""
