"""Types that skops asks about and that were read and found to run nothing when loaded.

Module by module: classes that hold numbers (trees, losses, kernels, optimisers, splitters) or
say which columns or scores are meant, and functions of arrays. A file may have a class made
with any state, and a function called with any arguments, so that what is here opens nothing,
evaluates no text, imports nothing by name and calls nothing but what skops has asked about as
well. Not here for that reason: `numpy.load`, `numpy.fromfile`, `numpy.frombuffer` and others
that read files or memory, `sklearn.datasets`, `joblib.Memory` (loads pickles from a folder),
`operator.methodcaller`, and SciPy's distributions (`models/distributions.py`).

The names are those of scikit-learn 1.6 to 1.9; a version may lack some of them.
"""

from __future__ import annotations

_ENSEMBLES = "sklearn.ensemble._hist_gradient_boosting"
_METRICS = "sklearn.metrics"


def _words(names: str) -> list[str]:
    return names.split()


_SKLEARN = {
    "sklearn._loss.link": (
        "HalfLogitLink IdentityLink Interval LogLink LogitLink MultinomialLogit"
    ),
    "sklearn._loss.loss": (
        "AbsoluteError ExponentialLoss HalfBinomialLoss HalfGammaLoss HalfMultinomialLoss "
        "HalfPoissonLoss HalfSquaredError HalfTweedieLoss HalfTweedieLossIdentity HuberLoss "
        "PinballLoss "
        # From 1.9 on.
        "HalfBinomialLossArrayAPI HalfMultinomialLossArrayAPI HalfPoissonLossArrayAPI"
    ),
    "sklearn.calibration": (
        "_CalibratedClassifier _SigmoidCalibration "
        # From 1.8 on.
        "_TemperatureScaling"
    ),
    "sklearn.cluster._bisect_k_means": "_BisectingTree",
    "sklearn.cluster._kmeans": "_kmeans_single_elkan _kmeans_single_lloyd",
    "sklearn.compose._column_transformer": (
        "make_column_selector "
        # Up to 1.6.
        "_RemainderColsList"
    ),
    f"{_ENSEMBLES}.predictor": "TreePredictor",
    f"{_ENSEMBLES}.binning": "_BinMapper",
    "sklearn.feature_extraction.text": "strip_accents_ascii strip_accents_unicode strip_tags",
    "sklearn.feature_selection._mutual_info": "mutual_info_classif mutual_info_regression",
    "sklearn.feature_selection._univariate_selection": (
        "chi2 f_classif f_oneway f_regression r_regression"
    ),
    "sklearn.gaussian_process._gpc": "_BinaryGaussianProcessClassifierLaplace",
    "sklearn.gaussian_process.kernels": (
        "CompoundKernel ConstantKernel DotProduct ExpSineSquared Exponentiation Hyperparameter "
        "Matern PairwiseKernel Product RBF RationalQuadratic Sum WhiteKernel"
    ),
    # skops knows them once `sklearn.experimental` was imported before it.
    "sklearn.impute._iterative": "IterativeImputer _ImputerTriplet",
    "sklearn.model_selection._search_successive_halving": (
        "HalvingGridSearchCV HalvingRandomSearchCV"
    ),
    f"{_METRICS}._classification": (
        "accuracy_score balanced_accuracy_score brier_score_loss class_likelihood_ratios "
        "cohen_kappa_score f1_score fbeta_score hamming_loss hinge_loss jaccard_score log_loss "
        "matthews_corrcoef precision_score recall_score zero_one_loss d2_log_loss_score "
        # From 1.8 on.
        "d2_brier_score"
    ),
    f"{_METRICS}._dist_metrics": " ".join(
        f"{name}Distance{bits}"
        for name in _words(
            "BrayCurtis Canberra Chebyshev Dice Euclidean Hamming Haversine Jaccard Mahalanobis "
            "Manhattan Minkowski RogersTanimoto RussellRao SEuclidean SokalMichener SokalSneath"
        )
        for bits in (32, 64)
    ),
    f"{_METRICS}._ranking": (
        "auc average_precision_score coverage_error dcg_score "
        "label_ranking_average_precision_score label_ranking_loss ndcg_score "
        "roc_auc_score top_k_accuracy_score"
    ),
    f"{_METRICS}._regression": (
        "d2_absolute_error_score d2_pinball_score d2_tweedie_score explained_variance_score "
        "max_error mean_absolute_error mean_absolute_percentage_error mean_gamma_deviance "
        "mean_pinball_loss mean_poisson_deviance mean_squared_error mean_squared_log_error "
        "mean_tweedie_deviance median_absolute_error r2_score root_mean_squared_error "
        "root_mean_squared_log_error"
    ),
    f"{_METRICS}._scorer": (
        "_CurveScorer _MultimetricScorer _PassthroughScorer _Scorer negative_likelihood_ratio "
        "positive_likelihood_ratio"
    ),
    f"{_METRICS}.cluster._supervised": (
        "adjusted_mutual_info_score adjusted_rand_score completeness_score fowlkes_mallows_score "
        "homogeneity_score mutual_info_score normalized_mutual_info_score rand_score "
        "v_measure_score"
    ),
    f"{_METRICS}.cluster._unsupervised": (
        "calinski_harabasz_score davies_bouldin_score silhouette_score"
    ),
    f"{_METRICS}.pairwise": (
        "additive_chi2_kernel chi2_kernel cosine_distances cosine_similarity euclidean_distances "
        "haversine_distances laplacian_kernel linear_kernel manhattan_distances "
        "nan_euclidean_distances polynomial_kernel rbf_kernel sigmoid_kernel"
    ),
    "sklearn.model_selection._split": (
        "GroupKFold GroupShuffleSplit KFold LeaveOneGroupOut LeaveOneOut LeavePGroupsOut LeavePOut "
        "PredefinedSplit RepeatedKFold RepeatedStratifiedKFold ShuffleSplit StratifiedGroupKFold "
        "StratifiedKFold StratifiedShuffleSplit TimeSeriesSplit _CVIterableWrapper"
    ),
    "sklearn.multiclass": "_ConstantPredictor",
    "sklearn.neighbors._ball_tree": "BallTree BallTree32 BallTree64",
    "sklearn.neighbors._kd_tree": "KDTree KDTree32 KDTree64",
    "sklearn.neural_network._stochastic_optimizers": "AdamOptimizer SGDOptimizer",
    "sklearn.preprocessing._data": (
        "binarize maxabs_scale minmax_scale normalize power_transform quantile_transform "
        "robust_scale scale"
    ),
    "sklearn.tree._tree": "Tree",
    "sklearn.utils._bunch": "Bunch",
    "sklearn.utils._metadata_requests": "MetadataRequest MethodMetadataRequest",
    "sklearn.utils.validation": "check_array",
}

_NUMPY = {
    "numpy": (
        "dtype amax amin angle argmax argmin argsort around array asarray asanyarray "
        "ascontiguousarray atleast_1d atleast_2d average clip column_stack concatenate cumprod "
        "cumsum diff digitize dstack ediff1d expand_dims fix flip gradient hstack imag interp "
        "isclose isin isneginf isposinf max mean median min nan_to_num nanargmax nanargmin "
        "nancumsum nanmax nanmean nanmedian nanmin nanpercentile nanprod nanquantile nanstd nansum "
        "nanvar percentile polyval prod ptp quantile ravel real real_if_close repeat reshape roll "
        "round searchsorted sinc sort squeeze stack std sum swapaxes take tile transpose unique "
        "unwrap var vstack where zeros_like "
        # Kinds of numbers, as `make_column_selector` names them.
        "complexfloating floating generic inexact integer number signedinteger unsignedinteger"
    ),
}

_OTHERS = {
    "builtins": "object",
    # As safe as the function in it, which skops asks about by its own name.
    "functools": "partial",
    "pandas": "CategoricalDtype StringDtype",
    "pandas.core.dtypes.dtypes": "CategoricalDtype",
    "scipy._lib.array_api_compat.numpy._aliases": "asarray",
    "scipy.interpolate._bsplines": "BSpline",
    "scipy.interpolate._interpolate": "PPoly interp1d",
    "scipy.sparse._bsr": "bsr_array bsr_matrix",
    "scipy.sparse._coo": "coo_array coo_matrix",
    "scipy.sparse._csc": "csc_array csc_matrix",
    "scipy.sparse._csr": "csr_array csr_matrix",
    "scipy.sparse._dia": "dia_array dia_matrix",
    "scipy.special._logsumexp": "log_softmax logsumexp softmax",
    "scipy.stats._distn_infrastructure": "rv_continuous_frozen rv_discrete_frozen",
    "collections": "OrderedDict",
    # Loading one opens nothing; training one writes to its `train_dir`.
    "catboost.core": "CatBoost CatBoostClassifier CatBoostRanker CatBoostRegressor",
    "lightgbm.basic": "Booster",
    "lightgbm.sklearn": "LGBMClassifier LGBMRanker LGBMRegressor",
    "xgboost.core": "Booster",
    "xgboost.sklearn": ("XGBClassifier XGBRFClassifier XGBRFRegressor XGBRanker XGBRegressor"),
}

_IMBLEARN = {
    "imblearn.combine._smote_enn": "SMOTEENN",
    "imblearn.combine._smote_tomek": "SMOTETomek",
    "imblearn.ensemble._bagging": "BalancedBaggingClassifier",
    "imblearn.ensemble._easy_ensemble": "EasyEnsembleClassifier",
    "imblearn.ensemble._forest": "BalancedRandomForestClassifier",
    "imblearn.ensemble._weight_boosting": "RUSBoostClassifier",
    "imblearn.metrics.pairwise": "ValueDifferenceMetric",
    "imblearn.over_sampling._adasyn": "ADASYN",
    "imblearn.over_sampling._random_over_sampler": "RandomOverSampler",
    "imblearn.over_sampling._smote.base": "SMOTE SMOTEN SMOTENC",
    "imblearn.over_sampling._smote.cluster": "KMeansSMOTE",
    "imblearn.over_sampling._smote.filter": "BorderlineSMOTE SVMSMOTE",
    "imblearn.pipeline": "Pipeline",
    "imblearn.under_sampling._prototype_generation._cluster_centroids": "ClusterCentroids",
    "imblearn.under_sampling._prototype_selection._condensed_nearest_neighbour": (
        "CondensedNearestNeighbour"
    ),
    "imblearn.under_sampling._prototype_selection._edited_nearest_neighbours": (
        "AllKNN EditedNearestNeighbours RepeatedEditedNearestNeighbours"
    ),
    "imblearn.under_sampling._prototype_selection._instance_hardness_threshold": (
        "InstanceHardnessThreshold"
    ),
    "imblearn.under_sampling._prototype_selection._nearmiss": "NearMiss",
    "imblearn.under_sampling._prototype_selection._neighbourhood_cleaning_rule": (
        "NeighbourhoodCleaningRule"
    ),
    "imblearn.under_sampling._prototype_selection._one_sided_selection": "OneSidedSelection",
    "imblearn.under_sampling._prototype_selection._random_under_sampler": "RandomUnderSampler",
    "imblearn.under_sampling._prototype_selection._tomek_links": "TomekLinks",
}

TRUSTED = frozenset(
    f"{module}.{name}"
    for table in (_SKLEARN, _NUMPY, _OTHERS, _IMBLEARN)
    for module, names in table.items()
    for name in _words(names)
)
