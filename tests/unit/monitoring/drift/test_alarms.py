"""An alarm stands while k of the last m judged windows say so."""

import json
import pickle

from serve_app.monitoring.drift.alarms import Alarms
from serve_app.monitoring.drift.settings import DriftSettings
from serve_app.monitoring.drift.verdict import FeatureVerdict, RateVerdict

SETTINGS = DriftSettings(alarm_windows=2, of_windows=3)


def verdict(drifted=False, not_judged=None, missing=None, name="age"):
    rates = {} if missing is None else {"missing": RateVerdict(0, 0.5, 0.05, 0, 0, missing)}
    return FeatureVerdict(
        name, "numbers", 900, "psi", 0.1, drifted=drifted, not_judged=not_judged, rates=rates
    )


def after(*verdicts, settings=SETTINGS):
    alarms = Alarms()
    for one in verdicts:
        alarms = alarms.after((one,), settings)
    return alarms


def test_one_window_is_no_alarm_and_two_of_three_are():
    assert after(verdict(drifted=True)).standing(SETTINGS) == ()
    drifted = after(verdict(drifted=True), verdict(), verdict(drifted=True))
    assert drifted.standing(SETTINGS) == (("age", "distribution"),)
    assert drifted.after((verdict(),), SETTINGS).standing(SETTINGS) == ()


def test_windows_that_are_not_judged_neither_raise_nor_end_an_alarm():
    quiet = verdict(not_judged="too few rows: 3 of 640")
    alarms = after(verdict(drifted=True), quiet, quiet, quiet, verdict(drifted=True))
    assert alarms.standing(SETTINGS) == (("age", "distribution"),)
    assert alarms.after((quiet,), SETTINGS).standing(SETTINGS) == (("age", "distribution"),)


def test_rates_alarm_by_themselves():
    alarms = after(verdict(missing=True), verdict(missing=True))
    assert alarms.standing(SETTINGS) == (("age", "missing"),)


def test_features_that_are_gone_are_forgotten():
    alarms = after(verdict(drifted=True), verdict(drifted=True), verdict(name="height"))
    assert alarms.standing(SETTINGS) == ()
    assert set(alarms.recent) == {"height"}


def test_no_more_windows_are_kept_than_count():
    alarms = after(*[verdict(drifted=True)] * 50)
    assert len(alarms.recent["age"]["distribution"]) == 3
    # Settings that count fewer windows look at the last of them.
    strict = DriftSettings(alarm_windows=1, of_windows=1)
    calm = alarms.after((verdict(),), SETTINGS)
    assert calm.standing(strict) == ()


def test_what_is_kept_can_be_written_and_read():
    alarms = after(verdict(drifted=True, missing=False), verdict(drifted=True, missing=True))
    assert Alarms.from_json(json.loads(json.dumps(alarms.to_json()))) == alarms
    assert pickle.loads(pickle.dumps(alarms)) == alarms
