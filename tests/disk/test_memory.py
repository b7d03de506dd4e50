from __future__ import annotations

import platform
import subprocess
import sys
import textwrap

import pytest


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other mallocs do as they like")
def test_freed_memory_is_used_again() -> None:
    """Three buffers of 1 MiB, filled and freed a hundred times: the kernel gives them once."""
    script = """
        import resource
        from gitstore.disk.memory import keep_freed_memory

        def faults() -> int:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
            for _ in range(100):
                buffers = [b"x" * 2**20 for _ in range(3)]
                del buffers
            return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

        keep_freed_memory()
        print(faults())
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 2000  # each megabyte has 256 pages
