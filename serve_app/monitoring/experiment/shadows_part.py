"""The part of the page about shadows: how often they said the same, by segment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from serve_app.monitoring import words
from serve_app.monitoring.experiment import figures
from serve_app.monitoring.experiment.figures import Scale
from serve_app.monitoring.experiment.lanes import axis_of, interval, lane, lanes, named, strip
from serve_app.monitoring.report.markup import NOTHING, Markup, element, joined, name_of, shortened
from serve_app.monitoring.report.tables import more, table

MOST_SEGMENTS = 60
MOST_SHADOWS = 20
_HEADS = (
    "shadow", "rows", "agreement", "kappa", "score difference", "PSI", "KS", "labels",
    "McNemar's p", "loss difference",
)  # fmt: skip


def shadows_part(shadows: Sequence[Mapping[str, Any]]) -> Markup | None:
    """All shadows in a table, then the segments of each, as `serve-app monitor shadow` has them."""
    if not shadows:
        return None
    shown = shadows[:MOST_SHADOWS]
    judged = [one for one in shown if not one.get("not_judged")]
    return element(
        "section",
        element("h2", "Shadows beside what was answered"),
        table(_HEADS, [_row(one) for one in judged], range(1, len(_HEADS))) if judged else None,
        *(
            element("p", name_of(one["shadow"]), f": {one['not_judged']}.", class_="note")
            for one in shown
            if one.get("not_judged")
        ),
        *(_segments(one) for one in judged),
        more(len(shadows), MOST_SHADOWS),
    )


def _row(one: Mapping[str, Any]) -> Markup:
    labelled: Mapping[str, Any] = one.get("labelled") or {}
    loss: Mapping[str, Any] = labelled.get("loss_difference") or {}
    distance: Mapping[str, Any] = one.get("score_distance") or {}
    test: Mapping[str, Any] = labelled.get("mcnemar") or {}
    score: Mapping[str, Any] = one.get("score_difference") or {}
    cells = (
        f"{one['rows']:,}",
        _agreement(one.get("agreement")),
        NOTHING if one.get("kappa") is None else f"{one['kappa']:.3f}",
        figures.signed(score["mean"]) if score else NOTHING,
        _known(distance.get("psi")),
        _known(distance.get("ks")),
        f"{labelled.get('rows', 0):,}",
        figures.probability(test["p_value"]) if test else NOTHING,
        figures.difference(loss.get("mean"), loss.get("low"), loss.get("high"))
        if loss.get("mean") is not None
        else NOTHING,
    )
    return element(
        "tr",
        element("td", named(one["shadow"]), class_="name"),
        *(element("td", cell, class_="n") for cell in cells),
    )


def _segments(one: Mapping[str, Any]) -> Markup | None:
    """The agreement of each segment on one scale, with its interval."""
    parts = [part for part in one.get("segments", ()) if part.get("agreement")]
    if not parts and not one.get("agreement"):
        return None
    whole = [("all rows", one)] if one.get("agreement") else []
    shown = [(f"{part['column']} = {part['value']}", part) for part in parts[:MOST_SEGMENTS]]
    lows = [part["agreement"]["low"] for _, part in [*whole, *shown]]
    # Agreement is near to 1 mostly: what is below the lowest tells nothing.
    scale = Scale(max(0.0, min(lows) - 0.05), 1.0)
    rows = [
        lane(named(name), _agreement_strip(name, part["agreement"], scale), _in_words(part))
        for name, part in [*whole, *shown]
    ]
    title = element("h3", "Agreement with ", name_of(one["shadow"]), " by segment")
    axis = axis_of(scale, as_shares=True)
    return joined(title, lanes(rows, axis), more(len(parts), MOST_SEGMENTS))


def _agreement_strip(name: str, agreement: Mapping[str, float], scale: Scale) -> Markup:
    meaning = f"{shortened(name)}: {_agreement(agreement)}"
    return strip(meaning, interval(scale, agreement["value"], agreement["low"], agreement["high"]))


def _in_words(part: Mapping[str, Any]) -> Markup:
    rows = element("div", words.plural(part["rows"], "row"), class_="muted")
    return joined(_agreement(part["agreement"]), rows)


def _agreement(agreement: Mapping[str, float] | None) -> str:
    if agreement is None:
        return NOTHING
    value, low, high = (words.share(agreement[name]) for name in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


def _known(value: float | None) -> str:
    return NOTHING if value is None else words.number(value)
