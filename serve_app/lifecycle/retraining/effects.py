"""What a run does outside the ledger. Done again with the same ticket, nothing is done twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from serve_app.lifecycle.gates import Gate

CanaryState = Literal["waiting", "promoted", "rolled back", "superseded"]
Promotion = Literal["promoted", "moved by others"]


@dataclass(frozen=True, slots=True)
class Ticket:
    """For which run something is done, and in which epoch of who works on its model.

    `key` is what no run of any other ledger has.
    """

    run: str
    key: str
    model: str
    trigger: int
    epoch: int
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict of the hold-out, and the version that the challenger was held against."""

    gates: Sequence[Gate]
    champion: int | None


@dataclass(frozen=True, slots=True)
class Canary:
    """How far a challenger is on live traffic."""

    state: CanaryState
    words: str = ""


class Trains(Protocol):
    """Makes a challenger. What was done for a ticket is recognised, also by another process."""

    def prepare(self, ticket: Ticket) -> Mapping[str, Any]:
        """Read the rows and keep them, and decide which are held out."""
        ...

    def search(self, ticket: Ticket) -> Mapping[str, Any]:
        """Try candidates on them."""
        ...

    def judge(self, ticket: Ticket) -> Judged:
        """Hold the best beside baseline and champion, by the pipeline's gates."""
        ...

    def register(self, ticket: Ticket) -> int:
        """The number of the one version that the ticket's run registers."""
        ...


class Versions(Protocol):
    """Registered versions of models, and which one is champion."""

    def champion(self, model: str) -> int | None:
        """The version that is champion now."""
        ...

    def digest(self, model: str, version: int) -> str:
        """What says that a version is what it was: the digest of all that was written of it."""
        ...

    def inspect(self, ticket: Ticket, version: int, champion: int | None) -> Sequence[Gate]:
        """Load a version, and hold it against the champion: what it takes, gives and costs."""
        ...

    def check(self, model: str, version: int) -> None:
        """Make sure that a version loads and fits what the champion's clients know.

        Raises:
            ServeError: it does not; says why.
        """
        ...

    def promote(
        self, model: str, version: int, expected: int | None, *, mark: str, who: str
    ) -> Promotion:
        """Let a version be champion, if `expected` still is.

        `mark` is the reason in the alias's history, by which a move of this run is known again.
        """
        ...


@dataclass(frozen=True, slots=True)
class Shown:
    """What a challenger made of the requests that it was shown: so many `rows`.

    `failed` is the share of requests at which it failed, `agreement` the share of rows of which it
    said the same class, with the upper bound of that (95 %); None is not known. `has_share` says
    that it answers requests by now, `superseded` that it is the endpoint's challenger no longer,
    and why.
    """

    rows: int = 0
    failed: float | None = None
    agreement: float | None = None
    agreement_upper: float | None = None
    has_share: bool = False
    superseded: str = ""


class Canaries(Protocol):
    """Challengers on live traffic, by the endpoint of a ticket's pipeline."""

    def begin(self, ticket: Ticket, version: int) -> None:
        """Let a version be the challenger, and give it its first share once it answers."""
        ...

    def shown(self, ticket: Ticket, version: int, since_s: float) -> Shown:
        """What it made of the requests that it was shown as a shadow since then."""
        ...

    def start(self, ticket: Ticket, version: int) -> None:
        """Give it its first share, unless it has one; begun by hand, it would wait for that."""
        ...

    def state(self, ticket: Ticket, version: int) -> Canary:
        """How far it is."""
        ...

    def hold(self, ticket: Ticket, version: int) -> None:
        """Take no further step for now; again, it changes nothing."""
        ...

    def go_on(self, ticket: Ticket, version: int) -> None:
        """Take further steps again; where nothing holds it, it changes nothing."""
        ...

    def undo(self, ticket: Ticket, version: int) -> None:
        """Give all requests to the champion."""
        ...


@dataclass(frozen=True, slots=True)
class Effects:
    """All that runs do outside; without `canaries` no pipeline may name an endpoint."""

    training: Trains
    versions: Versions
    canaries: Canaries | None = None
