"""What a library says is wrong with a file, as a part of a sentence for people."""

from __future__ import annotations

import re

# Where in a library's own code it happened, with the function that ONNX Runtime adds to it. Only
# where a word begins: a client's value may stand in the text, of any length.
_NATIVE_PLACE = re.compile(
    r"(?:\[[\d:]+\] )?(?<![^\s:])[^\s:]*[/\w]\.(?:cc|cpp|cu|h|hpp):\d+:? "
    r"(?:[\w:<>,&*~ ]+\([^()]*\)(?: const)?(?: \[with [^\]]*\])? )?"
)
_LONGEST = 200


def reason(error: BaseException) -> str:
    """The kind of an error and its words in one line, without places in the library's code."""
    text = " ".join(str(error).partition("Stack trace:")[0].split())
    line = " ".join(part for part in _NATIVE_PLACE.sub("", text).split() if set(part) - {"~", "^"})
    shown = "".join(c if c.isprintable() else "?" for c in line)[:_LONGEST]
    return f"{type(error).__name__}: {shown}" if shown else type(error).__name__
