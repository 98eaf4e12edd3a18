"""Lengths of time as people write them in options."""

from __future__ import annotations

import re
from typing import Any

import click

from serve_app.core.lengths import UNITS_S

_LENGTH = re.compile(r"([0-9]{1,9})([smhd])")


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
        return float(length[1]) * UNITS_S[length[2]]
