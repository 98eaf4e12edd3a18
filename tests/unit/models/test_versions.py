"""Which scikit-learn a file was trained with is read from it, and said before all else."""

import bz2
import gzip
import io
import lzma
import pickle
import zipfile
import zlib

import cloudpickle
import joblib
import numpy as np
import pytest
import sklearn
import skops.io
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from serve_app.errors import InvalidInput
from serve_app.models.files import read_model
from serve_app.models.versions import other, trained_with, version_named_first

X = np.random.default_rng(0).normal(size=(40, 2))
FITTED = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, X[:, 0] > 0)
HERE = sklearn.__version__


@pytest.fixture(autouse=True)
def _older(request, monkeypatch):
    """What is stored says that it was trained with 1.5.2, unless a test is marked `here`."""
    if "here" not in request.fixturenames:
        monkeypatch.setattr("sklearn.base.__version__", "1.5.2")


@pytest.fixture
def here():
    """The version that is here is the one that is stored."""


def stored_by_skops(model, path):
    path.write_bytes(skops.io.dumps(model))


STORED = {
    "model.skops": stored_by_skops,
    "model.joblib": joblib.dump,
    "model.pkl": lambda model, path: path.write_bytes(cloudpickle.dumps(model)),
    "zipped.joblib": lambda model, path: joblib.dump(model, path, compress=3),
    **{
        f"protocol-{n}.pkl": lambda model, path, n=n: path.write_bytes(
            pickle.dumps(model, protocol=n)
        )
        for n in range(6)
    },
    **{
        f"{module.__name__}.pkl": lambda model, path, module=module: path.write_bytes(
            module.compress(pickle.dumps(model))
        )
        for module in (gzip, zlib, bz2, lzma)
    },
}


@pytest.mark.parametrize("name", STORED)
def test_the_version_is_read_without_loading(tmp_path, name):
    STORED[name](FITTED, tmp_path / name)
    assert trained_with(tmp_path / name) == "1.5.2"


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04no", b"\x1f\x8bno", b"{}", b"\x80\x04."])
def test_a_file_that_names_no_version_has_none(tmp_path, content):
    (tmp_path / "model.pkl").write_bytes(content)
    assert trained_with(tmp_path / "model.pkl") is None


def test_versions_of_the_same_minor_are_one():
    assert other(None) is None
    assert other(HERE) is None
    assert other(HERE.rpartition(".")[0] + ".99") is None
    assert other("1.5.2") == f"trained with scikit-learn 1.5.2, here is {HERE}"


def test_what_works_is_read_nevertheless(tmp_path, monkeypatch):
    stored_by_skops(FITTED, tmp_path / "model.skops")
    monkeypatch.undo()
    read = read_model(tmp_path / "model.skops")
    assert read.predict(X).tolist() == FITTED.predict(X).tolist()


def test_the_version_comes_before_trust(tmp_path):
    stored_by_skops(SelectKBest(np.apply_along_axis), tmp_path / "model.skops")
    first = f"^{tmp_path}/model.skops was trained with scikit-learn 1.5.2, here is {HERE}: "
    with pytest.raises(InvalidInput, match=first) as caught:
        read_model(tmp_path / "model.skops")
    assert "install scikit-learn==1.5.2" in caught.value.message
    assert "--trust numpy.apply_along_axis" in caught.value.message


def test_the_version_comes_before_what_is_gone(tmp_path):
    stored_by_skops(FITTED, tmp_path / "model.skops")
    with zipfile.ZipFile(tmp_path / "model.skops") as file:
        parts = {name: file.read(name) for name in file.namelist()}
    schema = parts["schema.json"].replace(
        b"sklearn.linear_model._logistic", b"sklearn.old.logistic"
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, content in {**parts, "schema.json": schema}.items():
            file.writestr(name, content)
    (tmp_path / "model.skops").write_bytes(out.getvalue())
    with pytest.raises(InvalidInput, match=f"trained with scikit-learn 1.5.2, here is {HERE}") as e:
        read_model(tmp_path / "model.skops", allow_pickle=True)
    assert "do not have: sklearn.old.logistic.LogisticRegression" in e.value.message
    assert "--trust" not in e.value.message
    assert "--allow-pickle" not in e.value.message


def test_a_pickle_whose_module_is_gone_says_the_version_and_no_code(tmp_path):
    content = pickle.dumps(FITTED, protocol=0).replace(
        b"sklearn.linear_model._logistic", b"sklearn.linear_model.logistic"
    )
    (tmp_path / "model.pkl").write_bytes(content)
    with pytest.raises(
        InvalidInput, match=r"1\.5\.2, here is .*sklearn.linear_model.logistic"
    ) as e:
        read_model(tmp_path / "model.pkl", allow_pickle=True)
    assert "--code" not in e.value.message


def test_what_fails_later_says_the_version_too():
    with (
        pytest.raises(InvalidInput, match=r"m was trained with .*1\.5\.2.*has no attribute 'gone'"),
        version_named_first("m", "1.5.2"),
    ):
        _ = FITTED.gone
    with pytest.raises(AttributeError), version_named_first("m", HERE):
        _ = FITTED.gone


def test_the_same_version_is_not_spoken_of(here, tmp_path):
    stored_by_skops(SelectKBest(np.apply_along_axis), tmp_path / "model.skops")
    with pytest.raises(InvalidInput) as caught:
        read_model(tmp_path / "model.skops")
    assert "trained with" not in caught.value.message
