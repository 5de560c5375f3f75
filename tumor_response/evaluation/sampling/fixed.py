"""Splits that the cohort brings with it: by site, by date, by cohort."""

from __future__ import annotations

import datetime as dt
from typing import ClassVar, Self

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from tumor_response.evaluation.sampling.base import (
    Kind,
    Resample,
    Scheme,
    SchemeRows,
    column_by_patient,
)
from tumor_response.exceptions import EvaluationError

__all__ = ["ExternalSet", "LeaveOneSiteOut", "TemporalSplit"]


class LeaveOneSiteOut(Scheme):
    """Each site in turn is left out, and the models learn from the other sites.

    It asks whether a model carries over to a hospital that it has not seen (internal-external
    validation: Steyerberg and Harrell 2016, J. Clin. Epidemiol. 69:245). A site with one class
    only has scores, and no AUC of its own.

    Parameters
    ----------
    column
        The column that names the site, default ``"meta__site"``; one value per patient.

    Examples
    --------
    >>> LeaveOneSiteOut().column
    'meta__site'
    """

    kind: ClassVar[Kind] = "folds"

    column: str = "meta__site"

    def resamples(self, rows: SchemeRows) -> list[Resample]:
        """Return one resample per site, in the order of the sites' names.

        Raises
        ------
        EvaluationError
            Code ``scheme_column``: see :class:`Scheme`'s columns; ``one_site``: there is only
            one; ``too_few_patients``: no site can be judged, or without a site a class is gone.
        """
        site = column_by_patient(rows, type(self).__name__, self.column)
        names = sorted(set(site), key=str)
        if len(names) < 2:
            raise EvaluationError(
                f"LeaveOneSiteOut: all evaluated patients are of one site ({names[0]!r}); there is "
                "no other to learn from.",
                code="one_site",
            )
        of_row = site.to_numpy(dtype=object)[rows.patients]
        resamples = [
            Resample(
                np.nonzero(of_row != name)[0], np.nonzero(of_row == name)[0], 0, str(name), 0, fold
            )
            for fold, name in enumerate(names)
        ]
        if not any(rows.is_usable(one.train, one.test) for one in resamples):
            raise EvaluationError(
                f"LeaveOneSiteOut: none of the {len(names)} sites has both classes while the "
                "others have them, too. Sites this small cannot be judged one by one.",
                code="too_few_patients",
            )
        return resamples


class TemporalSplit(Scheme):
    """Earlier patients to learn from, later ones to be judged on.

    Parameters
    ----------
    cutoff
        Patients before this day are trained on, those on it or later are tested.
    train_share
        Instead of ``cutoff``: the share of patients, in order of their dates, to train on;
        patients of one day stay together, on the training side.
    column
        The column of dates, default ``"meta__date"``: one value per patient, ISO dates or what
        pandas reads without guessing.

    Raises
    ------
    SettingsError
        Neither or both of ``cutoff`` and ``train_share``, a share not between 0 and 1.

    Examples
    --------
    >>> TemporalSplit(train_share=0.7).kind
    'test_set'
    """

    kind: ClassVar[Kind] = "test_set"

    cutoff: dt.date | None = None
    train_share: float | None = Field(None, gt=0, lt=1)
    column: str = "meta__date"

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.cutoff is None) == (self.train_share is None):
            raise ValueError("give one of cutoff and train_share")
        return self

    def resamples(self, rows: SchemeRows) -> list[Resample]:
        """Return the one split.

        Raises
        ------
        EvaluationError
            Code ``scheme_column``: see :class:`Scheme`'s columns, or dates that cannot be read;
            ``too_few_patients``: a side lacks a class.
        """
        given = column_by_patient(rows, type(self).__name__, self.column)
        try:
            dates = pd.to_datetime(given, format="ISO8601")
        except (ValueError, TypeError) as error:
            raise EvaluationError(
                f"TemporalSplit(column={self.column!r}): not all values are dates like 2021-04-30 "
                f"({error}).",
                code="scheme_column",
            ) from error
        if self.cutoff is not None:
            early = dates < pd.Timestamp(self.cutoff)
            name = f"from {self.cutoff.isoformat()} on"
        else:
            share = self.train_share or 0.0
            last = dates.sort_values().iloc[max(int(np.ceil(share * len(dates))) - 1, 0)]
            early = dates <= last
            name = f"after {last.date().isoformat()}"
        return [_split(rows, early, name, type(self).__name__)]


class ExternalSet(Scheme):
    """Patients of some cohorts to be judged on, all others to learn from.

    Parameters
    ----------
    values
        What ``column`` holds for the external patients.
    column
        Default ``"meta__site"``; one value per patient.

    Examples
    --------
    >>> ExternalSet(values=("hospital B",)).column
    'meta__site'
    """

    kind: ClassVar[Kind] = "test_set"

    values: tuple[str, ...] = Field(min_length=1)
    column: str = "meta__site"

    def resamples(self, rows: SchemeRows) -> list[Resample]:
        """Return the one split.

        Raises
        ------
        EvaluationError
            Code ``scheme_column``: see :class:`Scheme`'s columns, or a value that nobody has;
            ``too_few_patients``: a side lacks a class.
        """
        values = column_by_patient(rows, type(self).__name__, self.column).map(str)
        absent = sorted(set(self.values) - set(values))
        if absent:
            raise EvaluationError(
                f"ExternalSet: no evaluated patient has {', '.join(map(repr, absent))} in "
                f"{self.column!r}; there are {', '.join(map(repr, sorted(set(values))[:10]))}.",
                code="scheme_column",
            )
        return [
            _split(rows, ~values.isin(self.values), ", ".join(self.values), type(self).__name__)
        ]


def _split(rows: SchemeRows, to_train: pd.Series, name: str, scheme: str) -> Resample:
    train = to_train.to_numpy(dtype=bool)[rows.patients]
    one = Resample(np.nonzero(train)[0], np.nonzero(~train)[0], 0, name)
    if not (one.train.size and one.test.size and rows.is_usable(one.train, one.test)):
        raise EvaluationError(
            f"{scheme}: {len(np.unique(rows.patients[one.train]))} patients to train on and "
            f"{len(np.unique(rows.patients[one.test]))} to test on, and a side lacks a class.",
            code="too_few_patients",
        )
    return one
