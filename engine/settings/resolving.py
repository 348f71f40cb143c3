"""One section, or one source: for every setting the first layer that gives it, converted and checked."""

import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from attrs import frozen

from engine.settings.conversion import UnfitError, convert, show
from engine.settings.layers import Given, Known, Problems
from engine.settings.secret import Secret, redact_url
from engine.settings.setting import Described, settings_of

SECRET_LIMIT: Final = 65_536


class Reading(NamedTuple):
    """What was given and is right: values, and their origins. `label` names the section in messages."""

    label: str
    values: Mapping[str, object]
    origins: Mapping[str, str]
    failed: frozenset[str] = frozenset()


class _MissingError(Exception):
    """What a secret points to is not there; the text is the problem."""


@frozen
class Resolver:
    """Takes values from layers; what is wrong goes to `problems`, what is unwise to `warnings`."""

    environ: Mapping[str, str]
    cwd: Path
    problems: Problems
    warnings: list[str]

    def resolve(self, label: str, section: type, known: Known, layers: Sequence[Mapping[str, Given]]) -> Reading:
        """Read every setting of `section`; a later layer counts only where an earlier one is silent."""
        values: dict[str, object] = {}
        origins: dict[str, str] = {}
        failed: set[str] = set()
        for described in settings_of(section):
            keys = [key for key, (owner, _) in known.items() if owner.name == described.name]
            given = self._first(label, keys, layers)
            if given is None:
                if described.is_required:
                    failed.add(described.name)
                continue
            origins[described.name] = given.origin
            try:
                values[described.name] = self._checked(label, described, given)
            except (UnfitError, _MissingError) as error:
                failed.add(described.name)
                self.problems.append(str(error))
        return Reading(label, values, origins, frozenset(failed))

    def _first(self, label: str, keys: Sequence[str], layers: Sequence[Mapping[str, Given]]) -> Given | None:
        for layer in layers:
            found = {key: layer[key] for key in keys if key in layer}
            if len(found) > 1:
                origins = " and ".join(dict.fromkeys(given.origin for given in found.values()))
                self.problems.append(f"{origins}: {label}.{keys[0]}: given twice; allowed: one of {', '.join(found)}")
            if found:
                return next(iter(found.values()))
        return None

    def _checked(self, label: str, described: Described, given: Given) -> object:
        about = described.about
        value = self._reveal(label, described, given)
        try:
            converted = convert(value, described.kind, is_text=given.is_text or given.indirect is not None)
            wrong = about.rule.problem(converted)
        except UnfitError as error:
            wrong = str(error)
        if wrong is not None:
            shown = self._shown(value, described, given)
            raise UnfitError(
                f"{given.origin}: {label}.{described.name} = {shown}: {wrong}; allowed: {about.rule.allowed}"
            )
        return converted

    def _shown(self, value: object, described: Described, given: Given) -> str:
        if described.kind is str and isinstance(value, str):
            value = redact_url(value)
        is_hidden = described.about.is_secret and (described.kind is not str or given.indirect is not None)
        return show(value, is_secret=is_hidden or isinstance(value, Secret))

    def _reveal(self, label: str, described: Described, given: Given) -> object:
        """The value itself, or what is in the file or variable it names."""
        if given.indirect is None:
            return given.value
        where = f"{given.origin}: {label}.{described.name}_{given.indirect} = {show(given.value)}"
        if not isinstance(given.value, str) or not given.value:
            raise _MissingError(f"{where}: not a text; allowed: the name of a {given.indirect}")
        if given.indirect == "env":
            if not self.environ.get(given.value):
                raise _MissingError(f"{where}: no such variable is set; allowed: the name of an environment variable")
            return self.environ[given.value]
        return self._content(Path(given.value), where)

    def _content(self, path: Path, where: str) -> str:
        try:
            with (self.cwd / path).open("rb") as file:
                mode = stat.S_IMODE(path.stat().st_mode if path.is_absolute() else (self.cwd / path).stat().st_mode)
                text = file.read(SECRET_LIMIT).decode().strip()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "is not a text file"
            raise _MissingError(
                f"{where}: cannot be read: {reason}; allowed: a file that holds only the secret"
            ) from None
        if mode & (stat.S_IRGRP | stat.S_IROTH):
            self.warnings.append(f"{where}: others can read this secret (mode {mode:04o}); chmod 600 {path}")
        return text
