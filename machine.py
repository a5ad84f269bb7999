"""What this process may use of the machine: cores and memory, as far as a container lets it have them."""

import os
from collections.abc import Iterator
from math import ceil
from pathlib import Path

_ROOT = Path("/")
_CGROUPS = "sys/fs/cgroup"
_OF_ONE_CORE = 4_096  # bytes that tell of the first core, and mostly of the next
_STRICT = {"avx512f": "AVX512", "avx2": "AVX2"}  # what oneMKL calls the instructions


def cores(root: Path = _ROOT) -> int:
    """Cores that this process may use: those that it may run on, or fewer where a container has a quota of CPU time.

    root: where the system's files are, /proc and /sys. Of a broken core all is used.
    """
    most = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([most, *(ceil(quota) for quota in _quotas(root))]))


def free_memory_mb(root: Path = _ROOT) -> int:
    """Memory that a new process can have, in MiB: what the system has available, or less where a container says so."""
    try:
        lines = (root / "proc/meminfo").read_text().splitlines()
        available = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")) * 1024
    except (OSError, StopIteration):  # not Linux: half of what there is
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20 // 2
    return max(0, min([available, *_free_bytes(root)])) // 2**20


def have_rows_multiplied_alike(root: Path = _ROOT) -> None:
    """Have oneMKL give a row of a product in float32 the same bits, however many rows there are, unless MKL_CBWR says
    what it shall do. On Intel's processors it takes another way for a few rows, so a text alone had other weights than
    in a batch; no slower with AVX2 and AVX-512. It is read at the process's first product. root: as cores'.
    """
    try:
        with (root / "proc/cpuinfo").open(encoding="utf-8") as lines:
            about = set(lines.read(_OF_ONE_CORE).split())
    except OSError:  # not Linux
        return
    if "GenuineIntel" in about and (name := next((name for flag, name in _STRICT.items() if flag in about), None)):
        os.environ.setdefault("MKL_CBWR", f"{name},STRICT")


def _quotas(root: Path) -> Iterator[float]:
    """The cores that each group of processes around this one may use, where it has a quota."""
    for group in _groups(root, "cpu"):
        for words in (
            _words(group / "cpu.max"),  # cgroups v2; "max" is none
            _words(group / "cpu.cfs_quota_us") + _words(group / "cpu.cfs_period_us"),  # v1; -1 is none
        ):
            if len(words) == 2 and all(word.isdecimal() for word in words) and int(words[1]):
                yield int(words[0]) / int(words[1])


def _free_bytes(root: Path) -> Iterator[int]:
    """The bytes that each group of processes around this one may still take, where it has a limit."""
    for group in _groups(root, "memory"):
        for limit, used in (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes")):
            words = _words(group / limit) + _words(group / used)
            if len(words) == 2 and all(word.isdecimal() for word in words):
                yield int(words[0]) - int(words[1]) + _cached(group)


def _cached(group: Path) -> int:
    """Bytes of files that are in a group's memory and would be freed."""
    words = _words(group / "memory.stat")
    sizes = dict(zip(words[::2], words[1::2], strict=False))
    return int(sizes.get("total_inactive_file", sizes.get("inactive_file", "0")))


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """The folders of the groups that this process is in, from its own to the outermost that can be seen.

    A container may see its own group as the outermost one, and still be told its path on the host.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, name = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        mounts = (controllers, controller) if controllers else ("", "unified")
        for mount in dict.fromkeys(root / _CGROUPS / mount for mount in mounts):
            group = mount / name.strip("/")
            for folder in (group, *group.parents):
                if folder.is_relative_to(mount) and folder.is_dir():
                    yield folder


def _words(path: Path) -> list[str]:
    """What a small file says; nothing where there is none."""
    try:
        return path.read_text().split()
    except OSError:
        return []
