"""Judged collections as people have them: documents, topics and judgments of one, whatever its format."""
