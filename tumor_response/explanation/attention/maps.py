"""What attention found in a cohort: one map per lesion, and how to read, keep and draw them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
import pandas as pd

from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.attention.case_attention import CaseAttention, Key
from tumor_response.features.deep.views import ViewSettings
from tumor_response.frames import tidy
from tumor_response.notebook import shown

if TYPE_CHECKING:
    import datetime as dt

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from tumor_response.cohort import Cohort
    from tumor_response.features.deep.views.settings import Range

__all__ = ["FAILURE_COLUMNS", "AttentionMaps"]

Mode = Literal["out_of_bag", "in_sample", "new_rows"]

FAILURE_COLUMNS = ("patient_id", "lesion_id", "reason", "message")
"""Columns of :attr:`AttentionMaps.failures`."""


@dataclass(frozen=True, eq=False, repr=False)
class AttentionMaps(Mapping[Key, CaseAttention]):
    """The maps of a cohort: a mapping from ``(patient_id, lesion_id)`` to one lesion's.

    Attributes
    ----------
    cases : mapping of (patient_id, lesion_id) to CaseAttention
        In cohort order. Iteration, ``len`` and ``[]`` are those of this mapping.
    method : str
        Such as ``"grad_cam"``.
    model : str
        The explained model's name.
    mode : {"out_of_bag", "in_sample", "new_rows"}
        What the model knew of the lesions. Out of bag: each map is a mean over the models that
        had not seen its patient.
    views : ViewSettings
        How the views were cut.
    settings_sha256 : str
        Of the method's settings.
    provenance : dict
        JSON-able: versions, settings, weights, what decides the maps.
    failures : DataFrame
        One row per lesion without a map: ``patient_id``, ``lesion_id``, ``reason`` (a code) and
        ``message``.

    Raises
    ------
    ExplanationError
        Code ``map_values``: a lesion under another key than its own, or failures of another form.
    """

    cases: Mapping[Key, CaseAttention]
    method: str
    model: str
    mode: Mode
    views: ViewSettings
    settings_sha256: str
    provenance: dict[str, Any]
    failures: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=list(FAILURE_COLUMNS), dtype="str")
    )

    def __post_init__(self) -> None:
        misplaced = [key for key, case in self.cases.items() if key != case.key]
        if misplaced:
            raise ExplanationError(
                f"The map under {misplaced[0]!r} is that of {self.cases[misplaced[0]].key!r}.",
                code="map_values",
            )
        if list(self.failures.columns) != list(FAILURE_COLUMNS):
            raise ExplanationError(
                f"failures has columns {list(self.failures.columns)}, expected "
                f"{list(FAILURE_COLUMNS)}.",
                code="map_values",
            )

    def __getitem__(self, key: Key) -> CaseAttention:
        return self.cases[key]

    def __iter__(self) -> Iterator[Key]:
        return iter(self.cases)

    def __len__(self) -> int:
        return len(self.cases)

    @property
    def mask_free(self) -> bool:
        """Whether the network saw everything in its views, so that it could look elsewhere."""
        return self.views.masking == "whole"

    @property
    def signed(self) -> bool:
        """Whether some map has negative values: regions that spoke against a response."""
        return any(bool((case.view_maps.maps < 0).any()) for case in self.cases.values())

    def table(self) -> pd.DataFrame:
        """Return one row per lesion, those without a map at the end.

        Returns
        -------
        pandas.DataFrame
            Index (patient_id, lesion_id). ``output`` (log-odds), ``n_views``, ``mean_abs`` (of
            the map's absolute value over what was shown), ``peak`` (the value farthest from 0, in
            the unit of the method), ``shown_cc`` (volume that was shown) and ``reason`` (why
            there is no map, else empty).
        """
        rows: dict[Key, dict[str, Any]] = {}
        for key, case in self.cases.items():
            shown = case.box.values[case.box.coverage > 0]
            rows[key] = {
                "output": case.output,
                "n_views": float(len(case.view_maps.maps)),
                "mean_abs": float(np.abs(shown).mean(dtype=np.float64)),
                "peak": float(shown[np.abs(shown).argmax()]),
                "shown_cc": shown.size * float(np.prod(case.grid.spacing_mm)) / 1000.0,
                "reason": "",
            }
        for failure in self.failures.to_dict("records"):
            rows[failure["patient_id"], failure["lesion_id"]] = {"reason": failure["reason"]}
        numbers = ["output", "n_views", "mean_abs", "peak", "shown_cc"]
        index = pd.MultiIndex.from_tuples(list(rows), names=["patient_id", "lesion_id"])
        table = pd.DataFrame(list(rows.values()), index=index, columns=[*numbers, "reason"])
        return table.astype(dict.fromkeys(numbers, "float64") | {"reason": "str"})

    def to_frame(self) -> pd.DataFrame:
        """Return one row per lesion, to compute with.

        ``model``, ``method``, ``patient_id``, ``lesion_id``, ``measure`` (``"output"``),
        ``value`` (log-odds) and the other columns of :meth:`table`.
        """
        table = self.table().reset_index().rename(columns={"output": "value"})
        table = table.assign(model=self.model, method=self.method, measure="output")
        return tidy(table, ["model", "method", "patient_id", "lesion_id"])

    def case(self, key: Key | str) -> CaseAttention:
        """Return one lesion's map; for a patient with one lesion the patient_id will do.

        Raises
        ------
        ExplanationError
            Codes ``unknown_lesion`` and ``several_lesions``.
        """
        if isinstance(key, tuple) and key in self.cases:
            return self.cases[key]
        of_patient = [one for one in self.cases if one[0] == key]
        if len(of_patient) > 1:
            raise ExplanationError(
                f"Patient {key!r} has {len(of_patient)} lesions with a map; give one of "
                f"{', '.join(map(repr, of_patient))}.",
                code="several_lesions",
            )
        if not of_patient:
            raise ExplanationError(
                f"There is no attention map of {key!r}; expected one of the {len(self)} keys, such "
                f"as {next(iter(self.cases), None)!r}. Why a lesion has none stands in .failures.",
                code="unknown_lesion",
            )
        return self.cases[of_patient[0]]

    def save(self, directory: str | Path) -> None:
        """Write the maps to a folder, whole or not at all; :meth:`load` gives them back.

        For each lesion NIfTI files on the CT's grid, which viewers lay over it
        (``P0001_1_attention.nii.gz``, ``P0001_1_coverage.nii.gz``), and the maps of its views;
        beside them ``attention.json`` with everything else and the SHA-256 of each file. Names are
        made of the identifiers, and messages of failures may name files: the folder is the
        hospital's own.

        Parameters
        ----------
        directory
            New, empty, or one that maps were saved to before, which is replaced.

        Raises
        ------
        ExplanationError
            Code ``maps_unwritable``: it holds other files, or cannot be written to.
        """
        from tumor_response.explanation.attention.files import save_maps

        save_maps(self, directory)

    @classmethod
    def load(cls, directory: str | Path) -> AttentionMaps:
        """Read what :meth:`save` wrote.

        Parameters
        ----------
        directory
            The folder.

        Raises
        ------
        BundleError
            Codes ``maps_missing`` (no such folder or file) and ``maps_changed`` (a file that is
            not what was saved).
        """
        from tumor_response.explanation.attention.files import load_maps

        return load_maps(directory)

    def write_dicom(
        self,
        directory: str | Path,
        cohort: Cohort,
        *,
        percentile: float = 75.0,
        written: dt.datetime | None = None,
        uid_seed: str | None = None,
    ) -> None:
        """Write the maps as DICOM objects that a viewer lays over the planning CT.

        For each lesion a Parametric Map with the numbers (``P0001_1_attention.dcm``) and a
        Segmentation (``P0001_1_attention_regions.dcm``) with the part of highest attention and
        what was shown to the network. Both lie on the images of the CT's series, in its frame of
        reference, and carry patient and study as that series does.

        Parameters
        ----------
        directory
            New, empty, or one that this method wrote before, which is replaced.
        cohort
            That the maps are of; its CTs are DICOM series.
        percentile
            The region of highest attention: voxels whose absolute value is above 0 and at least
            this percentile of the voxels that were shown.
        written, uid_seed
            As in :func:`tumor_response.write_seg`.

        Raises
        ------
        ExplanationError
            Codes ``no_dicom_series`` (a CT that is none), ``unknown_lesion``, ``settings``,
            ``maps_unwritable``.
        CaseError
            What reading a series raises.
        """
        from tumor_response.explanation.attention.dicom import write_dicom_maps

        write_dicom_maps(
            self, directory, cohort, percentile=percentile, written=written, uid_seed=uid_seed
        )

    @overload
    def plot(
        self,
        key: Key | str,
        cohort: Cohort,
        *,
        planes: Literal["best"] = "best",
        window: Range | str | None = None,
        largest: float | None = None,
        ax: Axes | None = None,
    ) -> Axes: ...

    @overload
    def plot(
        self,
        key: Key | str,
        cohort: Cohort,
        *,
        planes: Literal["three"],
        window: Range | str | None = None,
        largest: float | None = None,
        ax: Sequence[Axes] | None = None,
    ) -> tuple[Axes, ...]: ...

    def plot(
        self,
        key: Key | str,
        cohort: Cohort,
        *,
        planes: Literal["best", "three"] = "best",
        window: Range | str | None = None,
        largest: float | None = None,
        ax: Axes | Sequence[Axes] | None = None,
    ) -> Axes | tuple[Axes, ...]:
        """Draw a lesion's map over its CT, with the contour and a scale of colours.

        The map has colours where something was shown and nowhere else (a thin grey line is the
        border of that), each voxel its own: nothing is interpolated. 0 is transparent.

        Parameters
        ----------
        key
            The lesion; for a patient with one lesion the patient_id will do.
        cohort
            That the maps are of.
        planes
            ``"best"``: the slice with most of the tumour that was shown; ``"three"``: axial,
            coronal and sagittal through the tumour's voxel of highest attention.
        window
            Intensities drawn black and white, or the name of a window; by default those that the
            network was shown.
        largest
            End of the colour scale; by default the 99th percentile of the absolute values that
            were shown of the lesion. Give the same number to compare lesions.
        ax
            Axes to draw on, three of one figure for ``"three"``; a new figure by default.

        Returns
        -------
        matplotlib.axes.Axes
            Of ``"three"`` a tuple of three.

        Raises
        ------
        ExplanationError
            Codes ``unknown_lesion``, ``several_lesions``, ``settings``, ``map_grid``.
        CaseError
            If the CT or the contour cannot be read.
        """
        from tumor_response.explanation.attention.plots import draw_lesion

        return draw_lesion(self, key, cohort, planes=planes, window=window, largest=largest, ax=ax)

    def contact_sheet(
        self,
        cohort: Cohort,
        *,
        keys: Sequence[Key] | None = None,
        per_line: int = 6,
        window: Range | str | None = None,
        names: bool = False,
        figure: Figure | SubFigure | None = None,
    ) -> tuple[Axes, ...]:
        """Draw the best slice of many lesions, with log-odds and side of each picture.

        Each lesion's colours end at its own 99th percentile: pictures tell where the model looked
        in a lesion, and not in which lesion it looked more.

        Parameters
        ----------
        cohort
            That the maps are of.
        keys
            Lesions; all by default.
        per_line
            Pictures beside each other.
        window
            As in :meth:`plot`.
        names
            Whether to write patient and lesion above each picture: a sheet with names is not
            anonymous. By default lesions are numbered as they come in the maps.
        figure
            A figure, or a part of one, for the axes; a new figure by default.

        Returns
        -------
        tuple of matplotlib.axes.Axes
            One of each lesion.

        Raises
        ------
        ExplanationError, CaseError
            As :meth:`plot`.
        """
        from tumor_response.explanation.attention.plots import draw_contact_sheet

        return draw_contact_sheet(
            self,
            cohort,
            keys=keys,
            per_line=per_line,
            window=window,
            names=names,
            figure=figure,
        )

    def _repr_html_(self) -> str:
        from tumor_response.explanation.attention.shown import maps_html

        return shown(self, maps_html)

    def __repr__(self) -> str:
        return (
            f"<AttentionMaps of {self.model!r} by {self.method} ({self.mode}): {len(self)} "
            f"lesions, {len(self.failures)} without a map>"
        )
