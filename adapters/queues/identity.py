"""Who an engine is to the others on its queue."""

import os
import secrets
import socket

from attrs import frozen


@frozen
class Identity:
    """`instance` is new at every start. `family` begins the instances of every start of a named engine."""

    instance: str
    family: str | None = None

    @classmethod
    def new(cls, engine_name: str | None) -> "Identity":
        """An identity for this start; without a name it has no family and resumes nothing."""
        birth = secrets.token_hex(8)
        if engine_name is None:
            return cls(f"{socket.gethostname()}-{os.getpid()}-{birth}")
        return cls(f"{engine_name}/{birth}", f"{engine_name}/")
