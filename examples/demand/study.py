"""From thirteen weeks of sales to orders for a week, and to a successor 46 weeks later."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from examples.case_study.command import Outcome, Study
from examples.case_study.page import gates, table
from examples.case_study.plot import Axis, Band, Dots, Line, Panel, Shape, picture
from examples.case_study.session import Endpoint, Session
from examples.demand.history import FEATURES, TARGET, Sales, rows_of, sales_of, values_of
from examples.demand.newsvendor import critical_ratio, result
from examples.demand.rolling import LEVELS, Rolling, pinball_loss, rolled
from examples.demand.world import DAYS, FIRST_DAY, SERIES, World, made_up
from serve_app.core.columns import Array

MODEL = "demand"
FIRST_DAYS, AHEAD = 119, 7
"""Days that are known at first, and those of the orders."""
_SHOWN = ("market", "salad")
_SHOWN_DAYS = 56


def run(session: Session) -> Outcome:
    """Train, order a week, train again on 46 weeks more, and order the same week again."""
    world = made_up()
    sales = sales_of(world)
    frame = rows_of(world, sales.estimated_demand())
    frame[TARGET] = values_of(sales.estimated_demand())
    week = _write(session, frame)
    session.json("retrain", "start", "demand.yaml", "--reason", "thirteen weeks of sales")
    first = _orders(session, "demand@1", "orders-1")
    _known(frame, FIRST_DAYS, DAYS - AHEAD).to_csv(
        session.folder / "days" / "2-later.csv", index=False
    )
    retrained = session.json(
        "retrain", "start", "demand.yaml", "--reason", "46 weeks more", codes=(0, 1)
    )
    champion = retrained["challenger"] if retrained["state"] == "PROMOTED" else 1
    second = _orders(session, f"demand@{champion}", "orders-2")
    endpoint = session.serve(f"{MODEL}@champion")
    rolling = rolled(world, sales)
    wanted = world.demand[-AHEAD:].ravel()
    best = world.quantile(critical_ratio())[-AHEAD:].ravel()
    blocks = {
        "policies": _policies(world, sales, rolling),
        "coverage": _coverage(world, rolling),
        "gates": gates(retrained),
        "week": _week(wanted, {"`demand@1`": first, f"`demand@{champion}`": second}, best),
        "answer": _answer(endpoint, week),
    }
    pictures = {
        "forecast": _forecast_picture(world, sales, rolling),
        "coverage": _coverage_picture(world, rolling),
    }
    return Outcome(blocks, pictures, _next_steps(session, week))


STUDY = Study(MODEL, "How much to order, where empty shelves hide what was wanted.", run)


def _write(session: Session, frame: pd.DataFrame) -> pd.DataFrame:
    """Files of the first weeks and of the week of the orders; gives the rows of that week."""
    shutil.copy2(Path(__file__).parent / "demand.yaml", session.folder)
    (session.folder / "days").mkdir()
    _known(frame, 0, FIRST_DAYS).to_csv(session.folder / "days" / "1-first.csv", index=False)
    week = frame.tail(AHEAD * len(SERIES)).drop(columns=TARGET)
    week.to_csv(session.folder / "week.csv", index=False)
    return week


def _known(frame: pd.DataFrame, begin: int, end: int) -> pd.DataFrame:
    """The rows of some days, counted from the first of the world."""
    number = (pd.to_datetime(frame["day"]) - pd.Timestamp(FIRST_DAY)).dt.days
    return frame[(number >= begin) & (number < end)]


def _orders(session: Session, version: str, out: str) -> Array:
    """What a version orders for the week: whole pieces."""
    keep = ("--passthrough", "day,shop,item")
    session.serve_app("predict", version, "--local", "--data", "week.csv", "--out", out, *keep)
    given = pd.read_csv(session.folder / out / "part-00000.csv")["prediction"].to_numpy()
    orders: Array = np.ceil(given)
    return orders


def _policies(world: World, sales: Sales, rolling: Rolling) -> str:
    wanted = values_of(world.demand)[rolling.rows]
    place = LEVELS.index(critical_ratio())
    policies = {
        "last week's sales (seasonal naive)": rolling.naive,
        "1.25 times the usual sales (what shops did)": values_of(sales.stock)[rolling.rows],
        "a model of sales": np.ceil(rolling.quantiles["sales"][:, place]),
        "a model of estimated demand": np.ceil(rolling.quantiles["demand"][:, place]),
        "who knows the distribution": values_of(world.quantile(critical_ratio()))[rolling.rows],
    }
    rows = []
    for name, order in policies.items():
        one = result(wanted, order)
        loss = pinball_loss(wanted, order, critical_ratio())
        rows.append(
            [name, f"{loss:.2f}", f"{one.cost:.1f}", f"{one.served:.1%}", f"{one.sold_out:.0%}"]
        )
    head = ["what is ordered", "pinball loss", "cost", "served", "days sold out"]
    return table(head, rows)


def _coverage(world: World, rolling: Rolling) -> str:
    rows = [
        [
            f"{level:g}",
            *(f"{_share_below(world, rolling, name, level):.2f}" for name in rolling.quantiles),
        ]
        for level in LEVELS
    ]
    return table(["quantile", "of a model of sales", "of a model of estimated demand"], rows)


def _share_below(world: World, rolling: Rolling, name: str, level: float) -> float:
    wanted = values_of(world.demand)[rolling.rows]
    return float(np.mean(wanted <= rolling.quantiles[name][:, LEVELS.index(level)]))


def _week(wanted: Array, orders: Mapping[str, Array], best: Array) -> str:
    rows = []
    for name, order in {**orders, "who knows the distribution": best}.items():
        one = result(wanted, order)
        rows.append([name, f"{order.sum():,.0f}", f"{one.cost:.1f}", f"{one.served:.1%}"])
    head = [f"the week after ({wanted.sum():,.0f} pieces wanted)", "ordered", "cost", "served"]
    return table(head, rows)


def _answer(endpoint: Endpoint, week: pd.DataFrame) -> str:
    row = week[(week["shop"] == _SHOWN[0]) & (week["item"] == _SHOWN[1])].head(1)
    one = row.iloc[0]
    plain, promoted = row[list(FEATURES)], row[list(FEATURES)].assign(promotion=1)
    answer = endpoint.client.predict(MODEL, pd.concat([plain.assign(promotion=0), promoted]))
    without, with_one = (int(np.ceil(value)) for value in answer.predictions)
    return (
        f"For {one['item']} at the {one['shop']} on {one['day']}, `{answer.variants[0]}` orders "
        f"{without} pieces without a promotion and {with_one} with one."
    )


def _forecast_picture(world: World, sales: Sales, rolling: Rolling) -> str:
    series = SERIES.index(_SHOWN)
    chosen = np.flatnonzero(rolling.rows % len(SERIES) == series)[-_SHOWN_DAYS:]
    places = rolling.rows[chosen]
    wanted, sold = values_of(world.demand)[places], values_of(sales.sold)[places]
    quantiles = rolling.quantiles["demand"][chosen]
    at = np.arange(len(chosen), dtype=np.float64)
    low, middle, order, high = (quantiles[:, place].tolist() for place in range(4))
    empty = wanted > values_of(sales.stock)[places]
    days = world.days[-len(values_of(world.demand)) // len(SERIES) :][places // len(SERIES)]
    shapes: list[Shape] = [
        Band("80 % of days", list(zip(at, low, high, strict=True)), 0),
        Line("median", list(zip(at, middle, strict=True)), 0),
        Line("order", list(zip(at, order, strict=True)), 1, dashed=True),
        Dots("wanted", list(zip(at, wanted, strict=True)), 2, radius=4.0),
        Dots("sold, and then empty", list(zip(at[empty], sold[empty], strict=True)), 3, radius=4.0),
    ]
    labels = [(float(place), f"{days[place]:%d %b}") for place in range(0, len(chosen), 14)]
    top = float(max(wanted.max(), *high)) * 1.05
    title = f"{_SHOWN[1]} at the {_SHOWN[0]}, by models fitted up to four weeks before"
    panel = Panel(
        title, Axis("day", 0, len(chosen) - 1, labels=labels), Axis("pieces", 0, top), shapes
    )
    return picture("Forecast of demand", "Quantiles, order, demand and sales of one item.", [panel])


def _coverage_picture(world: World, rolling: Rolling) -> str:
    shapes: list[Any] = [Line("as it should be", [(0, 0), (1, 1)], 4, dashed=True)]
    looks = (("sales", "a model of sales", 1, True), ("demand", "of estimated demand", 0, False))
    for name, words, colour, dashed in looks:
        points = [(level, _share_below(world, rolling, name, level)) for level in LEVELS]
        shapes += [Line(words, points, colour, dashed=dashed), Dots("", points, colour)]
    axes = Axis("quantile that is forecast", 0, 1), Axis("share of days below it", 0, 1)
    return picture(
        "Coverage of quantiles",
        "Share of days on which no more was wanted than the forecast quantile, by model.",
        [Panel("Do quantiles hold what they promise?", *axes, shapes)],
    )


def _next_steps(session: Session, week: pd.DataFrame) -> tuple[str, ...]:
    file = session.folder / "one.json"
    rows = week[list(FEATURES)].head(2).to_dict(orient="records")
    file.write_text(json.dumps({"instances": rows}))
    url = f"http://127.0.0.1:{session.port}/v1/models/{MODEL}"
    return (
        f"curl -s {url}:predict -H 'content-type: application/json' -d @{file}",
        f"head {session.folder / 'orders-2' / 'part-00000.csv'}",
    )
