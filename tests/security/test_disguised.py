"""Pickles under other names, and directories that name code: none of them runs."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path

import pytest
import yaml

from serve_app.cli.main import main

COLUMNS = '[{"type": "double", "name": "age", "required": true}]'


class Gadget:
    """Makes a folder when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.marker),)


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "ran"


@pytest.fixture
def gadget(marker: Path) -> bytes:
    content = pickle.dumps(Gadget(marker))
    pickle.loads(content)
    marker.rmdir()
    return content


def refused(path: Path, marker: Path, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    """What registering says, which ends with code 1, stores nothing and runs nothing."""
    home = path.parent
    (home / "rows.csv").write_text("age\n1.5\n2.5\n")
    registry = home / "registry"
    line = ["register", "churn", str(path), "--data", str(home / "rows.csv"), *more]
    with pytest.raises(SystemExit) as ended:
        main([*line, "--registry", str(registry)])
    assert ended.value.code == 1
    assert not marker.exists()
    assert not list(registry.rglob("manifest.json"))
    return capsys.readouterr().err


@pytest.mark.parametrize("suffix", ["skops", "onnx", "ubj", "json", "txt", "cbm"])
def test_a_pickle_under_another_name_is_refused(
    suffix: str, gadget: bytes, marker: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"model.{suffix}"
    path.write_bytes(gadget)
    assert "error: " in refused(path, marker, capsys)


@pytest.mark.parametrize("suffix", ["pkl", "joblib", "pickle"])
def test_a_pickle_under_its_own_name_needs_consent(
    suffix: str, gadget: bytes, marker: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"model.{suffix}"
    path.write_bytes(gadget)
    assert "error: " in refused(path, marker, capsys)


def test_a_pickle_inside_an_archive_of_skops_is_not_run(
    gadget: bytes, marker: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "model.skops"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("schema.json", gadget)
        archive.writestr("data.pkl", gadget)
    assert "error: " in refused(path, marker, capsys)


def test_a_pickle_before_an_archive_of_skops_is_refused(
    gadget: bytes, marker: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "model.skops"
    path.write_bytes(gadget)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("schema.json", "{}")
    assert "before its first file" in refused(path, marker, capsys)


FLAVOURS = {
    "loader_module": {"python_function": {"loader_module": "evil", "python_version": "3.11"}},
    "python_model": {
        "python_function": {
            "loader_module": "mlflow.pyfunc.model",
            "python_model": "model.pkl",
            "cloudpickle_version": "3.0",
        }
    },
    "sklearn": {
        "python_function": {"loader_module": "evil"},
        "sklearn": {"pickled_model": "model.pkl", "serialization_format": "cloudpickle"},
    },
    "outside": {"sklearn": {"pickled_model": "../model.pkl", "serialization_format": "skops"}},
    "renamed": {"sklearn": {"pickled_model": "model.skops", "serialization_format": "skops"}},
}


@pytest.mark.parametrize("kind", FLAVOURS)
def test_no_directory_of_mlflow_runs_what_it_names(
    kind: str, gadget: bytes, marker: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mlflow"
    (folder / "code").mkdir(parents=True)
    evil = f"import os\nos.mkdir({str(marker)!r})\n"
    (folder / "code" / "evil.py").write_text(evil)
    for name in ("model.pkl", "model.skops", "../model.pkl"):
        (folder / name).write_bytes(gadget)
    body = {"flavors": FLAVOURS[kind], "signature": {"inputs": COLUMNS}, "code_paths": ["code"]}
    (folder / "MLmodel").write_text(yaml.safe_dump(body))
    assert "error: " in refused(folder, marker, capsys)
