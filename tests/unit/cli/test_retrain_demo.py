"""Where `serve-app retrain demo` happens: its files, its first version, and how it goes on."""

from dataclasses import replace
from types import SimpleNamespace

import click
import pytest
import yaml

from serve_app.cli.retrain_place import RetrainingPlace
from serve_app.cli.retrain_scene import MODEL, Scene
from serve_app.config import ControlSettings, MonitorArgs


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return RetrainingPlace("./runs", "./elsewhere", None, "./mine, here", quiet=True)


def scene(place):
    return Scene(place, rate_per_s=10.0, seed=5)


@pytest.mark.parametrize(
    ("registry", "state"), [("./registry", "./state"), ("./elsewhere", "./mine, here")]
)
def test_config_and_pipeline_have_the_places_of_their_own(place, registry, state):
    place = replace(place, registry=registry, state=state)
    path = scene(place).config(8123)
    body = yaml.safe_load(path.read_text())
    assert body["http_options"]["port"] == 8123
    applications = {one["name"]: one for one in body["applications"]}
    for one in applications.values():
        assert (one["args"]["registry"], one["args"]["state"]) == (registry, state)
    records = applications["monitor"]["args"]["records"]
    assert records == f"{state}/records"
    declared = applications["control"]["deployments"][0]["user_config"]
    route = ControlSettings.model_validate(declared).endpoints[MODEL].route
    assert route.kind == "canary"
    assert MonitorArgs.model_validate(applications["monitor"]["args"]).drift.window_s == 60
    settings = scene(place).pipeline()
    assert settings.data.patterns == (f"{state.removeprefix('./')}/deliveries/deliveries.csv",)
    assert settings.retrain.endpoint == MODEL
    assert settings.retrain.triggers.drift == "train"


def test_who_changed_the_pipeline_keeps_what_they_wrote(place):
    scene(place).pipeline()
    path = scene(place).folder / "pipeline.yaml"
    path.write_text(path.read_text().replace("trials: 4", "trials: 2"))
    assert scene(place).pipeline().search.trials == 2


@pytest.mark.timeout(300)
def test_the_first_version_is_trained_once_and_has_both_aliases(place):
    for _ in range(2):
        # As in a command, whose options say whose signatures count.
        with click.Context(click.Command("demo")):
            scene(place).first_version()
            versions = place.versions()
        assert versions.registry.aliases(MODEL) == {"champion": 1, "challenger": 1}
        assert versions.registry.versions(MODEL) == [1]
    assert versions.registry.manifest(MODEL, 1).signature.names == (
        "distance_km", "parcels", "rain_mm", "experience_years",
    )  # fmt: skip


def test_the_warehouse_is_where_the_champion_was_trained_and_moves_from_there(place, monkeypatch):
    runs, champions = [], [1]
    known = SimpleNamespace(runs=lambda _: runs)
    monkeypatch.setattr(RetrainingPlace, "ledger", property(lambda _: known))
    versions = SimpleNamespace(champion=lambda _: champions[-1])
    monkeypatch.setattr(RetrainingPlace, "versions", lambda _: versions)
    first = scene(place)
    assert first.visits.place == "town"
    assert first.move() == "further and faster"
    assert first.visits.place == "motorway"
    # The newest first, as a ledger gives them.
    runs[:] = [SimpleNamespace(state="REJECTED", challenger=None),
               SimpleNamespace(state="PROMOTED", challenger=2)]  # fmt: skip
    champions.append(2)
    again = scene(place)
    assert again.visits.place == "motorway"
    assert again.move() == "less far and slower"
    champions.append(1)
    assert scene(place).visits.place == "town"
