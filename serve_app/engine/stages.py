"""The frozen record of everything that requests pass through; replaced whole, never changed."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from serve_app.core.cache import Cache
from serve_app.core.columns import Columns
from serve_app.core.messages import Request
from serve_app.core.plan import Plan
from serve_app.core.ports import Ask, Prepare, Router
from serve_app.core.record import Record
from serve_app.core.reference import number_of
from serve_app.core.schema import Schema
from serve_app.core.signature import Output
from serve_app.core.snapshot import Endpoint
from serve_app.engine.explain import AskWhy
from serve_app.errors import InvalidInput, NotFound, NotReady

Mirrored = Callable[[Record, Columns | None], None]
"""Takes the record of a request with its prepared rows, to show these to shadows first."""
NOTHING_YET = "it is not ready yet: it knows no endpoints"


class Way(NamedTuple):
    """How one method is answered: who asks the variants, and what remembers their answers."""

    ask: Ask
    cache: Cache


@dataclass(frozen=True, slots=True)
class Stage:
    """One endpoint, ready to answer: its schema, route, preprocessing and models.

    `ways` are there for each method of `tasks.methods`; `drops` are fields of rows that models do
    not see: those that the route or the records go by. `why` asks who answered for the reasons.
    `aliased` are the variants of which the registry's aliases speak, by alias. `mirror` shows
    requests to shadows, where there are any.
    """

    spec: Endpoint
    names: tuple[str, ...]
    schema: Schema
    router: Router
    prepare: Prepare
    ways: Mapping[str, Way]
    labels: tuple[Any, ...]
    several: Output | None
    drops: frozenset[str]
    why: AskWhy
    aliased: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    mirror: Mirrored | None = None

    def plan(self, request: Request) -> Plan:
        """Who answers: the version that the request names, or whom the route chooses.

        Raises:
            NotFound: the named version is no variant of this endpoint.
            InvalidInput: the label names none, or not one alone.
        """
        if request.label is not None:
            return Plan((self.labelled(request.label),))
        if request.version is None:
            return self.router.plan(request)
        return Plan((self.variant(request.version),))

    def versions(self, named: str | None, label: str | None = None) -> list[str]:
        """The version that is named or labelled, or all.

        Raises:
            NotFound: the named version is no variant of this endpoint.
            InvalidInput: the label names none, or not one alone.
        """
        if label is not None:
            return [self.labelled(label)]
        if named is not None:
            return [self.variant(named)]
        return [variant.version for variant in self.spec.variants]

    def labelled(self, label: str) -> str:
        """The variant that an alias of the registry names.

        Raises:
            InvalidInput: none is, or several models use that alias.
        """
        matches = self.aliased.get(label, ())
        if len(matches) == 1:
            return matches[0]
        if matches:
            msg = (
                f"the label {label[:80]!r} names several variants of endpoint "
                f"{self.spec.name!r}: {', '.join(matches)}; ask for one by its version"
            )
            raise InvalidInput(msg, known=list(matches))
        known = sorted(self.aliased)
        msg = (
            f"endpoint {self.spec.name!r} has no version labelled {label[:80]!r}; "
            f"labels: {', '.join(known) or 'none'}"
        )
        raise InvalidInput(msg, known=known)

    def shortened(self, versions: Sequence[str]) -> list[str]:
        """The versions by their numbers alone, where each variant has its own."""
        numbers = {number_of(v.version) for v in self.spec.variants}
        if len(numbers) < len(self.spec.variants):
            return list(versions)
        return [number_of(version) for version in versions]

    def variant(self, named: str) -> str:
        """The variant called `diagnosis-xgb@1`, or `1` where only one has that number.

        Raises:
            NotFound: there is none, or there are several.
        """
        known = [variant.version for variant in self.spec.variants]
        matches = [v for v in known if v == named or v.rpartition("@")[2] == named]
        if len(matches) == 1:
            return matches[0]
        problem = (
            f"has several versions numbered {named}" if matches else f"has no version {named!r}"
        )
        msg = f"endpoint {self.spec.name!r} {problem}; it has {', '.join(known)}"
        raise NotFound(msg, known=known, endpoint=self.spec.name, version=named[:80])


class Resolved(NamedTuple):
    """The endpoint that a request asks, and the number of the snapshot that it was looked up in."""

    stage: Stage
    snapshot: int


@dataclass(frozen=True, slots=True)
class Stages:
    """All endpoints under one snapshot.

    `description` is the same object as long as nothing but steering changes: weights, aliases.
    """

    version: int = 0
    endpoints: Mapping[str, Stage] = field(default_factory=dict)
    waiting: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    overrides: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    aliases: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    description: object = field(default_factory=object)

    def endpoint(self, name: str | None, version: str | None = None) -> Stage:
        """The endpoint of that name; without a name the only one.

        The `version` that is asked of it is told where there is no such endpoint.

        Raises:
            NotFound: there is none, or without a name several; names those that exist.
            NotReady: no snapshot has arrived yet, so that nobody knows; or it is declared, and
                its versions have not answered yet.
        """
        if not self.version:
            raise NotReady(NOTHING_YET)
        if name is None:
            return self._only()
        stage = self.endpoints.get(name)
        if stage is None:
            self._require_not_awaited(name)
            known = sorted(self.endpoints)
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            listed = ", ".join(known) or "none yet"
            msg = f"there is no endpoint {name[:80]!r}.{hint} Endpoints: {listed}."
            details = {} if version is None else {"asked_version": version[:80]}
            raise NotFound(msg, known=known, endpoint=name[:80], **details)
        return stage

    def _require_not_awaited(self, name: str) -> None:
        versions = self.waiting.get(name)
        if versions is not None:
            msg = f"the endpoint {name!r} is not ready yet: it waits for {', '.join(versions)}"
            raise NotReady(msg, endpoint=name)

    def _only(self) -> Stage:
        if len(self.endpoints) == 1:
            return next(iter(self.endpoints.values()))
        if not self.endpoints and len(self.waiting) == 1:
            self._require_not_awaited(next(iter(self.waiting)))
        known = sorted(self.endpoints)
        msg = (
            "this path names no endpoint, and there is not one alone; set `default_endpoint` in "
            f"the gateway's args. Endpoints: {', '.join(known) or 'none yet'}."
        )
        raise NotFound(msg, known=known)
