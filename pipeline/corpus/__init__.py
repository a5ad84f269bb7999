"""Files of documents in, shards of rows out."""
