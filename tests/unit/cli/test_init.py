"""`serve-app init` writes a config once, and what it writes is good."""

import shutil
from pathlib import Path

import pytest
import yaml

from serve_app.serving.checking.validate import validate


@pytest.fixture
def folder(home, tmp_path, monkeypatch):
    """A folder of its own with the examples' registry in it."""
    shutil.copytree(home / "registry", tmp_path / "registry")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("placement", ["inline", "replicas"])
def test_what_it_writes_is_good(serve_app, folder, placement):
    said = serve_app("init", "--placement", placement, "--http-port", "8123")
    assert said.code == 0, said.err
    assert "wrote configs/mine.yaml with the endpoints" in said.out
    report = validate(Path("configs/mine.yaml"))
    assert report.findings == ()
    assert "progression-xgb" in report.endpoints
    assert ("progression-xgb-1" in report.applications) == (placement == "replicas")
    assert yaml.safe_load(Path("configs/mine.yaml").read_text())["http_options"]["port"] == 8123
    good = serve_app("validate", "configs/mine.yaml")
    assert "configs/mine.yaml: good" in good.out


def test_a_file_that_is_there_is_written_over_by_force_alone(serve_app, folder):
    Path("my.yaml").write_text("mine")
    refused = serve_app("init", "my.yaml")
    assert refused.code == 1
    assert "my.yaml is there already" in refused.err
    assert Path("my.yaml").read_text() == "mine"
    assert serve_app("init", "my.yaml", "--force").code == 0
    assert validate(Path("my.yaml")).findings == ()


def test_an_empty_registry_and_a_cluster_that_does_not_run_are_said(serve_app, folder):
    empty = serve_app("init", "--registry", "nothing")
    assert empty.code == 1
    assert "no model is registered yet" in empty.err
    stopped = serve_app("init", "--running")
    assert stopped.code == 1
    assert "start it with: serve-app cluster start" in stopped.err
    assert not Path("configs").exists()
