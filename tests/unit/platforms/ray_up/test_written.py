"""What is committed is what the command writes, and leaves nothing open."""

import pytest
import yaml

from serve_app.platforms.ray_up.description import Description
from serve_app.platforms.ray_up.written import document, text
from tests.unit.platforms.ray_up.clusters import AWS, COMMITTED, FILES, IMAGE, ON_PREMISES


@pytest.mark.parametrize("name", FILES)
def test_the_committed_file_is_written_by_the_command(name):
    assert (COMMITTED / f"{name}.yaml").read_text() == FILES[name]


def test_every_committed_file_is_one_of_them():
    assert {path.stem for path in COMMITTED.glob("*.yaml")} == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_the_token_travels_as_a_file_and_stands_nowhere(name):
    body = yaml.safe_load(FILES[name])
    assert body["file_mounts"]["~/serve-app/ray-token"] == "./ray-token"
    for role in ("head", "worker"):
        assert "--auth-token ray-token" in body[f"{role}_start_ray_commands"][-1]


def test_what_stands_twice_is_written_twice():
    body = text(Description(image=IMAGE), AWS, "aws")
    assert "&id" not in body
    assert "*id" not in body
    assert body.count("HttpTokens: required") == 2


def test_a_file_says_the_same_after_it_was_read():
    cluster = Description(image=IMAGE, name="churn", max_workers=3, http_port=8080)
    assert yaml.safe_load(text(cluster, AWS, "aws")) == document(cluster, AWS)


def test_machines_that_are_there_all_belong_to_the_cluster():
    body = document(Description(environment="/opt/serve-app"), ON_PREMISES)
    assert body["max_workers"] == 2
    assert "available_node_types" not in body
    assert body["docker"] == {}


def test_a_container_has_an_init_and_no_rights():
    options = document(Description(image=IMAGE), AWS)["docker"]["run_options"]
    assert {"--init", "--cap-drop=ALL", "--ulimit=nofile=65536:65536"} <= set(options)
