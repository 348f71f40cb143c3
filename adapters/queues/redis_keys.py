"""Names of the queue's keys. They share one hash tag, so that a Redis Cluster keeps them together."""

from attrs import frozen


@frozen
class Keys:
    """The keys of one queue."""

    queue_name: str

    def _key(self, *parts: str) -> str:
        return ":".join((f"{{botnet:{self.queue_name}}}", *parts))

    @property
    def stream(self) -> str:
        """The batches not yet settled."""
        return self._key("stream")

    @property
    def dead(self) -> str:
        """The queue's own dead letters, a stream."""
        return self._key("dead")

    @property
    def cursors(self) -> str:
        """Hash: source -> epoch:sequence:fingerprint."""
        return self._key("cursors")

    @property
    def generations(self) -> str:
        """Hash: engine instance -> which of its claims are still good."""
        return self._key("generations")

    @property
    def format(self) -> str:
        """The format of all the others, a number; without it they are in the first."""
        return self._key("format")

    @property
    def probe(self) -> str:
        """Never there: asked for to learn what may be asked."""
        return self._key("probe")

    def owner(self, source: str) -> str:
        """The instance that fetches and confirms the source; the key runs out with the ownership."""
        return self._key("owner", source)

    def outstanding(self, source: str) -> str:
        """Sorted set: what is not settled of the source's current epoch, by first number."""
        return self._key("outstanding", source)

    def marks(self, source: str) -> str:
        """Sorted set: packed marks of the source's current epoch, page by page, by first number."""
        return self._key("marks", source)

    def receipts(self, source: str) -> str:
        """Stream: the receipts of the batches that were put in the last week."""
        return self._key("receipts", source)

    def of_source(self, source: str) -> list[str]:
        """All that putting a page touches."""
        beside = [self.owner(source), self.outstanding(source), self.marks(source), self.receipts(source)]
        return [self.stream, self.cursors, *beside]
