"""What the kernel knows of a process: its CPU time and its memory, read from /proc."""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from attrs import frozen

TICKS = os.sysconf("SC_CLK_TCK")
SAMPLE_SECONDS = 0.05
MIB = 1024


@frozen
class Followed:
    """A process that has ended. `memory` is (seconds since the start of following, resident MiB)."""

    cpu_seconds: float
    peak_mib: float
    memory: Sequence[tuple[float, float]]


def cpu_seconds(pid: int) -> float:
    """User and system time so far, of all threads; a process that ended and was not waited for still has them."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / TICKS


def family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    parents = {int(path.name): _parent(int(path.name)) for path in Path("/proc").iterdir() if path.name.isdigit()}
    found = [pid]
    for one in found:  # grows while it is read
        found += [child for child, parent in parents.items() if parent == one]
    return found


def _parent(pid: int) -> int:
    """0 for one that has ended meanwhile."""
    try:
        return int(_stat(pid)[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def follow(pid: int, seconds: float, *, meanwhile: Callable[[], None] = lambda: None) -> Followed:
    """Watch a child until it ends, and leave it to be waited for; `meanwhile` is called all the time.

    Raises AssertionError when it takes too long.
    """
    began = time.monotonic()
    memory: list[tuple[float, float]] = []
    peak = 0.0
    while _stat(pid)[0] != "Z":
        waited = time.monotonic() - began
        assert waited < seconds, f"still running after {seconds} s"
        sizes = _sizes(pid)
        if "VmRSS" in sizes:
            memory.append((waited, sizes["VmRSS"]))
            peak = max(peak, sizes["VmHWM"])
        meanwhile()
        time.sleep(SAMPLE_SECONDS)
    return Followed(cpu_seconds(pid), peak, memory)


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat behind the name, which may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _sizes(pid: int) -> dict[str, float]:
    """The sizes in /proc/PID/status in MiB; none of a process that has ended."""
    fields = (line.split() for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {words[0].rstrip(":"): int(words[1]) / MIB for words in fields if words[-1:] == ["kB"]}
