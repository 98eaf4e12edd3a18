"""Types of LightGBM, CatBoost and imbalanced-learn that run nothing when skops loads them.

LightGBM's and CatBoost's give their bytes to the reader of their own format, which holds numbers.
imbalanced-learn's are settings and fitted attributes, without any `__setstate__` or `__reduce__`;
what a FunctionSampler calls when it is fitted is asked about by its own name.
"""

from __future__ import annotations

_SAMPLERS = {
    "combine._smote_enn": ["SMOTEENN"],
    "combine._smote_tomek": ["SMOTETomek"],
    "over_sampling._adasyn": ["ADASYN"],
    "over_sampling._random_over_sampler": ["RandomOverSampler"],
    "over_sampling._smote.base": ["SMOTE", "SMOTEN", "SMOTENC"],
    "over_sampling._smote.cluster": ["KMeansSMOTE"],
    "over_sampling._smote.filter": ["BorderlineSMOTE", "SVMSMOTE"],
    "under_sampling._prototype_generation._cluster_centroids": ["ClusterCentroids"],
    "under_sampling._prototype_selection._condensed_nearest_neighbour": [
        "CondensedNearestNeighbour"
    ],
    "under_sampling._prototype_selection._edited_nearest_neighbours": [
        "AllKNN",
        "EditedNearestNeighbours",
        "RepeatedEditedNearestNeighbours",
    ],
    "under_sampling._prototype_selection._instance_hardness_threshold": [
        "InstanceHardnessThreshold"
    ],
    "under_sampling._prototype_selection._nearmiss": ["NearMiss"],
    "under_sampling._prototype_selection._neighbourhood_cleaning_rule": [
        "NeighbourhoodCleaningRule"
    ],
    "under_sampling._prototype_selection._one_sided_selection": ["OneSidedSelection"],
    "under_sampling._prototype_selection._random_under_sampler": ["RandomUnderSampler"],
    "under_sampling._prototype_selection._tomek_links": ["TomekLinks"],
}
_OTHERS = {
    "base": ["FunctionSampler"],
    "ensemble._bagging": ["BalancedBaggingClassifier"],
    "ensemble._easy_ensemble": ["EasyEnsembleClassifier"],
    "ensemble._forest": ["BalancedRandomForestClassifier"],
    "ensemble._weight_boosting": ["RUSBoostClassifier"],
    "metrics.pairwise": ["ValueDifferenceMetric"],
    "pipeline": ["Pipeline"],
}
IMBALANCED = frozenset(
    f"imblearn.{module}.{name}"
    for modules in (_SAMPLERS, _OTHERS)
    for module, names in modules.items()
    for name in names
)
BOOSTERS = frozenset(
    {
        "catboost.core.CatBoost",
        "catboost.core.CatBoostClassifier",
        "catboost.core.CatBoostRanker",
        "catboost.core.CatBoostRegressor",
        "collections.OrderedDict",
        "lightgbm.basic.Booster",
        "lightgbm.sklearn.LGBMClassifier",
        "lightgbm.sklearn.LGBMModel",
        "lightgbm.sklearn.LGBMRanker",
        "lightgbm.sklearn.LGBMRegressor",
    }
)
