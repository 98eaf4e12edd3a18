"""Types that skops asks about and that were read and found to run nothing when loaded.

They hold numbers (trees, losses, kernels, optimisers) or are pure functions of arrays. A
type that is not here needs a person's word: `--trust module.Type`.
"""

from __future__ import annotations

from collections.abc import Sequence

from serve_app.errors import InvalidInput
from serve_app.models.trusted_extras import BOOSTERS, IMBALANCED

TRUSTED = frozenset(
    {
        "numpy.dtype",
        "numpy.mean",
        "scipy._lib.array_api_compat.numpy._aliases.asarray",
        "scipy.interpolate._bsplines.BSpline",
        "sklearn._loss.link.Interval",
        "sklearn._loss.link.LogitLink",
        "sklearn._loss.link.MultinomialLogit",
        "sklearn._loss.loss.HalfBinomialLoss",
        "sklearn._loss.loss.HalfMultinomialLoss",
        "sklearn._loss.loss.HalfSquaredError",
        "sklearn._loss.loss.HalfTweedieLossIdentity",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.cluster._bisect_k_means._BisectingTree",
        "sklearn.cluster._kmeans._kmeans_single_lloyd",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.feature_selection._univariate_selection.chi2",
        "sklearn.feature_selection._univariate_selection.f_classif",
        "sklearn.feature_selection._univariate_selection.f_regression",
        "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
        "sklearn.gaussian_process.kernels.ConstantKernel",
        "sklearn.gaussian_process.kernels.Product",
        "sklearn.gaussian_process.kernels.RBF",
        "sklearn.metrics._dist_metrics.EuclideanDistance64",
        "sklearn.neighbors._kd_tree.KDTree",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.tree._tree.Tree",
        "sklearn.utils._bunch.Bunch",
        "xgboost.core.Booster",
        "xgboost.sklearn.XGBClassifier",
        "xgboost.sklearn.XGBRFClassifier",
        "xgboost.sklearn.XGBRFRegressor",
        "xgboost.sklearn.XGBRegressor",
    }
    | BOOSTERS
    | IMBALANCED
)


def untrusted(holder: str, types: Sequence[str]) -> InvalidInput:
    """The refusal of types that nobody trusts; `holder` says where they are."""
    local = [name for name in types if "<" in name]
    if local:
        msg = (
            f"{holder} holds {', '.join(local)}, which has no importable name, so that only a "
            "pickle can hold it: move it into a module, or add --allow-pickle (a pickle can run "
            "any code when it is loaded)"
        )
        return InvalidInput(msg, types=list(types))
    listed = " ".join(f"--trust {name}" for name in types)
    msg = (
        f"{holder} holds types that are not known to be harmless: {', '.join(types)}; "
        f"if you trust their code, add {listed}"
    )
    return InvalidInput(msg, types=list(types))
