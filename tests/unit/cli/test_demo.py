"""Which config a demo runs, and which commands show what was learned."""

import itertools
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from serve_app.cli import demo_clients
from serve_app.cli.demo_clients import DemoClients, command_lines
from serve_app.cli.demo_configs import config_for, config_names, examples_of
from serve_app.cli.traffic_options import Simulation
from serve_app.errors import InvalidInput, NotFound
from serve_app.examples.clients import Case, Tally, Traffic

CONFIGS = Path(__file__).parents[3] / "configs"
DEMOS = ("ab", "canary", "canary-bad", "shadow", "bandit", "cascade", "ensemble", "stack")


@pytest.mark.parametrize("name", DEMOS)
def test_a_demo_is_there_from_anywhere_and_on_any_port(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    made = config_for(8123, tmp_path / "state", name)
    body = yaml.safe_load(made.read_text())
    assert body["http_options"]["port"] == 8123
    ours = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text())
    assert body == {**ours, "http_options": {**ours["http_options"], "port": 8123}}
    assert "diagnosis" in examples_of(made.read_text())


def test_a_file_is_taken_as_it_is_where_its_port_fits(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mine = tmp_path / "mine.yaml"
    mine.write_text("http_options: {host: 127.0.0.1, port: 8010}\napplications: []\n")
    assert config_for(8010, tmp_path / "state", "mine.yaml") == Path("mine.yaml")
    moved = config_for(8011, tmp_path / "state", "mine.yaml")
    assert yaml.safe_load(moved.read_text())["http_options"]["port"] == 8011
    assert "8010" in mine.read_text()


@pytest.mark.parametrize("name", ["canarry", "nothing.yaml", "../secrets"])
def test_a_config_that_is_not_there_is_named_with_those_that_are(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotFound) as refused:
        config_for(8000, tmp_path, name)
    assert repr(name) in refused.value.message
    assert all(demo in refused.value.message for demo in DEMOS)


def test_every_config_of_the_project_has_a_name():
    assert set(config_names()) >= {path.stem for path in CONFIGS.glob("*.yaml")}


def test_a_config_needs_the_examples_whose_models_it_names():
    assert examples_of((CONFIGS / "canary.yaml").read_text()) == ("diagnosis",)
    bad = examples_of((CONFIGS / "canary-bad.yaml").read_text())
    assert set(bad) == {"diagnosis", "millimetres"}
    assert examples_of((CONFIGS / "stack.yaml").read_text()) == ("diagnosis", "stacker")
    assert examples_of("model: mine@1") == ()


def test_clients_belong_to_a_config(serve_app):
    said = serve_app("demo", "--rate", "5")
    assert said.code == 2
    assert "--config NAME" in said.err


@pytest.mark.parametrize(
    ("endpoint", "line"),
    [
        ({"route": "canary"}, "rollout status e"),
        ({"route": "bandit"}, "monitor watch bandits e"),
        ({"route": "single", "shadows": [{}]}, "monitor shadow e --since 9s"),
        ({"route": "cascade"}, "monitor quality e --since 9s"),
    ],
)
def test_what_was_learned_is_shown_by_the_commands_of_its_route(endpoint, line):
    lines = [" ".join(words) for words in command_lines({"e": endpoint}, (), 9)]
    assert line in lines
    assert "monitor quality e --since 9s" in lines
    assert not any("experiments" in one for one in lines)
    with_experiment = command_lines({"e": endpoint}, {"e"}, 9)
    assert ("experiments", "show", "e") in with_experiment


LISTED = {
    "name": "diagnosis",
    "route": "canary",
    "key": None,
    "signature": {"inputs": [], "output": {"kind": "classification"}},
}


class Admin:
    """Says how much feedback still looks for its prediction: each time one less."""

    def __init__(self, pending):
        self.pending = pending
        self.questions = 0

    def feedback(self, endpoint):
        self.questions += 1
        self.pending = max(0, self.pending - 1)
        others = {"endpoint": "another", "pending": 9}
        return [others, {"endpoint": "diagnosis", "pending": self.pending}]

    def read(self, path, *_):
        assert path == "/experiments"
        return {"experiments": [{"endpoint": "another"}]}


@pytest.fixture
def world(monkeypatch):
    """A cluster whose gateway lists one canary, whose share grows at every look."""
    weights = itertools.count(10, 10)

    def standing(_):
        weight = next(weights)
        variants = [
            {"version": "m@1", "weight": 100 - weight}, {"version": "m@2", "weight": weight}
        ]  # fmt: skip
        return {"diagnosis": {**LISTED, "variants": variants}}

    made = SimpleNamespace(admin=Admin(3), lines=[], slept=[], interrupt=False)

    def run(arguments, **_):
        made.lines.append(arguments)
        print(json.dumps({"asked": arguments[0]}))

    class Crowd:
        def __init__(self, targets, traffic, **_):
            self.names = [target.name for target in targets]

        def run(self, look):
            if made.interrupt:
                raise KeyboardInterrupt
            look(self.tallies())

        def tallies(self):
            tally = Tally()
            tally.add(("m@1",), 0.0, 0.01)
            return dict.fromkeys(self.names, tally)

    monkeypatch.setattr(demo_clients, "standing", standing)
    monkeypatch.setattr(demo_clients, "example_cases", lambda _: [Case({}, "yes")])
    monkeypatch.setattr(demo_clients.AdminClient, "of", lambda _: made.admin)
    monkeypatch.setattr(demo_clients, "Crowd", Crowd)
    monkeypatch.setattr(demo_clients.cli, "main", run)
    running = SimpleNamespace(http_url="http://127.0.0.1:1")
    now = itertools.count(0, 6)
    made.clients = DemoClients(
        running,
        "./mine",
        Simulation(Traffic(), 1, 1),
        clock=lambda: float(next(now)),
        sleep=made.slept.append,
    )
    return made


def test_what_was_learned_is_shown_once_feedback_has_met_its_predictions(world, capsys):
    report = world.clients.run(as_json=True)
    assert len(world.slept) == 2
    assert world.admin.pending == 0
    assert [line[:2] for line in world.lines] == [["rollout", "status"], ["monitor", "quality"]]
    assert all(line[-3:] == ["--state", "./mine", "--json"] for line in world.lines)
    assert report["known"]["rollout status diagnosis"] == {"asked": "rollout"}
    assert report["clients"]["diagnosis"]["answered"] == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "diagnosis: m@1 80.0%, m@2 20.0%" in printed.err
    assert "diagnosis: m@1 70.0%, m@2 30.0%" in printed.err


def test_feedback_that_never_meets_its_prediction_is_not_waited_for_for_ever(world):
    world.admin.pending = 10**6
    world.clients.run(as_json=True)
    assert 0 < len(world.slept) < 20


def test_an_interrupt_ends_the_clients_and_what_was_learned_is_shown(world, capsys):
    world.interrupt = True
    world.clients.run(as_json=False)
    assert world.lines
    printed = capsys.readouterr()
    assert "clients are stopped" in printed.err
    assert "$ serve-app rollout status diagnosis" in printed.out


def test_without_rows_that_fit_nothing_is_sent(world, monkeypatch):
    monkeypatch.setattr(demo_clients, "example_cases", lambda _: [])
    with pytest.raises(InvalidInput, match="fits none of the endpoints diagnosis"):
        world.clients.run(as_json=True)
    assert not world.lines
