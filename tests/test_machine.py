"""Cores and memory as a container lets us have them, by made-up files of the kernel; and how PyTorch's threads wait."""

import os
import subprocess
import sys

import pytest

from sparton.machine import cores, free_memory_mb, have_rows_multiplied_alike

MOST = len(os.sched_getaffinity(0))
GIB = 2**30


def system(root, cgroup, **files):
    """A root folder with /proc/self/cgroup, and other files below /sys/fs/cgroup, whose names have __ for a slash."""
    (root / "proc" / "self").mkdir(parents=True)
    (root / "proc" / "self" / "cgroup").write_text(cgroup)
    (root / "proc" / "meminfo").write_text("MemTotal: 99 kB\nMemAvailable:   16777216 kB\n")
    for name, content in files.items():
        path = root / "sys" / "fs" / "cgroup" / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


V1 = "4:memory:/docker/ab12\n3:cpu,cpuacct:/docker/ab12\n1:name=systemd:/docker/ab12\n"


@pytest.mark.parametrize(
    ("cgroup", "files", "expected"),
    [
        ("0::/\n", {}, MOST),
        ("0::/\n", {"cpu_dot_max": "max 100000\n"}, MOST),
        ("0::/\n", {"cpu_dot_max": "100000 100000\n"}, 1),
        ("0::/\n", {"cpu_dot_max": "30000 100000\n"}, 1),
        ("0::/\n", {"cpu_dot_max": "150000 100000\n"}, min(MOST, 2)),
        ("0::/\n", {"cpu_dot_max": "9900000 100000\n"}, MOST),
        ("0::/\n", {"cpu_dot_max": "nonsense\n"}, MOST),
        ("0::/a/b\n", {"a__b__cpu_dot_max": "max 100000\n", "a__cpu_dot_max": "100000 100000\n"}, 1),
        ("0::/a/b\n", {"cpu_dot_max": "100000 100000\n"}, 1),  # a container that is told its path on the host
        ("0::/../other\n", {"cpu_dot_max": "100000 100000\n"}, 1),
        (V1, {"cpu,cpuacct__cpu_dot_cfs_quota_us": "50000\n", "cpu,cpuacct__cpu_dot_cfs_period_us": "100000\n"}, 1),
        (V1, {"cpu__cpu_dot_cfs_quota_us": "100000\n", "cpu__cpu_dot_cfs_period_us": "100000\n"}, 1),
        (V1, {"cpu__cpu_dot_cfs_quota_us": "-1\n", "cpu__cpu_dot_cfs_period_us": "100000\n"}, MOST),
        (
            V1,
            {
                "cpu__docker__ab12__cpu_dot_cfs_quota_us": "100000\n",
                "cpu__docker__ab12__cpu_dot_cfs_period_us": "100000\n",
            },
            1,
        ),
        (V1, {"cpu__cpu_dot_cfs_quota_us": "100000\n"}, MOST),
        (V1, {"cpu__cpu_dot_cfs_quota_us": "100000\n", "cpu__cpu_dot_cfs_period_us": "0\n"}, MOST),
        ("", {}, MOST),
    ],
)
def test_cores_follow_the_quota(tmp_path, cgroup, files, expected):
    assert cores(system(tmp_path, cgroup, **files)) == expected


@pytest.mark.parametrize(
    ("cgroup", "files", "expected"),
    [
        ("0::/\n", {}, 16_384),
        ("0::/\n", {"memory_dot_max": "max\n", "memory_dot_current": "5\n"}, 16_384),
        ("0::/\n", {"memory_dot_max": f"{4 * GIB}\n", "memory_dot_current": f"{GIB}\n"}, 3_072),
        ("0::/\n", {"memory_dot_max": f"{GIB}\n", "memory_dot_current": f"{2 * GIB}\n"}, 0),
        (
            "0::/\n",
            {
                "memory_dot_max": f"{4 * GIB}\n",
                "memory_dot_current": f"{3 * GIB}\n",
                "memory_dot_stat": f"anon 1\ninactive_file {GIB}\n",
            },
            2_048,
        ),
        (
            "0::/a/b\n",
            {
                "a__b__memory_dot_max": f"{8 * GIB}\n",
                "a__b__memory_dot_current": "0\n",
                "a__memory_dot_max": f"{2 * GIB}\n",
                "a__memory_dot_current": f"{GIB}\n",
            },
            1_024,
        ),
        (
            V1,
            {
                "memory__memory_dot_limit_in_bytes": f"{4 * GIB}\n",
                "memory__memory_dot_usage_in_bytes": f"{2 * GIB}\n",
                "memory__memory_dot_stat": f"inactive_file 1\ntotal_inactive_file {GIB}\n",
            },
            3_072,
        ),
        (
            V1,
            {
                "memory__memory_dot_limit_in_bytes": "9223372036854771712\n",
                "memory__memory_dot_usage_in_bytes": "10\n",
            },
            16_384,
        ),
    ],
)
def test_memory_follows_the_limit(tmp_path, cgroup, files, expected):
    assert free_memory_mb(system(tmp_path, cgroup, **files)) == expected


@pytest.mark.slow
@pytest.mark.parametrize(
    ("environment", "policy", "threads"),
    [
        ({}, "PASSIVE 5000", 1),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE None", 1),
        ({"GOMP_SPINCOUNT": "7"}, "None 7", 1),
        ({"OMP_NUM_THREADS": "2"}, "PASSIVE 5000", 2),
    ],
)
def test_threads_of_pytorch_spin_briefly_and_keep_to_the_quota(environment, policy, threads):
    """Unless the user has said otherwise."""
    code = (
        "import sparton.pipeline.model.placement as placement, os, torch\n"
        "from sparton.pipeline.model.base import Runtime\n"
        "placement.cores = lambda: 1\n"
        "placement.place(Runtime(device='cpu'))\n"
        "print(os.environ.get('OMP_WAIT_POLICY'), os.environ.get('GOMP_SPINCOUNT'), torch.get_num_threads())"
    )
    clean = {name: value for name, value in os.environ.items() if "OMP_" not in name}
    done = subprocess.run(
        [sys.executable, "-c", code], env={**clean, **environment}, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [*policy.split(), str(threads)]


@pytest.mark.parametrize(
    ("cpuinfo", "set_to", "expected"),
    [
        ("vendor_id : GenuineIntel\nflags : fpu avx2 avx512f avx512bw\n", None, "AVX512,STRICT"),
        ("vendor_id : GenuineIntel\nflags : fpu avx2\n", None, "AVX2,STRICT"),
        ("vendor_id : GenuineIntel\nflags : fpu sse2\n", None, None),
        ("vendor_id : AuthenticAMD\nflags : fpu avx2 avx512f\n", None, None),
        ("vendor_id : GenuineIntel\nflags : fpu avx2 avx512f\n", "COMPATIBLE", "COMPATIBLE"),
        (None, None, None),
    ],
)
def test_products_of_an_intel_are_alike_in_any_batch(tmp_path, monkeypatch, cpuinfo, set_to, expected):
    monkeypatch.setenv("MKL_CBWR", set_to or "")
    if set_to is None:
        monkeypatch.delenv("MKL_CBWR")
    if cpuinfo is not None:
        (tmp_path / "proc").mkdir()
        (tmp_path / "proc" / "cpuinfo").write_text(cpuinfo)
    have_rows_multiplied_alike(tmp_path)
    assert os.environ.get("MKL_CBWR") == expected
