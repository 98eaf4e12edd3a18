"""Rules of ours, each on the smallest body that breaks it."""

import pytest

from serve_app.platforms.ray_up import rules
from serve_app.platforms.ray_up.docker_options import docker_options
from tests.unit.platforms.ray_up.clusters import IMAGE

PLACE = "available_node_types.worker.resources."
OTHER = IMAGE.replace("0" * 64, "1" * 64)


def messages(rule, body):
    return [(".".join(map(str, path)), message) for path, message in rule(body)]


@pytest.mark.parametrize(
    ("docker", "key", "words"),
    [
        ({"image": IMAGE, "container_name": "a"}, None, None),
        ({"image": "a:1", "container_name": "a"}, "docker.image", "digest"),
        ({"image": IMAGE}, "docker", "container_name"),
        (
            {"image": IMAGE, "worker_image": OTHER, "container_name": "a"},
            "docker.worker_image",
            "one version of Ray",
        ),
    ],
)
def test_all_nodes_run_one_image(docker, key, words):
    told = messages(rules.images, {"docker": docker})
    assert [one[0] for one in told] == ([] if key is None else [key])
    assert all(words in one[1] for one in told)


def test_a_node_type_with_an_image_of_its_own_is_named():
    body = {
        "docker": {"image": IMAGE, "container_name": "a"},
        "available_node_types": {"gpu": {"docker": {"worker_image": OTHER}}},
    }
    ((key, _),) = messages(rules.images, body)
    assert key == "available_node_types.gpu.docker.worker_image"


def test_what_ray_would_fill_in_is_said():
    told = [message for _, message in rules.filled_in({"setup_commands": []})]
    assert {one.split(":")[0] for one in told} == {
        "lacks head_setup_commands",
        "lacks head_start_ray_commands",
        "lacks worker_start_ray_commands",
    }


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("CPUs", 4, "Did you mean 'CPU'?"),
        ("CUP", 4, "Did you mean 'CPU'?"),
        ("memroy", 4, "Did you mean 'memory'?"),
        ("memory", "4gb", "'4gb'; Ray takes a number"),
        ("CPU", 4, None),
        ("accelerator_type:A100", 1, None),
        ("control", 1, None),
    ],
)
def test_a_misspelt_resource_is_none_of_somebodys_own(key, value, words):
    body = {"available_node_types": {"worker": {"resources": {key: value}}}}
    said = messages(rules.resources, body)
    assert [one for one, _ in said] == ([] if words is None else [PLACE + key])
    assert all(words in message for _, message in said)


@pytest.mark.parametrize("key", ["run_options", "head_run_options"])
def test_an_option_that_docker_does_not_have_is_named(key):
    body = {"docker": {key: ["--ulimit=nofile=1:1", "--shm-sise=512m", "-v /a:/b"]}}
    (said,) = messages(docker_options, body)
    assert said[0] == f"docker.{key}.1"
    assert "no option --shm-sise. Did you mean '--shm-size'?" in said[1]


@pytest.mark.parametrize(("name", "is_right"), [("serve-app_2", True), ("serve app", False)])
def test_a_cluster_is_named_as_machines_can_be(name, is_right):
    assert (messages(rules.names, {"cluster_name": name}) == []) is is_right


def test_a_head_of_no_type_is_told_which_is_meant():
    types = {"head": {}, "wroker": {}}
    body = {"provider": {"type": "aws"}, "available_node_types": types, "head_node_type": "haed"}
    ((key, words),) = messages(rules.node_types, body)
    assert key == "head_node_type"
    assert "Did you mean 'head'?" in words


def test_a_rule_for_everybody_is_refused():
    group = {"IpPermissions": [{"FromPort": 8000, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]}
    body = {"provider": {"type": "aws", "use_internal_ips": True, "security_group": group}}
    ((key, words),) = messages(rules.open_to_everybody, body)
    assert key == "provider.security_group.IpPermissions.0"
    assert "whole internet" in words


def test_machines_of_amazon_without_groups_or_with_open_keys_are_refused():
    body = {
        "provider": {"type": "aws"},
        "available_node_types": {"head": {"node_config": {}}},
    }
    told = [message for _, message in rules.amazon(body)]
    assert len(told) == 3
    assert any("SecurityGroupIds" in one for one in told)
    assert any("HttpTokens: required" in one for one in told)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"provider": {"aws_credentials": {"aws_secret_access_key": "x/y"}}}, "is a secret"),
        ({"setup_commands": ["export RAY_AUTH_TOKEN=abc"]}, "Ray's token"),
        ({"setup_commands": ["export RAY_AUTH_TOKEN=$(cat token)"]}, None),
        ({"setup_commands": ["psql postgresql://me:secret@db/x"]}, "a password in a URL"),
        ({"setup_commands": ["psql postgresql://me:$PASSWORD@db/x"]}, None),
        ({"a": "-----BEGIN RSA PRIVATE KEY-----"}, "a private key"),
        ({"auth": {"ssh_private_key": "~/.ssh/key.pem"}}, None),
    ],
)
def test_secrets_are_found_and_names_of_files_are_none(body, words):
    told = [message for _, message in rules.secrets(body)]
    assert len(told) == (0 if words is None else 1)
    assert all(words in one for one in told)


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ({"cluster_name": "a\nb"}, 1),
        ({"docker": {"run_options": ["--init\n--privileged"]}}, 1),
        ({"file_mounts": {"~/a\nb": "c"}}, 1),
        ({"setup_commands": ["if true; then\n  echo a\nfi\n"]}, 0),
        ({"node_config": {"UserData": "#!/bin/sh\necho a\n"}}, 0),
        ({"cluster_name": "a\n"}, 1),
        ({"cluster_name": "a\u2028b"}, 1),
    ],
)
def test_a_line_break_is_for_scripts_alone(body, count):
    assert len(list(rules.newlines(body))) == count


def test_machines_that_are_there_have_no_types():
    body = {"provider": {"type": "local"}, "available_node_types": {"a": {}}}
    ((key, _),) = messages(rules.node_types, body)
    assert key == "available_node_types"
    ((_, words),) = messages(rules.node_types, {"provider": {"type": "aws"}})
    assert "lacks available_node_types" in words
