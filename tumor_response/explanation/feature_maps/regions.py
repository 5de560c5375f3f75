"""column_regions(): which regions of the image drive one deep column."""

from __future__ import annotations

import difflib

import numpy as np

from tumor_response.cohort import BaselineCase, Case
from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.attention.case_attention import CaseAttention
from tumor_response.explanation.attention.cohort_mapping import attend
from tumor_response.explanation.attention.methods import method_of
from tumor_response.explanation.attention.pathway import Pathway
from tumor_response.explanation.attention.settings import CamSettings, MethodSettings
from tumor_response.features.deep import DeepFeatures
from tumor_response.features.deep.networks.device import resolved_device

__all__ = ["column_regions"]


def column_regions(
    case: Case | BaselineCase,
    extractor: DeepFeatures,
    column: str,
    *,
    method: str = "grad_cam",
    settings: MethodSettings | None = None,
    device: str = "auto",
) -> CaseAttention:
    """Map which regions of the views raise and lower one deep column of a lesion.

    It is the attention of a model whose output is that column: a weight of one on it, none on the
    others. What a study's model makes of the column is told by
    :func:`~tumor_response.explanation.attention.computing.attention`.

    Parameters
    ----------
    case
        The lesion.
    extractor
        What the table's deep columns were extracted with.
    column
        As the table names it.
    method, settings
        As in :func:`~tumor_response.explanation.attention.computing.attention`; by default class
        activation maps with their sign, positive where a region raises the column.
    device
        ``"auto"``, or a torch device name.

    Returns
    -------
    CaseAttention
        ``output`` is the column's value.

    Raises
    ------
    ExplanationError
        Codes ``unknown_column``, ``extractor_mismatch`` (no deep extractor), ``unknown_method``,
        ``settings``, ``no_feature_map``, ``no_attention``.
    FeatureError, WeightsError, CaseError
        Of the network, the views and the case.

    Examples
    --------
    >>> import tempfile, tumor_response as tr
    >>> from tumor_response.explanation.feature_maps import column_regions
    >>> cohort = tr.simulate_cohort(n_patients=1, seed=0, directory=tempfile.mkdtemp())
    >>> deep = tr.DeepFeatures("test_resnet", weights="random:0", input_px=64)
    >>> found = column_regions(next(iter(cohort)), deep, "deep__test_resnet__0003")
    >>> found.key, found.view_maps.maps.shape
    (('P0001', '1'), (5, 64, 64))
    """
    if not isinstance(extractor, DeepFeatures):
        raise ExplanationError(
            f"extractor={extractor!r}: expected the tr.DeepFeatures that the column came from; for "
            "a handcrafted column see feature_map.",
            code="extractor_mismatch",
        )
    columns = [spec.column for spec in extractor.feature_specs()]
    if column not in columns:
        near = difflib.get_close_matches(column, columns, 1)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        raise ExplanationError(
            f"The extractor has no column {column!r}{hint}", code="unknown_column"
        )
    if method == "grad_cam" and settings is None:
        settings = CamSettings(sign="both")
    baseline = case.baseline if isinstance(case, Case) else case
    value = float(extractor.extract(baseline).values[column])
    weights = np.array([float(one == column) for one in columns])
    found = attend(
        baseline,
        Pathway.of(extractor, resolved_device(device), (0.0, 0.0)),
        weights,
        method_of(method, settings),
        output=value,
    )
    return CaseAttention.of_views((baseline.patient_id, baseline.lesion_id), found, baseline.mask)
