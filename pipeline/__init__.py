"""Documents in, JsonVectorCollection shards out. Knows nothing of Java or Lucene."""
