"""Text of strangers on a screen: nothing in it moves the cursor, hides a line or changes a colour."""


def printable(text: str) -> str:
    """The same text, with every character that does not print as itself escaped."""
    return text if text.isprintable() else "".join(map(_escaped, text))


def _escaped(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()
