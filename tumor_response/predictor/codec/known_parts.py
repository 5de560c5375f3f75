"""The exact list of types that a predictor file may consist of, with their attributes."""

from __future__ import annotations

from typing import Any

from tumor_response.predictor.codec.parts import Part

__all__ = ["PARTS", "holds_rows", "part_of", "type_name"]

_STEP = ("columns_in_", "feature_names_in_", "n_features_in_")
_FITTED = ("feature_names_in_", "n_features_in_", "tuned_")
_LINEAR = (*_FITTED, "coef_", "intercept_", "classes_")
_FILTER = (*_STEP, "support_")
_PATH_C = ("C_", "path_Cs_", "path_deviances_")
_PATH_ALPHA = ("alpha_", "path_alphas_", "path_errors_")
_ENCODER = (*_STEP, "levels_", "seen_levels_", "feature_origins_", "_names")
_COMPONENTS = (*_STEP, "mean_", "rotation_", "_names")
_SITE = (*_STEP, "_groups", "_reasons", "columns_", "n_patients_", "site_parameters_")
_COMBAT = (*_SITE, "_coding", "_design_mean", "_target", "alpha_", "beta_", "sigma_")
_STACK = (
    *(*_STEP, "_members", "block_means_", "block_weights_", "intercept_", "left_out_"),
    *("models_", "tuned_", "classes_"),
)
_BOOSTED = (
    *(*_FITTED, "classes_", "_columns", "_directions", "booster_", "losses_", "n_rounds_"),
    *("scores_", "support_"),
)
_FOREST = ("classes_", "n_classes_", "n_features_in_", "feature_names_in_", "n_outputs_")
_FOREST_LEFT = (  # drawn rows' weights and counts; what trees are made of again; the trees
    *("_sample_weight", "_n_samples", "_n_samples_bootstrap", "class_weight", "estimator"),
    *("estimator_", "estimator_params", "estimators_"),
)
_VIEWS = (
    *("classes_", "key_column_", "n_epochs_", "history_", "weights_sha256_", "weights_source_"),
    *("n_features_out_", "state_"),
)
_VIEWS_LEFT = ("stopping_rows_", "_ready")
_VIEWS_HOME = ("store", "weights", "activations_dir", "checkpoint_dir", "verbose")
_SK_LINEAR = ("feature_names_in_", "n_features_in_", "coef_", "intercept_", "classes_", "n_iter_")
_DUMMY = ("feature_names_in_", "n_features_in_", "n_outputs_", "constant_")

_T = "tumor_response.transformers"
_M = "tumor_response.models"

_ALL = (
    Part("Pipeline", "sklearn.pipeline", home=("memory", "verbose")),
    Part(
        "BlockSelector", _T, (*_STEP, "_chosen", "_keys", "_names", "blocks_", "feature_origins_")
    ),
    Part("CategoryEncoder", _T, _ENCODER),
    Part("EncoderOfNamed", f"{_M}.trees", _ENCODER),
    Part(
        "ClinicalSet",
        _T,
        (*_STEP, "_fill", "_names", "absent_", "feature_origins_", "found_", "levels_", "unused_"),
    ),
    Part("MedianImputer", _T, (*_STEP, "medians_")),
    Part("BlockScaler", _T, (*_STEP, "mean_", "scale_", "limit_")),
    Part("LogTransformer", _T, _STEP),
    Part("ToArray", _T, _STEP),
    # filters and reductions
    Part("NearConstantFilter", _T, (*_FILTER, "shares_")),
    Part("MissingnessFilter", _T, (*_FILTER, "shares_")),
    Part("UnivariateFilter", _T, (*_FILTER, "scores_")),
    Part("StrongestColumns", f"{_M}.trees", (*_FILTER, "scores_")),
    Part("CorrelationFilter", _T, (*_FILTER, "strongest_", "_instead")),
    Part("CorrelationClusters", _T, (*_FILTER, "clusters_")),
    Part("VolumeRedundancyFilter", _T, (*_FILTER, "correlations_")),
    Part("MRMRFilter", _T, (*_FILTER, "relevance_", "rank_")),
    Part("StabilitySelection", _T, (*_FILTER, "shares_", "bounds_", "n_chosen_")),
    Part("BorutaFilter", _T, (*_FILTER, "hits_", "rounds_", "decision_")),
    Part(
        "MannWhitneyFilter",
        _T,
        (*_FILTER, "n_lesions_", "n_patients_", "aucs_", "p_values_", "q_values_"),
    ),
    Part(
        "StableColumns",
        _T,
        (
            *(*_FILTER, "n_lesions_", "n_patients_", "n_without_", "source_", "icc_", "low_"),
            *("high_", "n_complete_", "reason_", "status_"),
        ),
        home=("store",),
    ),
    Part("BlockPCA", _T, _COMPONENTS),
    Part("BlockPLS", _T, _COMPONENTS),
    Part("BlockSupervisedPCA", _T, (*_COMPONENTS, "scores_", "support_")),
    # sites
    Part("ComBat", _T, _COMBAT),
    Part("MComBat", _T, (*_COMBAT, "_deviation")),
    Part("NestedComBat", _T, (*_STEP, "steps_", "n_differing_", "order_")),
    Part("SiteZScore", _T, _SITE),
    Part("SiteQuantile", _T, (*_SITE, "quantiles_")),
    # models
    Part("RidgeLogistic", _M, (*_LINEAR, *_PATH_C)),
    Part("PenalisedLogistic", _M, (*_LINEAR, *_PATH_C, "n_selected_")),
    Part("RidgeRegression", _M, (*_LINEAR, *_PATH_ALPHA)),
    Part("PenalisedRegression", _M, (*_LINEAR, *_PATH_ALPHA, "n_selected_")),
    Part("ReducedRidgeLogistic", _M, (*_LINEAR, *_PATH_C, "columns_in_", "reduction_")),
    Part("OrdinalRidge", _M, (*_LINEAR, *_PATH_C, "cut_points_")),
    Part("OrdinalByCuts", _M, ("classes_", "estimators_", "n_features_in_", "tuned_")),
    Part("LinearSVMClassifier", f"{_M}.kernel", (*_LINEAR, *_PATH_C, "sigmoid_")),
    Part("LinearSVMRegressor", f"{_M}.kernel", (*_LINEAR, *_PATH_C, "path_errors_")),
    Part("PLSDA", f"{_M}.components", (*_LINEAR, "deviances_", "n_components_", "sigmoid_")),
    Part("PLSRate", f"{_M}.components", (*_LINEAR, "errors_", "n_components_")),
    Part("Sigmoid", f"{_M}.platt"),
    Part("ClinicalFirst", f"{_M}.fusion", (*_LINEAR, *_PATH_C, "columns_in_", "first_")),
    Part(
        "ClinicalFirstRegression", f"{_M}.fusion", (*_LINEAR, *_PATH_ALPHA, "columns_in_", "first_")
    ),
    Part("StackedBlocks", f"{_M}.fusion", _STACK),
    Part("StackedBlocksRegression", f"{_M}.fusion", _STACK),
    Part("MeanOfModels", f"{_M}.fusion", ("classes_", "models_", "tuned_")),
    Part("BoostedTreesClassifier", f"{_M}.trees", _BOOSTED),
    Part("BoostedTreesRegressor", f"{_M}.trees", _BOOSTED),
    Part("ForestClassifier", f"{_M}.trees", _FOREST, _FOREST_LEFT, ("n_jobs", "verbose")),
    Part("ForestRegressor", f"{_M}.trees", _FOREST, _FOREST_LEFT, ("n_jobs", "verbose")),
    Part(
        "BestOfInner",
        _M,
        ("best_estimator_", "chosen_", "inner_scores_", "tuned_"),
    ),
    Part(
        "TunedModel",
        _M,
        ("best_estimator_", "best_params_", "best_score_", "_tried", "tuned_"),
    ),
    Part("Range", _M),
    Part("Choice", _M),
    Part("FineTuned", _M, _VIEWS, _VIEWS_LEFT, _VIEWS_HOME),
    Part("AttentionPooling", _M, _VIEWS, _VIEWS_LEFT, _VIEWS_HOME),
    # scikit-learn's own
    Part(
        "DummyClassifier",
        "sklearn.dummy",
        (*_DUMMY, "classes_", "n_classes_", "class_prior_", "_strategy", "sparse_output_"),
    ),
    Part("DummyRegressor", "sklearn.dummy", _DUMMY),
    Part("LogisticRegression", "sklearn.linear_model", _SK_LINEAR, home=("n_jobs", "verbose")),
    Part("Ridge", "sklearn.linear_model", (*_SK_LINEAR, "solver_")),
    Part(
        "LinearRegression",
        "sklearn.linear_model",
        (*_SK_LINEAR, "rank_", "singular_"),
        home=("n_jobs",),
    ),
    Part("Lasso", "sklearn.linear_model", (*_SK_LINEAR, "dual_gap_"), ("l1_ratio",)),
    Part("ElasticNet", "sklearn.linear_model", (*_SK_LINEAR, "dual_gap_")),
    Part(
        "RandomForestClassifier", "sklearn.ensemble", _FOREST, _FOREST_LEFT, ("n_jobs", "verbose")
    ),
    Part("RandomForestRegressor", "sklearn.ensemble", _FOREST, _FOREST_LEFT, ("n_jobs", "verbose")),
    Part("ExtraTreesClassifier", "sklearn.ensemble", _FOREST, _FOREST_LEFT, ("n_jobs", "verbose")),
    Part("ExtraTreesRegressor", "sklearn.ensemble", _FOREST, _FOREST_LEFT, ("n_jobs", "verbose")),
    Part(
        "StandardScaler",
        "sklearn.preprocessing",
        ("feature_names_in_", "n_features_in_", "n_samples_seen_", "mean_", "var_", "scale_"),
    ),
    Part(
        "RobustScaler",
        "sklearn.preprocessing",
        ("feature_names_in_", "n_features_in_", "center_", "scale_"),
    ),
)

PARTS: dict[str, Part] = {part.name: part for part in _ALL}
"""The types, by name."""

_HOLD_ROWS = {
    *("GaussianProcessClassifier", "GaussianProcessRegressor"),
    *("InContextClassifier", "InContextRegressor"),
    *("SVC", "SVR", "NuSVC", "NuSVR", "OneClassSVM", "KernelRidge", "KernelPCA"),
    *("KNeighborsClassifier", "KNeighborsRegressor", "RadiusNeighborsClassifier"),
    *("RadiusNeighborsRegressor", "KNNImputer", "LabelPropagation", "LabelSpreading"),
    *("IsotonicRegression", "KernelDensity", "LocalOutlierFactor"),
}


def part_of(value: object) -> Part | None:
    """Return what may travel of a value, by its exact type; None: nothing.

    Examples
    --------
    >>> from tumor_response.models import RidgeLogistic
    >>> part_of(RidgeLogistic()).name
    'RidgeLogistic'
    >>> class RidgeLogistic(RidgeLogistic):
    ...     '''Another type of the same name.'''
    >>> part_of(RidgeLogistic()) is None
    True
    """
    part = PARTS.get(type(value).__name__)
    return part if part is not None and part.type() is type(value) else None


def holds_rows(value: object) -> bool:
    """Tell whether a type is known to be its training rows: kernels, neighbours, in-context models.

    Examples
    --------
    >>> from sklearn.svm import SVC
    >>> holds_rows(SVC())
    True
    """
    return type(value).__name__ in _HOLD_ROWS


def type_name(value: Any) -> str:
    """Return the full name of a value's type, for messages."""
    kind = type(value)
    return f"{kind.__module__}.{kind.__qualname__}"
