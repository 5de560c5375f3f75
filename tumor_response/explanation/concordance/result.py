"""What the concordance found, and how to read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pandas as pd

from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.concordance.settings import ConcordanceSettings
from tumor_response.frames import tidy
from tumor_response.notebook import card, grid, more, note, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

__all__ = ["Concordance"]


@dataclass(frozen=True, eq=False, repr=False)
class Concordance:
    """Attention against the tumour, and against where it shrank.

    Attributes
    ----------
    method, model : str
        Of the maps.
    mode : {"out_of_bag", "in_sample", "new_rows"}
        What the model knew of the lesions.
    masking : {"whole", "tumour"}
        What the views showed; ``"tumour"``: there is no inside fraction.
    settings : ConcordanceSettings
        What was chosen.
    seed : int
        Decided surrogates, bootstrap and permutations.
    inside_table : DataFrame or None
        See :meth:`inside`.
    shrinkage_table, group_table : DataFrame
        See :meth:`shrinkage` and :meth:`by_group`.
    """

    method: str
    model: str
    mode: Literal["out_of_bag", "in_sample", "new_rows"]
    masking: Literal["whole", "tumour"]
    settings: ConcordanceSettings
    seed: int
    inside_table: pd.DataFrame | None
    shrinkage_table: pd.DataFrame
    group_table: pd.DataFrame

    def inside(self) -> pd.DataFrame:
        """Return where the attention of each lesion lay.

        Returns
        -------
        pandas.DataFrame
            Index (patient_id, lesion_id). ``inside``, ``rim``, ``outside``: shares of the
            attention on the shown voxels, sum 1; ``tumour_share``: the tumour's share of these
            voxels, which is *not* what to expect. ``inside_matched``: mean of the inside fractions
            of ``n_matched`` other patients' masks in this tumour's place, ``matched_low`` and
            ``matched_high`` their quantiles, ``excess`` = ``inside - inside_matched``, ``p_value``
            (one-sided: as much by another mask). With shifted maps: ``inside_shifted`` (share in
            the tumour's true place), ``centre_shifted`` (share where a centred tumour would be),
            ``follows`` (their difference), ``shift_mm``. ``group`` and ``reason`` (why something
            is missing).

        Raises
        ------
        ExplanationError
            Code ``views_masked``: the views showed the tumour alone.
        """
        if self.inside_table is None:
            raise ExplanationError(
                "The views showed the tumour alone (masking='tumour'): the network could look "
                "nowhere else, and an inside fraction would say nothing. Make maps of views with "
                "ViewSettings(masking='whole'). .shrinkage() is defined for these.",
                code="views_masked",
            )
        return self.inside_table.copy()

    def shrinkage(self) -> pd.DataFrame:
        """Return how attention and shrinkage agree within each lesion.

        Returns
        -------
        pandas.DataFrame
            Index (patient_id, lesion_id, target); target ``retreat`` (mm) or ``log_jacobian`` (its
            negative, so that more is more shrinkage). ``n_voxels`` shown and used; ``rho``
            (Spearman); ``rho_adjusted`` (normal scores, a smooth function of depth taken out of
            both), its null band ``null_low`` to ``null_high`` and ``p_value`` (two-sided) from
            surrogates; ``z`` and ``se`` (Fisher); ``overlap`` (share of the quarter attended most
            that is in the quarter that shrank most) and ``overlap_null``; ``attended`` and
            ``rest`` (mean shrinkage of the quarter attended most, and of the others),
            ``difference``, its mean over surrogates ``difference_null``, their quantiles
            ``difference_low`` and ``difference_high``, ``difference_p`` (two-sided). ``group`` and
            ``reason``.
        """
        return self.shrinkage_table.copy()

    def by_group(self) -> pd.DataFrame:
        """Return what the lesions say together.

        Returns
        -------
        pandas.DataFrame
            One row per ``measure``, ``target`` (empty for the inside fractions) and ``group``
            (``all``, ``responder``, ``non_responder``, ``difference`` = the former less the
            latter). ``estimate`` is a mean over patients of the patients' means over lesions; for
            ``rho_adjusted`` that of a random-effects model. ``ci_low``, ``ci_high``, ``expected``
            (under its null), ``p_value`` (two-sided), ``n_patients``, ``n_lesions``, ``unit``,
            ``method`` and ``reason``. Measures: ``inside``, ``rim``, ``outside``, ``excess`` (over
            other patients' masks), ``follows``; and for each target ``rho_adjusted``, ``overlap``,
            ``attended``, ``rest``, ``difference`` and ``excess`` (of the difference over the
            surrogates').
        """
        return self.group_table.copy()

    def to_frame(self) -> pd.DataFrame:
        """Return one row per measure, target and group, to compute with.

        ``model``, ``target``, ``group``, ``measure``, ``value``, ``ci_low``, ``ci_high``,
        ``ci_method`` and the other columns of :meth:`by_group`.
        """
        table = self.by_group().rename(columns={"estimate": "value", "method": "ci_method"})
        return tidy(table.assign(model=self.model), ["model", "target", "group"])

    def sentences(self) -> tuple[str, ...]:
        """Return what was measured in words, with intervals, nulls and limits."""
        from tumor_response.explanation.concordance.sentences import worded

        return worded(self)

    def plot(self, figure: Figure | SubFigure | None = None) -> tuple[Axes, ...]:
        """Draw each lesion's inside fraction and agreement, with the null band of each.

        Parameters
        ----------
        figure
            A figure, or a part of one, for one to three axes: what was measured decides how many.
            A new figure by default.

        Returns
        -------
        tuple of matplotlib.axes.Axes
        """
        from tumor_response.explanation.concordance.plot import draw

        return draw(self, figure)

    def _repr_html_(self) -> str:
        return shown(self, _html)

    def __repr__(self) -> str:
        n = self.shrinkage_table.groupby(level=["patient_id", "lesion_id"]).ngroups
        lines = "\n".join(self.sentences())
        return f"Concordance of {self.model!r} by {self.method} ({self.mode}): {n} lesions\n{lines}"


def _html(found: Concordance) -> str:
    columns = ["measure", "target", "group", "estimate", "ci_low", "ci_high", "expected"]
    table = found.by_group()
    return card(
        "Concordance",
        f"of {found.model} by {found.method}",
        *(note(sentence) for sentence in found.sentences()),
        more("All measures", grid(table[columns], what="rows", n_rows=40)),
    )
