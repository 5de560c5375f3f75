"""Columns that say the tumour's volume once more."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from tumor_response.exceptions import ModelError
from tumor_response.transformers._frames import finite_floats, remember_columns
from tumor_response.transformers.correlation import unit_columns
from tumor_response.transformers.dropped import dropped_record
from tumor_response.transformers.filters import ColumnFilter

__all__ = ["VolumeRedundancyFilter"]


class VolumeRedundancyFilter(ColumnFilter):
    """Leave out columns that rise or fall with the tumour's volume, and keep the volume.

    Many texture features of small regions are the volume in disguise, and signatures have been
    published that were (Welch et al. 2019, Radiother. Oncol. 130:2). With the volume itself in
    the model, what such a column adds is noise; without it, a model of texture is a model of
    volume under another name. The limit is on Spearman's rank correlation, for which the volume
    and its logarithm are the same.

    It does not look at the outcome. Copies of rows count as often as they are there.

    Parameters
    ----------
    max_correlation
        The largest absolute rank correlation with the volume that a kept column may have, in
        (0, 1]; default 0.9.
    volume_column
        The column that holds the volume; it has to be among the columns, and is kept.

    Attributes
    ----------
    correlations_ : ndarray of shape (n_columns_in,)
        Spearman's correlation of each column with the volume, signed; 0 for a constant column.
    support_ : ndarray of bool, shape (n_columns_in,)
        True for the columns that are kept.

    Raises
    ------
    ModelError
        At fit: ``max_correlation`` out of range; code ``missing_columns``: no such volume column;
        ``not_finite``: a missing or infinite value.

    Examples
    --------
    >>> X = pd.DataFrame({"clinical__volume_cc": [1.0, 8.0, 30.0, 90.0],
    ...                   "radiomics__area": [2.0, 9.0, 25.0, 60.0],
    ...                   "radiomics__mean": [40.0, 31.0, 35.0, 38.0]})
    >>> step = VolumeRedundancyFilter().fit(X)
    >>> step.get_feature_names_out().tolist()
    ['clinical__volume_cc', 'radiomics__mean']
    >>> step.dropped_["because_of"].to_dict(), step.correlations_.round(1).tolist()
    ({'radiomics__area': 'clinical__volume_cc'}, [1.0, 1.0, -0.2])
    """

    def __init__(
        self, max_correlation: float = 0.9, volume_column: str = "clinical__volume_cc"
    ) -> None:
        self.max_correlation = max_correlation
        self.volume_column = volume_column

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:  # noqa: ARG002
        """Correlate each column with the volume on the training rows."""
        if not 0 < self.max_correlation <= 1:
            raise ModelError(
                f"max_correlation={self.max_correlation!r}: expected 0 < max_correlation <= 1."
            )
        frame = remember_columns(self, X)
        if self.volume_column not in frame.columns:
            raise ModelError(
                f"VolumeRedundancyFilter: no column {self.volume_column!r} among the "
                f"{frame.shape[1]} columns. Take its block into the model (blocks=), or name "
                "another column that holds the volume (volume_column=).",
                code="missing_columns",
            )
        ranks = unit_columns(rankdata(finite_floats(self, frame), axis=0))
        place = frame.columns.get_loc(self.volume_column)
        self.correlations_ = np.clip(ranks.T @ ranks[:, place], -1.0, 1.0)
        # rounding must not decide about a column that is the volume's logarithm
        self.support_ = np.abs(self.correlations_) <= self.max_correlation + 1e-12
        self.support_[place] = True
        return self

    @property
    def dropped_(self) -> pd.DataFrame:
        """Columns left out: ``reason``, ``because_of`` (volume), ``value`` (signed correlation)."""
        return dropped_record(
            self.feature_names_in_,
            ~self.support_,
            "volume_redundant",
            self.correlations_,
            np.full(len(self.support_), self.volume_column, dtype=object),
        )
