"""Options and arguments that are a name and what it stands for."""

from __future__ import annotations

from typing import Any

import click


class Pair(click.ParamType[tuple[str, str]]):
    """A name, `=`, and a text, which may be empty unless `needs_value`; the text may have `=`."""

    name = "pair"

    def __init__(self, shape: str, example: str, *, needs_value: bool = False) -> None:
        self._shape = shape
        self._example = example
        self._needs_value = needs_value

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """The name and the text."""
        if isinstance(value, tuple):
            return value
        name, equals, text = value.partition("=")
        if not name or not equals or (self._needs_value and not text):
            msg = f"{value!r} is no {self._shape}; write for example {self._example}"
            self.fail(msg, param, ctx)
        return name, text
