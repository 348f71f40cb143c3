"""Under what circumstances figures were taken: machine, versions, date, options. No names, no paths."""

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from attrs import asdict

from benchmarks.ground import Options
from tests.servers.programs import need_program

PACKAGES = ("trio", "trio-asyncio", "redis", "PyMySQL", "httpx", "msgspec", "maxminddb", "iptocc")


def describe(options: Options) -> dict[str, object]:
    """All of it, as plain values."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "options": asdict(options),
        "machine": {
            "cpu": _from("/proc/cpuinfo", r"model name\s*:\s*(.+)"),
            "cores": os.cpu_count(),
            "memory_gib": round(int(_from("/proc/meminfo", r"MemTotal:\s*(\d+)")) / 2**20, 1),
            "system": f"{platform.system()} {platform.release().partition('-')[0]}, {platform.machine()}",
        },
        "versions": {
            "Python": platform.python_version(),
            "MariaDB": _said("mariadbd", r"Ver ([\d.]+)"),
            "Redis": _said("redis-server", r"v=([\d.]+)"),
            **{name: version(name) for name in PACKAGES},
        },
    }


def _from(path: str, pattern: str) -> str:
    found = re.search(pattern, Path(path).read_text())
    return found[1].strip() if found else "unknown"


def _said(program: str, pattern: str) -> str:
    answer = subprocess.run([need_program(program), "--version"], check=True, capture_output=True, text=True)
    found = re.search(pattern, answer.stdout)
    return found[1] if found else "unknown"
