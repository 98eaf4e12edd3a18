"""Which config a demo runs, and which commands show what was learned."""

from pathlib import Path

import pytest
import yaml

from serve_app.cli.demo_clients import command_lines
from serve_app.cli.demo_configs import config_for, config_names, examples_of
from serve_app.errors import NotFound

CONFIGS = Path(__file__).parents[3] / "configs"
DEMOS = ("ab", "canary", "canary-bad", "shadow", "bandit", "cascade", "ensemble")


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
    lines = [" ".join(words) for words in command_lines({"e": endpoint}, 9)]
    assert line in lines
    assert "monitor quality e --since 9s" in lines
