"""The commented `engine.toml` that `init` writes: every setting with its line, and one source to fill in."""

from collections.abc import Iterator
from textwrap import wrap

from engine.settings.catalogue import as_toml
from engine.settings.sections import SECTIONS, SourceSettings
from engine.settings.setting import Described, settings_of

HEAD = """\
# Configuration of botnet-engine. Lines that begin with "#" show defaults or examples; remove the "#" to change them.
# The environment overrides this file, options override both: ENGINE_<SECTION>__<KEY>, ENGINE_SOURCE_<NAME>__<KEY>.
# A secret may be kept elsewhere: api_key_file, url_file name a file that holds it, api_key_env, url_env a variable.
# `python -m engine check-config` says whether everything here is right.
"""
WIDTH = 118


def commented_config() -> str:
    """The text of a first `engine.toml`: it loads as it is, and with every line that begins with `#KEY` uncommented."""
    sources = ["[[source]]", *_lines(SourceSettings)]
    sections = [[f"[{name}]", *_lines(section)] for name, section in SECTIONS.items()]
    return "\n".join([HEAD, *("\n".join(lines) + "\n" for lines in [sources, *sections])])


def _lines(section: type) -> Iterator[str]:
    for described in settings_of(section):
        yield from (f"# {line}" for line in wrap(_doc(described), WIDTH))
        given = "" if described.is_required else "#"
        yield f"{given}{described.name} = {_example(described)}"


def _doc(described: Described) -> str:
    about = described.about
    is_plain = about.rule.allowed in {"true or false", "a file name", "a list of file names"}
    return f"{about.doc}." if is_plain else f"{about.doc}. Allowed: {about.rule.allowed}."


def _example(described: Described) -> str:
    example = described.about.example
    if example is None:
        return as_toml(described.default)
    return example if example[0] == "[" or example.isdigit() else f'"{example}"'
