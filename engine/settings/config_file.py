"""The configuration file: which one holds, and what is in it."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from engine.settings.layers import CONFIG_VARIABLE, Problems

FILE_NAME: Final = "engine.toml"


def read_file(
    config: Path | None, environ: Mapping[str, str], cwd: Path, problems: Problems
) -> tuple[Path | None, Mapping[str, object]]:
    """The configuration file and its content.

    Only `engine.toml` in the current folder may be missing; one that is named (option, ENGINE_CONFIG) must be there.
    """
    named = config or (Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None)
    path = named or Path(FILE_NAME)
    try:
        content = (cwd / path).read_bytes()
    except FileNotFoundError:
        if named is None:
            return None, {}
        problems.append(f"{path}: no such file; python -m engine init writes one")
    except OSError as error:
        problems.append(f"{path}: cannot be read: {error.strerror}")
    else:
        return path, _parsed(path, content, problems)
    return path, {}


def _parsed(path: Path, content: bytes, problems: Problems) -> Mapping[str, object]:
    wrong = ""
    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        before = content[: error.start].split(b"\n")
        wrong = f"not UTF-8 (at line {len(before)}, column {len(before[-1]) + 1})"
    except tomllib.TOMLDecodeError as error:
        lines = content.decode().split("\n")
        end = f"(at line {len(lines)}, column {len(lines[-1]) + 1})"
        wrong = str(error).replace("(at end of document)", end)
    except (ValueError, RecursionError):
        wrong = "a number is too long, or lists are nested too deeply"
    problems.append(f"{path}: not valid TOML: {wrong}")
    return {}
