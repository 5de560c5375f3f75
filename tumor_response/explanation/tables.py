"""What an explanation says by column, by family, by block and by lesion."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.clusters import cluster_table
from tumor_response.explanation.fields import ExplanationFields
from tumor_response.explanation.groups import by_group, compared_between, error_of_mean
from tumor_response.frames import tidy

__all__ = ["ExplanationTables"]

_FROM_DICTIONARY = ("unit", "description", "ibsi_code", "ibsi_name")


class ExplanationTables(ExplanationFields):
    """The tables of an explanation; see :class:`~tumor_response.explanation.Explanation`."""

    def table(self) -> pd.DataFrame:
        """Return one row per column of the table, the most important first.

        Returns
        -------
        pandas.DataFrame
            Index ``column``. ``block``, ``family``; ``unit``, ``description``, ``ibsi_code``,
            ``ibsi_name`` where the feature dictionary has them; ``mean_abs`` (mean over lesions of
            ``|SHAP|``, in the unit of the output); ``mean`` (signed); ``spread`` (mean over
            lesions of the standard deviation over resamples) and ``mean_abs_resample`` (mean over
            resamples of each one's own mean ``|SHAP|``), NaN in sample; where values are sampled
            ``standard_error``, of ``mean_abs``; ``rank``; ``top_ten_share`` (see
            :class:`Explanation`; NaN in sample): a column that is rarely among the ten is noise
            that came up, however long its bar.

        Notes
        -----
        The standard error takes the lesions' draws as independent, which they are, and the signs
        as known. A column whose values are all smaller than their errors has a ``mean_abs`` of the
        size of the errors: the mean of absolute values of noise is not 0.
        """
        columns = self.values.columns
        block, family = self._block_and_family()
        table = pd.DataFrame(
            {"block": block, "family": family}, index=pd.Index(columns, name="column")
        )
        if self.dictionary is not None:
            for key in (k for k in _FROM_DICTIONARY if k in self.dictionary):
                table[key] = self.dictionary[key].reindex(table.index)
        table["mean_abs"] = self.values.abs().mean().to_numpy()
        table["mean"] = self.values.mean().to_numpy()
        table["spread"] = np.nan if self.spread is None else self.spread.mean().to_numpy()
        table["mean_abs_resample"] = (
            np.nan if self.column_mean_abs is None else self.column_mean_abs.mean().to_numpy()
        )
        if self.standard_error is not None:
            table["standard_error"] = error_of_mean(self.standard_error)
        table["top_ten_share"] = np.nan if self.top_ten_share is None else self.top_ten_share
        table["rank"] = table["mean_abs"].rank(ascending=False, method="first").astype(np.int64)
        return table.sort_values("rank")

    def by_family(self) -> pd.DataFrame:
        """Return one row per family, the most important first.

        Returns
        -------
        pandas.DataFrame
            Index ``family`` (``"<block>: <family>"``). ``block`` and the columns of
            :meth:`by_block`.
        """
        table = by_group(
            self.family_values, self.families, self.family_mean_abs, self.family_standard_error
        )
        block_of = {column: block for block, members in self.blocks.items() for column in members}
        blocks = [block_of[self.families[label][0]] for label in table.index]
        table.insert(0, "block", blocks)
        return table.rename_axis("family")

    def by_block(self) -> pd.DataFrame:
        """Return one row per block, the most important first.

        Returns
        -------
        pandas.DataFrame
            Index ``block``. ``n_columns``; ``mean_abs`` (mean over lesions of ``|block value|``,
            in the unit of the output); ``share`` of the sum of these; out of bag also
            ``mean_abs_resample``, the mean over resamples of each one's own mean ``|block
            value|``, with ``spread_low`` and ``spread_high``, its 2.5th and 97.5th percentile over
            resamples: a spread, no confidence interval. ``mean_abs`` is the smaller one: averaging
            a lesion's values over resamples cancels what they disagree about. Where values are
            sampled ``standard_error``, of ``mean_abs``.
        """
        table = by_group(
            self.block_values, self.blocks, self.block_mean_abs, self.block_standard_error
        )
        return table.rename_axis("block")

    def to_frame(self) -> pd.DataFrame:
        """Return one row per block, family and column, to compute with.

        Returns
        -------
        pandas.DataFrame
            ``model``, ``level`` (``"block"``, ``"family"``, ``"column"``), ``name``, ``block``,
            ``measure`` (``"mean_abs_shap"``), ``value``; ``mean_abs_resample``, ``spread_low``
            and ``spread_high`` (over resamples: a spread, so that ``ci_low`` and ``ci_high`` are
            NaN), ``share`` of its level's sum. Columns within a level stand in order of size.
        """
        levels = {"block": self.by_block(), "family": self.by_family(), "column": self.table()}
        parts = []
        for level, table in levels.items():
            part = table.rename_axis("name").reset_index().rename(columns={"mean_abs": "value"})
            if level == "block":
                part["block"] = part["name"]
            part["share"] = part["value"] / part["value"].sum()
            for name in ("spread_low", "spread_high"):
                if name not in part:
                    part[name] = np.nan
            wanted = ["name", "block", "value", "share", "spread_low", "spread_high"]
            part = part[[*wanted, *(n for n in ("mean_abs_resample",) if n in part)]]
            parts.append(part.assign(level=level, model=self.name, measure="mean_abs_shap"))
        return tidy(pd.concat(parts), ["model", "level", "name", "block"])

    def by_lesion(self, key: tuple[str, str] | str) -> pd.DataFrame:
        """Return what each column did for one lesion, the most important first.

        Parameters
        ----------
        key
            The lesion's index entry: (patient_id, lesion_id); for a patient with one lesion the
            patient_id will do.

        Returns
        -------
        pandas.DataFrame
            Index ``column``. ``block``, ``family``; ``unit``, ``description``, ``ibsi_code``,
            ``ibsi_name`` where the feature dictionary has them; ``feature_value``;
            ``shap`` (out of bag the mean over the lesion's resamples) and, out of bag, ``spread``
            (their standard deviation); where values are sampled ``standard_error``.

        Raises
        ------
        ExplanationError
            ``unknown_lesion``, ``several_lesions``.
        """
        at = self._position(key)
        table = self.table().reindex(self.values.columns)
        kept = [c for c in table if c in ("block", "family", *_FROM_DICTIONARY)]
        table = table[kept].rename_axis("column")
        table["feature_value"] = [self.features[column].iloc[at] for column in table.index]
        table["shap"] = self.values.iloc[at].to_numpy()
        if self.spread is not None:
            table["spread"] = self.spread.iloc[at].to_numpy()
        if self.standard_error is not None:
            table["standard_error"] = self.standard_error.iloc[at].to_numpy()
        return table.sort_values("shap", key=np.abs, ascending=False, kind="stable")

    def clusters(self, min_correlation: float = 0.7) -> pd.DataFrame:
        """Return one row per cluster of columns that rise and fall together.

        Among correlated columns the credit falls on one or another by chance, and their sum is
        steadier than any of them. Columns of all blocks are clustered together (complete linkage
        on 1 - ``|Spearman's correlation|`` over the explained lesions): a radiomics column that is
        the clinical volume again is found in its cluster.

        Parameters
        ----------
        min_correlation
            The smallest absolute rank correlation of any two columns of a cluster; default 0.7.

        Returns
        -------
        pandas.DataFrame
            Index ``cluster`` (1 is the most important). ``representative`` (the column of the
            largest mean ``|SHAP|``), ``n_columns``, ``blocks``, ``mean_abs`` (mean over lesions of
            the absolute *sum* of the members' SHAP values), ``sum_of_mean_abs`` (what their bars
            would add up to: larger where members cancel), ``columns`` (a tuple).

        Raises
        ------
        ExplanationError
            ``min_correlation`` is not in (0, 1]; families were the players.
        """
        if self.level != "column":
            raise ExplanationError(
                "clusters() are of columns; this explanation has families as players.",
                code="level",
            )
        blocks, _ = self._block_and_family()
        return cluster_table(self.values, self.features, blocks, min_correlation)

    def interactions(self) -> pd.DataFrame:
        """Return one row per pair of blocks: what they do together beyond what each does alone.

        Returns
        -------
        pandas.DataFrame
            Index ``pair``. ``mean_abs`` and ``mean`` over lesions of the Shapley interaction
            index (Grabisch and Roubens 1999), in the unit of the output; ``share`` of its
            ``mean_abs`` in the sum of the blocks' own.

        Raises
        ------
        ExplanationError
            Code ``no_interactions``: the model is no ensemble of trees in the output that they
            sum up, or has one block. In an additive model they are 0.
        """
        pairs = self.block_interactions
        if pairs is None:
            raise ExplanationError(
                f"Model {self.name!r} has no interactions of blocks that can be computed: they are "
                "there for ensembles of trees with two or more blocks, in log-odds for boosted "
                "trees and in probability for forests, as interventional values. In an additive "
                "model they are 0. modified_by() compares the blocks' values between lesions for "
                "every model.",
                code="no_interactions",
            )
        mean_abs = pairs.abs().mean()
        whole = float(self.block_values.abs().mean().sum())
        table = pd.DataFrame(
            {
                "mean_abs": mean_abs,
                "mean": pairs.mean(),
                "share": mean_abs / whole if whole > 0 else 0.0,
            }
        ).rename_axis("pair")
        return table.sort_values("mean_abs", ascending=False, kind="stable")

    def modified_by(self, column: str) -> pd.DataFrame:
        """Return how large each block's values are in lesions with a low and a high column.

        "Does deep matter only in large tumours?" is ``modified_by("clinical__volume_cc")``.

        Parameters
        ----------
        column
            A column of numbers among the explained.

        Returns
        -------
        pandas.DataFrame
            Index ``block``. ``low``, ``high``: mean ``|block value|`` of the lesions below and
            from the column's median on; ``difference``; ``correlation``: Spearman's, of ``|block
            value|`` with the column.

        Raises
        ------
        ExplanationError
            Code ``unknown_column``: not among the explained columns, or no numbers that differ.
        """
        if self.level != "column" or column not in self.features:
            raise ExplanationError(
                f"{column!r} is not among the explained columns, such as "
                f"{self.features.columns[0]!r}.",
                code="unknown_column",
            )
        by = self.features[column]
        if not pd.api.types.is_numeric_dtype(by) or by.nunique() < 2:
            raise ExplanationError(
                f"{column!r} does not hold numbers that differ between lesions.",
                code="unknown_column",
            )
        return compared_between(self.block_values, by)

    def _block_and_family(self) -> tuple[list[str], list[str]]:
        """Return block and family of each player, the family without its block's name."""
        family_of = {c: label for label, members in self.families.items() for c in members}
        block_of = {c: block for block, members in self.blocks.items() for c in members}
        players = list(self.values.columns)
        labels = players if self.level == "family" else [family_of[c] for c in players]
        blocks = [block_of[self.families[label][0]] for label in labels]
        families = [
            label.removeprefix(f"{block}: ") for label, block in zip(labels, blocks, strict=True)
        ]
        return blocks, families

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
