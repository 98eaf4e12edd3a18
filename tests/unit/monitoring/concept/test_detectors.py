"""Detectors do what river's documentation prints, and go on from their state."""

import json
import random
import sys

import pytest

from serve_app.core.places import standing_at
from serve_app.errors import ConfigError, InvalidInput
from serve_app.monitoring.concept import DEFAULT_DETECTORS, DETECTORS, detector_named


def levels(detector, stream):
    return [detector.update(value) for value in stream]


def places(said, level):
    """Where a level begins: of a warning the first after each drift."""
    found, silent = [], False
    for index, now in enumerate(said):
        if now == level and not silent:
            found.append(index)
            silent = level == "warning"
        if now == "drift":
            silent = False
    return found


def numbers():
    rng = random.Random(12345)
    return rng.choices([0, 1], k=1000) + rng.choices(range(4, 8), k=1000)


def errors():
    rng = random.Random(42)
    return rng.choices([0, 1], k=1000) + rng.choices([0, 1], k=1000, weights=[0.3, 0.7])


# The examples in the documentation of river 0.26.1, `drift.ADWIN`, `drift.PageHinkley`,
# `drift.binary.DDM`, `EDDM`, `HDDMA` and `HDDMW`: settings, and where a change is printed.
RIVER = {"min_instances": 30, "delta": 0.005, "threshold": 50.0, "alpha": 0.9999, "mode": "both"}


@pytest.mark.parametrize(
    ("name", "settings", "index"), [("adwin", {}, 1023), ("page_hinkley", RIVER, 1006)]
)
def test_numbers_change_where_river_prints_it(name, settings, index):
    assert places(levels(detector_named(name, settings), numbers()), "drift") == [index]


@pytest.mark.parametrize(
    ("name", "settings", "warnings", "drifts"),
    [
        ("ddm", {}, [1084, 1492], [1334]),
        ("eddm", {"alpha": 0.8, "beta": 0.75}, [1059], [1278]),
        ("hddm_a", {}, [451], [1206]),
        ("hddm_w", {}, [451], [1077]),
    ],
)
def test_errors_change_where_river_prints_it(name, settings, warnings, drifts):
    said = levels(detector_named(name, settings), errors())
    assert places(said, "warning") == warnings
    assert places(said, "drift") == drifts


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("cut", [0, 1, 500, 1100, 1500])
def test_a_detector_goes_on_from_its_state(name, cut):
    stream = errors()
    whole, first, second = (detector_named(name, {}) for _ in range(3))
    expected = levels(whole, stream)
    levels(first, stream[:cut])
    second.restore(first.state())
    assert levels(second, stream[cut:]) == expected[cut:]
    assert second.state() == whole.state()


@pytest.mark.parametrize("name", DETECTORS)
def test_a_state_is_small(name):
    detector = detector_named(name, {})
    levels(detector, errors() * 20)
    assert len(detector.state()) < 3000


@pytest.mark.parametrize(
    "broken", [b"", b"no", b"[]", b"{}", b'{"body": 1, "sha256": 2}', b"\xff", b"[" * 100_000]
)
def test_what_is_no_state_is_refused(broken):
    with pytest.raises(InvalidInput, match="not readable"):
        detector_named("adwin", {}).restore(broken)


def test_a_damaged_state_is_refused_and_changes_nothing():
    detector = detector_named("adwin", {})
    levels(detector, errors()[:700])
    before = detector.state()
    with pytest.raises(InvalidInput, match="digest differs"):
        detector.restore(before.replace(b"0.002", b"0.003"))
    assert detector.state() == before


def test_a_state_of_another_detector_or_setting_is_refused():
    state = detector_named("adwin", {}).state()
    with pytest.raises(InvalidInput, match="'ddm'"):
        detector_named("ddm", {}).restore(state)
    with pytest.raises(InvalidInput, match="these settings"):
        detector_named("adwin", {"delta": 0.1}).restore(state)


def test_a_state_of_another_river_is_refused(monkeypatch):
    detector = detector_named("adwin", {})
    state = detector.state()
    monkeypatch.setattr("serve_app.monitoring.concept.river_state.version", lambda _: "99.0")
    with pytest.raises(InvalidInput, match=r"of river 0\.\d+\.\d+, and 99\.0 is installed"):
        detector.restore(state)


def test_all_are_in_the_table_and_say_their_settings():
    assert set(DEFAULT_DETECTORS) <= set(DETECTORS)
    for name, place in DETECTORS.items():
        assert standing_at(place).name == name
        assert detector_named(name, {}).settings
    assert detector_named("adwin", {"delta": 0.01}).settings["delta"] == 0.01
    assert detector_named("page_hinkley", {}).settings["mode"] == "up"


def test_a_detector_that_is_not_known_is_refused():
    with pytest.raises(ConfigError, match="there is no drift detector 'kswin'; there are adwin"):
        detector_named("kswin", {})


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("adwin", {"lambda": 3}, "no setting lambda; it has delta"),
        ("page_hinkley", {"mode": "sideways"}, "'page_hinkley': Invalid 'mode'"),
        ("eddm", {"alpha": 0.1}, "'eddm': 'alpha' must be"),
        ("adwin", {"clock": "often"}, "'adwin'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(name, settings, words):
    with pytest.raises(ConfigError, match=words):
        detector_named(name, settings)


def test_without_river_it_says_what_to_install(monkeypatch):
    module = "serve_app.monitoring.concept.river_detectors"
    monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setitem(sys.modules, "river", None)
    with pytest.raises(ConfigError, match=r"pip install 'serve-app\[monitor\]'"):
        detector_named("adwin", {})


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(InvalidInput, match="finite"):
        detector_named("adwin", {}).update(value)


def test_detectors_of_right_and_wrong_take_nothing_else():
    with pytest.raises(InvalidInput, match="takes 0 or 1"):
        detector_named("ddm", {}).update(0.5)


def test_the_state_holds_nothing_that_is_run():
    body = json.loads(json.loads(detector_named("hddm_w", {}).state())["body"])
    assert set(body) == {"detector", "river", "settings", "fields"}
