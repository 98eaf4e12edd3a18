"""Rows are watched in the order of their predictions, whenever their truth comes."""

import json
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serve_app.errors import ConfigError, InvalidInput
from serve_app.monitoring.concept.errors import classification_errors
from serve_app.monitoring.concept.watcher import (
    MAX_STREAMS,
    ConceptWatcher,
    Outcome,
    Watched,
)

FRAUD = Watched("fraud", "fraud@1")
OTHER = Watched("fraud", "fraud@2")


def outcomes(seed=1, n=1500):
    """Rows whose error rises from 0.1 to 0.5 after two thirds."""
    rng = np.random.default_rng(seed)
    wrong = rng.random(n) < np.where(np.arange(n) < 2 * n // 3, 0.1, 0.5)
    return [Outcome(1000.0 + i, f"row-{i}", {"error": float(w)}) for i, w in enumerate(wrong)]


def events(watcher, rows, until_s=1e9):
    for row in rows:
        watcher.add(FRAUD, row)
    return watcher.advance(until_s)


def test_a_rise_is_an_event_of_its_variant():
    watcher = ConceptWatcher()
    rising = events(watcher, outcomes())
    assert {event.change.detector for event in rising} == {"adwin", "page_hinkley"}
    first = rising[0].to_json()
    assert (first["endpoint"], first["variant"], first["stream"]) == (*FRAUD, "error")
    assert (first["level"], first["direction"]) == ("drift", "rising")
    assert 2000 < first["at_s"] < 2300
    assert first["row_id"] == f"row-{int(first['at_s'] - 1000)}"
    assert json.dumps(first)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 6))
def test_the_order_in_which_labels_come_changes_nothing(seed, parts):
    rows, chance = outcomes(), random.Random(seed)
    expected = events(ConceptWatcher(), rows)
    chance.shuffle(rows)
    watcher = ConceptWatcher()
    for part in range(parts):
        for row in rows[part::parts]:
            watcher.add(FRAUD, row)
            if chance.random() < 0.2:
                watcher.add(FRAUD, row)
    assert watcher.advance(1e9) == expected
    assert watcher.counts()[FRAUD] == {"waiting": 0, "late": 0, "unwatched": 0}


def test_rows_wait_until_no_earlier_ones_are_expected():
    watcher = ConceptWatcher()
    rows = outcomes()
    assert events(watcher, rows, until_s=1099.0) == []
    assert watcher.counts()[FRAUD]["waiting"] == 1400
    assert watcher.advance(1e9) == events(ConceptWatcher(), rows)


def test_a_row_that_comes_too_late_is_counted():
    watcher = ConceptWatcher()
    rows = outcomes()
    events(watcher, rows[10:20])
    watcher.add(FRAUD, rows[3])
    watcher.add(FRAUD, rows[12])
    assert watcher.counts()[FRAUD] == {"waiting": 0, "late": 2, "unwatched": 0}


def test_an_amended_truth_takes_the_place_of_the_first_while_it_waits():
    rows = outcomes()
    wrong = [Outcome(row.at_s, row.row_id, {"error": 1 - row.errors["error"]}) for row in rows]
    assert events(ConceptWatcher(), [*wrong, *rows]) == events(ConceptWatcher(), rows)


def test_variants_are_watched_apart():
    watcher = ConceptWatcher()
    for row in outcomes():
        watcher.add(OTHER, Outcome(row.at_s, row.row_id, {"error": 0.0}))
    assert {event.variant for event in events(watcher, outcomes())} == {"fraud@1"}
    watcher.keep([OTHER])
    assert set(watcher.counts()) == {OTHER}


def test_it_goes_on_from_its_state():
    rows = outcomes()
    expected = events(ConceptWatcher(), rows)
    first = ConceptWatcher()
    before = events(first, rows[:1200], until_s=2050.0)
    second = ConceptWatcher()
    assert second.restore(first.state()) == []
    assert before + events(second, rows[1200:]) == expected
    assert second.counts()[FRAUD]["late"] == 0


def test_a_state_that_is_none_changes_nothing():
    watcher = ConceptWatcher()
    events(watcher, outcomes()[:100], until_s=1050.0)
    before = watcher.state()
    for broken in (b"", b"{}", b'{"lines": [1], "pending": []}', b'{"lines": [{}]}'):
        with pytest.raises(InvalidInput, match="not readable"):
            watcher.restore(broken)
    assert watcher.state() == before


def test_a_state_of_other_settings_is_begun_anew_and_said():
    first = ConceptWatcher(["adwin"])
    events(first, outcomes()[:100])
    second = ConceptWatcher(["adwin"], {"adwin": {"delta": 0.1}})
    (words,) = second.restore(first.state())
    assert words.startswith("fraud fraud@1: error: adwin begins anew: the state is not that of")


def test_classes_beyond_the_bound_are_counted():
    watcher = ConceptWatcher(["adwin"])
    for i in range(40):
        watcher.add(FRAUD, Outcome(float(i), str(i), classification_errors(i, i)))
    watcher.advance(1e9)
    assert watcher.counts()[FRAUD]["unwatched"] == 40 - (MAX_STREAMS - 1)


def test_too_many_that_wait_are_taken_from_the_oldest_on(monkeypatch):
    monkeypatch.setattr("serve_app.monitoring.concept.watcher.MAX_WAITING", 100)
    watcher = ConceptWatcher()
    for row in outcomes():
        watcher.add(FRAUD, row)
    assert watcher.counts()[FRAUD]["waiting"] == 100
    again = ConceptWatcher()
    again.restore(watcher.state())
    assert again.advance(1e9) == watcher.advance(1e9) == events(ConceptWatcher(), outcomes())


def test_what_is_no_number_is_refused():
    with pytest.raises(InvalidInput, match="row 'a'"):
        ConceptWatcher(["adwin"]).add(FRAUD, Outcome(1.0, "a", {"error": float("nan")}))
    with pytest.raises(InvalidInput, match="ddm watch errors of 0 or 1"):
        ConceptWatcher(["ddm"]).add(FRAUD, Outcome(1.0, "a", {"error": 0.3}))


def test_a_detector_that_is_not_known_is_refused_at_once():
    with pytest.raises(ConfigError, match="'kswin'"):
        ConceptWatcher(["kswin"])
