"""How much memory a process has in use, as the kernel counts it; in bytes, 0 once it has ended."""

from pathlib import Path

MEBIBYTE = 1024 * 1024


def resident(pid: int | str = "self") -> int:
    """What it has now."""
    return _status(pid, "VmRSS")


def peak(pid: int | str = "self") -> int:
    """The most it had since `forget_peak`, or since it began."""
    return _status(pid, "VmHWM")


def forget_peak(pid: int | str = "self") -> None:
    """Begin to measure the peak anew."""
    Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")


def _status(pid: int | str, name: str) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    found = status.partition(f"{name}:")[2].split()
    return int(found[0]) * 1024 if found else 0
