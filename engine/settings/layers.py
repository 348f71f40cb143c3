"""Where settings come from: options, environment and configuration file, each as a layer of given values."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from engine.settings.allowed import did_you_mean
from engine.settings.conversion import show
from engine.settings.sections import SECTIONS, SourceSettings
from engine.settings.setting import Described, settings_of

PREFIX: Final = "ENGINE_"
SOURCE_PREFIX: Final = "ENGINE_SOURCE_"
CONFIG_VARIABLE: Final = "ENGINE_CONFIG"
SAME_PREFIX_LIKENESS: Final = 0.8
COMMAND_LINE: Final = "command line"

Problems = list[str]


class Given(NamedTuple):
    """A value as given; `origin` is what a message names, `indirect` is `file` or `env` where it is elsewhere."""

    value: object
    origin: str
    is_text: bool = False
    indirect: str | None = None


Known = Mapping[str, tuple[Described, str | None]]
"""Key -> its setting, and `file` or `env` where the key says where a secret is."""

Layer = Mapping[str, Mapping[str, Given]]
"""Section -> key -> what was given."""


def known_keys(section: type) -> Known:
    """Every key a section may hold: its settings, and for a secret `KEY_file` and `KEY_env`."""
    keys: dict[str, tuple[Described, str | None]] = {}
    for described in settings_of(section):
        keys[described.name] = described, None
        if described.about.is_secret:
            keys |= {f"{described.name}_{way}": (described, way) for way in ("file", "env")}
    return keys


KNOWN: Final = {name: known_keys(section) for name, section in SECTIONS.items()}
KNOWN_OF_SOURCE: Final = known_keys(SourceSettings)


def variable_of(section: str, key: str) -> str:
    """The environment variable of a setting."""
    return f"{PREFIX}{section.upper()}__{key.upper()}"


def source_variable_of(source: str, key: str) -> str:
    """The environment variable of one source's setting; what is no letter or digit in the name becomes `_`."""
    return f"{SOURCE_PREFIX}{re.sub(r'[^A-Za-z0-9]', '_', source).upper()}__{key.upper()}"


def _variables() -> dict[str, tuple[str, str]]:
    """Variable -> section and key; the names of the former system come first, so that a new one beside it wins."""
    former: dict[str, tuple[str, str]] = {}
    named: dict[str, tuple[str, str]] = {}
    for section, keys in KNOWN.items():
        for key, (described, way) in keys.items():
            if way != "env":
                named[variable_of(section, key)] = section, key
            if way is None and described.about.former:
                former[described.about.former] = section, key
    return former | named


VARIABLES: Final = _variables()


def file_layer(document: Mapping[str, object], origin: str, problems: Problems) -> Layer:
    """The sections of the file; `[[source]]` is not one of them."""
    layer: dict[str, Mapping[str, Given]] = {}
    for section, table in document.items():
        if section == "source":
            continue
        if section not in KNOWN:
            hint = did_you_mean(section, [*KNOWN, "source"])
            problems.append(f"{origin}: [{plain(section)}]: unknown section{hint}; allowed: {', '.join(KNOWN)}, source")
        elif not isinstance(table, Mapping):
            problems.append(f"{origin}: {section}: not a section; allowed: [{section}] and its keys below")
        else:
            layer[section] = given_in(table, section, KNOWN[section], origin, problems)
    return layer


def given_in(
    table: Mapping[str, object], label: str, known: Known, origin: str, problems: Problems
) -> dict[str, Given]:
    """What a table of the file gives; every key that is not known is a problem."""
    for key in table:
        if key not in known:
            hint = did_you_mean(key, known)
            problems.append(f"{origin}: {label}.{plain(key)}: unknown key{hint}; allowed: {', '.join(known)}")
    return {key: Given(value, origin, indirect=known[key][1]) for key, value in table.items() if key in known}


def option_layer(options: Mapping[str, object], problems: Problems) -> Layer:
    """Options by `section.key`; None is an option that was not used."""
    layer: dict[str, dict[str, Given]] = {}
    for name, value in options.items():
        section, _, key = name.partition(".")
        if value is None or name == "source":
            continue
        if key not in KNOWN.get(section, {}):
            problems.append(f"{COMMAND_LINE}: {plain(name)}: unknown setting")
            continue
        layer.setdefault(section, {})[key] = Given(value, COMMAND_LINE, is_text=True, indirect=KNOWN[section][key][1])
    return layer


def environment_layer(environ: Mapping[str, str], problems: Problems) -> Layer:
    """The variables of all sections; those of sources are read with the sources."""
    layer: dict[str, dict[str, Given]] = {}
    for variable, (section, key) in VARIABLES.items():
        described, way = KNOWN[section][key]
        text = environ.get(variable)
        if text is not None and not is_unset(text, described, way):
            layer.setdefault(section, {})[key] = Given(text, variable, is_text=True, indirect=way)
    for variable in environ:
        is_ours = variable.startswith(PREFIX) and not variable.startswith(SOURCE_PREFIX)
        if is_ours and variable not in VARIABLES and variable != CONFIG_VARIABLE:
            hint = did_you_mean(variable, [*VARIABLES, CONFIG_VARIABLE], SAME_PREFIX_LIKENESS)
            problems.append(f"{plain(variable)}: unknown variable{hint}")
    return layer


def is_unset(text: str, described: Described, way: str | None) -> bool:
    """Whether an empty variable means that there is none: it does, unless an empty text is allowed."""
    return text == "" and (way is not None or described.kind is not str or described.about.rule.problem("") is not None)


def plain(word: str) -> str:
    """A name from outside, for a message."""
    return show(word)[1:-1]
