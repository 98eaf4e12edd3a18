"""What the pages of monitoring show, out of what the monitor's watches know."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from serve_app.console.parts import Part
from serve_app.gateway.admin.actions import Json
from serve_app.monitoring import words
from serve_app.monitoring.report.document import Drift, Report, Section
from serve_app.monitoring.report.section_part import Room, section_part

MOST_BANDS = 10
"""Features of one heat map; all of them are in the table below it."""
DISTRIBUTIONS_PER_PAGE = 4
ROOM = Room(features=20, rates=12)
_FOR_SCRIPTS = re.compile(r' data-[a-z-]+="[^"]*"')
"""What reports keep for their script, which pages of the console have not."""
Watched = Part[list[Json]]


@dataclass(frozen=True, slots=True)
class MonitoredLine:
    """A version of an endpoint, and in words what the monitor's watches say of it now.

    `is_bad` names those of `drift`, `realised`, `estimated` and `data` that raised an alarm.
    """

    endpoint: str
    version: str
    findings: int
    drift: str
    realised: str
    estimated: str
    data: str
    is_bad: frozenset[str]


def monitored_lines(
    endpoints: Iterable[Json], findings: Iterable[Json], watched: Mapping[str, Watched]
) -> list[MonitoredLine]:
    """A line for each version that answers or is known to a watch: those with findings first.

    `watched` is what is known by kind of watch: `drift`, `quality`, `estimate`, `data_quality`.
    """
    named = [(one["name"], variant["version"]) for one in endpoints for variant in one["variants"]]
    drift = {(one["endpoint"], one["version"]): one for one in watched["drift"].value or ()}
    quality = {
        (one["endpoint"], "+".join(one["variants"])): one for one in watched["quality"].value or ()
    }
    estimate = {(one["endpoint"], one["version"]): one for one in watched["estimate"].value or ()}
    data = {one["endpoint"]: one for one in watched["data_quality"].value or ()}
    counted = Counter((one["endpoint"], one["variants"]) for one in findings)
    lines = []
    for key in dict.fromkeys([*named, *drift, *quality, *estimate]):
        verdicts = {
            "drift": _drift(drift.get(key)),
            "realised": _realised(quality.get(key)),
            "estimated": _estimated(estimate.get(key)),
            "data": _data(data.get(key[0]), key[1]),
        }
        is_bad = frozenset(name for name, (_, bad) in verdicts.items() if bad)
        shown = {name: sentence for name, (sentence, _) in verdicts.items()}
        lines.append(MonitoredLine(*key, counted[key], is_bad=is_bad, **shown))
    return sorted(lines, key=lambda one: (-one.findings, -len(one.is_bad)))


Verdict = tuple[str, bool]
"""What is known in words, empty for nothing, and whether it is an alarm."""


def _drift(one: Json | None) -> Verdict:
    if one is None:
        return "", False
    judged = [f for f in (*one["features"], *one["predictions"]) if f["not_judged"] is None]
    drifted = sum(bool(feature["drifted"]) for feature in judged)
    if one["alarms"]:
        named = words.listed(sorted({alarm["name"] for alarm in one["alarms"]}), 3)
        return f"alarm: {named}; {drifted} of {len(judged)} drifted", True
    return (f"{drifted} of {len(judged)} drifted" if judged else "too few rows yet"), False


def _realised(one: Json | None) -> Verdict:
    if one is None:
        return "", False
    known = [pair for pair in one["metrics"].items() if pair[1]["value"] is not None]
    if not known:
        return "no labels yet", False
    worse = [segment for segment in one.get("segments") or () if segment["worse"]]
    segments = f"; worse in {words.plural(len(worse), 'segment')}" if worse else ""
    state = "" if one["mature"] else ", more labels are to come"
    n = words.plural(int(one["labelled"]), "label")
    return f"{_metric(*known[0])} of {n}{state}{segments}", bool(worse)


def _estimated(one: Json | None) -> Verdict:
    if one is None:
        return "", False
    if one["not_estimated"]:
        return one["not_estimated"], False
    windows = [window for window in one["windows"] if window["metrics"]]
    if not windows:
        return "no window has enough rows yet", False
    alarms = one["alarms"]
    metrics = windows[-1]["metrics"]
    name = alarms[0] if alarms and alarms[0] in metrics else next(iter(metrics))
    bound = windows[-1]["bounds"].get(name)
    beyond = "" if bound is None else f", bound {words.number(bound)}"
    return f"{_metric(name, metrics[name])}{beyond}", bool(alarms)


def _data(one: Json | None, version: str) -> Verdict:
    if one is None:
        return "", False
    strange = one["columns"].get(version) or ()
    parts = ["no rows come any more"] if version in one["stopped"] else []
    if one["volume"] is not None:
        parts.append("other numbers of rows than usual")
    if strange:
        parts.append(f"{words.plural(len(strange), 'column value')} unlike before")
    return "; ".join(parts) or "as before", bool(parts)


def _metric(name: str, metric: Mapping[str, Any]) -> str:
    value = words.number(metric["value"])
    if metric.get("low") is None or metric.get("high") is None:
        return f"{name} {value}"
    return f"{name} {value} ({words.number(metric['low'])} to {words.number(metric['high'])})"


def not_watched(watched: Mapping[str, Watched]) -> list[str]:
    """Why a kind of watch says nothing, each reason once."""
    return list(dict.fromkeys(one.missing for one in watched.values() if one.missing))


def section_of(report: Report, version: str) -> Section | None:
    """What is known of who answered, as an address names them; the first where it names none."""
    named = [one for one in report.sections if one.variants == version]
    return next(iter(named or report.sections), None)


def pages_of(section: Section) -> int:
    """Over how many pages the distributions of a section are spread."""
    shown = 0 if section.drift is None else len(section.drift.distributions)
    return max(1, -(-shown // DISTRIBUTIONS_PER_PAGE))


def content(report: Report, section: Section, page: int) -> str:
    """A section as markup that stands in a page with the style of reports.

    Of many distributions those of a page are in it, numbered from 1 on.
    """
    if section.drift is not None:
        section = replace(section, drift=_cut(section.drift, page))
    shown = replace(report, sections=(section,))
    return _FOR_SCRIPTS.sub("", section_part(section, shown, ROOM))


def _cut(drift: Drift, page: int) -> Drift:
    """As much of it as a small page holds."""
    first = (page - 1) * DISTRIBUTIONS_PER_PAGE
    heat = drift.heat
    left_out = heat.left_out + max(0, len(heat.bands) - MOST_BANDS)
    return replace(
        drift,
        heat=replace(heat, bands=heat.bands[:MOST_BANDS], left_out=left_out),
        distributions=drift.distributions[first : first + DISTRIBUTIONS_PER_PAGE],
    )
