"""What becomes of declared endpoints when the aliases that they name are moved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from serve_app.control.rollouts import is_settled

if TYPE_CHECKING:
    from serve_app.control.declare import Declaration
    from serve_app.control.describe import Problem
    from serve_app.core.rollout import Rollout
    from serve_app.core.signature import Column, Output, Signature
    from serve_app.core.snapshot import Endpoint

_LISTED = 3


@dataclass(frozen=True, slots=True)
class Followed:
    """Endpoints with the versions that aliases name now, as far as those fit.

    `held` are those that keep their former versions, with the reason in words, and `problems`
    what is wrong with endpoints that have no former ones.
    """

    endpoints: Mapping[str, Endpoint]
    held: Mapping[str, str]
    problems: tuple[Problem, ...]


def followed(
    former: Mapping[str, Endpoint],
    declaration: Declaration,
    rollouts: Mapping[str, Rollout] | None = None,
) -> Followed:
    """Take what a declaration that stands already means now.

    `former` are its endpoints as they were described before. An endpoint that follows aliases
    keeps its former description where they name a version that does not fit or none at all, since
    its clients know what it takes and gives; whoever moves an alias changes no declaration.
    One whose rollout is over stays as it is while all its aliases name who answers since: so a
    promotion can be taken back at once.
    """
    following = {name: one for name, one in former.items() if one.follows()}
    held = _problems_by_endpoint(declaration, following)
    endpoints = dict(declaration.endpoints)
    for name, kept in following.items():
        current = declaration.endpoints.get(name)
        problem = None if current is None else misfit(kept, current)
        if problem is not None:
            held[name] = problem
        settled = current is not None and is_settled((rollouts or {}).get(name), current)
        if name in held or settled:
            endpoints[name] = kept
    held = {name: f"{why}; it keeps {_versions(former[name])}" for name, why in held.items()}
    problems = (one for one in declaration.problems if _endpoint_of(one) not in following)
    return Followed(endpoints, held, tuple(problems))


def misfit(former: Endpoint, following: Endpoint) -> str | None:
    """Why the versions that aliases name now do not fit to what clients know of an endpoint.

    A description that differs in no version fits, whatever else was declared.
    """
    before, now = former.follows(), following.follows()
    moved = [f"{reference} names {now[reference]}" for reference in now
             if before.get(reference) != now[reference]]  # fmt: skip
    if not moved:
        return None
    problem = next(signature_differences(former.signature, following.signature), None)
    return None if problem is None else f"{' and '.join(moved)}, with which {problem}"


def signature_differences(before: Signature, now: Signature) -> Iterator[str]:
    """What clients of an endpoint would notice if it took and gave something else, in words."""
    lacking = [name for name in before.names if name not in now.names]
    further = [name for name in now.names if name not in before.names]
    if further:
        yield f"the endpoint would need {_columns(further)}, which clients do not send"
    if lacking:
        yield f"the endpoint would no longer take {_columns(lacking)}"
    if before.names != now.names:
        yield "the endpoint would take its columns in another order"
    for was, column in zip(before.inputs, now.inputs, strict=False):
        yield from _column_differences(was, column)
    yield from _output_differences(before.output, now.output)


def _column_differences(was: Column, now: Column) -> Iterator[str]:
    if (was.shape, was.zone) != (now.shape, now.zone) or not _takes(was, now):
        yield f"the column {now.name!r} would be {now.dtype} and not {was.dtype}"
    if was.nullable and not now.nullable:
        yield (
            f"the column {now.name!r} could no longer be absent (unless the endpoint's "
            f"schema.columns say nullable: true)"
        )


def _output_differences(was: Output, now: Output) -> Iterator[str]:
    if was.kind != now.kind:
        yield f"the endpoint would give {now.kind} and not {was.kind}"
    if set(was.labels) != set(now.labels):
        yield f"the classes would be {list(now.labels)} and not {list(was.labels)}"
    if {one.name: set(one.labels) for one in was.targets} != {
        one.name: set(one.labels) for one in now.targets
    }:
        yield "the targets or their classes would be others"
    if was.width != now.width or _outline(was) != _outline(now):
        yield "the values of a row would be others in number, name or shape"
    if was.probabilities and not now.probabilities:
        yield "there would be no probabilities any more"
    if was.raw_scores and not now.raw_scores:
        yield "there would be no raw scores any more"


def _takes(was: Column, now: Column) -> bool:
    """Whether a column takes all values that it took before: wider numbers do."""
    if was.dtype == now.dtype:
        return True
    numbers = was.is_numeric and now.is_numeric and was.dtype != "bool"
    return numbers and np.can_cast(was.array_dtype, now.array_dtype)


def _outline(output: Output) -> list[tuple[str, str, tuple[int | None, ...]]]:
    return [(column.name, column.dtype, column.shape) for column in output.columns]


def _problems_by_endpoint(
    declaration: Declaration, following: Mapping[str, Endpoint]
) -> dict[str, str]:
    words: dict[str, list[str]] = {}
    for problem in declaration.problems:
        name = _endpoint_of(problem)
        if name in following:
            words.setdefault(name, []).append(problem.message)
    return {name: " and ".join(messages) for name, messages in words.items()}


def _endpoint_of(problem: Problem) -> str:
    """The endpoint that a problem is about; empty where it is about none."""
    return str(problem.path[1]) if len(problem.path) > 1 and problem.path[0] == "endpoints" else ""


def _versions(endpoint: Endpoint) -> str:
    return ", ".join(sorted(set(endpoint.follows().values())))


def _columns(names: list[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"the column{'s' * (len(names) > 1)} {', '.join(map(repr, names[:_LISTED]))}{more}"
