"""Feedback finds predictions by id and by key."""

import uuid

import pytest

from serve_app.storage.records import lookup
from serve_app.storage.records.compaction import Compactor
from serve_app.storage.records.deliveries import Incoming
from serve_app.storage.records.lookup import COLUMNS, Wanted, find
from tests.unit.storage.records.conftest import NOON_S, payload, prediction_id, record

NOW_S = NOON_S + 10 * 3600
ODD = uuid.UUID(int=5).hex


@pytest.fixture
def log(files):
    incoming = Incoming(files)
    records = [record(n, NOON_S + n * 720) for n in range(20)]
    # Order 3 was predicted twice, the second time much later.
    records.append(record(30, NOON_S + 8 * 3600, request=record(3).request))
    incoming.take("gw", 0, payload(records))
    Compactor(files, incoming).compact()
    waiting = [record(40, NOW_S), record(41, NOW_S, prediction_id=ODD), record(5, endpoint="other")]
    incoming.take("gw", 1, payload(waiting))
    return files


def rows(files, **wanted):
    keys = wanted.pop("keys", frozenset())
    until_s = wanted.pop("until_s", NOW_S)
    wanted["keys"] = dict.fromkeys(keys, until_s)
    table = find(files, Wanted("diagnosis", NOW_S, wanted.pop("horizon_s", 1e6), **wanted))
    assert table.column_names == list(COLUMNS)
    return sorted(table["prediction_id"].to_pylist())


def test_ids_are_matched_in_segments_and_incoming(log):
    wanted = {prediction_id(NOON_S + 720 * 7, 7), prediction_id(NOW_S, 40), ODD, "nobody"}
    assert rows(log, ids=frozenset(wanted)) == sorted(wanted - {"nobody"})


def test_of_a_key_the_newest_counts(log):
    assert rows(log, keys={"3", "4", "40", "none"}) == sorted(
        [
            prediction_id(NOON_S + 8 * 3600, 30),
            prediction_id(NOON_S + 4 * 720, 4),
            prediction_id(NOW_S, 40),
        ]
    )


def test_a_key_means_the_newest_row_that_was_answered_before_what_is_known_of_it(log):
    later, first = prediction_id(NOON_S + 8 * 3600, 30), prediction_id(NOON_S + 3 * 720, 3)
    assert rows(log, keys={"3"}, until_s=NOON_S + 8 * 3600) == [later]
    assert rows(log, keys={"3"}, until_s=NOON_S + 3600) == sorted([first, later])


def test_what_is_wanted_by_id_and_key_comes_once(log):
    one = prediction_id(NOON_S + 720 * 7, 7)
    assert rows(log, ids=frozenset({one}), keys={"7"}) == [one]


def test_what_is_older_than_the_horizon_is_not_matched(log):
    old, new = prediction_id(NOON_S, 0), prediction_id(NOW_S, 40)
    assert rows(log, ids=frozenset({old, new}), horizon_s=3600.0) == [new]
    assert rows(log, keys={"0", "40"}, horizon_s=3600.0) == [new]


def test_nothing_is_wanted_or_there(log, files):
    assert rows(log) == []
    assert rows(log, ids=frozenset({"x"})) == []


def test_an_id_opens_only_the_hours_in_which_it_can_be(log, monkeypatch):
    opened = []
    original = lookup.pq.ParquetFile

    def counting(source):
        opened.append(source)
        return original(source)

    monkeypatch.setattr(lookup.pq, "ParquetFile", counting)
    assert rows(log, ids=frozenset({prediction_id(NOON_S + 8 * 3600, 30)}))
    assert len(opened) == 1
