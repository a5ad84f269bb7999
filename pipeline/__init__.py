"""Documents in, JsonVectorCollection shards out. Knows nothing of Java or Lucene."""

import os

from ..machine import have_rows_multiplied_alike

# Before torch is imported, anywhere. OpenMP's threads spin where they wait for each other, by default for some 5 ms,
# which on a machine with other work is for a thread that is not running: three encodings at once on two cores took
# three times as long. Without any spinning one alone took 5 % longer. GNU's OpenMP goes by the count, others by the
# policy.
if not os.environ.keys() & {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}:
    os.environ.update(OMP_WAIT_POLICY="PASSIVE", GOMP_SPINCOUNT="5000")

have_rows_multiplied_alike()  # before torch multiplies anything
