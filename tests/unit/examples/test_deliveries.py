"""Deliveries follow from a seed, the move of the warehouse changes rows and not outcomes."""

import csv
import threading
from collections import Counter

import pytest

from serve_app.examples.clients import Answer
from serve_app.examples.deliveries import DeliveryTable, World
from serve_app.examples.deliveries.visits import Deliveries, TabledEndpoint


def test_deliveries_are_the_same_for_a_seed_and_others_for_another():
    rows = [World(1).delivery(number, "town") for number in range(50)]
    assert rows == [World(1).delivery(number, "town") for number in range(50)]
    assert rows != [World(2).delivery(number, "town") for number in range(50)]
    assert len({one.row["distance_km"] for one in rows}) > 40


def test_the_move_of_the_warehouse_lengthens_ways_and_changes_no_outcome():
    world = World(3)
    before = [world.delivery(number, "town") for number in range(200)]
    after = [world.delivery(number, "motorway") for number in range(200)]
    assert [one.outcome for one in before] == [one.outcome for one in after]
    for near, far in zip(before, after, strict=True):
        assert far.row["distance_km"] == pytest.approx(1.8 * near.row["distance_km"], abs=0.02)
        rest = {name for name in near.row if name != "distance_km"}
        assert all(near.row[name] == far.row[name] for name in rest)
    assert 0.3 < Counter(one.outcome for one in before)["late"] / 200 < 0.5


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_table_keeps_what_it_had_and_what_threads_add(tmp_path):
    path = tmp_path / "made" / "deliveries.csv"
    table = DeliveryTable(path)
    table.add(0.5, {"distance_km": 3.0}, "late")
    table.write()
    again = DeliveryTable(path)
    late = (1.0, {"distance_km": 4.0}, "on time")
    threads = [threading.Thread(target=again.add, args=late) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    again.write()
    rows = rows_of(path)
    assert len(rows) == len(again) == 5
    assert rows[0] == {
        "left_at": "1970-01-01T00:00:00.500+00:00", "distance_km": "3.0", "outcome": "late",
    }  # fmt: skip
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_shuffled_outcomes_are_the_same_ones_at_other_rows(tmp_path):
    table = DeliveryTable(tmp_path / "deliveries.csv")
    for number in range(40):
        one = World(1).delivery(number, "town")
        table.add(float(number), one.row, one.outcome)
    table.write()
    right = rows_of(tmp_path / "deliveries.csv")
    table.write_shuffled(1)
    wrong = rows_of(tmp_path / "deliveries.csv")
    outcomes = [[one.pop("outcome") for one in rows] for rows in (right, wrong)]
    assert right == wrong
    assert Counter(outcomes[0]) == Counter(outcomes[1])
    assert outcomes[0] != outcomes[1]
    table.write()
    assert [one["outcome"] for one in rows_of(tmp_path / "deliveries.csv")] == outcomes[0]


class Oracle:
    """Says late of everything, and keeps what it is told."""

    def __init__(self):
        self.truths = []

    def predict(self, row, subject):
        return Answer(f"p-{subject}", "late", ("deliveries@1",))

    def give_feedback(self, answer, truth):
        self.truths.append((answer.prediction_id, truth))


def test_what_clients_learn_stands_in_the_table_with_the_time_of_the_question(tmp_path):
    table, oracle = DeliveryTable(tmp_path / "d.csv"), Oracle()
    endpoint = TabledEndpoint(oracle, table, clock=lambda: 86_400.0)
    visits = Deliveries(World(1), 10, "town")
    answer = endpoint.predict(visits[2].row, 2)
    endpoint.give_feedback(answer, visits[2].truth)
    table.write()
    (row,) = rows_of(tmp_path / "d.csv")
    assert row["left_at"].startswith("1970-01-02T00:00:00")
    assert float(row["distance_km"]) == visits[2].row["distance_km"]
    assert oracle.truths == [("p-2", visits[2].truth)]
    visits.place = "motorway"
    assert visits[2].row["distance_km"] > float(row["distance_km"])
    assert [one.truth for one in visits[1:3]] == [visits[1].truth, visits[2].truth]
