"""A query in, hits out: encoded the way the index says. Knows nothing of Parquet."""
