"""`serve-app export ray-up` as people call it."""

import json

import pytest

from tests.unit.platforms.ray_up.clusters import FILES, IMAGE, KEY

LOCAL = ("local", "--head-ip", "10.0.0.1", "--worker-ip", "10.0.0.2", "--worker-ip", "10.0.0.3")
LOCAL += ("--environment", "/opt/serve-app", "--ssh-user", "serve", "--ssh-key", KEY)
AZURE = ("azure", "--location", "germanywestcentral", "--resource-group", "serve-app")
AZURE += ("--subscription", "00000000-0000-0000-0000-000000000000", "--image", IMAGE)
AZURE += ("--ssh-key", KEY)
GCP = ("gcp", "--project", "my-project", "--region", "europe-west3", "--zone", "europe-west3-a")
GCP += ("--subnetwork", "regions/europe-west3/subnetworks/serve-app", "--image", IMAGE)
GCP += ("--source-image",)
GCP += ("projects/deeplearning-platform-release/global/images/family/common-cpu",)
AWS = ("aws", "--region", "eu-central-1", "--zone", "eu-central-1a", "--zone", "eu-central-1b")
AWS += ("--image-id", "ami-0123456789abcdef0", "--security-group", "sg-0123456789abcdef0")
AWS += ("--subnet", "subnet-0123456789abcdef0", "--subnet", "subnet-0123456789abcdef1")
AWS += ("--key-name", "serve-app", "--ssh-key", KEY, "--image", IMAGE)


@pytest.mark.parametrize(
    ("line", "name"), [(LOCAL, "on-premises"), (AZURE, "azure"), (GCP, "gcp"), (AWS, "aws")]
)
def test_the_committed_files_are_written_by_these_lines(serve_app, tmp_path, line, name):
    out = tmp_path / "cluster.yaml"
    made = serve_app("export", "ray-up", *line, "--out", out, "--json")
    assert made.code == 0, made.err
    assert json.loads(made.out) == {"file": str(out), "provider": line[0]}
    assert out.read_text() == FILES[name]


def test_nodes_behind_a_balancer_know_it(serve_app, tmp_path):
    out = tmp_path / "cluster.yaml"
    more = ("--trusted-proxy", "10.0.0.0/8", "--head-timeout-s", "90")
    made = serve_app("export", "ray-up", *LOCAL, *more, "--out", out)
    assert made.code == 0, made.err
    starts = [line for line in out.read_text().splitlines() if "--node-ip auto" in line]
    assert len(starts) == 2
    assert all(" --trusted-proxy 10.0.0.0/8 --head-timeout-s 90" in line for line in starts)


def test_a_file_is_overwritten_with_force_alone(serve_app, tmp_path):
    line = ("export", "ray-up", *LOCAL, "--out", tmp_path / "cluster.yaml")
    assert "ray up" in serve_app(*line).out
    assert "is there already" in serve_app(*line).err
    assert serve_app(*line, "--force").code == 0


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--image", "serve-app:latest"), "give one of --image"),
        (("--worker-ip", "10.0.0.1"), "10.0.0.1 is given twice"),
        (("--name", "My Cluster"), "cannot name a cluster"),
        (("--token", "a\nb"), "--token must be one line"),
        (("--trusted-proxy", "balancer"), "'balancer' is no address and no network"),
        (("--client-ca", __file__), "TLS needs both"),
    ],
)
def test_mistakes_are_told_in_words(serve_app, tmp_path, more, words):
    made = serve_app("export", "ray-up", *LOCAL, *more, "--out", tmp_path / "cluster.yaml")
    assert made.code != 0
    assert words in made.err
    assert not (tmp_path / "cluster.yaml").exists()
