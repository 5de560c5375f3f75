"""What an explanation says by column, by family and by block."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.fields import ExplanationFields

__all__ = ["ExplanationTables"]

FloatArray = npt.NDArray[np.float64]

_FROM_DICTIONARY = ("family", "unit", "description")


class ExplanationTables(ExplanationFields):
    """The tables of an explanation; see :class:`~tumor_response.explanation.Explanation`."""

    def table(self) -> pd.DataFrame:
        """Return one row per column of the table, the most important first.

        Returns
        -------
        pandas.DataFrame
            Index ``column``. ``block``; ``family``, ``unit``, ``description`` where the feature
            dictionary has them; ``mean_abs`` (mean over lesions of ``|SHAP|``, log-odds); ``mean``
            (signed); ``rank``; ``top_ten_share`` (see :class:`Explanation`; NaN in sample): a
            column that is rarely among the ten is noise that came up, however long its bar.
        """
        block_of = {column: block for block, members in self.blocks.items() for column in members}
        table = pd.DataFrame(
            {
                "block": [block_of[column] for column in self.values.columns],
                "mean_abs": self.values.abs().mean().to_numpy(),
                "mean": self.values.mean().to_numpy(),
            },
            index=pd.Index(self.values.columns, name="column"),
        )
        if self.dictionary is not None:
            for position, key in enumerate(k for k in _FROM_DICTIONARY if k in self.dictionary):
                table.insert(1 + position, key, self.dictionary[key].reindex(table.index))
        table["top_ten_share"] = np.nan if self.top_ten_share is None else self.top_ten_share
        table["rank"] = table["mean_abs"].rank(ascending=False, method="first").astype(np.int64)
        return table.sort_values("rank")

    def by_block(self) -> pd.DataFrame:
        """Return one row per block, the most important first.

        Returns
        -------
        pandas.DataFrame
            Index ``block``. ``n_columns``; ``mean_abs`` (mean over lesions of ``|block value|``,
            log-odds); ``share`` of the sum of these; out of bag also ``mean_abs_resample``, the
            mean over resamples of each one's own mean ``|block value|``, with ``spread_low`` and
            ``spread_high``, its 2.5th and 97.5th percentile over resamples: a spread, no
            confidence interval. ``mean_abs`` is the smaller one: averaging a lesion's values
            over resamples cancels what they disagree about.
        """
        mean_abs = self.block_values.abs().mean()
        table = pd.DataFrame(
            {
                "n_columns": [len(self.blocks[block]) for block in self.block_values.columns],
                "mean_abs": mean_abs.to_numpy(),
                "share": (mean_abs / mean_abs.sum()).to_numpy() if mean_abs.sum() > 0 else 0.0,
            },
            index=pd.Index(self.block_values.columns, name="block"),
        )
        if self.block_mean_abs is not None:
            low, high = np.percentile(self.block_mean_abs.to_numpy(), (2.5, 97.5), axis=0)
            table["mean_abs_resample"] = self.block_mean_abs.mean().to_numpy()
            table["spread_low"], table["spread_high"] = low, high
        return table.sort_values("mean_abs", ascending=False, kind="stable")

    def _position(self, key: tuple[str, str] | str) -> int:
        """Return the row of a lesion, or of the one lesion of a patient."""
        entries = self.values.index.tolist()
        if key in entries:
            return entries.index(key)
        of_patient = [
            place
            for place, entry in enumerate(entries)
            if isinstance(entry, tuple) and entry[0] == key
        ]
        if len(of_patient) > 1:
            lesions = ", ".join(repr(entries[place]) for place in of_patient)
            raise ExplanationError(
                f"Patient {key!r} has {len(of_patient)} lesions with SHAP values; give one of "
                f"{lesions}.",
                code="several_lesions",
            )
        if not of_patient:
            raise ExplanationError(
                f"No SHAP values for {key!r}; expected an entry of .values.index, such as "
                f"{entries[0]!r}. Lesions that were never out of bag have none.",
                code="unknown_lesion",
            )
        return of_patient[0]
