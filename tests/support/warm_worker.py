"""A process that indexes for tests: Java compiles quickly rather than well, and touches no memory before it must."""

from sparton.indexer import worker
from sparton.indexer.java import SHORT_RUN, start_jvm


def main():
    """What the process runs."""
    worker._start_jvm = lambda plan: start_jvm((*SHORT_RUN, f"-Xmx{plan.heap_mb}m"))
    worker.main()
