"""The heat map: features one below the other, windows side by side."""

from __future__ import annotations

from collections.abc import Sequence

from serve_app.monitoring import words
from serve_app.monitoring.report import plot
from serve_app.monitoring.report.document import HeatBand, HeatMap
from serve_app.monitoring.report.markup import NOTHING, Markup, element, joined, name_of, shortened

COLD, WARM = (0.25, 0.5, 0.75), (1.0, 1.5, 2.5)
"""Where one colour ends and the next begins, in thresholds. What drifted is warm; a distance of 1
or more that may be chance is not."""
_HEIGHT = 10.0
_MARK = 2.6


def heat_map(heat: HeatMap) -> Markup:
    """The map with its legend and axis; each band says in words what it shows."""
    columns = len(heat.rows)
    predictions = [band for band in heat.bands if band.prediction]
    features = [band for band in heat.bands if not band.prediction]
    parts = [_rows(heat)]
    for title, bands in (("predictions", predictions), ("features", features)):
        if bands:
            parts.append(element("div", title, class_="group"))
            parts += [_band(band, heat) for band in bands]
    parts.append(_row(None, _axis(heat), None))
    return element(
        "div",
        _legend(),
        element(
            "div",
            *parts,
            class_="heat",
            data_start=heat.start_s,
            data_window=heat.window_s,
            data_columns=columns,
        ),
        _left_out(heat.left_out),
    )


def _left_out(left_out: int) -> Markup | None:
    if not left_out:
        return None
    others = f"{words.plural(left_out, 'feature')} that drifted less are not in the map."
    return element("p", others, class_="note")


def _row(label: Markup | None, drawn: Markup | None, last: Markup | None) -> Markup:
    return joined(
        element("div", label, class_="name"),
        element("div", drawn, class_="strip"),
        element("div", last, class_="last"),
    )


def _band(band: HeatBand, heat: HeatMap) -> Markup:
    known = [(score, at) for at, score in enumerate(band.scores) if score is not None]
    description = _in_words(band, known, heat)
    drifted = frozenset(band.drifted)
    by_level: dict[int, list[int]] = {}
    for score, at in known:
        by_level.setdefault(_level(score, at in drifted), []).append(at)
    columns = len(band.scores)
    drawn = element(
        "svg",
        element("title", f"{shortened(band.name)}: {description}"),
        *(plot.boxes(at, _HEIGHT, f"h{step}") for step, at in sorted(by_level.items())),
        plot.boxes(band.drifted, _MARK, "mark", _HEIGHT - _MARK),
        class_="band",
        viewBox=f"0 0 {columns} {_HEIGHT:g}",
        preserveAspectRatio="none",
        role="img",
        aria_label=f"{shortened(band.name)}: {description}",
        data_scores=",".join("" if one is None else f"{one:.2f}" for one in band.scores),
    )
    return _row(name_of(band.name), drawn, _last(known, band))


def _last(known: Sequence[tuple[float, int]], band: HeatBand) -> Markup:
    """The newest score that there is; what drifted in the newest window stands out."""
    if not known:
        return element("span", NOTHING, class_="muted")
    score, at = known[-1]
    is_drifted = at in band.drifted
    label = f"{score:.2f}" if score < 100 else words.number(score)
    return element("span", label, class_="hot" if is_drifted else None)


def _in_words(band: HeatBand, known: Sequence[tuple[float, int]], heat: HeatMap) -> str:
    if not known and not band.drifted:
        return "no window had enough rows to be judged"
    judged = f"drifted in {len(band.drifted)} of {words.plural(len(known), 'judged window')}"
    if not known:
        return judged
    worst, at = max(known)
    when = words.moment(heat.start_s + at * heat.window_s)
    return f"{judged}; greatest distance {worst:.2f} thresholds, in the window from {when}"


def _level(score: float, is_drifted: bool) -> int:
    cold = sum(score >= bound for bound in COLD)
    return len(COLD) + sum(score >= bound for bound in WARM) if is_drifted and score >= 1 else cold


def _rows(heat: HeatMap) -> Markup:
    """How many rows each window had, as bars above the bands."""
    most = max(heat.rows, default=0)
    label = element("span", "rows", class_="muted")
    if not most:
        return _row(label, None, None)
    lefts = [float(at) for at in range(len(heat.rows) + 1)]
    tops = [_HEIGHT * (1 - rows / most) for rows in heat.rows]
    title = f"at most {words.plural(most, 'row')} in a window of {words.duration(heat.window_s)}"
    drawn = element(
        "svg",
        element("title", title),
        plot.area(plot.steps(lefts, tops, _HEIGHT), "traffic"),
        class_="band rows",
        viewBox=f"0 0 {len(heat.rows)} {_HEIGHT:g}",
        preserveAspectRatio="none",
        role="img",
        aria_label=f"rows per window: {title}",
        data_rows=",".join(str(rows) for rows in heat.rows),
    )
    return _row(label, drawn, element("span", words.number(most), class_="muted"))


def _axis(heat: HeatMap) -> Markup:
    span_s = heat.window_s * len(heat.rows)
    end_s = heat.start_s + span_s
    ticks = [
        ((at_s - heat.start_s) / span_s, label)
        for at_s, label in words.ticks_of_time(heat.start_s, end_s, 5)
    ]
    marks = [plot.upright(at, 0, 4, "grid") for at, _ in ticks]
    return element(
        "svg",
        *marks,
        plot.time_axis(ticks, 15),
        class_="axis",
        width="100%",
        height=18,
        aria_hidden="true",
    )


def _legend() -> Markup:
    cold = [
        _key(f"h{step}", f"{bound:g}+" if step else "0") for step, bound in enumerate((0, *COLD))
    ]
    warm = [_key(f"h{len(COLD) + 1 + at}", f"{bound:g}+") for at, bound in enumerate(WARM)]
    mark = element("span", _swatch("h0", is_marked=True), " anything drifted", class_="key")
    return element(
        "p",
        "Distance from training, in thresholds: ",
        *cold,
        "drifted, which is significant as well: ",
        *warm,
        mark,
        _key("none", "not judged"),
        class_="legend",
    )


def _key(kind: str, meaning: str) -> Markup:
    return element("span", _swatch(kind), f" {meaning}", class_="key")


def _swatch(kind: str, *, is_marked: bool = False) -> Markup:
    mark = element("rect", y=9, width=14, height=3, class_="mark") if is_marked else None
    box = element("rect", width=14, height=12, class_=kind)
    return element("svg", box, mark, width=14, height=12, class_="swatch", aria_hidden="true")
