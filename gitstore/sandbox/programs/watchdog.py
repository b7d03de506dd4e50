"""What a sandbox uses, measured every 50 ms from outside: memory, processes, files, bytes written.

Memory is what only the sandbox's processes need: anonymous and shared memory. Pages of files do not count,
since the kernel can drop them, so a model may map weights that are larger than its memory.
"""

from __future__ import annotations

import os
import time

INTERVAL = 50
"""The milliseconds between two measurements."""

RESCAN = 2.0
"""The most seconds after which the results are counted again, even if nothing seems to have been written."""

FILE = 4096
"""The bytes that a file counts for, beside its content."""

PAGE = os.sysconf("SC_PAGE_SIZE")


class Watchdog:
    """Measures one sandbox. `peak` is the most memory in bytes that was measured."""

    def __init__(self, limits: dict[str, int], out: str | None) -> None:
        self.peak = 0
        self._limits = limits
        self._out = out
        self._proc = self._scratch = self._shared = -1
        self._last_scan = time.monotonic()
        self._scan_time = 0.0
        self._pause_until = 0.0
        self._last_shared, self._in_memory_files = _read_shared_memory(), 0
        self._first_blocks = self._last_blocks = self._count_blocks()
        self._most_blocks = min(limits["out"], limits["files"] * FILE)

    def watch(self, descriptors: list[int]) -> None:
        """Begin to measure, through descriptors of /proc, /tmp and /dev/shm."""
        self._proc, self._scratch, self._shared = descriptors

    def find_excess(self) -> str | None:
        """Return `out_of_memory`, `disk_full` or `too_many_processes` if a limit is exceeded."""
        if self._proc < 0:
            return None
        try:
            return self._find_excess()
        except OSError:  # the sandbox has just ended
            return None

    def _find_excess(self) -> str | None:
        processes = [name for name in os.listdir(self._proc) if name.isdecimal()]
        if len(processes) > self._limits["processes"]:
            return "too_many_processes"
        if self._measure_memory(processes) > self._limits["memory"]:
            return "out_of_memory"
        disk = os.fstatvfs(self._scratch)
        shared = os.fstatvfs(self._shared)
        if max(_count_files(disk), _count_files(shared)) > self._limits["files"]:
            return "disk_full"
        return "disk_full" if self._out is not None and self._exceeds_out() else None

    def _measure_memory(self, processes: list[str]) -> int:
        """Return bytes, at first roughly: what looks like too much is measured precisely, which is slow."""
        shared = os.fstatvfs(self._shared)
        in_files = (shared.f_blocks - shared.f_bfree) * shared.f_frsize
        # Pages of files, and those that processes share, count too often here.
        resident = sum(int(self._read(name, "statm").split()[1]) * PAGE for name in processes)
        in_memory_files = self._measure_memory_files(processes)
        used = resident + in_files + in_memory_files
        limit = self._limits["memory"]
        if used > limit and time.monotonic() >= self._pause_until:
            start = time.monotonic()
            parts = [_parse_fields(self._read(name, "smaps_rollup")) for name in processes]
            anonymous = sum(part.get(b"Pss_Anon", part.get(b"Anonymous", 0)) for part in parts)
            mapped = sum(part.get(b"Pss_Shmem", 0) for part in parts)
            used = anonymous + max(mapped, in_files + in_memory_files)
            if used <= limit:  # walking over many pages takes long: at most a fifth of the time
                now = time.monotonic()
                self._pause_until = now + 4 * (now - start)
        elif used > limit:
            return 0
        self.peak = max(self.peak, used)
        return used

    def _measure_memory_files(self, processes: list[str]) -> int:
        """Return the bytes in files of memfd_create(2), which need not be mapped by any process.

        They are looked for only if all shared memory of the machine has grown since the last time.
        """
        shared = _read_shared_memory()
        if abs(shared - self._last_shared) * 16 < self._limits["memory"]:
            return self._in_memory_files
        self._last_shared = shared
        sizes = {}
        for name in processes:
            try:
                descriptors = os.open(f"{name}/fd", os.O_RDONLY | os.O_DIRECTORY, dir_fd=self._proc)
            except OSError:
                continue
            try:
                for number in os.listdir(descriptors):
                    if os.readlink(number, dir_fd=descriptors).startswith("/memfd:"):
                        status = os.stat(number, dir_fd=descriptors)
                        sizes[status.st_dev, status.st_ino] = status.st_blocks * 512
            except OSError:
                pass
            finally:
                os.close(descriptors)
        self._in_memory_files = sum(sizes.values())
        return self._in_memory_files

    def _read(self, process: str, name: str) -> bytes:
        """Return a file of a process; one that has ended used nothing."""
        try:
            descriptor = os.open(f"{process}/{name}", os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._proc)
        except OSError:
            return b"0 0"
        try:
            return os.read(descriptor, 4096) or b"0 0"
        except OSError:
            return b"0 0"
        finally:
            os.close(descriptor)

    def _exceeds_out(self) -> bool:
        """Whether the results are too large, or too many. They are counted only if something was written."""
        blocks, now = self._count_blocks(), time.monotonic()
        has_grown = (blocks - self._last_blocks) * 16 > self._limits["out"]
        if blocks - self._first_blocks > self._most_blocks:
            self._scan_time = 0.0  # that may be all of ours: look at once
        if now - self._last_scan < (20 * self._scan_time if has_grown else RESCAN):
            return False
        self._last_blocks, self._last_scan = blocks, now
        size, files = self._measure_out()
        self._scan_time = time.monotonic() - now
        return size > self._limits["out"] or files > self._limits["files"]

    def _count_blocks(self) -> int:
        """Return the bytes in use on the disk of the results, whoever wrote them, and 4 KiB for each file."""
        if self._out is None:
            return 0
        disk = os.statvfs(self._out)
        return (disk.f_blocks - disk.f_bfree) * disk.f_frsize + _count_files(disk) * FILE

    def _measure_out(self) -> tuple[int, int]:
        """Return the bytes and the number of the files in the results."""
        size, files, pending = 0, 0, [self._out or ""]
        while pending and files <= self._limits["files"]:
            try:
                with os.scandir(pending.pop()) as entries:
                    for entry in entries:
                        files += 1
                        size += entry.stat(follow_symlinks=False).st_blocks * 512
                        if entry.is_dir(follow_symlinks=False):
                            pending.append(entry.path)
            except FileNotFoundError:
                continue
            except OSError:  # directories nested so deep that they have no path
                return size, self._limits["files"] + 1
        return size, files


def _read_shared_memory() -> int:
    """Return the bytes of shared memory and of files in memory, of the whole machine."""
    with open("/proc/meminfo", "rb") as file:
        return _parse_fields(file.read()).get(b"Shmem", 0)


def _count_files(disk: os.statvfs_result) -> int:
    return disk.f_files - disk.f_ffree


def _parse_fields(text: bytes) -> dict[bytes, int]:
    """Return the sizes in bytes in a file of lines like `Pss_Anon:  12 kB`."""
    fields = {}
    for line in text.splitlines():
        name, separator, value = line.partition(b":")
        if separator and value.endswith(b" kB"):
            fields[name] = int(value[:-3]) << 10
    return fields
