"""The plan of one request: who is asked, and how their answers become one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """Who is asked.

    Apart (`together` is false): the first of `variants` answers; those after it are
    asked, in this order, only when it cannot. Together: all are asked at once.
    """

    variants: tuple[str, ...]
    together: bool = False
