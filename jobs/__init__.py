"""The jobs: each makes an index, of a corpus or of another tool's vectors."""
