"""A table model as ONNX: for programs without Python that hold a table of features already."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.preprocessing import StandardScaler

from tumor_response._version import __version__
from tumor_response.exceptions import BundleError
from tumor_response.explanation.origins import parts_of
from tumor_response.explanation.trees.reading import is_tree_ensemble, trees_of
from tumor_response.models.linear_scores import LinearClassifier, LinearRegressor
from tumor_response.models.trees.columns import StrongestColumns
from tumor_response.predictor.calibration import Calibration
from tumor_response.transformers import (
    BlockScaler,
    BlockSelector,
    CategoryEncoder,
    ColumnFilter,
    LogTransformer,
    MedianImputer,
    ToArray,
)

__all__ = ["onnx_model"]

FloatArray = npt.NDArray[np.float64]

_OPSET, _ML_OPSET, _IR_VERSION = 21, 3, 10
_SURE = 1e-15
"""Probabilities are held this far from 0 and 1 before they become log-odds."""


def onnx_model(model: BaseEstimator, calibration: Calibration | None = None) -> Any:
    """Write a fitted table model as an ONNX graph.

    Parameters
    ----------
    model
        A fitted Pipeline of :func:`tumor_response.make_model` whose steps keep columns apart and
        whose last step is linear or an ensemble of trees.
    calibration
        Applied to the log-odds; None for a rate.

    Returns
    -------
    onnx.ModelProto
        Inputs ``numbers`` (double, lesions x numeric columns; NaN is missing) and for each
        categorical column ``category_0`` ... (text, lesions x 1; text that is no level counts as
        missing). Outputs ``log_odds`` and ``probability`` of class 1, or ``rate`` (double,
        lesions x 1). ``metadata_props`` has the columns' names in order. Trees are summed in
        single precision by ONNX; everything else is double.

    Raises
    ------
    BundleError
        Code ``no_onnx``: a step or model that has no ONNX form here, by name.

    Examples
    --------
    >>> import pandas as pd, tumor_response as tr
    >>> X = pd.DataFrame({"clinical__volume_cc": [2.0, 9.0, 30.0, 60.0]})
    >>> fitted = tr.make_model("volume_only").fit(X, [1, 0, 1, 0])
    >>> [each.name for each in onnx_model(fitted, Calibration()).graph.output]
    ['log_odds', 'probability']
    """
    steps, final = parts_of(model)
    graph = _Graph()
    for step in steps:
        graph.pass_through(step)
    is_rate = not hasattr(final, "classes_")
    output = graph.output_of(final, is_rate=is_rate)
    if not is_rate:
        found = calibration or Calibration()
        output = graph.node("Mul", output, graph.constant(found.slope))
        output = graph.node("Add", output, graph.constant(found.intercept))
    return graph.finished(output, is_rate=is_rate)


class _Graph:
    """Nodes so far; ``flow`` is the name of the matrix that the next step is given."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.numeric: list[str] = []
        self.categories: dict[str, list[str]] = {}
        self.selected: list[str] | None = None
        self.flow = "numbers"

    def constant(self, value: npt.ArrayLike, kind: type = np.float64) -> str:
        from onnx import numpy_helper

        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype=kind), name))
        return name

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        from onnx import helper

        domain = "ai.onnx.ml" if kind.startswith("Tree") else ""
        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], domain=domain, **attributes))
        return name

    def pass_through(self, step: Any) -> None:
        """Append what a fitted step does to the columns."""
        if isinstance(step, BlockSelector):
            self.selected = [str(name) for name in step.get_feature_names_out()]
            self.numeric = self.selected
        elif isinstance(step, CategoryEncoder):
            self._encode(step)
        elif isinstance(step, MedianImputer):
            missing = self.node("IsNaN", self.flow)
            self.flow = self.node("Where", missing, self.constant(step.medians_), self.flow)
        elif isinstance(step, LogTransformer):
            self.flow = self.node("Log", self.flow)
        elif isinstance(step, ColumnFilter | StrongestColumns):
            self._gather(np.flatnonzero(step.support_))
        elif isinstance(step, BlockScaler):
            self._scale(step.mean_, step.scale_)
            self.flow = self.node("Min", self.flow, self.constant(step.limit_))
            self.flow = self.node("Max", self.flow, self.constant(-step.limit_))
        elif isinstance(step, StandardScaler):
            self._scale(
                np.zeros(step.n_features_in_) if step.mean_ is None else step.mean_,
                np.ones(step.n_features_in_) if step.scale_ is None else step.scale_,
            )
        elif not isinstance(step, ToArray):
            raise _none_for(step)

    def _scale(self, mean: FloatArray, scale: FloatArray) -> None:
        centred = self.node("Sub", self.flow, self.constant(mean))
        self.flow = self.node("Div", centred, self.constant(scale))

    def _gather(self, places: npt.NDArray[np.int64]) -> None:
        self.flow = self.node("Gather", self.flow, self.constant(places, np.int64), axis=1)

    def _encode(self, step: CategoryEncoder) -> None:
        columns = [str(name) for name in step.feature_names_in_]
        self.numeric = [name for name in columns if name not in step.levels_]
        if not step.levels_:
            return
        parts, made = [self.flow] if self.numeric else [], list(self.numeric)
        for name, levels in step.levels_.items():
            place = f"category_{len(self.categories)}"
            self.categories[name] = sorted(step.seen_levels_[name])
            hot = self.node("Equal", place, self._texts(levels))
            seen = self.node("Equal", place, self._texts(self.categories[name]))
            known = self.node(
                "ReduceMax",
                self.node("Cast", seen, to=_kind("FLOAT")),
                self.constant([1], np.int64),
            )
            parts.append(
                self.node(
                    "Where",
                    self.node("Cast", known, to=_kind("BOOL")),
                    self.node("Cast", hot, to=_kind("DOUBLE")),
                    self.constant(np.nan),
                )
            )
            made += [f"{name}={level}" for level in levels]
        self.flow = self.node("Concat", *parts, axis=1)
        place_of = {name: place for place, name in enumerate(made)}
        self._gather(np.array([place_of[name] for name in step.get_feature_names_out()]))

    def _texts(self, texts: Sequence[str]) -> str:
        return self.constant(np.array([list(texts)], dtype=object), object)

    def output_of(self, final: Any, *, is_rate: bool) -> str:
        """Append the last step: its log-odds of class 1, or its rate."""
        if isinstance(final, LinearClassifier | LinearRegressor):
            sign = 1.0
            if not is_rate:
                sign = 1.0 if list(final.classes_).index(1) == 1 else -1.0
            weights = sign * np.reshape(final.coef_, (-1, 1))
            product = self.node("MatMul", self.flow, self.constant(weights))
            return self.node("Add", product, self.constant(sign * np.ravel(final.intercept_)[:1]))
        if not is_tree_ensemble(final):
            raise _none_for(final)
        trees = trees_of(final)
        if not np.isnan(trees.missing):
            raise _none_for(final)
        single = self.node("Cast", self.flow, to=_kind("FLOAT"))  # as the trees compare
        total = self.node("TreeEnsembleRegressor", single, **_tree_attributes(trees.nodes))
        summed = self.node("Cast", total, to=_kind("DOUBLE"))
        output = self.node("Add", summed, self.constant(trees.base))
        if trees.output != "probability":
            return output
        held = self.node("Clip", output, self.constant(_SURE), self.constant(1 - _SURE))
        against = self.node("Sub", self.constant(1.0), held)
        return self.node("Log", self.node("Div", held, against))

    def finished(self, output: str, *, is_rate: bool) -> Any:
        """Return the model, its outputs named."""
        from onnx import checker, helper

        double, text = _kind("DOUBLE"), _kind("STRING")
        names = ["rate"] if is_rate else ["log_odds", "probability"]
        self.nodes.append(helper.make_node("Identity", [output], [names[0]]))
        if not is_rate:
            self.nodes.append(helper.make_node("Sigmoid", [output], ["probability"]))
        inputs = [helper.make_tensor_value_info("numbers", double, ["lesions", len(self.numeric)])]
        inputs += [
            helper.make_tensor_value_info(f"category_{place}", text, ["lesions", 1])
            for place in range(len(self.categories))
        ]
        outputs = [helper.make_tensor_value_info(name, double, ["lesions", 1]) for name in names]
        graph = helper.make_graph(self.nodes, "predictor", inputs, outputs, self.constants)
        model = helper.make_model(
            graph,
            producer_name="tumor_response",
            producer_version=__version__,
            ir_version=_IR_VERSION,
            opset_imports=[
                helper.make_opsetid("", _OPSET),
                helper.make_opsetid("ai.onnx.ml", _ML_OPSET),
            ],
        )
        helper.set_model_props(
            model,
            {
                "numbers": json.dumps(self.numeric),
                "categories": json.dumps(self.categories),
                "warning": "For research; not a medical device.",
            },
        )
        checker.check_model(model)
        return model


def _tree_attributes(nodes: Any) -> dict[str, Any]:
    """Return the nodes of all trees as the operator wants them: numbered within each tree."""
    tree = np.cumsum(nodes.root) - 1
    first = np.flatnonzero(nodes.root)[tree]
    own = np.arange(len(tree)) - first
    leaf = nodes.left < 0
    return {
        "n_targets": 1,
        "nodes_treeids": tree.tolist(),
        "nodes_nodeids": own.tolist(),
        "nodes_modes": np.where(leaf, "LEAF", "BRANCH_LEQ").tolist(),
        "nodes_featureids": np.where(leaf, 0, nodes.column).tolist(),
        "nodes_values": _not_above(np.where(leaf, 0.0, nodes.threshold)).tolist(),
        "nodes_truenodeids": np.where(leaf, 0, nodes.left - first).tolist(),
        "nodes_falsenodeids": np.where(leaf, 0, nodes.right - first).tolist(),
        "nodes_missing_value_tracks_true": np.where(leaf, 0, nodes.missing_left).tolist(),
        "target_treeids": tree[leaf].tolist(),
        "target_nodeids": own[leaf].tolist(),
        "target_ids": [0] * int(leaf.sum()),
        "target_weights": nodes.value[leaf].tolist(),
    }


def _not_above(thresholds: FloatArray) -> npt.NDArray[np.float32]:
    """Return the greatest single-precision numbers that are not above the thresholds.

    A single-precision value is at most the one exactly if it is at most the other.
    """
    single = thresholds.astype(np.float32)
    too_high = single.astype(np.float64) > thresholds
    single[too_high] = np.nextafter(single[too_high], np.float32(-np.inf))
    return single


def _kind(name: str) -> int:
    from onnx import TensorProto

    return int(getattr(TensorProto, name))


def _none_for(part: object) -> BundleError:
    return BundleError(
        f"{type(part).__name__} has no ONNX form here. Linear models, boosted trees and forests "
        "behind steps that keep columns apart have one; for others use ShrinkagePredictor.save, "
        "which needs Python.",
        code="no_onnx",
    )
