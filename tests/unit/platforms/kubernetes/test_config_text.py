"""A config is made fit for pods, and stays what it is otherwise."""

from pathlib import Path

import pytest
import yaml

from serve_app.errors import ConfigError
from serve_app.platforms.kubernetes.config_text import for_pods

SPLIT = Path("configs/split.yaml").read_text()
DATABASE = "postgresql+psycopg://serve@db/serve"


def applications(text):
    return {one["name"]: one for one in yaml.safe_load(text)["applications"]}


def test_proxies_listen_to_other_pods():
    assert yaml.safe_load(for_pods(SPLIT, None))["http_options"] == {
        "host": "0.0.0.0",
        "port": 8000,
    }


def test_what_keeps_state_is_bound_to_the_head():
    made = applications(for_pods(SPLIT, None))
    for name in ("control", "monitor"):
        (deployment,) = made[name]["deployments"]
        assert deployment["ray_actor_options"] == {"num_cpus": 0, "resources": {"control": 0.5}}
        assert made[name]["args"]["state"] == "./state"


def test_with_a_database_nothing_is_bound_and_records_go_to_the_shared_volume():
    made = applications(for_pods(SPLIT, DATABASE))
    assert {made[name]["args"]["state"] for name in ("gateway", "control", "monitor")} == {DATABASE}
    assert made["monitor"]["args"]["records"] == "./records"
    assert "resources" not in made["control"]["deployments"][0]["ray_actor_options"]


FILE = "/var/lib/serve-app/keys/keys.json"


@pytest.mark.parametrize(
    ("said", "access"),
    [
        (None, {"mode": "keys", "keys_file": FILE}),
        ("{mode: keys}", {"mode": "keys", "keys_file": FILE}),
        ("{mode: keys, keys_file: /keys.json}", {"mode": "keys", "keys_file": "/keys.json"}),
        ("{mode: open}", {"mode": "open"}),
        ("{mode: tokens}", {"mode": "tokens"}),
    ],
)
def test_whoever_has_a_key_of_the_secret_may_ask_unless_the_config_says_who(said, access):
    text = SPLIT
    if said is not None:
        text = text.replace("{registry: ./registry, state: ./state}", f"{{access: {said}}}", 1)
    assert applications(for_pods(text, None))["gateway"]["args"]["access"] == access


def test_everything_else_stays():
    before, after = applications(SPLIT), applications(for_pods(SPLIT, None))
    del after["gateway"]["args"]["access"]
    assert {name: one for name, one in after.items() if name not in ("control", "monitor")} == {
        name: one for name, one in before.items() if name not in ("control", "monitor")
    }


@pytest.mark.parametrize("text", ["a: [", "[]", "applications: 3", ""])
def test_what_is_no_config_is_refused(text):
    with pytest.raises(ConfigError):
        for_pods(text, None)
