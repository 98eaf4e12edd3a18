"""Options of `serve-app keys`: where a new key is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import click


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
