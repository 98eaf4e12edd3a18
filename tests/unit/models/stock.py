"""scikit-learn's own estimators, fitted, with the options that bring other types into them."""

from functools import partial

import numpy as np
import pandas as pd
import scipy.sparse
import scipy.stats
from sklearn import (
    calibration,
    compose,
    ensemble,
    feature_extraction,
    feature_selection,
    impute,
    kernel_approximation,
    linear_model,
    metrics,
    model_selection,
    neighbors,
    neural_network,
    pipeline,
    preprocessing,
    svm,
    tree,
)
from sklearn import gaussian_process as gp
from sklearn.base import is_classifier
from sklearn.cluster import BisectingKMeans, FeatureAgglomeration
from sklearn.experimental import enable_halving_search_cv, enable_iterative_imputer  # noqa: F401
from sklearn.frozen import FrozenEstimator
from sklearn.gaussian_process import kernels
from sklearn.linear_model import LogisticRegression
from sklearn.multioutput import ClassifierChain
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.utils import all_estimators, get_tags
from sklearn.utils._test_common.instance_generator import _construct_instances

_rng = np.random.default_rng(0)
X = np.abs(_rng.normal(size=(60, 4)))
CLASSES = (X[:, 0] + X[:, 1] > 1.5).astype(int) + (X[:, 2] > 1)
TWO = (CLASSES > 0).astype(int)
NUMBER = X @ [1.0, 2, 3, 4] + 0.1
GAPS = np.where(X > 2, np.nan, X)
TEXTS = ["a big cat sat", "the dog ran", "cat and dog", "no one here"] * 15
FRAME = pd.DataFrame(
    {"a": X[:, 0], "b": X[:, 1], "c": pd.Categorical(np.where(TWO, "x", "y")), "d": TEXTS}
)
UNSTORABLE = {"Birch"}
"""skops has no way to store these."""

_PAIRS = np.column_stack([TWO, TWO[::-1]])
_NUMBERS = np.column_stack([NUMBER, NUMBER**2])
_TWO_TARGETS = {"CCA", "PLSCanonical", "PLSSVD", "MultiOutputRegressor", "RegressorChain"}
_OWN_DATA = {
    "CountVectorizer": (TEXTS, None),
    "TfidfVectorizer": (TEXTS, None),
    "HashingVectorizer": (TEXTS, None),
    "DictVectorizer": ([{"a": 1, "b": "x"}, {"a": 2, "b": "y"}], None),
    "FeatureHasher": ([{"a": 1, "b": "x"}, {"a": 2, "b": "y"}], None),
    "LabelBinarizer": (CLASSES, None),
    "LabelEncoder": (CLASSES, None),
    "MultiLabelBinarizer": ([(1, 2), (3,)], None),
    "SequentialFeatureSelector": (X, TWO),
    "PatchExtractor": (_rng.normal(size=(2, 8, 8)), None),
    "SparseCoder": (X[:, :3], None),
    "IsotonicRegression": (X[:, 0], NUMBER),
    "ClassifierChain": (X, _PAIRS),
    "MultiOutputClassifier": (X, _PAIRS),
}


def every_public_estimator():
    """Each class of scikit-learn's, with the instances that its own tests make of it."""
    for name, kind in all_estimators():
        if name == "FrozenEstimator":
            yield name, [FrozenEstimator(GaussianNB().fit(X, TWO))]
        elif name in ("CountVectorizer", "TfidfVectorizer"):
            yield name, [kind()]
        elif name == "SequentialFeatureSelector":
            yield name, [kind(LogisticRegression(), n_features_to_select=2)]
        else:
            yield name, list(_construct_instances(kind))


def fitted(estimator):
    """The estimator, fitted to rows that it takes."""
    x, y = _data(estimator)
    return estimator.fit(x) if y is None else estimator.fit(x, y)


def _data(estimator):
    name, tags = type(estimator).__name__, get_tags(estimator)
    if name in _OWN_DATA:
        return _OWN_DATA[name]
    x = np.abs(X @ X.T) if tags.input_tags.pairwise else X
    if name in _TWO_TARGETS or name.startswith("MultiTask"):
        return x, _NUMBERS
    if is_classifier(estimator):
        return x, TWO if not tags.classifier_tags.multi_class or "Threshold" in name else CLASSES
    if tags.estimator_type is None and tags.target_tags.required:
        return x, TWO
    return x, NUMBER


def _search(cv=2, **more):
    return model_selection.GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=cv, **more)


def _drawn(distribution, **more):
    search = model_selection.RandomizedSearchCV
    return search(LogisticRegression(), {"C": distribution}, n_iter=2, cv=2, random_state=0, **more)


def _columns(*parts, remainder="drop"):
    return compose.make_column_transformer(*parts, remainder=remainder)


def _hist(**more):
    return ensemble.HistGradientBoostingRegressor(max_iter=2, **more)


def _function(function, **more):
    return preprocessing.FunctionTransformer(function, **more)


_SELECT = compose.make_column_selector
_CATEGORIES = ensemble.HistGradientBoostingClassifier(max_iter=2, categorical_features="from_dtype")

OPTIONS = {
    "categories by dtype": (_CATEGORIES, FRAME[["a", "c"]], TWO),
    "losses of hist boosting": [
        (_hist(loss=loss, quantile=0.5), X, NUMBER)
        for loss in ("squared_error", "absolute_error", "gamma", "poisson", "quantile")
    ],
    "losses of boosting": [
        (ensemble.GradientBoostingRegressor(n_estimators=2, loss=loss), X, NUMBER)
        for loss in ("squared_error", "absolute_error", "huber", "quantile")
    ],
    "boosting on a first model": (
        ensemble.GradientBoostingClassifier(n_estimators=2, init=LogisticRegression()), X, TWO
    ),
    "exponential loss": (
        ensemble.GradientBoostingClassifier(n_estimators=2, loss="exponential"), X, TWO
    ),
    "losses of gradient descent": [
        (linear_model.SGDClassifier(loss=loss), X, TWO)
        for loss in ("hinge", "log_loss", "modified_huber", "squared_hinge", "perceptron", "huber")
    ],
    "powers of Tweedie": [
        (linear_model.TweedieRegressor(power=power, link=link), X, NUMBER)
        for power in (0, 1, 1.5, 2, 3)
        for link in ("auto", "log")
    ],
    "calibration": [
        (calibration.CalibratedClassifierCV(GaussianNB(), method=m, ensemble=e, cv=2), X, TWO)
        for m in ("sigmoid", "isotonic", "temperature")
        for e in (True, False)
    ],
    "columns by dtype": [
        (_columns((preprocessing.StandardScaler(), _SELECT(dtype_include=np.number)),
                  (preprocessing.OneHotEncoder(), _SELECT(dtype_include=object)),
                  (preprocessing.OrdinalEncoder(), _SELECT(pattern="c"))), FRAME, TWO),
        (_columns((preprocessing.StandardScaler(), _SELECT(dtype_include="number")),
                  remainder="passthrough"), FRAME, TWO),
        (_columns((preprocessing.StandardScaler(), _SELECT(dtype_include=[np.float64, int, bool])),
                  remainder=preprocessing.OrdinalEncoder()), FRAME, TWO),
        (_columns((preprocessing.OneHotEncoder(), _SELECT(dtype_include=pd.CategoricalDtype))),
         FRAME, TWO),
        (_columns((preprocessing.StandardScaler(), slice(0, 2))), FRAME, TWO),
    ],
    "splitters": [
        (_search(cv), X, TWO)
        for cv in (
            model_selection.KFold(3, shuffle=True, random_state=1),
            model_selection.StratifiedKFold(3), model_selection.TimeSeriesSplit(3),
            model_selection.ShuffleSplit(2), model_selection.StratifiedShuffleSplit(2),
            model_selection.RepeatedKFold(n_splits=2, n_repeats=2),
            model_selection.RepeatedStratifiedKFold(
                n_splits=2, n_repeats=2, random_state=np.random.RandomState(0)
            ),
            model_selection.PredefinedSplit(np.arange(60) % 3),
            [(np.arange(40), np.arange(40, 60))],
        )
    ],
    "scorers": [
        (_search(scoring=metrics.make_scorer(metrics.fbeta_score, beta=2)), X, TWO),
        (_search(scoring=["f1", "accuracy"], refit="f1"), X, TWO),
        (_search(scoring={"a": metrics.make_scorer(metrics.f1_score), "b": "roc_auc"}, refit="a"),
         X, TWO),
        (linear_model.LogisticRegressionCV(Cs=2, cv=model_selection.KFold(2), scoring="f1"),
         X, TWO),
        (model_selection.TunedThresholdClassifierCV(LogisticRegression(), scoring="f1", cv=2),
         X, TWO),
    ],
    "estimators among the parameters": (
        model_selection.GridSearchCV(
            pipeline.Pipeline([("s", preprocessing.StandardScaler()), ("m", svm.SVC())]),
            {"m": [LogisticRegression(), svm.SVC()], "s": ["passthrough", None]}, cv=2,
        ), X, TWO,
    ),
    "distributions": [
        (_drawn(one), X, TWO)
        for one in (scipy.stats.loguniform(0.01, 1), scipy.stats.uniform(0.1, 1),
                    scipy.stats.expon(scale=2), scipy.stats.expon, scipy.stats.norm(2, 0.1),
                    scipy.stats.gamma(2))
    ],
    "halving": (model_selection.HalvingGridSearchCV(LogisticRegression(), {"C": [0.1, 1, 2]}, cv=2),
                X, TWO),
    "imputers": [
        (impute.IterativeImputer(max_iter=2), GAPS, None),
        (impute.IterativeImputer(estimator=ensemble.RandomForestRegressor(2), max_iter=1),
         GAPS, None),
        (impute.SimpleImputer(strategy=np.nanmedian), GAPS, None),
        (impute.SimpleImputer(strategy="most_frequent", add_indicator=True), GAPS, None),
    ],
    "kernels": [
        (gp.GaussianProcessRegressor(kernel, alpha=60.0, optimizer=None), X, NUMBER)
        for kernel in (
            kernels.Matern(), kernels.RationalQuadratic(), kernels.DotProduct(),
            kernels.ExpSineSquared() + kernels.WhiteKernel(), kernels.PairwiseKernel(),
            kernels.ConstantKernel() * kernels.RBF(), kernels.RBF() ** 2,
        )
    ],
    "metrics of neighbours": [
        (neighbors.KNeighborsClassifier(metric=metric, algorithm="ball_tree"), X.astype(dtype), TWO)
        for metric in ("manhattan", "chebyshev", "canberra", "braycurtis", "hamming")
        for dtype in (np.float64, np.float32)
    ],
    "metrics of truth": [
        (neighbors.KNeighborsClassifier(metric=metric, algorithm="ball_tree"), X > 1, TWO)
        for metric in ("jaccard", "dice", "rogerstanimoto", "russellrao", "sokalsneath")
    ],
    "other metrics of neighbours": [
        (neighbors.KNeighborsClassifier(p=3), X, TWO),
        (neighbors.KNeighborsClassifier(metric="haversine", algorithm="ball_tree"), X[:, :2], TWO),
        (neighbors.KNeighborsClassifier(metric="seuclidean", metric_params={"V": np.ones(4)},
                                        algorithm="ball_tree"), X, TWO),
        (neighbors.KNeighborsClassifier(metric=metrics.pairwise.cosine_distances,
                                        algorithm="brute"), X, TWO),
        (neighbors.KNeighborsClassifier(), scipy.sparse.csr_matrix(X), TWO),
    ],
    "functions of NumPy's": [
        (_function(function), X, None)
        for function in (
            np.log1p, np.expm1, np.sqrt, np.abs, np.square, np.sin, np.sign, np.nan_to_num,
            np.round, np.isnan, np.cumsum, np.asarray, preprocessing.normalize,
        )
    ],
    "functions with arguments": [
        (_function(np.clip, kw_args={"a_min": 0, "a_max": 1}), X, None),
        (_function(partial(np.clip, a_min=0, a_max=1)), X, None),
        (_function(np.log1p, inverse_func=np.expm1, feature_names_out="one-to-one"),
         FRAME[["a"]], None),
    ],
    "targets that are transformed": [
        (compose.TransformedTargetRegressor(linear_model.LinearRegression(), func=f,
                                            inverse_func=g), X, NUMBER)
        for f, g in ((np.log1p, np.expm1), (np.sqrt, np.square))
    ],
    "selection of columns": [
        (feature_selection.SelectKBest(score, k=2), X, TWO)
        for score in (
            feature_selection.f_classif, feature_selection.chi2, feature_selection.r_regression,
            feature_selection.mutual_info_classif, feature_selection.mutual_info_regression,
            partial(feature_selection.mutual_info_classif, random_state=0),
        )
    ],
    "texts": [
        (make_pipeline(vectorizer, LogisticRegression()), TEXTS, TWO)
        for vectorizer in (
            feature_extraction.text.TfidfVectorizer(stop_words="english", dtype=np.float32),
            feature_extraction.text.CountVectorizer(ngram_range=(1, 2), analyzer="char_wb"),
            feature_extraction.text.CountVectorizer(vocabulary={"cat", "dog"}),
            feature_extraction.text.CountVectorizer(
                preprocessor=feature_extraction.text.strip_accents_unicode
            ),
        )
    ],
    "optimisers": [
        (neural_network.MLPClassifier(max_iter=2, solver=solver), X, TWO)
        for solver in ("adam", "sgd", "lbfgs")
    ],
    "encoders": [
        (preprocessing.OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=5),
         FRAME[["c", "d"]], None),
        (preprocessing.OrdinalEncoder(dtype=np.int64, handle_unknown="use_encoded_value",
                                      unknown_value=-1), FRAME[["c", "d"]], None),
        (preprocessing.TargetEncoder(), FRAME[["c", "d"]], TWO),
    ],
    "random states": [
        (tree.DecisionTreeClassifier(random_state=np.random.RandomState(0)), X, TWO),
        (svm.SVC(kernel=metrics.pairwise.rbf_kernel), X, TWO),
        (kernel_approximation.Nystroem(n_components=5), X, None),
        (BisectingKMeans(n_clusters=2, algorithm="elkan"), X, None),
        (FeatureAgglomeration(2, pooling_func=np.median), X, None),
        (ClassifierChain(LogisticRegression(), cv=model_selection.KFold(2)), X, _PAIRS),
        (neighbors.KNeighborsTransformer(), X, None),
    ],
}  # fmt: skip
"""By what varies: an estimator with its rows and target, or several."""


def options(name):
    """The fitted estimators of one entry."""
    entries = OPTIONS[name] if isinstance(OPTIONS[name], list) else [OPTIONS[name]]
    for estimator, x, y in entries:
        yield estimator.fit(x) if y is None else estimator.fit(x, y)
