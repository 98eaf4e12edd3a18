"""The endpoint at which the versions of a run are compared by what happens live."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from serve_app.errors import Conflict
from serve_app.lifecycle.ledger import Run

if TYPE_CHECKING:
    from serve_app.lifecycle.shared_preprocessing import Shared

Kind = Literal["bandit", "canary", "split"]
MARGIN = 0.02
"""By how much a canary's accuracy may be below the stable version's before it goes back."""


def endpoint_behind(run: Run, kind: Kind, shared: Shared) -> dict[str, Any]:
    """The same of versions behind one preprocessing, the best first; the champion is none."""
    body = _endpoint(run, kind, shared.variants, shared.variants[1])
    return {**body, "preprocess": {"model": shared.preprocess, "placement": "inline"}}


def endpoint_of(run: Run, kind: Kind, champion: int | None) -> dict[str, Any]:
    """The settings of an endpoint that lets a run's versions answer beside the champion.

    A bandit and a split have all versions as variants, the champion first. A canary has the best
    version as its candidate; the champion, or the second best where there is none, is stable.

    Raises:
        Conflict: the run registered too few versions for that.
    """
    versions = list((run.result or {}).get("versions", []))
    numbers = [champion] if champion is not None and champion not in versions else []
    numbers += versions
    if not versions or len(numbers) < 2:
        msg = (
            f"run {run.id} registered {len(versions)} versions and {run.model} has no champion "
            "beside them: there is nothing to choose between. Write register: {best: 3} into its "
            "pipeline"
        )
        raise Conflict(msg)
    best, others = versions[0], [one for one in numbers if one != versions[0]]
    stable = champion if champion in others else others[0]
    names = [f"{run.model}@{number}" for number in numbers]
    return _endpoint(run, kind, names, f"{run.model}@{stable}", f"{run.model}@{best}")


def _endpoint(
    run: Run, kind: Kind, names: Sequence[str], stable: str, best: str | None = None
) -> dict[str, Any]:
    """The settings of an endpoint; `best` is the first name unless it is given."""
    route: dict[str, Any] = {"kind": kind}
    if kind == "canary":
        route |= {"stable": stable, "candidate": best or names[0]}
        route |= {"gates": {"errors": {}, "quality": [_quality(run)]}}
        return {"placement": "inline", "route": route}
    if kind == "bandit":
        route |= {"policy": "thompson", "reward": _reward(run)}
    route["variants"] = [{"model": name} for name in names]
    return {"placement": "inline", "route": route, "fallback": names[0]}


def _baseline(run: Run) -> dict[str, float]:
    return dict((run.result or {})["baseline"]["held_out"])


def _reward(run: Run) -> dict[str, Any]:
    """1 for the right class; of numbers, what is as far off as the baseline earns nothing."""
    error = _baseline(run).get("mae")
    if error is None:
        return {"kind": "correct"}
    return {"kind": "error", "scale": float(f"{error:.3g}") or 1.0}


def _quality(run: Run) -> dict[str, Any]:
    """What a candidate must not be worse in; of numbers by a fiftieth of the baseline's error."""
    error = _baseline(run).get("mae")
    if error is None:
        return {"metric": "accuracy", "margin": MARGIN}
    return {"metric": "mae", "margin": float(f"{MARGIN * error:.3g}")}
