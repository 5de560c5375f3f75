"""Maps of a network that was trained on the study itself: its own gradient, to its own views."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from sklearn.base import BaseEstimator
from torch import nn

from tumor_response.cohort import BaselineCase, Case
from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.attention.case_attention import CaseAttention
from tumor_response.explanation.attention.cohort_mapping import Failure, guarded, map_views
from tumor_response.explanation.attention.methods import Method
from tumor_response.explanation.attention.pathway import Pathway
from tumor_response.features.deep import Views
from tumor_response.features.deep.networks.layers import LayerNetwork
from tumor_response.features.deep.views import AugmentationDraw
from tumor_response.models import final_estimator
from tumor_response.models.learned.estimator import ViewClassifier
from tumor_response.models.learned.modules import CaseModel
from tumor_response.models.learned.network import Network, load_network, split

__all__ = ["HeadReadout", "LearnedMapping", "LearnedNetwork", "checked_mapping"]


class LearnedNetwork(nn.Module):
    """A fitted network as timm's are used: a last map, and what is pooled from it.

    Parameters
    ----------
    network
        The pretrained network.
    model
        What was learned on it.
    n_stages
        Last stages that went on learning; 0: none.
    size_px
        Side of the views.
    """

    num_classes = 0
    feature_info = ()

    def __init__(self, network: Network, model: CaseModel, n_stages: int, size_px: int) -> None:
        super().__init__()
        self._whole: Any = network.module
        self._tail: Any = model.body if n_stages else None
        self._trunk = split(network, n_stages, size_px)[0] if n_stages else None

    def forward_features(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return the last map."""
        if self._trunk is None:
            whole: torch.Tensor = self._whole.forward_features(pixels)
            return whole
        last: torch.Tensor = self._tail.stages(self._trunk(pixels))
        return last

    def forward_head(self, last: torch.Tensor, pre_logits: bool = False) -> torch.Tensor:
        """Return the pooled features; there are no classes of its own."""
        del pre_logits
        # the tail's pooling is the network's
        pooled: torch.Tensor = self._whole.forward_head(last, pre_logits=True)
        return pooled


@dataclass(frozen=True, eq=False)
class HeadReadout:
    """Log-odds from the features of all views: pooling, scaling and the learned head.

    Parameters
    ----------
    head
        The fitted model with nothing below its pooling.
    """

    head: CaseModel

    @property
    def is_linear(self) -> bool:
        """Never: deviations are held at a limit, and a learned pooling weighs views by content."""
        return False

    def __call__(self, features: torch.Tensor) -> torch.Tensor:
        """Return log-odds, shape (...,), of features (..., n_views, n_features)."""
        if features.ndim > 2:
            return torch.stack([self(one) for one in features])
        case = torch.zeros(len(features), dtype=torch.long, device=features.device)
        embedding, _ = self.head.pooled(features.float(), case)
        return self.head.logits(embedding)[0].double()


@dataclass
class LearnedMapping:
    """What every worker gets once: a fitted model of views, and how to map a lesion with it.

    Parameters
    ----------
    fitted
        A ``FineTuned`` or ``AttentionPooling``, or a Pipeline that ends in one; fitted.
    extractor
        What made its keys.
    rows
        The table.
    device, method, shift_mm
        As in :func:`tumor_response.attention`.
    """

    fitted: BaseEstimator
    extractor: Views
    rows: pd.DataFrame
    device: str
    method: Method
    shift_mm: tuple[float, float]
    _ready: tuple[Pathway, HeadReadout] | None = field(default=None, repr=False)

    def __call__(self, cases: list[Case]) -> list[CaseAttention | Failure]:
        """Map some lesions."""
        return [guarded(case, self._one) for case in cases]

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_ready": None}

    @property
    def final(self) -> ViewClassifier:
        """The model of views."""
        return cast(ViewClassifier, final_estimator(self.fitted))

    @property
    def name(self) -> str:
        """Of the settings that the views were cut by."""
        return self.final.key_column_.removeprefix("views__").removesuffix("__key")

    def _one(self, case: BaselineCase) -> CaseAttention:
        lesion_key = (case.patient_id, case.lesion_id)
        at = self.rows.index.get_indexer(pd.MultiIndex.from_tuples([lesion_key]))[0]
        if at < 0:
            raise ExplanationError(
                f"{case.name} has no row in the table that is explained.", code="not_in_table"
            )
        row = self.rows.iloc[[at]]
        output = float(np.asarray(self.fitted.decision_function(row))[0])
        key = str(row[self.final.key_column_].iloc[0])
        pathway, readout = self._loaded(key)
        expected = None
        if self.shift_mm == (0.0, 0.0):
            expected = np.asarray(self.extractor.store.get(key))
        found = map_views(
            case,
            pathway,
            lambda _areas: readout,
            self.method,
            output,
            lambda lesion: _check_views(case, lesion.pixels, expected),
        )
        return CaseAttention.of_views(lesion_key, found, case.mask)

    def _loaded(self, key: str) -> tuple[Pathway, HeadReadout]:
        if self._ready is None:
            final: Any = self.final
            # as it was fitted, and by its own check of the pretrained weights
            model = final._fitted(key).model.to(self.device).eval().requires_grad_(False)
            network = load_network(final.backbone, final.weights, self.device)
            n_stages = final.n_stages if getattr(final, "unfreeze", "head") != "head" else 0
            size_px = self.extractor.size_px
            learned = LearnedNetwork(network, model, n_stages, size_px)
            pathway = Pathway(
                module=LayerNetwork(learned, ("pooled",)).eval(),
                size_px=size_px,
                mean=tuple(network.mean.flatten().tolist()),
                std=tuple(network.std.flatten().tolist()),
                views=self.extractor.settings[self.name],
                draws=(AugmentationDraw(shift_mm=self.shift_mm),),
                poolings=(),
                has_spread=False,
                columns=(),
                device=self.device,
            )
            head = copy.deepcopy(model)
            head.body = nn.Identity()
            self._ready = pathway, HeadReadout(head)
        return self._ready


def checked_mapping(
    subject: object,
    extractor: Views,
    rows: pd.DataFrame,
    in_sample: bool | None,
    device: str,
    method: Method,
    shift_mm: tuple[float, float],
) -> LearnedMapping:
    """Return the mapping of a fitted model of views.

    Raises
    ------
    ExplanationError
        Codes ``no_gradient_path``: the subject is no fitted model of views; ``not_fitted``,
        ``in_sample_not_said``; ``extractor_mismatch``: ``extractor`` did not make its keys.
    """
    final: Any = final_estimator(subject)
    if not isinstance(final, ViewClassifier):
        raise ExplanationError(
            f"{type(final).__name__} with tr.Views: a map through views needs one fitted FineTuned "
            "or AttentionPooling. A model of deep columns goes with the tr.DeepFeatures that made "
            "them.",
            code="no_gradient_path",
        )
    if not hasattr(final, "state_"):
        raise ExplanationError(f"{type(final).__name__} is not fitted.", code="not_fitted")
    if in_sample is None:
        raise ExplanationError(
            "Were rows of this table in the model's fit? Say in_sample=True or in_sample=False.",
            code="in_sample_not_said",
        )
    mapping = LearnedMapping(
        cast(BaseEstimator, subject), extractor, rows, device, method, shift_mm
    )
    if mapping.name not in extractor.settings or final.key_column_ not in rows.columns:
        raise ExplanationError(
            f"The model reads {final.key_column_!r}, which the table or the tr.Views (of "
            f"{', '.join(extractor.settings)}) do not have.",
            code="extractor_mismatch",
        )
    return mapping


def _check_views(
    case: BaselineCase, found: npt.NDArray[np.float32], expected: npt.NDArray[np.float32] | None
) -> None:
    if expected is not None and not np.array_equal(found, expected):
        raise ExplanationError(
            f"{case.name}: the views are not those that its key names in the store. Give the "
            "tr.Views, the image and the contour that the table was extracted with.",
            code="extractor_mismatch",
        )
