"""What an operation may use: memory, scratch disk, cores; and what follows from these."""

from __future__ import annotations

import math
from dataclasses import dataclass

MAX_PROCESSES = 1024
"""The most processes and threads of an operation."""

MAX_FILES = 100_000
"""The most files on the scratch disk, and in the results. Each of them takes memory of the kernel."""

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
"""The variables that say how many threads a library computes with."""


@dataclass(frozen=True)
class Limits:
    """The limits of an operation: sizes in bytes, `cpus` in cores."""

    memory: int
    disk: int
    cpus: float
    processes: int = MAX_PROCESSES
    files: int = MAX_FILES

    @property
    def cores(self) -> int:
        """The number of cores that it runs on."""
        return math.ceil(self.cpus)

    @property
    def largest_file(self) -> int:
        """The most bytes of a file, and of all results: a state was in memory, or on the scratch disk."""
        return max(self.memory, self.disk)

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables that keep the pools of threads to the cores."""
        return dict.fromkeys(THREADS, str(self.cores))
