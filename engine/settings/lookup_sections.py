"""The settings of look-up files: which the engine reads, and where `geo update` gets them."""

from typing import Final

from attrs import field, frozen

from engine.settings import allowed
from engine.settings.secret import Secret
from engine.settings.setting import SETTING, Setting, setting

PROVIDERS: Final = ("dbip", "iptoasn", "ipinfo", "maxmind")


@frozen
class LookupSettings:
    """`[lookup]`: the look-up files that `geo update` has put down."""

    folder: str = setting(
        default="geo",
        doc="The look-up files in this folder are used where enrichment.mmdb names none; geo update fills it",
        rule=allowed.anything("a folder name"),
    )
    max_age_days: int = setting(
        default=45,
        doc="Days after which look-up files are called old, at start and while running; 0: never",
        rule=allowed.whole(0, 36_500),
    )


@frozen
class GeoSettings:
    """`[geo]`: where `geo update` gets look-up files."""

    provider: str = setting(
        default="dbip",
        doc="Whose files: dbip, iptoasn, ipinfo (with your token) or maxmind (with your account)",
        rule=allowed.one_of(*PROVIDERS),
    )
    base_url: str | None = setting(
        default=None,
        doc="A mirror, in the place of the provider's own address",
        rule=allowed.download_url(),
        example="https://mirror.example/geo",
    )
    ipinfo_token: Secret | None = field(
        default=None,
        metadata={SETTING: Setting("Your token of IPinfo", allowed.api_key(), is_secret=True, example="secret")},
    )
    maxmind_account: int | None = setting(
        default=None,
        doc="The number of your account at MaxMind",
        rule=allowed.whole(1, 1_000_000_000_000),
        example="123456",
    )
    maxmind_license_key: Secret | None = field(
        default=None,
        metadata={
            SETTING: Setting("The licence key of that account", allowed.api_key(), is_secret=True, example="secret")
        },
    )
    timeout_seconds: float = setting(
        default=600.0, doc="How long one download may take in all", rule=allowed.seconds(86_400)
    )
    size_limit: int = setting(
        default=1_000_000_000,
        doc="Bytes that a look-up file may have, packed or unpacked",
        rule=allowed.whole(1_000, 1_000_000_000_000),
    )
