"""Which types a skops file may hold without anybody's word."""

import builtins
import importlib
import io
import json
import os
import subprocess
import zipfile

import numpy as np
import pytest
import scipy.stats
import skops.io
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import Pipeline as ImblearnPipeline
from sklearn import metrics
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RandomizedSearchCV
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import all_estimators

from serve_app.errors import InvalidInput
from serve_app.models.reviewed import TRUSTED
from serve_app.models.trusted import require_trusted
from tests.unit.models import stock

# Some estimators are deprecated, and few rows do not converge.
pytestmark = pytest.mark.filterwarnings("ignore")


def test_no_public_estimator_of_scikit_learn_needs_a_word_of_trust():
    wanted = {name for name, _ in all_estimators()} - stock.UNSTORABLE
    looked_at = set()
    for name, instances in stock.every_public_estimator():
        for estimator in instances if name in wanted else ():
            content = skops.io.dumps(stock.fitted(estimator))
            skops.io.loads(content, trusted=list(require_trusted(name, content, ())))
            looked_at.add(name)
    assert looked_at == wanted


@pytest.mark.parametrize("name", sorted(stock.OPTIONS))
def test_no_option_of_a_stock_estimator_needs_a_word_of_trust(name):
    for estimator in stock.options(name):
        content = skops.io.dumps(estimator)
        skops.io.loads(content, trusted=list(require_trusted(name, content, ())))


@pytest.mark.parametrize("name", metrics.get_scorer_names())
def test_no_scorer_by_name_needs_a_word_of_trust(name):
    assert require_trusted(name, skops.io.dumps(metrics.get_scorer(name)), ())


def test_boosted_trees_and_resampling_in_a_pipeline_need_none():
    from lightgbm import LGBMClassifier
    from xgboost import XGBClassifier

    for model in (LGBMClassifier(n_estimators=2, verbose=-1), XGBClassifier(n_estimators=2)):
        steps = [("smote", SMOTE()), ("model", model)]
        content = skops.io.dumps(ImblearnPipeline(steps).fit(stock.X, stock.TWO))
        assert require_trusted("it", content, ())


@pytest.mark.parametrize(
    "function",
    [os.system, subprocess.Popen, builtins.eval, builtins.exec, builtins.open, builtins.__import__,
     importlib.import_module, np.load, np.fromfile, np.loadtxt, np.genfromtxt, np.save,
     np.frombuffer, np.apply_along_axis, np.vectorize, json.loads, getattr],
)  # fmt: skip
def test_what_runs_or_opens_something_is_refused(function):
    content = skops.io.dumps(FunctionTransformer(function))
    with pytest.raises(InvalidInput, match="not known to be harmless"):
        require_trusted("it", content, ())


def test_the_function_in_a_partial_counts():
    from functools import partial

    content = skops.io.dumps(FunctionTransformer(partial(os.system, "true")))
    with pytest.raises(InvalidInput, match=r"posix\.system"):
        require_trusted("it", content, ())


def test_callers_of_methods_by_name_are_refused():
    from operator import methodcaller

    content = skops.io.dumps(FunctionTransformer(methodcaller("clip", 0, 1)))
    with pytest.raises(InvalidInput, match=r"operator\.methodcaller"):
        require_trusted("it", content, ())


def test_a_distribution_with_another_text_than_scipys_is_refused():
    search = RandomizedSearchCV(LogisticRegression(), {"C": scipy.stats.norm(2, 0.1)}, n_iter=1)
    content = skops.io.dumps(search)
    assert require_trusted("it", content, ())
    evil = changed(content, "def _parse_args(self", "import os; def _parse_args(self")
    with pytest.raises(InvalidInput, match="norm_gen"):
        require_trusted("it", evil, ())


def test_a_distribution_whose_text_is_elsewhere_is_refused():
    search = RandomizedSearchCV(LogisticRegression(), {"C": scipy.stats.norm(2, 0.1)}, n_iter=1)
    content = skops.io.dumps(search)
    for changes in (('"_parse_arg_template"', '"another_key"'), ("ObjectNode", "TypeNode")):
        with pytest.raises((InvalidInput, ValueError, KeyError)):
            require_trusted("it", changed(content, *changes), ())


def changed(content, what, by):
    """A skops file with another word in its schema."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    assert what.encode() in parts["schema.json"]
    parts["schema.json"] = parts["schema.json"].replace(what.encode(), by.encode())
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, part in parts.items():
            file.writestr(name, part)
    return out.getvalue()


class Doubling(TransformerMixin, BaseEstimator):
    def fit(self, x, y=None):
        return self

    def transform(self, x):
        return x * 2


def test_a_type_of_ones_own_needs_a_word_for_it_or_for_its_package():
    content = skops.io.dumps(Doubling())
    name = f"{Doubling.__module__}.Doubling"
    with pytest.raises(InvalidInput, match=f"--trust {name}"):
        require_trusted("it", content, ())
    for trust in (name, f"{Doubling.__module__}.*", "tests.*"):
        assert require_trusted("it", content, (trust,)) == (name,)
    with pytest.raises(InvalidInput):
        require_trusted("it", content, ("test.*",))


@pytest.mark.parametrize(
    ("made", "said"),
    [(Doubling.__module__, "needs the module 'mine_alone'"),
     ("__main__", "a script or a notebook")],
)  # fmt: skip
def test_no_word_of_trust_is_asked_for_where_it_would_not_help(made, said):
    content = skops.io.dumps(Doubling())
    other = "__main__" if made == "__main__" else "mine_alone"
    file = changed(content, f'"{Doubling.__module__}"', f'"{other}"')
    with pytest.raises(InvalidInput, match=said) as caught:
        require_trusted("it", file, (f"{other}.Doubling",))
    assert "--trust" not in caught.value.message
    assert "--code" in caught.value.message


def test_a_type_that_a_library_no_longer_has_is_said_to_be_gone():
    content = skops.io.dumps(metrics.get_scorer("accuracy"))
    file = changed(content, '"_Scorer"', '"_ProbaScorer"')
    with pytest.raises(InvalidInput, match="the libraries here do not have") as caught:
        require_trusted("it", file, ())
    assert "--trust" not in caught.value.message


@pytest.mark.parametrize("method", [str.lower, lambda x: x], ids=["method", "lambda"])
def test_what_skops_cannot_load_is_a_matter_for_a_pickle(method):
    content = skops.io.dumps(FunctionTransformer(method))
    with pytest.raises(InvalidInput, match="a pickle can hold it"):
        require_trusted("it", content, ())


def test_every_reviewed_name_is_that_of_something_in_a_version_of_its_library():
    elsewhere = {
        "sklearn.compose._column_transformer._RemainderColsList",
        "pandas.core.dtypes.dtypes.CategoricalDtype",
    }
    missing = set()
    for name in TRUSTED:
        module, _, attribute = name.rpartition(".")
        if not hasattr(importlib.import_module(module), attribute):
            missing.add(name)
    assert missing <= elsewhere
