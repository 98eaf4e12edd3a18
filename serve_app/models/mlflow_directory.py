"""Reads the directories that MLflow keeps models in, without MLflow.

Such a directory has a file `MLmodel` (YAML): under `flavors` where the model lies and what
wrote it, beside that the run it came from, its signature and where its input example lies.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path, PureWindowsPath
from typing import Any

import xgboost

from serve_app.documents.yaml_reading import read_yaml
from serve_app.errors import ArtifactRejected, InvalidInput
from serve_app.models import module_of
from serve_app.models.code import NONE, Code, read_code
from serve_app.models.files import Kind, read_as
from serve_app.models.inspect import xgboost as xgboost_files
from serve_app.models.library_errors import reason
from serve_app.models.mlflow_columns import ExampleTable, specs, table
from serve_app.models.mlflow_example import Example, example
from serve_app.models.versions import trained_with
from serve_app.models.xgboost_trained import WRAPPERS, Trained

FILE = "MLmodel"
SERVED = ("onnx", "sklearn", "xgboost", "lightgbm", "catboost")
_SERIALISED: dict[str, Kind] = {"pickle": "pickle", "cloudpickle": "pickle", "skops": "skops"}
_XGBOOST = {
    "xgboost.core.Booster": xgboost.Booster,
    **{f"xgboost.sklearn.{name}": wrapper for name, wrapper in WRAPPERS.items()},
}


_LIGHTGBM_BOOSTER = "lightgbm.basic.Booster"


class MlflowDirectory:
    """A directory with a model that MLflow stored, of one of the flavours `SPOKEN`.

    `origin` says in words where the model came from, with MLflow's run where it names one.
    """

    def __init__(self, path: Path) -> None:
        """Read the file `MLmodel`.

        Raises:
            InvalidInput: there is none, it is damaged, or it names no flavour spoken here.
        """
        self._path = path
        self._document = _mlmodel(path)
        self._flavour, self._settings = self._served_flavour()
        names = {"run": self._document.get("run_id"), "model": self._document.get("model_id")}
        known = [f"{what} {name}" for what, name in names.items() if name]
        self.origin = ", ".join([f"MLflow directory {path}", *known])

    def estimator(self, *, trust: Sequence[str] = (), allow_pickle: bool = False) -> Any:
        """Load the fitted estimator.

        Raises:
            InvalidInput: its file is missing, damaged, outside of the directory or a pickle
                without consent, or of a class that cannot be served.
        """
        if self._flavour == "onnx":
            return read_as("onnx", self._file("data"), trust=trust)
        if self._flavour == "xgboost":
            return self._xgboost()
        if self._flavour == "catboost":
            return self._catboost()
        key = "data" if self._flavour == "lightgbm" else "pickled_model"
        path = self._file(key)
        named = str(self._settings.get("model_class", _LIGHTGBM_BOOSTER))
        if self._flavour == "lightgbm" and named == _LIGHTGBM_BOOSTER:
            return read_as("lightgbm", path)
        # MLflow 1 and 2 did not always write it down; all that they wrote were pickles.
        written = self._settings.get("serialization_format", "pickle")
        kind = _SERIALISED.get(str(written))
        if kind is None:
            known = ", ".join(sorted(_SERIALISED))
            msg = f"{path} was written as {written!r}; known here are {known}"
            raise InvalidInput(msg)
        return read_as(kind, path, trust=trust, allow_pickle=allow_pickle)

    def artifact(self) -> tuple[Kind | None, Path]:
        """The kind of the model's file and where it lies; no kind where that is not known.

        Raises:
            InvalidInput: its file is missing or outside of the directory.
        """
        by_data: dict[str, Kind] = {"onnx": "onnx", "xgboost": "xgboost", "catboost": "catboost"}
        if self._flavour in by_data:
            return by_data[self._flavour], self._file("data")
        plain = str(self._settings.get("model_class", _LIGHTGBM_BOOSTER)) == _LIGHTGBM_BOOSTER
        if self._flavour == "lightgbm" and plain:
            return "lightgbm", self._file("data")
        key = "data" if self._flavour == "lightgbm" else "pickled_model"
        written = str(self._settings.get("serialization_format", "pickle"))
        return _SERIALISED.get(written), self._file(key)

    def code(self) -> Code:
        """The modules that MLflow stored with the model (`code_paths`).

        Raises:
            InvalidInput: they are not there, or none of them can be imported.
        """
        python = self._document["flavors"].get("python_function")
        settings = (self._settings, python if isinstance(python, Mapping) else {})
        named = next((one["code"] for one in settings if one.get("code")), None)
        if named is None:
            return NONE
        folder = _inside(self._path, named, kind="folder")
        entries = sorted(
            p for p in folder.iterdir() if p.name[0] != "." and p.name != "__pycache__"
        )
        return read_code([path for path in entries if path.is_dir() or path.suffix == ".py"])

    def trained_with(self) -> str | None:
        """The version of scikit-learn that the model's file names, where it names one."""
        return trained_with(self._file("pickled_model")) if self._flavour == "sklearn" else None

    def table(self, estimator: Any) -> ExampleTable:
        """The columns that the signature names, and the rows of the input example.

        Raises:
            InvalidInput: there is neither, or a column cannot be served, or signature, example
                and estimator contradict each other.
        """
        signature = self._document.get("signature")
        inputs = signature.get("inputs") if isinstance(signature, Mapping) else None
        try:
            wanted = None if inputs is None else specs(inputs)
            model = estimator.model if isinstance(estimator, Trained) else estimator
            return table(model, wanted, self._example())
        except InvalidInput as error:
            raise InvalidInput(f"{self._path}: {error.message}", **error.details) from error

    def _served_flavour(self) -> tuple[str, Mapping[str, Any]]:
        flavours = self._document.get("flavors")
        if not isinstance(flavours, Mapping):
            msg = f"{self._path / FILE} does not say which flavours the model has"
            raise InvalidInput(msg)
        for name in SERVED:
            settings = flavours.get(name)
            if isinstance(settings, Mapping):
                return name, settings
        listed = ", ".join(map(str, flavours)) or "none"
        msg = (
            f"{self._path} holds a model of the flavours {listed}; those that can be registered "
            f"are {', '.join(SERVED)}"
        )
        raise InvalidInput(msg)

    def _file(self, key: str) -> Path:
        """The file that a setting of the flavour names."""
        named = self._settings.get(key)
        if named is None:
            msg = f"{self._path / FILE} does not name the file (flavors.{self._flavour}.{key})"
            raise InvalidInput(msg)
        return _inside(self._path, named)

    def _xgboost(self) -> Any:
        path = self._file("data")
        # What MLflow takes for granted of models that it stored before version 1.22.
        named = self._settings.get("model_class", "xgboost.core.Booster")
        kind = _XGBOOST.get(str(named))
        if kind is None:
            msg = (
                f"{path} is of the class {named}, which cannot be served; those that can are "
                f"{', '.join(sorted(_XGBOOST))}"
            )
            raise InvalidInput(msg)
        model = kind()
        try:
            # By content: names such as model.xgb do not tell XGBoost which format it is.
            content = path.read_bytes()
            xgboost_files.check(content)
            model.load_model(bytearray(content))
        except Exception as error:
            msg = (
                f"{path} cannot be read as {named} by XGBoost {xgboost.__version__} "
                f"({reason(error)}); an old binary format must be loaded by an old XGBoost and "
                "saved as model.ubj"
            )
            raise InvalidInput(msg) from error
        return Trained(model)

    def _catboost(self) -> Any:
        path = self._file("data")
        kind, form = (str(self._settings.get(key)) for key in ("model_type", "save_format"))
        try:
            return module_of("catboost").of_file(path, form, kind)
        except (ArtifactRejected, InvalidInput) as error:
            raise InvalidInput(f"{path}: {error.message}") from error
        except Exception as error:
            msg = f"{path} cannot be read as {kind} in CatBoost's format {form} ({reason(error)})"
            raise InvalidInput(msg) from error

    def _example(self) -> Example | None:
        info = self._document.get("saved_input_example_info")
        if not isinstance(info, Mapping) or "artifact_path" not in info:
            return None
        path = _inside(self._path, info["artifact_path"])
        try:
            content = json.loads(path.read_bytes())
        except (ValueError, RecursionError) as error:
            msg = f"the input example {path.name} is no JSON that can be read ({error})"
            raise InvalidInput(msg) from error
        return example(content)


def _mlmodel(path: Path) -> Mapping[str, Any]:
    file = path / FILE
    if not file.is_file():
        msg = f"{path} is a directory without a file {FILE}; name a model file, or MLflow's own"
        raise InvalidInput(msg)
    try:
        document = read_yaml(file.read_bytes())
    except Exception as error:
        msg = f"{file} cannot be read ({reason(error)})"
        raise InvalidInput(msg) from error
    if not isinstance(document, Mapping):
        msg = f"{file} holds no keys and values, as MLflow writes them"
        raise InvalidInput(msg)
    return document


def _inside(root: Path, named: Any, *, kind: str = "file") -> Path:
    """The file or folder of that name in a directory; one that lies elsewhere is refused."""
    text = str(named)
    windows = PureWindowsPath(text)
    if windows.anchor or ".." in windows.parts or "\0" in text:
        outside = True
    else:
        # Where it leads to in the end, since a link may lead out.
        outside = not (root / text).resolve().is_relative_to(root.resolve())
    if outside:
        msg = f"{root / FILE} names the {kind} {text!r}, which is not inside of the directory"
        raise InvalidInput(msg)
    path = root / text
    if not (path.is_file() if kind == "file" else path.is_dir()):
        msg = f"{root / FILE} names the {kind} {text!r}, which is not there"
        raise InvalidInput(msg)
    return path
