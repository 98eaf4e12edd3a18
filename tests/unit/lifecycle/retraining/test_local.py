"""Runs that really train, register and promote, and what a process that dies leaves of them."""

import itertools
from dataclasses import replace

import pytest

from serve_app.config.retraining import RetrainSettings
from serve_app.errors import ArtifactRejected, Conflict, NotFound
from serve_app.lifecycle.executor import InThisProcess
from serve_app.lifecycle.fold_data import load_fold_data
from serve_app.lifecycle.retraining import decisions
from serve_app.lifecycle.retraining.effects import Effects, Ticket
from serve_app.lifecycle.retraining.local import LocalTraining, count_new_rows
from serve_app.lifecycle.retraining.versions import RegistryVersions
from serve_app.lifecycle.sequence import Means
from serve_app.lifecycle.spec import body_of
from serve_app.lifecycle.training import Training
from serve_app.registry.store import Registry
from tests.unit.lifecycle.retraining.fakes import MODEL, Dies, House
from tests.unit.lifecycle.test_training import rows, settings


class RealHouse(House):
    """A ledger beside a registry, with runs of training in this process."""

    def __init__(self, home):
        super().__init__(home / "runs")
        clock = itertools.count(100)

        def here(place):
            return InThisProcess(load_fold_data(place))

        registry = Registry(str(home / "registry"))
        means = Means(registry, here, lambda: float(next(clock)))
        self.training = Training(home / "runs", means, lambda progress: None)
        self.versions = RegistryVersions(registry)

    def process(self, *fault):
        made = super().process(*fault)
        return replace(made, effects=Effects(LocalTraining(self.training), self.versions))

    def begin(self, key="1", card=(), importance=None, **retrain):
        retrain.setdefault("deadline", "1d")
        more = {} if importance is None else {"importance": importance}
        body = {**body_of(settings(card={"add": card}, **more)), "retrain": retrain}
        return self.trigger(key, body=body, forced=True)


@pytest.fixture
def house(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows().to_csv("rows.csv", index=False)
    return RealHouse(tmp_path)


def test_a_first_run_makes_a_champion_and_a_second_one_is_held_against_it(house):
    house.begin()
    assert house.work().state == "PROMOTED"
    assert house.versions.champion(MODEL) == 1
    rows(seed=2).to_csv("rows.csv", index=False)
    house.begin("2", version={"latency": 50.0})
    run = house.work()
    assert (run.state, run.champion, run.challenger) == ("PROMOTED", 1, 2)
    names = [gate["name"] for gate in run.facts["gates"]]
    assert names == ["beats_baseline", "loads", "schema", "latency"]
    lineage = house.versions.registry.manifest(MODEL, 2).lineage
    assert (lineage.run_id, lineage.trigger_id) == ("churn-2", "churn trigger 2")
    moves = house.versions.registry.alias_history(MODEL, "champion")
    assert [move.version for move in moves] == [1, 2]
    author = decisions.Author("ann", "it is worse", house.clock())
    decisions.roll_back(house.database, house.versions, MODEL, 1, author)
    assert house.versions.champion(MODEL) == 1
    with pytest.raises(NotFound):
        decisions.roll_back(house.database, house.versions, MODEL, 9, author)


def test_a_card_without_what_it_must_have_is_no_champions(house, tmp_path):
    use = tmp_path / "use.md"
    use.write_text("## Intended use\nWho may churn.\n")
    house.begin(card=[str(use)], version={"card": ["intended use", "Importance"], "compiled": True})
    run = house.work()
    assert run.state == "PROMOTED", run.error
    gates = {one["name"]: one["verdict"] for one in run.facts["gates"]}
    assert gates == dict.fromkeys(["beats_baseline", "loads", "card", "compiled"], "passed")
    house.begin("2", importance={"repeats": 0}, card=[str(use)], version={"card": ["Importance"]})
    run = house.work()
    assert run.state == "REJECTED"
    assert "card failed (its card lacks Importance" in run.error
    house.begin("3", version={"card": ["Limitations"]})
    run = house.work()
    assert (run.state, run.challenger) == ("FAILED", None)
    assert "wants Limitations, which no file of card.add has" in run.error


@pytest.mark.parametrize("point", ["snapshot: done", "evaluate: done", "register: done"])
def test_what_a_dead_process_did_is_not_done_again(house, point):
    house.begin()

    def fault(name):
        if name == point:
            raise Dies

    with pytest.raises(Dies):
        house.process(fault).work()
    assert house.work().state == "PROMOTED"
    assert [run.id for run in house.training.ledger.runs()] == ["churn-1"]
    assert house.versions.registry.versions(MODEL) == [1]


def test_new_rows_are_those_that_the_champion_s_run_did_not_read(house):
    body = body_of(settings())
    assert count_new_rows(house.training, MODEL, body) is None
    house.begin()
    house.work()
    assert count_new_rows(house.training, MODEL, body) == 0
    more = rows()
    more.loc[len(more)] = more.loc[0]
    more.to_csv("rows.csv", index=False)
    assert count_new_rows(house.training, MODEL, body) == 1


def test_a_version_that_clients_would_notice_does_not_pass(house):
    house.begin()
    house.work()
    changed = rows().rename(columns={"visits": "calls"})
    changed.to_csv("rows.csv", index=False)
    house.begin("2")
    run = house.work()
    assert run.state == "REJECTED"
    assert "schema failed" in run.error
    with pytest.raises(Conflict, match="does not fit what churn@1 does"):
        house.versions.check(MODEL, 2)
    ticket = Ticket("r", "r", MODEL, 1, 1, {"retrain": {"version": {"schema": False}}})
    assert [gate.verdict for gate in house.versions.inspect(ticket, 2, 1)] == ["passed"]


def test_a_version_whose_files_changed_is_no_champion(house):
    house.begin()
    house.work()
    for file in house.versions.registry.files_of(house.versions.registry.manifest(MODEL, 1)).files:
        (house.training.folder.parent / "registry" / MODEL / "1" / file).write_bytes(b"other")
    with pytest.raises(ArtifactRejected):
        house.versions.check(MODEL, 1)


def test_settings_of_a_run_are_those_of_its_beginning(house):
    recorded = house.begin(approval={"required": True})
    run = house.ledger.run(recorded.run)
    assert RetrainSettings.model_validate(run.body["retrain"]).approval.required
