"""What a block is asked about: volume, slice thickness, site, kernel, noise, or anything given."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from tumor_response.cohort import Cohort
from tumor_response.exceptions import CaseError, EvaluationError
from tumor_response.imaging.noise import soft_tissue_noise_hu

__all__ = ["LOG_VOLUME", "acquisition_facts", "probe_targets", "volume_column"]

LOG_VOLUME = "log_volume"
"""Name of the natural logarithm of the tumour's volume among the targets."""

_VOLUMES = ("clinical__volume_cc",)
_VOLUME_ENDINGS = ("shape_MeshVolume", "shape_VoxelVolume")
_META = {"slice_thickness_mm": "meta__slice_thickness_mm", "site": "meta__site"}


def volume_column(data: pd.DataFrame) -> str | None:
    """Return the column that holds the tumour's volume, in whatever unit, or None.

    ``clinical__volume_cc``, else the first column that ends in ``shape_MeshVolume`` or
    ``shape_VoxelVolume``.

    Examples
    --------
    >>> volume_column(pd.DataFrame({"radiomics__original__shape_MeshVolume": [1.0]}))
    'radiomics__original__shape_MeshVolume'
    """
    for name in _VOLUMES:
        if name in data:
            return name
    return next((str(name) for name in data if str(name).endswith(_VOLUME_ENDINGS)), None)


def probe_targets(
    data: pd.DataFrame,
    targets: Mapping[str, pd.Series | str] | None,
    cohort: Cohort | None,
) -> dict[str, pd.Series]:
    """Return the targets by name, each a Series on the table's index, missing values as NaN.

    Parameters
    ----------
    data
        The table.
    targets
        From a name to a Series, or to a column of the table, or to ``"log_volume"``. ``None``: log
        volume, slice thickness and site, as far as the table has them, and with a ``cohort``
        kernel and noise.
    cohort
        Where kernel and noise come from.

    Raises
    ------
    EvaluationError
        Code ``targets``: no target at all, an unknown column, no Series, an index without the
        table's lesions.
    """
    if targets is None:
        found = {name: data[column] for name, column in _META.items() if column in data}
        if (column := volume_column(data)) is not None:
            found = {LOG_VOLUME: _logarithm(data[column])} | found
        if cohort is not None:
            facts = acquisition_facts(cohort)
            found |= {str(name): _on(data.index, str(name), facts[name]) for name in facts}
        if not found:
            raise EvaluationError(
                "There is nothing to probe for: the table has no volume, no meta__ columns. Give "
                "targets={'kernel': series}.",
                code="targets",
            )
        return found
    if not isinstance(targets, Mapping) or not targets:
        raise EvaluationError(
            "targets: expected a mapping from a name to a Series or a column, e.g. "
            "{'kernel': series, 'site': 'meta__site'}.",
            code="targets",
        )
    return {name: _one(data, name, given) for name, given in targets.items()}


def _one(data: pd.DataFrame, name: str, given: pd.Series | str) -> pd.Series:
    if isinstance(given, pd.Series):
        return _on(data.index, name, given)
    if given == LOG_VOLUME and (column := volume_column(data)) is not None:
        return _logarithm(data[column])
    if isinstance(given, str) and given in data:
        return data[given]
    raise EvaluationError(
        f"Target {name!r}: expected a Series with the table's index or one of its columns, "
        f"received {given if isinstance(given, str) else type(given).__name__!r}.",
        code="targets",
    )


def _on(index: pd.Index, name: str, given: pd.Series) -> pd.Series:
    if not given.index.is_unique:
        raise EvaluationError(f"Target {name!r} has index entries twice.", code="targets")
    if not index.isin(given.index).any():
        raise EvaluationError(
            f"Target {name!r} has none of the table's lesions in its index "
            f"(e.g. {given.index[:2].tolist()} against {index[:2].tolist()}).",
            code="targets",
        )
    return given.reindex(index)


def _logarithm(volume: pd.Series) -> pd.Series:
    values = volume.to_numpy(dtype=np.float64, na_value=np.nan)
    known = np.where(values > 0, values, np.nan)  # an empty contour has no logarithm
    return pd.Series(np.log(known), index=volume.index, name=LOG_VOLUME)


def acquisition_facts(cohort: Cohort) -> pd.DataFrame:
    """Return how each baseline image was made: ``kernel``, and ``noise_hu`` as measured.

    The kernel is in the DICOM header; images from other files have none. Noise is that of
    :func:`tumor_response.imaging.noise.soft_tissue_noise_hu`, NaN for an image that cannot be
    read.

    Examples
    --------
    >>> import tempfile, tumor_response as tr
    >>> cohort = tr.simulate_cohort(n_patients=1, seed=0, directory=tempfile.mkdtemp())
    >>> facts = acquisition_facts(cohort)
    >>> facts.columns.tolist(), bool(facts["noise_hu"].iloc[0] > 1)
    (['kernel', 'noise_hu'], True)
    """
    rows = []
    for case in cohort:
        baseline = case.baseline
        kernel, noise = None, np.nan
        try:
            kernel = baseline.acquisition.get("kernel")
            noise = soft_tissue_noise_hu(baseline.image, baseline.mask)
        except CaseError:
            pass  # extract() has said so in the table's failures; here the value is missing
        baseline.release()
        rows.append((kernel if kernel is None else str(kernel), noise))
    index = pd.MultiIndex.from_tuples(
        [case.key for case in cohort], names=["patient_id", "lesion_id"]
    )
    return pd.DataFrame(rows, index=index, columns=["kernel", "noise_hu"])
