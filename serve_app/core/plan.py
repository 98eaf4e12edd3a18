"""The plan of one request: who is asked, and how their answers become one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Assignment:
    """How a variant was chosen among several, so that the choice can be made again.

    `algorithm` names the way, `salt` keeps the choices of different endpoints apart, `bucket` is
    the part of the keys that the request's belongs to, where the way has such parts. Of rules the
    bucket is the place of the one that decided (from 0), and `rule` its name.
    """

    algorithm: str
    salt: str
    bucket: int | None = None
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Who is asked.

    Apart (`together` is false): the first of `variants` answers; those after it are
    asked, in this order, only when it cannot. Together: all are asked at once.

    `propensity` is the probability with which the first variant was chosen, None where nothing
    was left to choose; `assignment` says how, under the weights that stand since `epoch` (the
    version of the snapshot in which they changed last).
    """

    variants: tuple[str, ...]
    together: bool = False
    propensity: float | None = None
    assignment: Assignment | None = None
    epoch: int = 0
