"""How large the tensors of a request may be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from serve_app.errors import TooLarge
from serve_app.protocols.bodies import json_body

MAX_STRANGERS = 100
"""Inputs beyond the columns of an endpoint that an error lists one by one."""


class TensorLimits(NamedTuple):
    """How many inputs a request may have, rows each of them, and values where that is known."""

    inputs: int
    rows: int
    values: int | None = None

    @classmethod
    def of(cls, names: Sequence[str], max_rows: int, *, shaped: bool) -> TensorLimits:
        """What an endpoint of these columns takes; more of `shaped` ones, which are tensors."""
        most = None if shaped else max_rows * len(names)
        return cls(len(names) + MAX_STRANGERS, max_rows, most)

    def check_inputs(self, count: int) -> None:
        """Hold a number of inputs against the limit.

        Raises:
            TooLarge: there are more.
        """
        if count > self.inputs:
            msg = f"the body has {count} inputs, very many more than this endpoint takes"
            raise TooLarge(msg, inputs=count)

    def check_shape(self, shape: tuple[int, ...], given: int, shown: str) -> None:
        """Hold the shape of an input against the limits, before its values are looked at.

        Of `given` values, or lists of them, that cannot be so many something else is wrong.

        Raises:
            TooLarge: it has more rows or values.
        """
        if given < shape[0]:
            return
        json_body.check_rows(shape[0], self.rows)
        values = math.prod(shape)
        if self.values is not None and given >= values > self.values:
            msg = f"input {shown!r} has {values} values, above the limit of {self.values}; split it"
            raise TooLarge(msg, input=shown, max_values=self.values)


UNLIMITED = TensorLimits(2**63, 2**63)
