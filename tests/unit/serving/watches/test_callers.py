"""From recorded rows to who may be probing a model."""

import asyncio
import json

import numpy as np
import pandas as pd
import pytest

from serve_app.core.caller import pseudonym
from serve_app.core.messages import Payload, Request
from serve_app.core.ports import Suspicion
from tests.unit.serving.watches.whole_people import home, people, shown

SALT = "a secret of sixteen letters"
KEYS = {"honest": "key-1", "sweeper": "key-2", "prober": "key-3"}


def called(name):
    return pseudonym(KEYS[name], SALT)


def ask(house, frame, headers):
    columns = {name: frame[name].tolist() for name in frame}
    request = Request("risk", Payload(columns, len(frame)), "request", headers=headers)
    asyncio.run(house.predictor.predict(request))


def sweeps(rows, seed):
    """One person after the other, whose age goes from 20 to 80."""
    frame = people(rows, seed)
    return pd.DataFrame({
        "age": np.tile(np.linspace(20, 80, 20), rows // 20),
        "dose": np.repeat(frame["dose"].to_numpy()[: rows // 20], 20),
    })  # fmt: skip


def beside_the_boundary(rows, seed):
    random = np.random.default_rng(seed)
    # Of the house's model: age + 5 dose = 50.
    age = 50 + random.normal(0, 0.01, rows)
    return pd.DataFrame({"age": age, "dose": random.normal(0, 0.001, rows)})


def traffic(house, work, **frames):
    for name, frame in frames.items():
        ask(house, frame, {"x-api-key": KEYS[name], "x-forwarded-for": "1.2.3.4"})
    house.deliver(work)
    house.now_s += 331
    watch = work.watch("callers")
    watch.run()
    return watch


@pytest.fixture
def house(tmp_path):
    return home(tmp_path, {"callers": {"by": "credential", "salt": SALT}})


def test_who_probes_is_suspect_and_who_asks_as_others_do_is_not(house):
    work = house.monitor()
    watch = traffic(
        house, work, honest=people(200, 1), sweeper=sweeps(100, 2),
        prober=beside_the_boundary(100, 3),
    )  # fmt: skip
    (one,) = watch.report("risk", 3_600)
    by_caller = {row["caller"]: row for row in one["callers"]}
    assert one["not_judged"] is None
    assert by_caller[called("honest")]["suspicion"] < 0.5
    assert by_caller[called("sweeper")]["sweeps"] > 0.8
    assert by_caller[called("prober")]["near_duplicates"] > 0.8
    assert by_caller[called("prober")]["near_threshold"] > 0.8
    json.dumps(one, allow_nan=False)
    subjects = {finding.subject for finding in work.findings() if finding.kind == "callers"}
    assert f"{called('sweeper')}: sweeps" in subjects
    assert not any(called("honest") in subject for subject in subjects)
    assert shown(work)["serve_app_adversarial_suspicion", "risk", "sweeps"] > 0.8
    suspicion: Suspicion = watch
    assert suspicion.of(called("sweeper")) > 0.8
    assert suspicion.of(called("honest")) < 0.5
    assert suspicion.of("nobody") == 0


def test_who_was_suspect_is_so_after_a_kill_and_no_more_an_hour_later(house):
    work = house.monitor()
    traffic(house, work, sweeper=sweeps(100, 2))
    again = house.monitor()
    assert again.watch("callers").of(called("sweeper")) > 0.8
    house.now_s += 3_600
    watch = traffic(house, again, honest=people(200, 1))
    assert watch.of(called("sweeper")) == 0
    assert watch.findings() == []


def test_no_credential_is_in_what_is_kept(house):
    work = house.monitor()
    traffic(house, work, sweeper=sweeps(100, 2))
    work.compact()
    files = [one for one in house.folder.rglob("*") if one.is_file()]
    assert files
    for one in files:
        content = one.read_bytes()
        assert KEYS["sweeper"].encode() not in content
        assert b"1.2.3.4" not in content


def test_without_a_setting_nothing_is_kept_of_who_asks(tmp_path):
    house = home(tmp_path)
    work = house.monitor()
    watch = traffic(house, work, sweeper=sweeps(100, 2))
    (one,) = watch.report(None, 3_600)
    assert one["callers"] == []
    assert "callers is not set" in one["not_judged"]
    assert watch.findings() == []


def test_whoever_does_not_say_who_they_are_is_nobody(tmp_path):
    house = home(tmp_path, {"callers": {"by": "identity", "salt": SALT}})
    work = house.monitor()
    watch = traffic(house, work, sweeper=sweeps(100, 2))
    (one,) = watch.report(None, 3_600)
    assert one["callers"] == []
    assert one["not_judged"] is None


def test_it_can_be_off(tmp_path):
    house = home(
        tmp_path, {"callers": {"by": "credential", "salt": SALT}}, callers={"enabled": False}
    )
    watch = traffic(house, house.monitor(), sweeper=sweeps(100, 2))
    assert watch.report(None, 3_600) == []
