"""`serve-app build` and `serve-app export dockerfile` as people call them."""

import json

import pytest

IMAGE = f"registry.example/serve-app@sha256:{'c' * 64}"


@pytest.fixture
def build(serve_app, registry, monkeypatch, tmp_path):
    """Run `serve-app build` on a registry that holds `logistic@1`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SERVE_APP_REGISTRY", registry._files.url)
    return lambda *arguments: serve_app("build", *arguments)


@pytest.mark.parametrize("kind", ["serve", "edge"])
def test_a_context_is_made_once(build, tmp_path, kind):
    line = ["logistic@1", "--kind", kind, "--image", IMAGE, "--label", "team=risk", "--out", "made"]
    made = build(*line, "--json")
    assert made.code == 0, made.err
    body = json.loads(made.out)
    assert body["version"] == "logistic@1"
    size = sum(one.stat().st_size for one in (tmp_path / "made/model").rglob("*") if one.is_file())
    assert body["layer_bytes"] == size
    assert 'LABEL team="risk"' in (tmp_path / "made/Dockerfile").read_text()
    again = build(*line)
    assert again.code == 1
    assert "is not empty; give --force" in again.err
    assert build(*line, "--force").code == 0


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["nobody@1", "--image", IMAGE], "there is no model 'nobody'"),
        (["../logistic@1", "--image", IMAGE], "error"),
        (["logistic@1", "--image", "serve-app:latest"], "has no digest"),
        (["logistic@1", "--image", IMAGE, "--label", "team=a\nRUN b"], "line break"),
        (["logistic@1", "--image", IMAGE, "--label", "team"], "is no KEY=VALUE"),
    ],
)
def test_mistakes_are_told_in_words(build, tmp_path, line, words):
    made = build(*line, "--out", "made")
    assert made.code != 0
    assert words in made.err
    assert not (tmp_path / "made").exists()


def test_the_dockerfile_is_written_with_its_base(serve_app, tmp_path):
    base = f"python:3.11-slim-bookworm@sha256:{'d' * 64}"
    made = serve_app("export", "dockerfile", "--base", base, "--out", tmp_path, "--json")
    assert made.code == 0, made.err
    assert json.loads(made.out)["targets"] == ["full", "serve", "edge"]
    assert f"\nARG BASE={base}\n" in (tmp_path / "Dockerfile").read_text()


def test_a_base_without_digest_is_refused(serve_app, tmp_path):
    made = serve_app("export", "dockerfile", "--base", "python:3.11", "--out", tmp_path)
    assert made.code == 1
    assert "the base 'python:3.11' has no digest" in made.err
    assert not list(tmp_path.iterdir())
