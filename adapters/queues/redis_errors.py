"""What an error of the Redis client means to the engine. Pure."""

from collections.abc import Iterator
from contextlib import contextmanager

from redis import exceptions as client_errors

from engine.errors import ConfigError, UnavailableError

_WAIT = ("BUSY", "MISCONF", "NOREPLICAS", "UNBLOCKED", "OOM", "READONLY", "CLUSTERDOWN", "LOADING", "MASTERDOWN")
"""Answers that pass by themselves, or once somebody has mended the server."""

_WAIT_CLASSES = (
    client_errors.OutOfMemoryError,
    client_errors.ReadOnlyError,
    client_errors.ClusterDownError,
    client_errors.MasterDownError,
    client_errors.TryAgainError,
)

_RIGHTS = ("NOAUTH", "NOPERM", "WRONGPASS", "AUTH ", "invalid password", "invalid username-password")

_RIGHTS_IN_SCRIPTS = ("-NOPERM ", "The user executing the script can't")

RIGHTS = (
    "resetkeys ~{botnet:*}* resetchannels -@all +@stream +@sortedset +@hash +get +set +del +pexpire +eval +evalsha"
    " +ping +auth +hello +select +info"
)
"""All that the queue needs, in the words of ACL SETUSER; `+info` is for the warnings at start."""

_WHAT_TO_GRANT = f"correct the user and password in queue.url, or grant: ACL SETUSER name {RIGHTS}"


def translate(error: Exception) -> UnavailableError | None:
    """The engine's word for it; None where it is a mistake in what was asked, which no waiting mends."""
    text = " ".join(str(error).split()) or type(error).__name__
    if is_about_rights(error):
        return UnavailableError(f"Redis refuses this user ({text}): {_WHAT_TO_GRANT}")
    if isinstance(error, client_errors.DataError):
        return None
    if isinstance(error, client_errors.ResponseError) and not _may_pass(error):
        return None
    return UnavailableError(f"Redis: {text}")


def _may_pass(error: client_errors.ResponseError) -> bool:
    if isinstance(error, _WAIT_CLASSES):
        return True
    text = str(error)  # a code stands first, or after a hyphen in the report of a script on Redis 6
    return any(text.startswith(code) or f"-{code} " in text for code in _WAIT)


def is_about_rights(error: BaseException | None) -> bool:
    """Whether a user, a password or a grant is missing or wrong."""
    if isinstance(error, (client_errors.AuthenticationError, client_errors.NoPermissionError)):
        return True
    text = str(error)
    return isinstance(error, client_errors.ResponseError) and (
        text.startswith(_RIGHTS) or any(words in text for words in _RIGHTS_IN_SCRIPTS)
    )


def is_lost_group(error: BaseException) -> bool:
    """Whether the consumer group is gone, because Redis was emptied."""
    return isinstance(error, client_errors.ResponseError) and "NOGROUP" in str(error)


@contextmanager
def refusals_as_config_errors() -> Iterator[None]:
    """While opening, what the server refuses is for somebody to configure: raise ConfigError for it."""
    try:
        yield
    except UnavailableError as error:
        if is_about_rights(error.__cause__):
            raise ConfigError(f"queue.url: {error}") from error
        raise
    except client_errors.RedisError as error:
        raise ConfigError(f"queue.url: Redis refuses: {error}") from error
