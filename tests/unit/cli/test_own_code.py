"""Modules of a model's own are stored with it and found again, or named where they are not."""

import importlib
import json
import sys

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
import yaml
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from serve_app.engine.load import load
from serve_app.engine.registration.register import Candidate, register
from serve_app.errors import ArtifactRejected
from serve_app.models import own_modules
from serve_app.models.code import read_code
from serve_app.registry.store import Registry

TRANSFORMER = """
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from own_parts import aid

class Ratio(TransformerMixin, BaseEstimator):
    def fit(self, x, y=None):
        self.mean_ = np.asarray(x).mean(axis=0)
        return self

    def transform(self, x):
        return aid.divided(np.asarray(x), self.mean_)
"""
REGISTER = ["--data", "train.csv", "--target", "y"]
CODE = ["--code", "src/own_ratio.py", "--code", "src/own_parts"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A model that was trained with modules which nobody finds any more."""
    monkeypatch.chdir(tmp_path)
    parts = tmp_path / "src" / "own_parts"
    parts.mkdir(parents=True)
    (parts / "__init__.py").write_text("")
    (parts / "aid.py").write_text("def divided(x, by):\n    return x / (1 + abs(by))\n")
    (tmp_path / "src" / "own_ratio.py").write_text(TRANSFORMER)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(80, 2)), columns=["a", "b"])
    target = (frame["a"] > frame["b"]).astype(int)
    frame.assign(y=target).to_csv("train.csv", index=False)
    with monkeypatch.context() as there:
        there.syspath_prepend(tmp_path / "src")
        ratio = importlib.import_module("own_ratio")
        fitted = make_pipeline(ratio.Ratio(), LogisticRegression()).fit(frame, target)
        (tmp_path / "wanted.json").write_text(json.dumps(fitted.predict_proba(frame).tolist()))
        skops.io.dump(fitted, "model.skops")
        joblib.dump(fitted, "model.pkl")
    forget()
    yield tmp_path
    forget()


def forget():
    """As in a new process."""
    for name in [n for n in sys.modules if n.split(".")[0] in ("own_ratio", "own_parts")]:
        del sys.modules[name]
    sys.meta_path[:] = [one for one in sys.meta_path if type(one).__name__ != "_Finder"]
    own_modules._owners.clear()
    own_modules._modules.clear()


def answers(folder, version):
    """What a version says of the rows that it was trained on, in a new process."""
    forget()
    loaded = load(Registry(str(folder / "registry")), "churn", version, allow_pickle=True)
    from serve_app.models.frames import to_columns

    rows = pd.read_csv(folder / "train.csv").drop(columns="y")
    return loaded.model.predict(to_columns(rows)).probabilities


def test_code_goes_with_the_version_and_is_shown(serve_app, folder):
    said = serve_app("register", "churn", "model.skops", *REGISTER, *CODE)
    assert said.code == 0, said.err
    assert "own_parts, own_ratio" in said.out
    shown = json.loads(serve_app("models", "show", "churn", "--json").out)
    assert shown["code"] == ["own_parts", "own_ratio"]
    stored = {file["path"] for file in shown["files"]}
    assert {"code/own_ratio.py", "code/own_parts/aid.py"} <= stored
    assert all(len(file["sha256"]) == 64 for file in shown["files"])
    assert "own_parts, own_ratio" in serve_app("models", "show", "churn").out
    (folder / "src" / "own_ratio.py").unlink()
    wanted = json.loads((folder / "wanted.json").read_text())
    np.testing.assert_allclose(answers(folder, 1), wanted, rtol=1e-12)


def test_a_folder_of_modules_serves_as_well(serve_app, folder):
    said = serve_app("register", "churn", "model.skops", *REGISTER, "--code", "src")
    assert said.code == 0, said.err
    wanted = json.loads((folder / "wanted.json").read_text())
    np.testing.assert_allclose(answers(folder, 1), wanted, rtol=1e-12)


def test_a_pickle_with_code_needs_consent_of_its_own(serve_app, folder):
    refused = serve_app("register", "churn", "model.pkl", *REGISTER, *CODE)
    assert refused.code == 1
    assert "--allow-pickle" in refused.err
    assert serve_app("register", "churn", "model.pkl", *REGISTER, *CODE, "--allow-pickle").code == 0
    wanted = json.loads((folder / "wanted.json").read_text())
    np.testing.assert_allclose(answers(folder, 1), wanted, rtol=1e-12)


def test_changed_code_is_not_run(serve_app, folder):
    serve_app("register", "churn", "model.skops", *REGISTER, *CODE)
    stored = folder / "registry" / "churn" / "1" / "code" / "own_parts" / "aid.py"
    stored.chmod(0o644)
    stored.write_text(stored.read_text().replace("1 +", "2 +"))
    with pytest.raises(ArtifactRejected, match=r"code/own_parts/aid\.py"):
        answers(folder, 1)


@pytest.mark.parametrize("file", ["model.skops", "model.pkl"])
def test_a_missing_module_is_named_with_what_helps(serve_app, folder, file):
    said = serve_app("register", "churn", file, *REGISTER, "--allow-pickle")
    assert said.code == 1
    assert "needs the module 'own_ratio'" in said.err
    assert "--code own_ratio.py" in said.err


def test_the_module_that_code_itself_lacks_is_named(serve_app, folder):
    said = serve_app("register", "churn", "model.skops", *REGISTER, *CODE[:2])
    assert said.code == 1
    assert "needs the module 'own_parts'" in said.err


@pytest.mark.parametrize(
    ("file", "consent"),
    [("model.skops", ["--trust", "own_ratio.Ratio"]), ("model.pkl", ["--allow-pickle"])],
)
def test_what_is_found_by_chance_is_said_to_be_needed(
    serve_app, folder, monkeypatch, file, consent
):
    with monkeypatch.context() as there:
        there.syspath_prepend(folder / "src")
        said = serve_app("register", "churn", file, *REGISTER, *consent)
        assert said.code == 0, said.err
    assert "it needs own_ratio, which is not stored with it: add --code own_ratio.py" in said.out
    with pytest.raises(ArtifactRejected, match="churn@1 needs the module 'own_ratio'"):
        answers(folder, 1)


def test_code_can_be_given_in_python_and_leaves_what_is_imported_alone(folder, monkeypatch):
    monkeypatch.syspath_prepend(folder / "src")
    mine = importlib.import_module("own_ratio")
    frame = pd.read_csv("train.csv")
    x, y = frame.drop(columns="y"), frame["y"]
    fitted = make_pipeline(mine.Ratio(), LogisticRegression()).fit(x, y)
    code = read_code([folder / "src" / "own_ratio.py", folder / "src" / "own_parts"])
    manifest = register(Registry("registry"), Candidate("churn", fitted, x, code=code))
    assert manifest.code == ("own_parts", "own_ratio")
    assert sys.modules["own_ratio"] is mine


@pytest.fixture
def mlflow(folder):
    """The pickle as MLflow keeps it with `code_paths`."""
    directory = folder / "artifacts"
    (folder / "src").rename(folder / "code")
    directory.mkdir()
    (folder / "code").rename(directory / "code")
    (folder / "model.pkl").rename(directory / "model.pkl")
    (folder / "model.skops").rename(directory / "model.skops")
    sklearn = {"pickled_model": "model.pkl", "serialization_format": "cloudpickle", "code": "code"}
    write(directory, sklearn)
    return directory


def write(directory, sklearn):
    python = {"loader_module": "mlflow.sklearn", "code": "code"}
    body = {"flavors": {"python_function": python, "sklearn": sklearn}}
    (directory / "MLmodel").write_text(yaml.safe_dump(body))


def test_mlflows_code_paths_go_with_the_version(serve_app, folder, mlflow):
    said = serve_app("register", "churn", "artifacts", *REGISTER, "--allow-pickle")
    assert said.code == 0, said.err
    assert "own_parts, own_ratio" in said.out
    wanted = json.loads((folder / "wanted.json").read_text())
    np.testing.assert_allclose(answers(folder, 1), wanted, rtol=1e-12)


def test_mlflows_code_does_not_run_without_a_word(serve_app, folder, mlflow):
    sklearn = {"pickled_model": "model.skops", "serialization_format": "skops"}
    write(mlflow, sklearn)
    (mlflow / "code" / "own_ratio.py").write_text("raise SystemExit('it ran')")
    said = serve_app("register", "churn", "artifacts", *REGISTER)
    assert said.code == 1
    assert "own_ratio" in said.err
    assert "it ran" not in said.err


def test_a_file_from_another_version_is_registered_with_a_warning(serve_app, folder, monkeypatch):
    rows = pd.read_csv("train.csv")
    fitted = LogisticRegression().fit(rows[["a", "b"]], rows["y"])
    with monkeypatch.context() as then:
        then.setattr("sklearn.base.__version__", "1.5.2")
        skops.io.dump(fitted, "old.skops")
        del fitted.coef_
        skops.io.dump(fitted, "broken.skops")
    said = serve_app("register", "churn", "old.skops", *REGISTER)
    assert said.code == 0
    assert said.err.startswith("warning: old.skops was trained with scikit-learn 1.5.2, here is ")
    broken = serve_app("register", "churn", "broken.skops", *REGISTER)
    assert broken.code == 1
    assert broken.err.startswith("error: broken.skops was trained with scikit-learn 1.5.2")
    assert "install scikit-learn==1.5.2" in broken.err
