"""From counted rows to sudden changes of them."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from serve_app.config import ControlSettings
from serve_app.config.data_quality import DataQualityArgs
from serve_app.control.declare import declare
from serve_app.core.columns import Columns
from serve_app.core.snapshot import Snapshot
from serve_app.engine.registration.register import Candidate, register
from serve_app.monitoring.binning import Binner
from serve_app.monitoring.window import Series
from serve_app.monitoring.windows import Delta
from serve_app.storage.snapshots import SnapshotStore
from tests.unit.serving.watches.whole_people import home, minutes, people, shown


@pytest.fixture
def house(tmp_path):
    return home(tmp_path, data_quality={"window_s": 60})


def looked(work):
    watch = work.watch("data_quality")
    watch.run()
    return watch


def usual(house, work, number=10):
    minutes(house, work, [people(200, minute) for minute in range(number)])
    house.now_s -= 31


def keys(work):
    return [one.key[0:4] for one in work.findings() if one.kind in {"data_quality", "volume"}]


def test_rows_as_before_are_no_finding(house):
    work = house.monitor()
    usual(house, work)
    minutes(house, work, [people(220, 99)])
    (one,) = looked(work).report("risk", 3_600)
    assert (one["rows"], one["volume"], one["columns"]) == (220, None, {"risk@1": []})
    assert keys(work) == []
    assert shown(work)["serve_app_data_anomalies", "risk", "volume"] == 0


def test_rows_that_stop_are_a_finding_that_ends_when_they_come_again(house):
    work = house.monitor()
    usual(house, work)
    house.now_s += 91
    watch = looked(work)
    (finding,) = watch.findings()
    assert finding.key == ("volume", "risk", "", "rows")
    assert (finding.severity, finding.value, finding.threshold) == ("critical", 0, 200)
    (one,) = watch.report(None, 3_600)
    assert one["volume"]["what"] == "stopped"
    json.dumps(one, allow_nan=False)
    assert shown(work)["serve_app_data_anomalies", "risk", "volume"] == 1
    house.now_s -= 31
    minutes(house, work, [people(200, 50)])
    assert looked(work).findings() == []


def test_a_column_that_goes_missing_or_stands_still_is_a_finding(house):
    work = house.monitor()
    usual(house, work)
    frame = people(200, 77)
    frame["age"] = 50.0
    minutes(house, work, [frame])
    looked(work)
    assert keys(work) == [("data_quality", "risk", "risk@1", "age: constant")]
    assert shown(work)["serve_app_data_anomalies", "risk", "constant"] == 1


def test_what_came_while_no_monitor_was_there_is_not_known_to_be_missing(house):
    work = house.monitor()
    usual(house, work)
    house.now_s += 600
    again = house.monitor()
    assert looked(again).findings() == []


def counted(house, work, by_version):
    """Let a minute pass in which gateways counted so many rows of each version."""
    deltas = []
    for version, rows in by_version.items():
        frame = people(rows, int(house.now_s))
        binner = Binner(work.watch("data_quality")._sources.profiles(version))
        columns = Columns.of({name: frame[name].to_numpy() for name in frame})
        series = Series("risk", version, binner.layout.digest)
        deltas.append(Delta(series, house.now_s, binner.count(columns).vector))
    work.intake.read(lambda windows: windows.take("gateway.b", int(house.now_s), deltas))
    house.now_s += 60


def test_rows_that_had_stopped_are_so_after_a_kill_until_they_come_again(house):
    work = house.monitor()
    usual(house, work)
    house.now_s += 91
    (finding,) = looked(work).findings()
    again = house.monitor()
    assert {"data_quality", "volume"} <= again.unknown()
    assert looked(again).findings() == [finding]
    house.now_s -= 31
    minutes(house, again, [people(200, 50)])
    assert looked(again).findings() == []


def test_a_version_that_gets_no_rows_while_another_does_is_a_finding(house):
    frame = people(1_000, 0)
    fitted = LogisticRegression().fit(frame, np.where(frame["age"] > 50, "ill", "well"))
    register(house.registry, Candidate("risk", fitted, frame), compile="never")
    targets = [{"model": "risk@1", "weight": 50}, {"model": "risk@2", "weight": 50}]
    route = {"kind": "split", "variants": targets}
    declared = ControlSettings.model_validate({"endpoints": {"risk": {"route": route}}})
    snapshot = Snapshot(2, "other", declare(declared, house.registry.manifest).checked())
    SnapshotStore(house.args.state).save(2, "other", snapshot.to_json())
    work = house.monitor()
    for _ in range(8):
        counted(house, work, {"risk@1": 200, "risk@2": 200})
    counted(house, work, {"risk@1": 380})
    house.now_s += 31
    assert [(one.kind, one.variants) for one in looked(work).findings()] == [("volume", "risk@2")]
    house.now_s += 60
    # Nothing comes at all: it is the endpoint that stopped.
    assert [(one.kind, one.variants) for one in looked(work).findings()] == [("volume", "")]


def test_usual_is_what_the_same_hours_of_former_days_had(house):
    house.args = house.args.model_copy(update={"data_quality": DataQualityArgs()})
    work = house.monitor()
    for hour in range(8 * 24):
        # Nights are quiet, as they always are.
        at_night = hour % 24 >= 12
        counted(house, work, {"risk@1": 10 if at_night else 300})
        house.now_s += 3_540
        if hour > 24 * 7:
            house.now_s += 31
            assert looked(work).findings() == []
            house.now_s -= 31


def test_versions_without_a_profile_are_not_counted_so_that_rows_are_not_missed(house):
    work = house.monitor()
    usual(house, work)
    watch = work.watch("data_quality")
    watch._sources = watch._sources.__class__(
        **{name: getattr(watch._sources, name) for name in watch._sources.__slots__}
        | {"profiles": lambda _: None}
    )
    house.now_s += 91
    assert looked(work).findings() == []


def test_it_can_be_off(tmp_path):
    house = home(tmp_path, data_quality={"enabled": False})
    work = house.monitor()
    minutes(house, work, [pd.DataFrame({"age": [1.0], "dose": [2.0]})])
    assert looked(work).report(None, 3_600) == []
