"""Texts to token ids, and long texts to passages."""
