"""`serve-app export` as people call it."""

import json

import pytest

from serve_app.export.runtime.bundle import opened, public_key


@pytest.fixture
def export(serve_app, registry, monkeypatch, tmp_path):
    """Run `serve-app export` on a registry that holds `logistic@1`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SERVE_APP_REGISTRY", registry._files.url)
    return lambda *arguments: serve_app("export", *arguments)


def test_a_wheel_is_written_once(export, tmp_path):
    line = ["wheel", "logistic@1", "--out", tmp_path / "dist"]
    made = export(*line, "--json")
    assert made.code == 0, made.err
    body = json.loads(made.out)
    assert body["version"] == "logistic@1"
    assert body["needs"] == ["numpy>=2.0"]
    (path,) = (tmp_path / "dist").iterdir()
    assert (str(path), path.stat().st_size) == (body["file"], body["size_bytes"])
    again = export(*line)
    assert again.code == 1
    assert "is there already; give --force" in again.err
    assert export(*line, "--force").code == 0


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["nobody@1"], "there is no model 'nobody'"),
        (["logistic@9"], "no version 9"),
        (["a\nb@1"], "error"),
        (["logistic@1", "--wheel-version", "1.0\nX: y"], "is no version of a package"),
        (["logistic@1", "--update-key", "key.pem"], "no public key of Ed25519"),
    ],
)
def test_mistakes_are_told_in_words(export, tmp_path, line, words):
    (tmp_path / "key.pem").write_text("no key")
    made = export("wheel", *line, "--out", tmp_path / "dist")
    assert made.code == 1
    assert words in made.err
    assert not (tmp_path / "dist").exists()


def test_keys_are_made_once_and_sign_bundles(export, tmp_path):
    key = tmp_path / "update-key.pem"
    made = export("key", key, "--json")
    assert made.code == 0, made.err
    assert json.loads(made.out)["public"] == str(tmp_path / "update-key.pub.pem")
    assert key.stat().st_mode & 0o777 == 0o600
    assert "is there already" in export("key", key).err

    line = ["bundle", "logistic@1", "--key", key, "--out", tmp_path / "dist"]
    body = json.loads(export(*line, "--json").out)
    content = (tmp_path / "dist" / "logistic-1.edge").read_bytes()
    public = public_key((tmp_path / "update-key.pub.pem").read_bytes())
    assert body["signed_by"] == public.hex()
    assert opened(content, public).reference == "logistic@1"
    wrong = export(*line[:3], tmp_path / "update-key.pub.pem", *line[4:], "--force")
    assert (wrong.code, wrong.out) == (1, "")
    assert "no private key" in wrong.err


def test_a_graph_is_written_with_how_near_it_is(export, tmp_path):
    made = export("onnx", "logistic@1", "--out", tmp_path / "dist")
    assert made.code == 0, made.err
    assert made.out.startswith(f"{tmp_path / 'dist' / 'logistic-1.onnx'}: logistic@1")
    assert "compared rows" in made.out
