"""Models and Pipelines as people build them: a name, the table, the target, and how it is made."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xgboost
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import (
    ColumnTransformer,
    TransformedTargetRegressor,
    make_column_selector,
    make_column_transformer,
)
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.feature_selection import (
    RFE,
    SelectFromModel,
    SelectKBest,
    VarianceThreshold,
    f_regression,
)
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import (
    BayesianRidge,
    ElasticNet,
    GammaRegressor,
    HuberRegressor,
    Lasso,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    QuantileRegressor,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
    SGDRegressor,
    TweedieRegressor,
)
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor, RegressorChain
from sklearn.naive_bayes import BernoulliNB, ComplementNB, GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVC, SVR, LinearSVC, LinearSVR, NuSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier


@dataclass(frozen=True)
class Animal:
    """An unfitted model with the table and the target that it is fitted on.

    `as_array` fits it on a matrix instead of the frame, `as_series` on its one column.
    """

    name: str
    model: Any
    table: str
    target: str
    as_array: bool = False
    as_series: bool = False


NUMBERS = ["age", "income", "visits"]
WORDS = ["plan", "region"]


def prepared(numbers=None, words=None, **more):
    """The usual preprocessing of customers; `numbers` and `words` stand for parts of it."""
    numbers = numbers or make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    words = words or OneHotEncoder(handle_unknown="ignore")
    more.setdefault("remainder", "passthrough")
    return make_column_transformer((numbers, NUMBERS), (words, WORDS), **more)


def xgb(kind="Classifier", **more):
    """A small model of XGBoost's."""
    return getattr(xgboost, f"XGB{kind}")(n_estimators=8, max_depth=3, n_jobs=1, **more)


CLASSIFIERS = {
    "logistic": LogisticRegression(max_iter=500),
    "logistic l1": LogisticRegression(solver="saga", l1_ratio=1.0, C=0.5, max_iter=3000),
    "ridge classifier": RidgeClassifier(),
    "linear svc": LinearSVC(),
    "sgd log loss": SGDClassifier(loss="log_loss", random_state=0),
    "sgd hinge": SGDClassifier(random_state=0),
    "svc": SVC(),
    "svc poly": SVC(kernel="poly", degree=2),
    "nu svc": NuSVC(nu=0.3),
    "tree": DecisionTreeClassifier(max_depth=4, random_state=0),
    "extra tree": ExtraTreeClassifier(max_depth=4, random_state=0),
    "forest": RandomForestClassifier(12, random_state=0),
    "extra trees": ExtraTreesClassifier(12, random_state=0),
    "gradient": GradientBoostingClassifier(n_estimators=8, random_state=0),
    "histogram": HistGradientBoostingClassifier(max_iter=8, random_state=0),
    "ada": AdaBoostClassifier(n_estimators=8, random_state=0),
    "bagging": BaggingClassifier(DecisionTreeClassifier(max_depth=3), 5, random_state=0),
    "neighbours": KNeighborsClassifier(5),
    "bayes": GaussianNB(),
    "lda": LinearDiscriminantAnalysis(),
    "qda": QuadraticDiscriminantAnalysis(reg_param=0.1),
    "perceptron": MLPClassifier(hidden_layer_sizes=(8,), max_iter=300, random_state=0),
    "calibrated": CalibratedClassifierCV(LinearSVC(), cv=2),
    "isotonic": CalibratedClassifierCV(GaussianNB(), method="isotonic", cv=2),
    "one against rest": OneVsRestClassifier(LogisticRegression(max_iter=500)),
    "one against one": OneVsOneClassifier(LogisticRegression(max_iter=500)),
    "xgboost": xgb(),
    "xgboost forest": xgb("RFClassifier"),
    "xgboost dart": xgb(booster="dart"),
}
REGRESSORS = {
    "linear": LinearRegression(),
    "ridge": Ridge(),
    "lasso": Lasso(0.01),
    "elastic": ElasticNet(0.01),
    "bayesian ridge": BayesianRidge(),
    "huber": HuberRegressor(max_iter=500),
    "quantile": QuantileRegressor(alpha=0.01),
    "sgd": make_pipeline(StandardScaler(), SGDRegressor(random_state=0)),
    "linear svr": LinearSVR(max_iter=5000, random_state=0),
    "svr": SVR(),
    "tree": DecisionTreeRegressor(max_depth=4, random_state=0),
    "forest": RandomForestRegressor(12, random_state=0),
    "extra trees": ExtraTreesRegressor(12, random_state=0),
    "gradient": GradientBoostingRegressor(n_estimators=8, random_state=0),
    "histogram": HistGradientBoostingRegressor(max_iter=8, random_state=0),
    "ada": AdaBoostRegressor(n_estimators=8, random_state=0),
    "bagging": BaggingRegressor(DecisionTreeRegressor(max_depth=3), 5, random_state=0),
    "neighbours": KNeighborsRegressor(4),
    "perceptron": MLPRegressor(hidden_layer_sizes=(8,), max_iter=300, random_state=0),
    "xgboost": xgb("Regressor"),
    "xgboost forest": xgb("RFRegressor"),
    "xgboost linear": xgb("Regressor", booster="gblinear"),
}
POSITIVE = {
    "poisson": PoissonRegressor(max_iter=500),
    "gamma": GammaRegressor(max_iter=500),
    "tweedie": TweedieRegressor(power=1.5, max_iter=500),
    "histogram poisson": HistGradientBoostingRegressor(loss="poisson", max_iter=8),
    "histogram gamma": HistGradientBoostingRegressor(loss="gamma", max_iter=8),
    "xgboost poisson": xgb("Regressor", objective="count:poisson"),
    "xgboost gamma": xgb("Regressor", objective="reg:gamma"),
    "xgboost tweedie": xgb("Regressor", objective="reg:tweedie"),
    "xgboost log": xgb("Regressor", objective="reg:squaredlogerror"),
    "log target": TransformedTargetRegressor(Ridge(), func=np.log1p, inverse_func=np.expm1),
}
SCALERS = {
    "standard": StandardScaler(),
    "min max": MinMaxScaler(),
    "max abs": MaxAbsScaler(),
    "robust": RobustScaler(),
    "power": PowerTransformer(),
    "quantile": QuantileTransformer(n_quantiles=50),
    "quantile normal": QuantileTransformer(n_quantiles=50, output_distribution="normal"),
    "log": make_pipeline(FunctionTransformer(np.abs), FunctionTransformer(np.log1p)),
    "root": make_pipeline(FunctionTransformer(np.abs), FunctionTransformer(np.sqrt)),
    "absolute": FunctionTransformer(np.abs),
    "clipped": FunctionTransformer(np.clip, kw_args={"a_min": 0.0, "a_max": 500.0}),
    "normalised": Normalizer(),
    "binary": Binarizer(threshold=2.0),
    "bins": KBinsDiscretizer(4, encode="onehot", quantile_method="averaged_inverted_cdf"),
    "bin numbers": KBinsDiscretizer(4, encode="ordinal", strategy="uniform"),
    "splines": SplineTransformer(n_knots=4),
    "polynomials": PolynomialFeatures(2),
    "components": make_pipeline(StandardScaler(), PCA(3)),
    "svd": TruncatedSVD(3, random_state=0),
    "union": FeatureUnion([("pca", PCA(2)), ("scaled", StandardScaler())]),
    "selected": SelectKBest(f_regression, k=3),
    "selected by a model": SelectFromModel(Lasso(0.01)),
    "eliminated": RFE(Ridge(), n_features_to_select=3),
    "varied": VarianceThreshold(0.1),
}
IMPUTERS = {
    "mean": SimpleImputer(),
    "median and flags": SimpleImputer(strategy="median", add_indicator=True),
    "most frequent": SimpleImputer(strategy="most_frequent"),
    "constant": SimpleImputer(strategy="constant", fill_value=-1.0),
    "neighbours": KNNImputer(n_neighbors=3),
}
ENCODERS = {
    "one-hot": OneHotEncoder(handle_unknown="ignore"),
    "one-hot dense": OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    "one-hot refusing": OneHotEncoder(),
    "one-hot dropping": OneHotEncoder(drop="first", handle_unknown="ignore"),
    "one-hot infrequent": OneHotEncoder(min_frequency=0.2, handle_unknown="infrequent_if_exist"),
    "ordinal": OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    "ordinal with gaps": OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2
    ),
    "target": TargetEncoder(random_state=0),
    "filled": make_pipeline(
        SimpleImputer(strategy="constant", fill_value="none"),
        OneHotEncoder(handle_unknown="ignore"),
    ),
    "most frequent": make_pipeline(
        SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")
    ),
}


def _plain():
    for name, model in CLASSIFIERS.items():
        yield Animal(f"{name} of two", model, "houses", "two")
        yield Animal(f"{name} of kinds", model, "houses", "three" if "xgboost" in name else "kinds")
    for name, model in REGRESSORS.items():
        yield Animal(f"{name} regression", model, "houses", "value")
    for name, model in POSITIVE.items():
        yield Animal(name, model, "houses", "positive")
    for name in ("forest", "histogram", "xgboost", "tree"):
        yield Animal(f"{name} with gaps", CLASSIFIERS[name], "gaps", "two")
        yield Animal(f"{name} of whole numbers", CLASSIFIERS[name], "whole", "two")
    for name in ("linear", "forest", "xgboost"):
        yield Animal(f"{name} of a matrix", REGRESSORS[name], "houses", "value", as_array=True)


def _prepared():
    for name, step in SCALERS.items():
        yield Animal(f"ridge after {name}", make_pipeline(step, Ridge()), "houses", "value")
    for name, step in IMPUTERS.items():
        yield Animal(
            f"forest after {name}", make_pipeline(step, CLASSIFIERS["forest"]), "gaps", "two"
        )
        logistic = make_pipeline(step, StandardScaler(), CLASSIFIERS["logistic"])
        yield Animal(f"logistic after {name}", logistic, "gaps", "three")
    gapless = {
        "ordinal": OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-3
        )
    }
    for name, step in {**ENCODERS, **gapless}.items():
        for last in ("logistic", "xgboost", "forest"):
            model = make_pipeline(prepared(words=step), CLASSIFIERS[last])
            yield Animal(f"{last} after {name}", model, "customers", "two")
    selected = ColumnTransformer(
        [
            (
                "n",
                make_pipeline(SimpleImputer(), StandardScaler()),
                make_column_selector(dtype_include="number"),
            ),
            ("w", ENCODERS["filled"], make_column_selector(dtype_include=["object", "str"])),
        ]
    )
    yield Animal(
        "columns selected by type",
        make_pipeline(selected, CLASSIFIERS["histogram"]),
        "customers",
        "words",
    )
    framed = make_pipeline(prepared(words=ENCODERS["one-hot dense"]), CLASSIFIERS["logistic"])
    yield Animal("frames between steps", framed.set_output(transform="pandas"), "customers", "two")
    logs = make_pipeline(FunctionTransformer(np.log1p), StandardScaler())
    numbers = make_pipeline(SimpleImputer(strategy="median"), logs)
    yield Animal(
        "logarithms", make_pipeline(prepared(numbers), REGRESSORS["ridge"]), "customers", "value"
    )


def _composed():
    base = prepared()
    stack = StackingClassifier([("l", CLASSIFIERS["logistic"]), ("f", CLASSIFIERS["forest"])], cv=2)
    yield Animal("stack", make_pipeline(base, stack), "customers", "two")
    soft = VotingClassifier(
        [("l", CLASSIFIERS["logistic"]), ("x", CLASSIFIERS["xgboost"])], voting="soft"
    )
    yield Animal("soft vote", make_pipeline(base, soft), "customers", "two")
    yield Animal(
        "mean of regressors",
        VotingRegressor([("r", Ridge()), ("f", REGRESSORS["forest"])]),
        "houses",
        "value",
    )
    yield Animal(
        "stack of regressors",
        StackingRegressor([("r", Ridge()), ("t", REGRESSORS["tree"])], cv=2),
        "houses",
        "value",
    )
    grid = GridSearchCV(
        make_pipeline(base, CLASSIFIERS["logistic"]), {"logisticregression__C": [0.1, 1]}, cv=2
    )
    yield Animal("grid search", grid, "customers", "words")
    random = RandomizedSearchCV(
        CLASSIFIERS["forest"], {"max_depth": [2, 3]}, n_iter=2, cv=2, random_state=0
    )
    yield Animal("random search", random, "houses", "two")
    yield Animal(
        "fixed threshold",
        FixedThresholdClassifier(LogisticRegression(max_iter=500), threshold=0.3),
        "houses",
        "two",
    )
    yield Animal(
        "tuned threshold",
        TunedThresholdClassifierCV(LogisticRegression(max_iter=500), cv=2),
        "houses",
        "two",
    )
    yield Animal("two targets", LinearRegression(), "houses", "values")
    yield Animal(
        "forest of two targets", RandomForestRegressor(8, random_state=0), "houses", "values"
    )
    yield Animal("each target alone", MultiOutputRegressor(Ridge()), "houses", "values")
    yield Animal("chain", RegressorChain(Ridge()), "houses", "values")
    yield Animal("two targets of XGBoost", xgb("Regressor"), "houses", "values")
    yield Animal("flags by forest", RandomForestClassifier(8, random_state=0), "houses", "flags")
    yield Animal(
        "flags one by one",
        MultiOutputClassifier(LogisticRegression(max_iter=500)),
        "houses",
        "flags",
    )
    yield Animal("flags by neighbours", KNeighborsClassifier(3), "houses", "flags")
    yield Animal("flags by XGBoost", xgb(), "houses", "flags")
    yield Animal("outliers", IsolationForest(n_estimators=10, random_state=0), "houses", "value")
    for name, model in {
        "multinomial": MultinomialNB(),
        "complement": ComplementNB(),
        "bernoulli": BernoulliNB(),
    }.items():
        yield Animal(f"{name} of counts", model, "whole", "three")


def _typed():
    words = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["colour", "store", "size"]),
        remainder="passthrough",
    )
    for name in ("logistic", "forest", "xgboost"):
        yield Animal(
            f"{name} of categories", make_pipeline(words, CLASSIFIERS[name]), "categories", "two"
        )
    yield Animal("histogram of categories", CLASSIFIERS["histogram"], "categories", "three")
    yield Animal("XGBoost of categories", xgb(enable_categorical=True), "categories", "two")
    yield Animal(
        "XGBoost of categories, values",
        xgb("Regressor", enable_categorical=True),
        "categories",
        "value",
    )
    codes = make_column_transformer(
        (OrdinalEncoder(), ["colour", "size", "store"]), remainder="passthrough"
    )
    yield Animal(
        "codes of categories", make_pipeline(codes, REGRESSORS["gradient"]), "categories", "value"
    )
    filled = make_pipeline(SimpleImputer(), StandardScaler())
    for name in ("logistic", "forest"):
        yield Animal(
            f"{name} of nullable types", make_pipeline(filled, CLASSIFIERS[name]), "nullable", "two"
        )
    yield Animal("XGBoost of nullable types", xgb(), "nullable", "two")
    for name, vectoriser in {
        "tf-idf": TfidfVectorizer(),
        "counts": CountVectorizer(ngram_range=(1, 2)),
        "characters": TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 3)),
        "few words": CountVectorizer(max_features=10, binary=True, stop_words=["the", "a"]),
    }.items():
        model = make_pipeline(vectoriser, LogisticRegression(max_iter=500))
        yield Animal(f"logistic of {name}", model, "texts", "words", as_series=True)
    column = make_column_transformer((TfidfVectorizer(sublinear_tf=True), "review"))
    yield Animal(
        "texts in a column transformer", make_pipeline(column, LinearSVC()), "texts", "two"
    )
    yield Animal(
        "bayes of words",
        make_pipeline(CountVectorizer(), MultinomialNB()),
        "texts",
        "two",
        as_series=True,
    )


ZOO = (*_plain(), *_prepared(), *_composed(), *_typed())
