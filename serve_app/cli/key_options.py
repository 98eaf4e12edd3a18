"""Options of `serve-app keys`: lengths of time, and where a new key is written."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import click

_LENGTH = re.compile(r"([0-9]{1,9})([smhd])")
_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


class Length(click.ParamType[float]):
    """A length of time: 30s, 15m, 12h or 90d."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Seconds."""
        if isinstance(value, float):
            return value
        length = _LENGTH.fullmatch(value)
        if length is None:
            self.fail(f"{value!r} is no length of time; write 30s, 15m, 12h or 90d", param, ctx)
        return float(length[1]) * _UNITS_S[length[2]]


@dataclass(frozen=True, slots=True)
class Written:
    """Where a new key goes beside the output; nowhere without a stream."""

    stream: TextIO | None

    def write(self, key: str) -> None:
        """Write it as the only line."""
        if self.stream is not None:
            self.stream.write(f"{key}\n")


def option_output_file(function: Callable[..., Any]) -> Callable[..., Any]:
    """A file for a new key."""
    return click.option(
        "--output-file",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Write the key to a new file that only its owner reads, and print it nowhere.",
    )(function)
