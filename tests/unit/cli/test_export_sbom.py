"""`serve-app export sbom` as people call it."""

import json

import pytest


@pytest.fixture
def export(serve_app, registry, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SERVE_APP_REGISTRY", registry._files.url)
    return lambda *arguments: serve_app("export", "sbom", *arguments)


def parts(text):
    return {one["bom-ref"]: one for one in json.loads(text)["components"]}


def test_it_prints_what_is_installed(export):
    done = export()
    assert done.code == 0, done.err
    assert any(ref.startswith("pkg:pypi/numpy@") for ref in parts(done.out))


def test_a_version_is_in_it_with_its_digest_and_a_file_is_not_overwritten(
    export, registry, tmp_path
):
    line = ["logistic@1", "--out", "dist/logistic.cdx.json"]
    done = export(*line)
    assert done.code == 0, done.err
    written = (tmp_path / "dist/logistic.cdx.json").read_text()
    model = parts(written)["pkg:generic/logistic@1"]
    assert model["type"] == "machine-learning-model"
    digest = registry.manifest("logistic", 1).digest
    assert model["hashes"] == [{"alg": "SHA-256", "content": digest}]
    assert json.loads(written)["metadata"]["component"]["name"] == "logistic@1"
    again = export(*line)
    assert again.code == 1
    assert "is there already" in again.err
    done = export(*line, "--force", "--json")
    assert json.loads(done.out)["components"] == len(parts(written))


def test_a_model_that_is_not_there_is_said(export, tmp_path):
    done = export("nobody@1", "--out", "dist/x.json")
    assert done.code != 0
    assert "there is no model 'nobody'" in done.err
    assert not (tmp_path / "dist").exists()
