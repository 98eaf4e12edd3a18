"""Which versions become wheels, and what is in them."""

import io
import json
import zipfile

import pytest

from serve_app.engine.registration.register import Candidate, register
from serve_app.errors import ArtifactRejected, ConfigError, Conflict, InvalidInput, NotFound
from serve_app.export.place import write
from serve_app.export.wheel import WheelOptions, export_wheel
from serve_app.models.compiled.model import FILE


def contents(exported):
    with zipfile.ZipFile(io.BytesIO(exported.content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_two_exports_give_the_same_bytes(registry):
    assert export_wheel(registry, "logistic", 1) == export_wheel(registry, "logistic", 1)


def test_it_holds_the_version_as_it_was_registered(registry):
    files = contents(export_wheel(registry, "logistic", 1))
    artifact = registry.read("logistic", 1)
    assert files[f"logistic_1/data/{FILE}"] == artifact.files[FILE]
    assert files["logistic_1/data/manifest.json"] == artifact.manifest.encode()


def test_it_is_small(registry):
    exported = export_wheel(registry, "logistic", 1)
    compiled = len(registry.read("logistic", 1).files[FILE])
    assert len(exported.content) <= 1.2 * compiled + 150_000


def test_without_trees_numpy_is_all_that_it_needs(registry):
    exported = export_wheel(registry, "logistic", 1)
    assert exported.needs == ("numpy>=2.0",)
    assert exported.file_name == "logistic_1-1.0.0-py3-none-any.whl"


def test_the_key_for_updates_travels_in_it(registry):
    key = bytes(range(32))
    files = contents(export_wheel(registry, "logistic", 1, WheelOptions("1.1", update_key=key)))
    description = json.loads(files["logistic_1/data/export.json"])
    assert description["update_key"] == key.hex()
    assert "logistic_1-1.1.dist-info/METADATA" in files


def test_a_version_that_its_library_serves_is_refused_with_what_to_do(registry, models):
    estimator, data = models["logistic"]
    register(registry, Candidate("native", estimator, data), compile="never")
    with pytest.raises(ConfigError, match=r"native@1 is served by its library.*--require-compiled"):
        export_wheel(registry, "native", 1)


def test_what_is_not_there_is_not_exported(registry):
    with pytest.raises(NotFound, match="no version 7"):
        export_wheel(registry, "logistic", 7)
    with pytest.raises(InvalidInput, match="no version of a package"):
        export_wheel(registry, "logistic", 1, WheelOptions("1\n"))


def test_a_changed_byte_is_noticed(registry, monkeypatch):
    read = registry._files.read
    monkeypatch.setattr(
        registry._files,
        "read",
        lambda path: read(path) + b"x" if path.endswith(FILE) else read(path),
    )
    with pytest.raises(ArtifactRejected, match=r"compiled\.npz of logistic@1"):
        export_wheel(registry, "logistic", 1)


def test_files_are_overwritten_only_when_somebody_says_so(registry, tmp_path):
    exported = export_wheel(registry, "logistic", 1)
    path = write(exported, tmp_path / "dist")
    path.write_bytes(b"mine")
    with pytest.raises(Conflict, match="--force"):
        write(exported, tmp_path / "dist")
    assert path.read_bytes() == b"mine"
    write(exported, tmp_path / "dist", force=True)
    assert path.read_bytes() == exported.content
    assert [one.name for one in path.parent.iterdir()] == [path.name]
