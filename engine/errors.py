"""The errors that cross a port, named after what the engine does next.

Adapters translate whatever their library raises into one of these at their edge. Any other exception that
reaches the engine is a bug and ends the run loudly.
"""


class EngineError(Exception):
    """The root of every error the engine knows how to answer."""


class ConfigError(EngineError):
    """A setting cannot work. Raised before any nursery opens; the process ends with exit code 78."""


class UnavailableError(EngineError):
    """The other side is away. Wait with backoff, then make the same call again; it never costs an attempt."""


class RefusedError(UnavailableError):
    """The other side is there and does not let us in: it is waited for like any other, but somebody has to act."""


class RejectedError(EngineError):
    """The other side answered, and will never accept this input.

    `certain` is true when the cause lies in the data itself, so that halving the batch finds the bad record. It is
    false when nobody knows (an error code without a class): such a batch is tried again later, and each try counts.
    """

    def __init__(self, reason: str, *, certain: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.certain = certain
