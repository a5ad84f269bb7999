"""JsonVectorCollection shards in, a Lucene impact index out. Knows nothing of torch or models."""
