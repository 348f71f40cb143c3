"""Which dead letters a person means: of the database, of the queue, or of both. Pure."""

from collections.abc import Collection, Sequence

from attrs import define, field, frozen

from engine.dead_letters import Choice, DeadLetter, QueueLetter

QUEUE_PREFIX = "queue:"
"""Begins the name of a dead letter of the queue; those of the database are numbers."""


@frozen
class Selection:
    """A choice, and which of the queue's own dead letters it names; naming any letter leaves out all others."""

    choice: Choice = field(factory=Choice)
    queue_ids: Sequence[str] = ()

    @property
    def is_everything(self) -> bool:
        """Whether nothing narrows it."""
        return self == Selection()

    @property
    def names(self) -> list[str]:
        """The letters that were asked for by name, in the order of the answer."""
        return [*map(str, sorted(set(self.choice.ids))), *(QUEUE_PREFIX + name for name in self.queue_ids)]

    @property
    def wants_database(self) -> bool:
        """Whether letters of the database may be meant."""
        return bool(self.choice.ids) or not self.queue_ids

    @property
    def wants_queue(self) -> bool:
        """Whether letters of the queue may be meant."""
        return bool(self.queue_ids) or not self.choice.ids

    def of_queue(self, letters: Collection[QueueLetter]) -> list[QueueLetter]:
        """Those of the queue's letters that are meant."""
        return [letter for letter in letters if self._means(letter)]

    def _means(self, letter: QueueLetter) -> bool:
        choice = self.choice
        return (
            (not self.queue_ids or letter.id in self.queue_ids)
            and choice.source in {None, letter.source}
            and choice.botnet in {None, letter.botnet}
            and (choice.reason is None or choice.reason.lower() in letter.reason.lower())
            and (choice.since is None or letter.died_at >= choice.since)
        )


def name_of(letter: DeadLetter | QueueLetter) -> str:
    """What a person calls it by."""
    return str(letter.id) if isinstance(letter, DeadLetter) else QUEUE_PREFIX + letter.id


@define
class Found:
    """What has been met of a selection: `missing` are the letters asked for by name and not met."""

    missing: list[str]
    count: int = 0

    @classmethod
    def of(cls, selection: Selection) -> "Found":
        """Nothing has been met yet."""
        return cls(selection.names)

    def add(self, letters: Sequence[DeadLetter | QueueLetter]) -> None:
        """These have been met."""
        self.count += len(letters)
        if self.missing:
            names = {name_of(letter) for letter in letters}
            self.missing = [name for name in self.missing if name not in names]
