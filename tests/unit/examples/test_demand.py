"""Demand and stock: the order that costs least, demand that nobody saw, features of the past."""

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from examples.case_study.page import measured
from examples.demand.history import FIRST_USABLE, HORIZON_DAYS, Sales, rows_of, sales_of, values_of
from examples.demand.newsvendor import critical_ratio, result
from examples.demand.study import STUDY
from examples.demand.world import SERIES, made_up


@pytest.fixture(scope="module")
def world():
    return made_up()


@given(
    missing=st.floats(0.2, 20),
    left_over=st.floats(0.2, 20),
    seed=st.integers(0, 1_000),
)
def test_no_order_costs_less_than_the_quantile(missing, left_over, seed):
    wanted = np.random.default_rng(seed).poisson(9, 400)
    costs = [
        np.mean(np.maximum(wanted - order, 0) * missing + np.maximum(order - wanted, 0) * left_over)
        for order in range(40)
    ]
    level = critical_ratio(missing, left_over)
    quantile = np.quantile(wanted, level, method="inverted_cdf")
    assert costs[int(quantile)] == pytest.approx(min(costs))


def test_costs_are_of_what_is_missing_and_what_is_left():
    one = result(np.array([4.0, 10.0]), np.array([6.0, 7.0]))
    assert one.cost == (2 * 1 + 3 * 3) / 2
    assert one.served == 11 / 14
    assert one.sold_out == 0.5


@pytest.mark.parametrize(("wanted", "stock"), [(30, 20), (12, 11), (50, 5)])
def test_the_hour_of_an_empty_shelf_tells_the_demand_in_the_mean(wanted, stock):
    rng = np.random.default_rng(3)
    # Customers come at random; the one who takes the last piece says when the shelf is empty.
    empty_at = np.sort(rng.random((100_000, wanted)), axis=1)[:, stock - 1]
    pieces = np.full(len(empty_at), float(stock))
    guess = Sales(pieces, pieces, empty_at).estimated_demand()
    error = guess.std() / np.sqrt(len(guess))
    assert guess.mean() == pytest.approx(wanted, abs=5 * error)


def test_a_day_that_left_something_is_what_was_sold_and_an_empty_morning_tells_nothing():
    sales = Sales(np.array([9.0, 0.0]), np.array([4.0, 0.0]), np.array([1.0, 0.0]))
    assert sales.estimated_demand()[0] == 4.0
    assert np.isnan(sales.estimated_demand()[1])


def test_days_are_drawn_from_the_distribution_whose_quantiles_are_known(world):
    for level in (0.25, 0.75, 0.95):
        below = np.mean(world.demand <= world.quantile(level))
        # Numbers are whole: a little more than the level lies at or below its quantile.
        assert level - 0.01 <= below <= level + 0.05
    assert world.demand.mean() == pytest.approx(world.mean.mean(), rel=0.01)


def test_nobody_sells_more_than_there_is(world):
    sales = sales_of(world)
    assert np.all(sales.sold <= sales.stock)
    assert np.all(sales.sold <= world.demand)
    assert np.all((sales.open_share < 1) == (world.demand > sales.stock))


def test_features_know_nothing_younger_than_the_order(world):
    sold = sales_of(world).sold
    changed = sold.copy()
    day = 200
    changed[day:] = 1e6
    before, after = rows_of(world, sold), rows_of(world, changed)
    known = (day + HORIZON_DAYS - FIRST_USABLE) * len(SERIES)
    assert before[:known].equals(after[:known])
    assert not before[known:].equals(after[known:])


def test_features_are_means_of_weekdays_and_of_a_week(world):
    sold = sales_of(world).sold
    row = (150 - FIRST_USABLE) * len(SERIES) + 7
    one = rows_of(world, sold).iloc[row]
    assert (one["shop"], one["item"]) == SERIES[7]
    assert one["day"] == f"{world.days[150]:%Y-%m-%d}"
    assert one["usual"] == pytest.approx(np.mean([sold[150 - back, 7] for back in (7, 14, 21, 28)]))
    assert one["level"] == pytest.approx(sold[137:144, 7].mean())
    assert values_of(world.demand)[row] == world.demand[150, 7]


def test_the_page_shows_the_pipeline_that_runs():
    text = STUDY.page.read_text()
    shown = yaml.safe_load(text.split("```yaml\n")[1].split("```")[0])
    file = STUDY.page.parents[2] / "examples" / "demand" / "demand.yaml"
    assert shown == yaml.safe_load(file.read_text())
    assert all(measured(text).values())
