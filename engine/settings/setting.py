"""What a setting is: a field of a section, and the description that goes with it."""

from collections.abc import Iterator
from typing import Final, NewType, TypeVar, get_type_hints

from attrs import NOTHING, field, fields, frozen

from engine.settings.allowed import Rule
from engine.settings.secret import redact_url

T = TypeVar("T")

Instant = NewType("Instant", str)
"""A moment in UTC as `YYYY-MM-DD HH:MM:SS`."""

SETTING: Final = "setting"


@frozen
class Setting:
    """What is known of a setting beside type and default.

    `former` is its environment name in the two-process system. A secret may also be read from a file or a variable.
    """

    doc: str
    rule: Rule
    former: str | None = None
    is_secret: bool = False
    example: str | None = None


def setting(*, default: T, doc: str, rule: Rule, former: str | None = None, example: str | None = None) -> T:
    """Make a field of a section, with its description."""
    return field(default=default, metadata={SETTING: Setting(doc, rule, former, example=example)})


def url_setting(*, default: T, doc: str, rule: Rule, example: str) -> T:
    """Make a field that holds a URL with a password in it: a secret, shown without the password."""
    described = Setting(doc, rule, is_secret=True, example=example)
    return field(default=default, repr=redact_url, metadata={SETTING: described})


@frozen
class Described:
    """One setting of one section: name, type, default (`NOTHING` where there is none) and description."""

    name: str
    kind: object
    default: object
    about: Setting

    @property
    def is_required(self) -> bool:
        """Whether it has to be given."""
        return self.default is NOTHING


def settings_of(section: type) -> Iterator[Described]:
    """Every setting of a section, in order."""
    kinds = get_type_hints(section)
    for attribute in fields(section):
        yield Described(attribute.name, kinds[attribute.name], attribute.default, attribute.metadata[SETTING])
