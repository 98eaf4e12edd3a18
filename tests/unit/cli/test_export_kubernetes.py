"""`serve-app export kuberay` and `helm` as people call them."""

import json

import pytest

from tests.unit.platforms.kubernetes.installations import CHART, CONFIGS, IMAGE, PLAIN

LINE = ("configs/split.yaml", "--image", IMAGE)


@pytest.mark.parametrize("size", CONFIGS)
def test_the_committed_files_are_written_by_these_lines(serve_app, tmp_path, size):
    line = (f"configs/{CONFIGS[size]}.yaml", "--image", IMAGE, "--size", size)
    out = tmp_path / "rayservice.yaml"
    made = serve_app("export", "kuberay", *line, "--out", out, "--json")
    assert made.code == 0, made.err
    assert json.loads(made.out) == {"file": str(out), "size": size, "name": "serve-app"}
    assert out.read_text() == (PLAIN / f"{size}.yaml").read_text()
    assert serve_app("export", "helm", *line, "--out", tmp_path).code == 0
    for name in (f"ci/{size}-values.yaml", "values.yaml", "templates/ray-service.yaml"):
        assert (tmp_path / "serve-app" / name).read_text() == (CHART / name).read_text()


def test_a_chart_needs_no_config(serve_app, tmp_path):
    made = serve_app("export", "helm", "--out", tmp_path, "--json")
    assert made.code == 0, made.err
    assert "values.schema.json" in json.loads(made.out)["files"]
    assert not (tmp_path / "serve-app/ci").exists()


def test_files_are_overwritten_with_force_alone(serve_app, tmp_path):
    line = ("export", "kuberay", *LINE, "--out", tmp_path / "rayservice.yaml")
    assert "kubectl apply --server-side" in serve_app(*line).out
    assert "is there already" in serve_app(*line).err
    assert serve_app(*line, "--force").code == 0


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (("configs/split.yaml",), "name the image that all pods run"),
        (("configs/split.yaml", "--image", "serve-app:latest"), "has no digest"),
        ((*LINE, "--name", "My Service"), "cannot name a RayService"),
        ((*LINE, "--set", "worker.replicas=3"), "did you mean workers.replicas"),
        ((*LINE, "--set", "workers.replicas"), "write PATH=VALUE"),
        ((*LINE, "--set", 'workers.topologyKey="a\\nb"'), "workers.topologyKey"),
        ((*LINE, "--set", "upgradeStrategy=NewCluster"), "a second cluster would write too"),
        ((*LINE, "--set", "workers.minReplicas=9"), "more than maxReplicas, 4"),
    ],
)
def test_what_cannot_be_is_refused_in_words(serve_app, tmp_path, line, words):
    said = serve_app("export", "kuberay", *line, "--out", tmp_path / "rayservice.yaml")
    assert said.code != 0
    assert words in said.err
    assert not (tmp_path / "rayservice.yaml").exists()


def test_an_image_without_a_config_is_of_nothing(serve_app, tmp_path):
    said = serve_app("export", "helm", "--image", IMAGE, "--out", tmp_path)
    assert said.code != 0
    assert "name the config" in said.err
