"""The cohort: an ordered, validated collection of cases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, Self, cast, get_args

import pandas as pd

from tumor_response.cohort.bids import rows_of_bids
from tumor_response.cohort.case import Case
from tumor_response.cohort.manifest import cases_from_rows, read_rows, rows_of_frame
from tumor_response.cohort.roles import PREDICTOR_ROLES, Role, roles_of
from tumor_response.cohort.row import RowRules, Several
from tumor_response.exceptions import ManifestError
from tumor_response.frames import IntoFrame, as_frame
from tumor_response.notebook import shown

__all__ = ["LEFT_OUT", "Cohort"]

LEFT_OUT = ["patient_id", "reason", "message"]


class Cohort:
    """An ordered collection of cases with unique keys ``(patient_id, lesion_id)``.

    Build one with :meth:`from_csv`, :meth:`from_frame`, :meth:`from_dicom` or :meth:`from_bids`.
    Iterating gives :class:`Case` objects in that order; voxels are read only when a case is asked
    for them.

    Parameters
    ----------
    cases
        The cases, keys unique, at least one.
    roles
        When each clinical variable is known: ``"baseline"``, ``"planned"``, ``"delivered"`` or
        ``"post_baseline"``; only the first two may be predictors. What is not named follows its
        name (:func:`tumor_response.cohort.roles.roles_of`).
    left_out
        Patients and lesions that were there but are no cases: columns ``patient_id``,
        ``reason``, ``message``.

    Examples
    --------
    >>> import tempfile, tumor_response as tr
    >>> cohort = tr.simulate_cohort(n_patients=2, seed=0, directory=tempfile.mkdtemp())
    >>> len(cohort), [case.lesion_id for case in cohort]
    (2, ['1', '1'])
    """

    def __init__(
        self,
        cases: Sequence[Case],
        *,
        roles: Mapping[str, str] | None = None,
        left_out: pd.DataFrame | None = None,
    ) -> None:
        if not cases:
            raise ManifestError("A cohort needs at least one case; received none.")
        self._cases = {case.key: case for case in cases}
        if len(self._cases) != len(cases):
            raise ManifestError("Two cases share patient_id and lesion_id; keys must be unique.")
        names = [n for case in cases for n in (*case.variables, *case.follow_up.variables)]
        self._roles = roles_of(names, roles)
        self._left_out = pd.DataFrame(
            [] if left_out is None else left_out, columns=LEFT_OUT, dtype="str"
        )

    @classmethod
    def from_csv(
        cls,
        path: str | Path,
        *,
        roles: Mapping[str, str] | None = None,
        several: Several = "lesions",
        fill_gaps: bool = False,
    ) -> Self:
        """Read a manifest.

        One row is one lesion. Columns: ``patient_id``, ``image`` (a file, or a folder of one DICOM
        series) and either ``mask`` (a file; a DICOM segmentation too) or ``rtstruct`` and ``roi``
        (a regular expression that has to match a structure's whole name); optional ``lesion_id``
        (default ``"1"``, with ``roi`` the structure's name), ``mask_label``, ``date``,
        ``follow_up_image``, ``follow_up_mask`` or ``follow_up_rtstruct`` (with ``roi`` again,
        unless there is a ``follow_up_roi``), ``follow_up_mask_label``, ``follow_up_date``,
        ``follow_up_status``, ``rt_start_date``, ``fractions_at_follow_up``,
        ``dose_gy_at_follow_up``, ``site``; any other column is a clinical variable. Paths are
        relative to the manifest, dates are YYYY-MM-DD. ``mask_label`` holds for the follow-up
        mask too, unless ``follow_up_mask_label`` says otherwise; ``NA`` and ``NaN`` are empty
        cells. Commas, semicolons (then with decimal commas) or tabs separate; a byte order mark
        is understood.

        Parameters
        ----------
        path
            The CSV file, UTF-8.
        roles
            When clinical variables are known, as for :class:`Cohort`.
        several
            What it means if ``roi`` matches several structures: ``"lesions"``, one lesion each;
            ``"union"``, the parts of one lesion; ``"error"``, a fault.
        fill_gaps
            Whether slices between contours that have none are filled by interpolation.

        Raises
        ------
        ManifestError
            Naming every fault with its line: missing columns or files, duplicate keys, dates that
            are none, a follow-up before the baseline, a structure that is not there ...
        """
        path = Path(path)
        table = read_rows(path)
        rules = RowRules(several=_checked_several(several), fill_gaps=fill_gaps)
        cases, known = cases_from_rows(
            table, base=path.parent, where=str(path), roles=roles, rules=rules
        )
        return cls(cases, roles=known)

    @classmethod
    def from_frame(
        cls,
        frame: IntoFrame,
        base: str | Path = ".",
        *,
        roles: Mapping[str, str] | None = None,
        several: Several = "lesions",
        fill_gaps: bool = False,
    ) -> Self:
        """Build a cohort from a DataFrame with a manifest's columns.

        Parameters
        ----------
        frame
            Columns as in :meth:`from_csv`; dates may be timestamps, paths ``Path`` objects.
        base
            Folder that relative paths start from; absolute paths are taken as they are.
        roles, several, fill_gaps
            As in :meth:`from_csv`.

        Raises
        ------
        ManifestError
            Naming every fault with its row (counted from 0, as ``frame.iloc`` does).
        """
        frame = as_frame(frame, "frame")
        if not isinstance(frame, pd.DataFrame):
            raise ManifestError(
                f"from_frame: expected a pandas DataFrame, received {type(frame).__name__}."
            )
        cases, known = cases_from_rows(
            rows_of_frame(frame),
            base=Path(base),
            where="the frame",
            roles=roles,
            rules=RowRules(several=_checked_several(several), fill_gaps=fill_gaps),
        )
        return cls(cases, roles=known)

    @classmethod
    def from_dicom(
        cls,
        folder: str | Path,
        roi: str,
        *,
        modality: str = "CT",
        several: Several = "lesions",
        follow_up: Literal["first", "last"] = "first",
        structure_set: Literal["only", "latest"] = "only",
        clinical: str | Path | pd.DataFrame | None = None,
        roles: Mapping[str, str] | None = None,
        fill_gaps: bool = False,
        alpha_beta_gy: float = 10.0,
        age_cap: float | None = None,
        index: str | Path | None = None,
        n_jobs: int = 1,
    ) -> Self:
        """Find the lesions in a folder (or zip archive) of DICOM objects.

        Series, structure sets (RTSTRUCT) and segmentations (SEG) are brought together by their
        references, never by names of folders. A patient's earliest contoured series is the
        baseline, a later contoured one the follow-up; a structure of the follow-up is the lesion
        of the baseline that bears its name. What cannot be told is not guessed: such a patient is
        in :attr:`left_out` with the reason, such a follow-up is missing with a finding
        (:func:`tumor_response.check`). :func:`tumor_response.list_rois` shows what is there.

        Dates are used for intervals and leave no other trace: ``case.date`` is ``None``, and
        ``case.day`` counts from the cohort's earliest baseline. Variables that come from the
        headers: ``age`` (years), ``sex``, and where there are a plan and its dose
        ``planned_fractions``, ``planned_fraction_dose_gy``, ``planned_dose_gy``,
        ``planned_gtv_mean_dose_gy`` and ``planned_gtv_eqd2_gy``.

        Parameters
        ----------
        folder
            Searched with all its subfolders and archives.
        roi
            Regular expression that has to match a structure's whole name, such as ``"GTV.*"``.
        modality
            Of the images: ``"CT"``, ``"PT"`` or ``"MR"``.
        several
            What it means if ``roi`` matches several structures of one scan: ``"lesions"``, one
            lesion each; ``"union"``, the parts of one lesion; ``"error"``, the patient is left
            out.
        follow_up
            Which contoured scan after the baseline: the ``"first"`` of them or the ``"last"``.
        structure_set
            If two structure sets of one scan match: ``"only"`` takes the one that is approved if
            just one is, and otherwise leaves the patient out; ``"latest"`` takes the newest.
        clinical
            CSV file or frame with ``patient_id`` (optionally ``lesion_id``) and further
            variables, and any of ``site``, ``rt_start_date``, ``follow_up_status``,
            ``fractions_at_follow_up``, ``dose_gy_at_follow_up``. It wins over the headers.
        roles
            When clinical variables are known, as for :class:`Cohort`.
        fill_gaps
            Whether slices between contours that have none are filled by interpolation.
        alpha_beta_gy
            For the EQD2 of the planned dose, Gy.
        age_cap
            Ages above it are given as this many years, for example 90; ``None`` leaves them.
        index
            File that keeps what the headers say, so that the next call looks at changed files
            alone. Default: one per folder, in the user's cache folder.
        n_jobs
            Processes that read headers; -1 takes all cores.

        Raises
        ------
        ManifestError
            If there is no such folder, ``roi`` is no regular expression, or no lesion is found;
            the message then says why each patient was left out.
        """
        from tumor_response.cohort.from_archive import cases_of_archive

        cases, known, left_out = cases_of_archive(
            Path(folder),
            roi,
            modality=modality,
            several=_checked_several(several),
            follow_up=follow_up,
            structure_set=structure_set,
            clinical=clinical,
            roles=roles,
            fill_gaps=fill_gaps,
            alpha_beta_gy=alpha_beta_gy,
            age_cap=age_cap,
            index=index,
            n_jobs=n_jobs,
        )
        return cls(cases, roles=known, left_out=left_out)

    @classmethod
    def from_bids(
        cls,
        folder: str | Path,
        label: str = ".*",
        *,
        suffix: str = "ct",
        roles: Mapping[str, str] | None = None,
    ) -> Self:
        """Read a folder laid out like BIDS.

        Images are ``sub-<id>[_ses-<session>]..._<suffix>.nii.gz``, masks
        ``..._label-<label>_mask.nii.gz`` beside them or under ``derivatives``; one mask is one
        lesion, its label the ``lesion_id``. The first session with a mask is the baseline, the
        next the follow-up: by ``acq_time`` of ``sub-<id>_sessions.tsv`` where it is given, else by
        name. Columns of ``participants.tsv`` are clinical variables.

        Parameters
        ----------
        folder
            The data set.
        label
            Regular expression that has to match a mask's whole label.
        suffix
            Of the images.
        roles
            When clinical variables are known, as for :class:`Cohort`.

        Raises
        ------
        ManifestError
            If the folder holds no image or mask of that kind, or two for the same place.
        """
        frame = rows_of_bids(Path(folder), label, suffix)
        cases, known = cases_from_rows(
            rows_of_frame(frame), base=Path(folder), where=str(folder), roles=roles
        )
        return cls(cases, roles=known)

    def __len__(self) -> int:
        return len(self._cases)

    def __iter__(self) -> Iterator[Case]:
        return iter(self._cases.values())

    def __getitem__(self, key: tuple[str, str]) -> Case:
        """Return the case of ``cohort[patient_id, lesion_id]``."""
        try:
            return self._cases[key]
        except (KeyError, TypeError):
            lesions = [k for k in self._cases if isinstance(key, tuple) and k[0] == key[0]]
            known = f" Lesions of that patient: {[k[1] for k in lesions]}." if lesions else ""
            raise KeyError(
                f"{key!r} is not in the cohort; ask with cohort[patient_id, lesion_id], both text."
                + known
            ) from None

    @property
    def keys(self) -> pd.MultiIndex:
        """The index of every table made from this cohort: (patient_id, lesion_id)."""
        return pd.MultiIndex.from_tuples(list(self._cases), names=["patient_id", "lesion_id"])

    @property
    def variables(self) -> list[str]:
        """Names of the clinical variables known before treatment, in manifest order."""
        return [name for name, role in self._roles.items() if role in PREDICTOR_ROLES]

    @property
    def roles(self) -> dict[str, Role]:
        """When each clinical variable is known; see :class:`Cohort`."""
        return dict(self._roles)

    @property
    def left_out(self) -> pd.DataFrame:
        """Patients that were found but are no cases, with the reason; mostly empty."""
        return self._left_out.copy()

    @property
    def n_patients(self) -> int:
        """Number of patients; a patient may have several lesions."""
        return len({case.patient_id for case in self})

    def __repr__(self) -> str:
        left_out = f", {len(self._left_out)} left out" if len(self._left_out) else ""
        followed = sum(case.has_follow_up for case in self)
        return (
            f"<Cohort: {self.n_patients} patients, {len(self)} lesions ({followed} with "
            f"follow-up){left_out}, clinical variables: {', '.join(self.variables) or 'none'}>"
        )

    def _repr_html_(self) -> str:
        from tumor_response.cohort.shown import cohort_html

        return shown(self, cohort_html)


def _checked_several(several: str) -> Several:
    if several not in get_args(Several):
        raise ManifestError(f"several={several!r}: expected one of {', '.join(get_args(Several))}.")
    return cast(Several, several)
