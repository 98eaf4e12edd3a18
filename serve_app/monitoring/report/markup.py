"""Elements of HTML and SVG as text: whatever is put into one is escaped, once.

What comes out is well-formed XML as well, so that any parser can read it.
"""

from __future__ import annotations

import html
import re

MOST_CHARACTERS = 100
"""Of a name; longer ones are cut, and whole in the JSON of the report."""
_UNPRINTABLE = re.compile(
    "[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\x7f-\x9f\u202a-\u202e\u2066-\u2069]"
)
"""What no document can hold, and what commands a terminal or turns the direction of writing."""
_VOID = frozenset({"br", "col", "hr", "meta"})
NOTHING = "\N{EN DASH}"
"""What stands in a cell of a table where nothing is known."""
Value = str | float | None


class Markup(str):
    """Text that is markup already: it is not escaped again."""

    __slots__ = ()


Child = Markup | str | None


def text(value: str) -> Markup:
    """Text of whoever wrote it, as it is to be read; what no document can hold is replaced."""
    return Markup(html.escape(_UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", value)))


def element(name: str, /, *children: Child, **attributes: Value) -> Markup:
    """An element; an attribute that is None is left out.

    Names of attributes have `_` for `-`, and one at the end where Python has the word itself.
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_attribute(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Markup(f"<{name}{given}/>")
    return Markup(f"<{name}{given}>{joined(*children)}</{name}>")


def joined(*children: Child) -> Markup:
    """Several of them, one after the other."""
    known = (one for one in children if one is not None)
    return Markup("".join(one if isinstance(one, Markup) else text(one) for one in known))


def name_of(value: str, most: int = MOST_CHARACTERS) -> Markup:
    """A name that somebody gave: its direction of writing changes nothing around it.

    One of more than so many characters is cut, and an empty one is a word.
    """
    if not value.strip():
        return element("i", "(blank)")
    return element("bdi", shortened(value, most))


def shortened(value: str, most: int = MOST_CHARACTERS) -> str:
    """A text of at most so many characters."""
    return value if len(value) <= most else f"{value[: most - 1]}\N{HORIZONTAL ELLIPSIS}"


def _attribute(value: str | float) -> str:
    if isinstance(value, str):
        return text(value)
    return f"{value:.2f}".rstrip("0").rstrip(".")
