"""Run a command, and watch the memory of all its processes."""

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path


def watched(command: Sequence[str]) -> tuple[float, float]:
    """Seconds of a command that must succeed, and the peak MiB of all its processes together.

    Files that they map do not count: the system takes that memory back when it likes.
    """
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
        peaks: list[float] = [0.0]
        watcher = threading.Thread(target=_watch, args=(process, peaks))
        watcher.start()
        code = process.wait()
        seconds = time.perf_counter() - started
        watcher.join()
        if code:
            output.seek(0)
            raise SystemExit(f"{' '.join(command)}\n{output.read()[-3000:]}")
    return seconds, max(peaks)


def _watch(process: "subprocess.Popen[bytes]", peaks: list[float]) -> None:
    """Note the memory of a process and all that it started, a few times a second, until it ends."""
    while process.poll() is None:
        parents, memory = {}, {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                _, resident, shared, *_ = (int(pages) for pages in (folder / "statm").read_text().split())
                memory[int(folder.name)] = (resident - shared) * os.sysconf("SC_PAGE_SIZE")
            except (OSError, ValueError):
                continue  # it has ended
        family = {process.pid}
        while more := {pid for pid, parent in parents.items() if parent in family} - family:
            family |= more
        peaks.append(sum(memory.get(pid, 0) for pid in family) / 2**20)
        time.sleep(0.2)
