"""What people put before and around a model compiles, and answers like its library.

Each is held against the library as its user would call it: the estimator itself, on a frame.
"""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.compose import (
    ColumnTransformer,
    TransformedTargetRegressor,
    make_column_selector,
    make_column_transformer,
)
from sklearn.decomposition import FactorAnalysis, FastICA, KernelPCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    StackingClassifier,
)
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 - it makes it public
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.impute import IterativeImputer, KNNImputer, MissingIndicator, SimpleImputer
from sklearn.kernel_approximation import Nystroem, RBFSampler
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    QuantileTransformer,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.random_projection import GaussianRandomProjection
from sklearn.svm import SVC, SVR, LinearSVC, NuSVC, NuSVR, OneClassSVM
from xgboost import XGBClassifier

from serve_app.models.compiled.model import load_compiled
from serve_app.models.frames import to_columns
from serve_app.models.signature import infer
from tests.contract.compiling import assert_same_in_threads, compiled

ROWS = 110
RNG = np.random.default_rng(7)
# Few different values make few rows to probe, and quick tests.
PLAIN = pd.DataFrame({f"v{j}": RNG.normal(size=ROWS).round(1) for j in range(3)})
PLAIN["amount"] = RNG.lognormal(2, 0.6, ROWS).round(0) + 1
GAPS = (PLAIN + RNG.normal(size=PLAIN.shape) / 9).mask(RNG.random(PLAIN.shape) < 0.15)
YES = (PLAIN.v0 + PLAIN.v1 > 0).astype(int).to_numpy()
KINDS = np.digitize(PLAIN.v0 + PLAIN.v1, [-0.6, 0.6])
WORDED = np.array(["low", "middle", "high"], dtype=object)[KINDS]
VALUE = np.exp((PLAIN.v0 + PLAIN.v1 / 2).to_numpy())
PEOPLE = pd.DataFrame(
    {
        "years": RNG.integers(0, 60, ROWS),
        "paid": RNG.gamma(2, 50, ROWS).round(-1),
        "senior": RNG.random(ROWS) < 0.3,
        "city": RNG.choice(["Bern", "Linz", "Graz", "Wien"], ROWS, p=[0.4, 0.3, 0.25, 0.05]),
        "plan": RNG.choice(["month", "year"], ROWS),
    }
)  # fmt: skip
PEOPLE.loc[3:9, "paid"] = np.nan
PEOPLE["partner"] = pd.array(RNG.choice([True, False, None], ROWS), dtype="boolean")
NUMBERS, WORDS = ["years", "paid"], ["city", "plan"]
SAID = [
    "Good bad",
    "GREAT",
    "film; the",
    "story was dull.",
    "Café",
    "naïve x",
    "3 four-door",
    "it's",
]
TEXTS = pd.DataFrame({"text": [" ".join(RNG.choice(SAID, 4)) for _ in range(ROWS)]})
MIXED = pd.concat([TEXTS, PEOPLE[["years", "plan"]]], axis=1)
SEED = {"random_state": 0}


def logistic(*steps):
    return make_pipeline(*steps, LogisticRegression())


def forest(*steps):
    return make_pipeline(*steps, RandomForestClassifier(5, random_state=0))


def ridge(*steps):
    return make_pipeline(*steps, Ridge())


def function(func, **more):
    return FunctionTransformer(func, **more)


def prepared(numbers, words=None):
    words = words or OneHotEncoder(handle_unknown="ignore")
    return ColumnTransformer([("n", numbers, NUMBERS), ("w", words, WORDS)])


def scaled(model):
    return make_pipeline(StandardScaler(), model)


def of_text(vectorizer):
    return logistic(make_column_transformer((vectorizer, "text")))


ESTIMATORS = {
    "the logarithm of one column": (
        make_pipeline(ColumnTransformer([("l", function(np.log1p), ["amount"])],
                      remainder="passthrough"), XGBClassifier(n_estimators=5, n_jobs=1)),
        PLAIN, YES),
    "the logarithm of what is checked": (
        logistic(function(np.log1p, validate=True), StandardScaler()), PLAIN[["amount"]], YES),
    "the logarithm with names": (
        forest(prepared(make_pipeline(SimpleImputer(), function(
            np.log1p, feature_names_out="one-to-one")))), PEOPLE, YES),
    "a root of small integers": (
        ridge(function(np.sqrt)), PEOPLE[["years"]].astype("int8"), VALUE),
    "bounds": (
        ridge(function(np.clip, kw_args={"a_min": -1, "a_max": None})), PLAIN, VALUE),
    "bounds of a partial function": (
        ridge(StandardScaler(), function(partial(np.clip, a_min=-2, a_max=2))), PLAIN, VALUE),
    "rounded": (ridge(function(np.round, kw_args={"decimals": 1})), PLAIN, VALUE),
    "gaps as numbers": (ridge(function(np.nan_to_num)), GAPS, VALUE),
    "functions beside each other": (
        logistic(FeatureUnion([("same", "passthrough"), ("abs", function(np.abs)),
                               ("square", function(np.square))]), StandardScaler()), PLAIN, YES),
    "a constant for gaps": (
        forest(prepared(SimpleImputer(strategy="constant", fill_value=-1))), PEOPLE, YES),
    "nothing given for gaps": (ridge(SimpleImputer(strategy="constant")), GAPS, VALUE),
    "a constant for gaps of integers": (
        ridge(SimpleImputer(strategy="constant", fill_value=0)), PEOPLE[["years"]], VALUE),
    "the most frequent, of numbers and text": (
        logistic(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")),
        PEOPLE[["paid", "city"]], YES),
    "nullable booleans one-hot": (
        logistic(make_column_transformer((OneHotEncoder(handle_unknown="ignore"),
                 ["partner", "plan"]), (SimpleImputer(), NUMBERS))), PEOPLE, YES),
    "nullable booleans filled": (
        logistic(make_column_transformer((SimpleImputer(strategy="most_frequent"),
                 ["partner", "years"]))), PEOPLE, YES),
    "nullable booleans of histogram boosting": (
        HistGradientBoostingClassifier(max_iter=5), PEOPLE[["years", "senior", "partner"]], YES),
    "nullable booleans of XGBoost": (
        XGBClassifier(n_estimators=5, n_jobs=1), PEOPLE[["years", "senior", "partner"]], YES),
    "nullable integers": (
        logistic(SimpleImputer(), StandardScaler()),
        PEOPLE[["years", "paid"]].astype({"years": "Int64", "paid": "Float64"}), YES),
    "truth values of objects": (
        logistic(OneHotEncoder(handle_unknown="ignore")),
        pd.DataFrame({"a": PEOPLE.partner.astype(object).where(PEOPLE.partner.notna(), None)}),
        YES),
    "columns by their types": (
        logistic(make_column_transformer(
            (SimpleImputer(), make_column_selector(dtype_include=np.number)),
            (OneHotEncoder(handle_unknown="ignore"),
             make_column_selector(dtype_include=["object", "string"])))), PEOPLE, YES),
    "the mean target of a category": (
        logistic(prepared(SimpleImputer(), TargetEncoder(**SEED))), PEOPLE, YES),
    "the mean target of a value": (ridge(TargetEncoder(**SEED)), PEOPLE[WORDS], VALUE),
    "the mean target of several classes": (
        forest(TargetEncoder(**SEED)), PEOPLE[["city", "years"]], WORDED),
    "codes of rare categories": (
        forest(OrdinalEncoder(min_frequency=9, handle_unknown="use_encoded_value",
                              unknown_value=-1)), PEOPLE[WORDS], YES),
    "powers": (logistic(PowerTransformer()), PLAIN, YES),
    "powers with gaps": (logistic(PowerTransformer(standardize=False), SimpleImputer()), GAPS, YES),
    "powers of what is above 0": (logistic(PowerTransformer("box-cox")), PLAIN[["amount"]], YES),
    "ranks": (forest(QuantileTransformer(n_quantiles=30)), PLAIN.round(1), YES),
    "quantiles of the normal": (
        logistic(QuantileTransformer(n_quantiles=30, output_distribution="normal")), PLAIN, YES),
    "splines": (ridge(SplineTransformer(4)), PLAIN, VALUE),
    "splines that go on straight": (
        ridge(SplineTransformer(4, degree=2, extrapolation="linear", include_bias=False)),
        PLAIN, VALUE),
    "splines around": (ridge(SplineTransformer(5, extrapolation="periodic")), PLAIN, VALUE),
    "gaps by neighbours": (logistic(KNNImputer(n_neighbors=3)), GAPS, YES),
    "gaps by near neighbours, flagged": (
        logistic(KNNImputer(weights="distance", add_indicator=True)), GAPS, YES),
    "gaps in turn": (logistic(IterativeImputer(max_iter=2)), GAPS, YES),
    "flags of gaps": (
        logistic(FeatureUnion([("f", SimpleImputer()), ("m", MissingIndicator())])), GAPS, YES),
    "support vectors": (scaled(SVC()), PLAIN, YES),
    "support vectors of three classes": (scaled(SVC()), PLAIN, WORDED),
    "support vectors that break ties": (scaled(SVC(break_ties=True)), PLAIN, KINDS),
    "support vectors one against one": (
        scaled(SVC(kernel="poly", degree=2, decision_function_shape="ovo")), PLAIN, KINDS),
    "support vectors behind a sparse matrix": (
        make_pipeline(ColumnTransformer([("w", OneHotEncoder(handle_unknown="ignore"), WORDS)]),
                      SVC(kernel="sigmoid")), PEOPLE, YES),
    "support vectors of a share": (scaled(NuSVC(nu=0.3, kernel="linear")), PLAIN, YES),
    "support vector regression": (scaled(SVR()), PLAIN, VALUE),
    "support vector regression of a share": (scaled(NuSVR(kernel="poly")), PLAIN, VALUE),
    "one class": (scaled(OneClassSVM(nu=0.1)), PLAIN, None),
    "bags of support vectors": (BaggingClassifier(scaled(SVC()), 3, **SEED), PLAIN, YES),
    "support vectors against the rest": (OneVsRestClassifier(scaled(SVC())), PLAIN, KINDS),
    "support vectors in a stack": (
        StackingClassifier([("a", scaled(SVC())), ("b", forest())], cv=2), PLAIN, YES),
    "a kernel ridge": (scaled(KernelRidge(kernel="rbf")), PLAIN, VALUE),
    "a sampled kernel": (logistic(StandardScaler(), Nystroem(n_components=9, **SEED)), PLAIN, YES),
    "a drawn kernel": (logistic(StandardScaler(), RBFSampler(n_components=9, **SEED)), PLAIN, YES),
    "outliers": (IsolationForest(n_estimators=10, **SEED), PLAIN, None),
    "outliers by some columns": (
        scaled(IsolationForest(n_estimators=10, max_features=0.6, contamination=0.1, **SEED)),
        PLAIN, None),
    "clusters": (scaled(KMeans(3, n_init=1, **SEED)), PLAIN, None),
    "clusters of batches": (MiniBatchKMeans(3, n_init=1, **SEED), PLAIN, None),
    "distances from clusters": (logistic(KMeans(3, n_init=1, **SEED)), PLAIN, YES),
    "a mixture": (GaussianMixture(2, **SEED), PLAIN, None),
    "a mixture of straight clouds": (
        scaled(GaussianMixture(3, covariance_type="diag", **SEED)), PLAIN, None),
    "a mixture of round clouds": (
        GaussianMixture(2, covariance_type="spherical", **SEED), PLAIN, None),
    "a mixture of clouds alike": (
        GaussianMixture(2, covariance_type="tied", **SEED), PLAIN, None),
    "a mixture with priors": (BayesianGaussianMixture(n_components=2, **SEED), PLAIN, None),
    "terms weighed": (of_text(TfidfVectorizer()), TEXTS, YES),
    "terms counted": (
        make_pipeline(make_column_transformer((CountVectorizer(), "text")), MultinomialNB()),
        TEXTS, KINDS),
    "terms of two words": (
        of_text(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, stop_words="english")),
        TEXTS, YES),
    "terms of characters": (
        of_text(TfidfVectorizer(analyzer="char", ngram_range=(2, 3), strip_accents="unicode")),
        TEXTS, YES),
    "terms within words": (
        of_text(CountVectorizer(analyzer="char_wb", ngram_range=(3, 5), lowercase=False)),
        TEXTS, YES),
    "terms of a pattern": (
        of_text(CountVectorizer(token_pattern=r"[a-z]+", binary=True, strip_accents="ascii")),
        TEXTS, YES),
    "terms weighed in two steps": (
        logistic(make_column_transformer((CountVectorizer(), "text")),
                 TfidfTransformer(norm="l1")), TEXTS, YES),
    "terms in few columns": (
        logistic(make_column_transformer((TfidfVectorizer(), "text")), TruncatedSVD(3, **SEED)),
        TEXTS, YES),
    "terms beside numbers and categories": (
        make_pipeline(make_column_transformer((TfidfVectorizer(), "text"), (OneHotEncoder(),
                      ["plan"]), remainder="passthrough"),
                      XGBClassifier(n_estimators=5, n_jobs=1)), MIXED, YES),
    "a frozen pipeline, calibrated": (
        CalibratedClassifierCV(FrozenEstimator(forest(StandardScaler()).fit(PLAIN, YES))),
        PLAIN, YES),
    "a frozen step": (logistic(FrozenEstimator(StandardScaler().fit(PLAIN))), PLAIN, YES),
    "a frozen model with a threshold": (
        FixedThresholdClassifier(FrozenEstimator(LinearSVC().fit(PLAIN, YES)), threshold=0.2),
        PLAIN, YES),
    "trees behind a sparse matrix": (
        make_pipeline(prepared(SimpleImputer()), GradientBoostingClassifier(n_estimators=5)),
        PEOPLE, WORDED),
    "near neighbours": (scaled(KNeighborsClassifier(weights="distance")), PLAIN, KINDS),
    "near neighbours in the same places": (
        KNeighborsRegressor(4, weights="distance"), PLAIN.round(0), VALUE),
    "discriminants as columns": (
        forest(LinearDiscriminantAnalysis(n_components=1)), PLAIN, KINDS),
    "independent components": (logistic(FastICA(2, **SEED)), PLAIN, YES),
    "factors": (logistic(FactorAnalysis(2, **SEED)), PLAIN, YES),
    "components by a kernel": (
        logistic(StandardScaler(), KernelPCA(2, kernel="rbf")), PLAIN, YES),
    "a random projection": (logistic(GaussianRandomProjection(2, **SEED)), PLAIN, YES),
    "a target of quantiles": (
        TransformedTargetRegressor(Ridge(), transformer=QuantileTransformer(
            n_quantiles=30, output_distribution="normal")), PLAIN, VALUE),
    "a target of powers": (
        TransformedTargetRegressor(Ridge(), transformer=PowerTransformer()), PLAIN, VALUE),
    "the best mixture": (
        GridSearchCV(GaussianMixture(**SEED), {"n_components": [2, 3]}, cv=2), PLAIN, None),
    "a transformer that gives integers": (OrdinalEncoder(dtype=int), PEOPLE[WORDS], None),
    "a transformer of powers": (PowerTransformer(), PLAIN, None),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ESTIMATORS)
def test_what_people_bring_compiles_and_answers_like_its_library(name):
    estimator, frame, target = ESTIMATORS[name]
    fitted = estimator.fit(frame, target)
    found, native, signature = compiled(fitted, frame)
    assert found.content is not None, found.reason
    model = load_compiled(found.content, signature)
    for one in (model, native):
        assert_same_in_threads(one, to_columns(frame))
    if signature.output.kind == "transform":
        wanted = np.asarray(fitted.transform(frame))
        np.testing.assert_allclose(
            np.column_stack(model.transform(to_columns(frame)).arrays), wanted, rtol=1e-9
        )
        return
    said = model.predict(to_columns(frame))
    if signature.output.kind == "classification":
        assert said.values.tolist() == fitted.predict(frame).tolist()
    else:
        np.testing.assert_allclose(said.values, fitted.predict(frame), rtol=1e-9, atol=1e-12)
    if signature.output.probabilities:
        np.testing.assert_allclose(said.probabilities, fitted.predict_proba(frame), atol=1e-6)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("estimator", "frame", "reason"),
    [
        (ridge(function(lambda x: x + 1)), PLAIN, "code of its own"),
        (ridge(function(np.cumsum, kw_args={"axis": 1})), PLAIN, "code of its own"),
        (scaled(SVC(kernel=lambda a, b: a @ b.T)), PLAIN, "kernel of its own"),
        (of_text(TfidfVectorizer(tokenizer=str.split)), TEXTS, "code of its own"),
        (ridge(SplineTransformer(4, degree=1, extrapolation="linear")), PLAIN, "beyond its ends"),
        (ridge(IterativeImputer(sample_posterior=True, max_iter=1)), GAPS, "at random"),
    ],
)
def test_what_has_no_compiled_form_says_why(estimator, frame, reason):
    found, _, _ = compiled(estimator.fit(frame, YES), frame)
    assert found.content is None
    assert reason in found.reason


def test_a_mixture_keeps_its_probabilities():
    mixture = GaussianMixture(3, random_state=0).fit(PLAIN)
    signature = infer(mixture, "sklearn", PLAIN)
    assert signature.output.kind == "classification"
    assert signature.output.labels == (0, 1, 2)
    assert signature.output.probabilities
