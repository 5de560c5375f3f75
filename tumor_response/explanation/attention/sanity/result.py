"""What became of maps whose model, network or labels were destroyed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.explanation.attention.maps import FAILURE_COLUMNS
from tumor_response.explanation.attention.sanity.likeness import rank_correlation
from tumor_response.explanation.attention.sanity.one_lesion import LesionFound
from tumor_response.explanation.attention.sanity.settings import SanitySettings
from tumor_response.explanation.over_patients import MIN_PATIENTS, mean_interval, patient_means
from tumor_response.frames import tidy
from tumor_response.notebook import card, grid, note, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["AttentionSanity"]

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class AttentionSanity:
    """Four tests of maps, lesion by lesion; each table is tidy.

    Attributes
    ----------
    model : str
        Whose maps they are.
    methods : list of str
        What was tested.
    cascade : DataFrame
        One row per lesion, method, draw and step: ``randomised`` (the part that was randomised
        last), ``rank_correlation`` with the map before, ``empty`` (nothing was left of the map;
        its correlation counts as 0, and as NaN where the map before was empty).
    labels : DataFrame
        One row per lesion, method and permutation of the labels; empty where the subject was a
        fitted model, which has no labels.
    curves : DataFrame
        One row per lesion, ``order`` (a method, ``"centre"`` or ``"random"``) and draw: the areas
        ``deletion`` and ``insertion``, log-odds.
    agreement : DataFrame
        One row per lesion and pair of methods: ``rank_correlation`` and ``top_quarter_shared``.
    between : DataFrame
        One row per method: mean rank correlation of the maps of *different* lesions, which is what
        two maps share for being centred. A yardstick for all the others.
    failures : DataFrame
        Lesions that could not be tried.
    settings : SanitySettings
        How much was tried.
    """

    model: str
    methods: list[str]
    cascade: pd.DataFrame
    labels: pd.DataFrame
    curves: pd.DataFrame
    agreement: pd.DataFrame
    between: pd.DataFrame
    failures: pd.DataFrame
    settings: SanitySettings

    @classmethod
    def of_lesions(
        cls,
        lesions: Sequence[LesionFound],
        model: str,
        methods: list[str],
        settings: SanitySettings,
    ) -> Self:
        """Put the lesions' rows together."""
        tried = [one for one in lesions if not one.reason]
        failed = [(*one.key, one.reason, one.message) for one in lesions if one.reason]
        return cls(
            model=model,
            methods=methods,
            cascade=_frame(tried, "cascade"),
            labels=_frame(tried, "labels"),
            curves=_frame(tried, "curves"),
            agreement=_frame(tried, "agreement"),
            between=pd.DataFrame(
                {"rank_correlation": [_between(tried, name) for name in methods]},
                index=pd.Index(methods, name="method"),
            ),
            failures=pd.DataFrame(failed, columns=list(FAILURE_COLUMNS), dtype="str"),
            settings=settings,
        )

    def summary(self) -> pd.DataFrame:
        """Return one row per method and test: the mean over patients with its interval.

        Returns
        -------
        pandas.DataFrame
            Columns ``method``, ``test`` (``"the table model randomised"``, ``"the network
            randomised"``, ``"labels permuted"``: mean rank correlation with the map before;
            ``"deletion against random"`` and so on: by how much more the log-odds fell, or rose,
            than in the other order, mean over the curve, log-odds), ``mean``, ``low``, ``high``
            (bootstrap over patients; NaN for fewer than five) and ``n_lesions``: those whose map
            was not empty from the start.
        """
        rows = []
        for method in self.methods:
            steps = self.cascade[self.cascade["method"] == method]
            last = int(steps["step"].max())
            rows += [
                self._alike(method, "the table model randomised", steps[steps["step"] == 0]),
                self._alike(method, "the network randomised", steps[steps["step"] == last]),
            ]
            if not self.labels.empty:
                of = self.labels[self.labels["method"] == method]
                rows.append(self._alike(method, "labels permuted", of))
            for order in ("random", "centre"):
                for what, sign in (("deletion", -1.0), ("insertion", 1.0)):
                    gained = self._gain(method, order, what) * sign
                    rows.append(self._row(method, f"{what} against {order}", gained))
        return pd.DataFrame(rows)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per method and test, to compute with.

        ``model``, ``method``, ``measure`` (the test), ``value``, ``ci_low``, ``ci_high``,
        ``ci_method``, ``n_lesions``; see :meth:`summary`.
        """
        names = {"test": "measure", "mean": "value", "low": "ci_low", "high": "ci_high"}
        table = self.summary().rename(columns=names)
        return tidy(
            table.assign(model=self.model, ci_method="patient_bootstrap"), ["model", "method"]
        )

    def flags(self) -> pd.DataFrame:
        """Return one row per method: the tests that it fails.

        Returns
        -------
        pandas.DataFrame
            bool. ``ignores_model``, ``ignores_network``, ``ignores_labels``: the mean rank
            correlation with the map before is at least ``settings.flag_above`` though the table
            model's weights, all weights, or the labels were randomised (labels: False where they
            were not permuted). ``no_better_than_random``, ``no_better_than_centre``: deletion or
            insertion has not been shown to move the log-odds more than that order, since the
            interval of the difference reaches 0 or less (or there are too few patients for one).
        """
        summary = self.summary().set_index(["method", "test"])
        rows = {}
        for method in self.methods:
            of = summary.loc[method]
            alike = of["mean"].reindex(
                ["the table model randomised", "the network randomised", "labels permuted"]
            )
            flags = dict(
                zip(
                    ("ignores_model", "ignores_network", "ignores_labels"),
                    (alike >= self.settings.flag_above).tolist(),
                    strict=True,
                )
            )
            for order in ("random", "centre"):
                low = of.loc[[f"deletion against {order}", f"insertion against {order}"], "low"]
                flags[f"no_better_than_{order}"] = not bool((low > 0).all())
            rows[method] = flags
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("method")

    def sentences(self) -> list[str]:
        """Return what was found, a sentence for each method."""
        flags = self.flags()
        n = self.cascade[["patient_id", "lesion_id"]].drop_duplicates().shape[0]
        told = []
        for method in self.methods:
            failed = [words for name, words in _FLAGS.items() if bool(flags.loc[method, name])]
            if failed:
                told.append(f"{method} on {n} lesions: {'; '.join(failed)}.")
            else:
                told.append(f"{method} on {n} lesions: no test was failed.")
            if n_empty := self._n_empty(method):
                told.append(
                    f"{method}: the maps of {n_empty} lesions were empty before anything was "
                    "randomised; the tests of randomisation leave them out."
                )
        if self.labels.empty:
            told.append("Labels were not permuted: a fitted model comes without them.")
        return told

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the rank correlation with the map before, as ever more is randomised.

        Parameters
        ----------
        ax
            Axes to draw on; a new figure by default.
        """
        from tumor_response.explanation.attention.sanity.plot import draw_cascade

        return draw_cascade(self, ax)

    def _n_empty(self, method: str) -> int:
        steps = self.cascade[self.cascade["method"] == method]
        return int(_by_lesion(steps, "rank_correlation").isna().sum())

    def _gain(self, method: str, order: str, what: str) -> pd.Series:
        """Return each lesion's area in a method's order less that in another."""
        areas = [
            _by_lesion(self.curves[self.curves["order"] == name], what) for name in (method, order)
        ]
        return areas[0] - areas[1]

    def _alike(self, method: str, test: str, rows: pd.DataFrame) -> dict[str, Any]:
        return self._row(method, test, _by_lesion(rows, "rank_correlation"))

    def _row(self, method: str, test: str, each: pd.Series) -> dict[str, Any]:
        each = each.dropna()
        patients = pd.factorize(each.index.get_level_values(0))[0]
        means = patient_means(each.to_numpy(dtype=np.float64), patients)
        low = high = np.nan
        if len(means) >= MIN_PATIENTS:
            settings = self.settings
            rng = np.random.default_rng(settings.seed)
            low, high = mean_interval(means, settings.level, settings.n_bootstrap, rng)
        return {
            "method": method,
            "test": test,
            "mean": float(means.mean()) if len(means) else np.nan,
            "low": low,
            "high": high,
            "n_lesions": len(each),
        }

    def _repr_html_(self) -> str:
        return shown(self, _html)

    def __repr__(self) -> str:
        return f"Sanity of attention, {self.model!r}\n" + "\n".join(self.sentences())


_FLAGS = {
    "ignores_model": "its maps stay as they are when the model's weights are permuted, so they do "
    "not explain this model",
    "ignores_network": "its maps stay as they are when all weights are random",
    "ignores_labels": "models of permuted labels look at the same places",
    "no_better_than_random": "what it points at has not been shown to move the log-odds more than "
    "squares taken at random",
    "no_better_than_centre": "what it points at has not been shown to move the log-odds more than "
    "the middle of the view",
}


def _by_lesion(rows: pd.DataFrame, column: str) -> pd.Series:
    return rows.groupby(["patient_id", "lesion_id"], sort=False)[column].mean()


def _frame(lesions: Sequence[LesionFound], name: str) -> pd.DataFrame:
    rows = [
        {"patient_id": one.key[0], "lesion_id": one.key[1]} | row
        for one in lesions
        for row in getattr(one, name)
    ]
    return pd.DataFrame(rows)


def _between(lesions: Sequence[LesionFound], method: str) -> float:
    """Return the mean correlation of maps of different patients with as many views."""
    maps = [(one.key[0], one.maps[method]) for one in lesions]
    found = [
        rank_correlation(a, b)
        for at, (patient, a) in enumerate(maps)
        for other, b in maps[at + 1 :]
        if patient != other and a.shape == b.shape
    ]
    return float(np.mean(found)) if found else np.nan


def _html(sanity: AttentionSanity) -> str:
    return card(
        "AttentionSanity",
        f"of {sanity.model}",
        *(note(sentence) for sentence in sanity.sentences()),
        grid(sanity.summary(), what="rows", n_rows=20),
    )
