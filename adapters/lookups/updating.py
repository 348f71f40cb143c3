"""`geo update`: all new files are brought and verified before the first one takes its place."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from attrs import frozen

from adapters.lookups.download import ABSENT, OK, Downloader, open_downloader
from adapters.lookups.files import LookupFile, UnusableFileError, open_file
from adapters.lookups.placing import PREVIOUS, Places, open_places, place, set_aside
from adapters.lookups.providers import PROVIDERS, Access, Edition, access_of, urls_of
from adapters.lookups.reloading import ENDINGS
from adapters.lookups.unpacking import copy, opened
from adapters.lookups.verifying import check_content, check_damage, check_progress
from engine.errors import RejectedError, UnavailableError
from engine.ports import Headway
from engine.settings import Settings

_DATE: Final = re.compile(r"[-_][0-9]{4}(-?[0-9]{2}){1,2}\Z")
_PACKINGS: Final = (PREVIOUS, ".gz", ".tar", ".tgz")

Say = Callable[[str], None]
Note = Callable[[Headway], None]


class Candidate(NamedTuple):
    """A new file that waits for its place. `promises` is the fact it must know of the best known addresses."""

    new: Path
    target: Path
    promises: str | None = None


@frozen
class Update:
    """One update: from a provider, or from files. `force` takes older, smaller and strange files, not damaged ones."""

    settings: Settings
    places: Places
    force: bool
    say: Say
    note: Note

    async def from_provider(self) -> Sequence[Path]:
        """Download what `geo.provider` has; the files that have a new content. Those of other providers are set aside.

        Raises UnavailableError, ConfigError, and RejectedError where a file is not what it should be.
        """
        geo = self.settings.geo
        access, editions = access_of(geo), PROVIDERS[geo.provider].editions
        async with open_downloader(geo.timeout_seconds, geo.size_limit) as downloader:
            found = [await self._download(downloader, edition, access) for edition in editions]
        placed = self._place([candidate for candidate in found if candidate is not None])
        self._set_others_aside()
        return placed

    def from_files(self, paths: Sequence[Path]) -> Sequence[Path]:
        """The same with files that are here already."""
        found = []
        for path in paths:
            with refused(path), opened(path) as (name, stream):
                target = self._target(plain_name(name or path.name))
                new = self.places.beside(target, "new")
                copy(stream, new, self.settings.geo.size_limit)
            modified_at = path.stat().st_mtime
            os.utime(new, (modified_at, modified_at))
            found.append(Candidate(new, target))
        return self._place(found)

    async def _download(self, downloader: Downloader, edition: Edition, access: Access) -> Candidate | None:
        geo = self.settings.geo
        target = self._target(edition.name)
        packed, new = self.places.beside(target, "part"), self.places.beside(target, "new")
        since = target.stat().st_mtime if _in_place(target) is not None and not self.force else None
        for url in urls_of(edition, geo.base_url or PROVIDERS[geo.provider].base_url, datetime.now(UTC).date()):
            self.say(f"{target}: from {url.partition('?')[0]}")
            answer = await downloader.download(url, access, since, packed, partial(self._note, target.name))
            if answer.status != ABSENT:
                break
        else:
            raise UnavailableError(f"{target.name}: {geo.provider} has no such file")
        if answer.status != OK:
            self.say(f"{target}: nothing newer there")
            return None
        with refused(target), opened(packed) as (_, stream):
            copy(stream, new, geo.size_limit)
        if answer.modified_at is not None:
            os.utime(new, (answer.modified_at, answer.modified_at))
        return Candidate(new, target, edition.promises)

    def _note(self, name: str, size: int, total: int) -> None:
        self.note(Headway(size, total, name))

    def _target(self, name: str) -> Path:
        """The place of a file: the one of this name that `enrichment.mmdb` names, or else in the folder."""
        named = self.settings.enrichment.mmdb
        target = next((path for path in named if path.name == name), Path(self.settings.lookup.folder, name))
        if named and target not in named:
            self.say(f"{target}: enrichment.mmdb does not name it, so the engine will not use it")
        return target

    def _set_others_aside(self) -> None:
        """Their facts would win over, or fill the gaps of, those of the provider that is wanted now."""
        for name, other in PROVIDERS.items():
            for edition in other.editions if name != self.settings.geo.provider else ():
                path = Path(self.settings.lookup.folder, edition.name)
                if path.exists():
                    set_aside(path)
                    self.say(f"{path}: of {name}, set aside")

    def _place(self, candidates: Sequence[Candidate]) -> Sequence[Path]:
        changed = [candidate for candidate in candidates if self._is_news(candidate)]
        for new, target, _ in changed:
            place(new, target, is_kept=_in_place(target) is not None)
        return [candidate.target for candidate in changed]

    def _is_news(self, candidate: Candidate) -> bool:
        """Whether the file, once verified, is another one than that in its place. Raises RejectedError."""
        target = candidate.target
        with refused(target):
            new, present = open_file(candidate.new, target.name), _in_place(target)
            check_damage(new)
            if self.force:
                return True
            if present is not None and present.about == new.about:
                self.say(f"{target}: is this very file already")
                return False
            check_content(new, candidate.promises)
            if present is not None:
                check_progress(new, present)
            return True


async def update(settings: Settings, paths: Sequence[Path], *, force: bool, say: Say, note: Note) -> Sequence[Path]:
    """Bring new look-up files, from the provider or from `paths`; those that were replaced."""
    try:
        with open_places() as places:
            one = Update(settings, places, force, say, note)
            return one.from_files(paths) if paths else await one.from_provider()
    except OSError as error:
        raise UnavailableError(f"{error.filename or settings.lookup.folder}: {error.strerror or error}") from None


def plain_name(name: str) -> str:
    """The name of a file here: without date and packing. Raises RejectedError where it says no format."""
    while ending := next((each for each in _PACKINGS if name.endswith(each)), None):
        name = name.removesuffix(ending)
    path = Path(name)
    if path.suffix not in ENDINGS:
        allowed = ".mmdb or .tsv, .gz and .tar.gz may follow"
        raise RejectedError(f"{name}: its name does not say what it is; allowed: {allowed}")
    return _DATE.sub("", path.stem) + path.suffix


@contextmanager
def refused(target: Path) -> Iterator[None]:
    """Whatever is wrong with a file becomes a RejectedError that names its place."""
    try:
        yield
    except (RejectedError, UnusableFileError) as error:
        raise RejectedError(f"{target}: refused: {error}") from None


def _in_place(target: Path) -> LookupFile | None:
    try:
        return open_file(target, target.name)
    except UnusableFileError:
        return None
