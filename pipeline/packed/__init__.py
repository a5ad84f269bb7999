"""Backbones over documents that lie end to end, without padding."""
