"""Documents in, JsonVectorCollection shards out. Knows nothing of Java or Lucene."""

import os

# Before torch is imported, anywhere. OpenMP's threads otherwise spin where they wait for each other, which on a machine
# with other work is for a thread that is not running: three encodings at once on two cores took three times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
