"""Radiotherapy plans (RTPLAN): how many fractions of what dose were planned, to which target.

Written after PS3.3 C.8.8.10 (prescription), C.8.8.13 (fraction scheme), C.8.8.16 (approval) and
C.8.8.26 (ion plans, whose fraction scheme is the same).
"""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.dataset import Dataset

from tumor_response.exceptions import CaseError
from tumor_response.imaging.dicom.files import DicomFile, items, number, text, whole_number
from tumor_response.imaging.dicom.series.headers import naming
from tumor_response.imaging.findings import Finding

__all__ = ["MAX_PLANNED_GY", "FractionGroup", "Plan", "TargetDose", "read_plan"]

MAX_PLANNED_GY = 300.0
"""No plan prescribes more to a target or gives more in a fraction: the number is in cGy."""

MAX_FRACTIONS = 200

_SOP_CLASSES = ("1.2.840.10008.5.1.4.1.1.481.5", "1.2.840.10008.5.1.4.1.1.481.8")
_HEADER = (
    "SOPClassUID",
    "SOPInstanceUID",
    "FrameOfReferenceUID",
    "ApprovalStatus",
    "PlanIntent",
    "DoseReferenceSequence",
    "FractionGroupSequence",
    "ReferencedStructureSetSequence",
)


@dataclass(frozen=True)
class TargetDose:
    """What a plan prescribes to a target.

    Parameters
    ----------
    reference_number
        Of the dose reference, to which fraction groups may refer.
    structure_type
        ``"VOLUME"``, ``"POINT"``, ``"COORDINATES"`` or ``"SITE"``.
    roi_number
        Of the target in the referenced structure set; ``None`` where the plan names none.
    prescribed_gy
        Over all fractions of the plan, Gy; ``None`` where the plan gives none.
    """

    reference_number: int | None
    structure_type: str
    roi_number: int | None
    prescribed_gy: float | None


@dataclass(frozen=True)
class FractionGroup:
    """Fractions that are delivered alike, such as a first course or a boost.

    Parameters
    ----------
    number
        Of the group within the plan.
    fractions_planned
        How many; ``None`` where the plan does not say.
    beam_dose_gy
        The doses of the group's beams at their dose specification points, added up, per fraction
        (Gy); ``None`` where the plan does not give that of every beam with monitor units. This
        is what the beams deliver to a point, not the prescription.
    brachytherapy
        Whether the group has brachytherapy application setups.
    prescribed_gy
        Dose that this group prescribes to a target, by reference number; mostly empty.
    """

    number: int | None
    fractions_planned: int | None
    beam_dose_gy: float | None
    brachytherapy: bool
    prescribed_gy: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True)
class Plan:
    """A radiotherapy plan, as far as a prediction of response needs it.

    Parameters
    ----------
    groups
        In the order of the file.
    targets
        Dose references of the type TARGET.
    approval
        ``"APPROVED"``, ``"UNAPPROVED"``, ``"REJECTED"`` or ``""``.
    intent
        ``"CURATIVE"``, ``"PALLIATIVE"`` ... or ``""``.
    ion
        Whether it is an ion plan (protons, carbon): its doses may be weighted by an RBE.
    sop_instance_uid, structure_set_uid, frame_of_reference_uid
        ``""`` where absent.
    """

    groups: tuple[FractionGroup, ...]
    targets: tuple[TargetDose, ...]
    approval: str
    intent: str
    ion: bool
    sop_instance_uid: str
    structure_set_uid: str
    frame_of_reference_uid: str

    @property
    def fractions_planned(self) -> int | None:
        """Fractions of the only fraction group; ``None`` if there are several, or none says.

        Several groups may follow each other (a boost) or be given on the same days (a
        simultaneous one by a second group); which of them cannot be read from the plan, so that
        they are not added up.
        """
        return self.groups[0].fractions_planned if len(self.groups) == 1 else None

    def prescribed_gy(self, roi_number: int | None = None) -> float | None:
        """Return the dose prescribed to an ROI, or the largest of all targets', over all fractions.

        ``None`` where the plan gives none.
        """
        doses = [
            target.prescribed_gy
            for target in self.targets
            if target.prescribed_gy is not None and roi_number in (None, target.roi_number)
        ]
        return max(doses, default=None)

    def dose_per_fraction_gy(self, roi_number: int | None = None) -> float | None:
        """Return the prescribed dose per fraction, Gy, of the only fraction group.

        The prescription to the target divided by the fractions; where there is no prescription
        at all, the sum of the beams' doses. ``None`` if there are several groups or neither is
        given, or if ``roi_number`` was asked for and the plan prescribes nothing to it.
        """
        if len(self.groups) != 1:
            return None
        total, fractions = self.prescribed_gy(roi_number), self.fractions_planned
        if total is not None and fractions is not None:
            return total / fractions
        return self.groups[0].beam_dose_gy if roi_number is None and total is None else None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is to be known about the plan.

        Codes ``plan_not_approved`` (warning), ``plan_fraction_groups`` (warning),
        ``plan_without_dose`` (warning) and ``plan_brachytherapy`` (warning).
        """
        found = []
        if self.approval != "APPROVED":
            found.append(
                Finding(
                    "plan_not_approved",
                    "warning",
                    f"The plan's approval status is {self.approval.lower() or 'not given'}: it "
                    "may not be the one that was treated.",
                    measured=self.approval,
                    limit="APPROVED",
                    remedy="Export the approved plan.",
                )
            )
        if len(self.groups) > 1:
            parts = ", ".join(str(g.fractions_planned or "?") for g in self.groups)
            found.append(
                Finding(
                    "plan_fraction_groups",
                    "warning",
                    f"The plan has {len(self.groups)} fraction groups ({parts} fractions): no "
                    "single dose per fraction and number of fractions is taken from it.",
                    measured=f"{len(self.groups)} groups",
                    limit="1 group",
                    remedy="Give fractions and dose per fraction as manifest columns.",
                )
            )
        elif self.dose_per_fraction_gy() is None or self.fractions_planned is None:
            found.append(
                Finding(
                    "plan_without_dose",
                    "warning",
                    "The plan gives no number of fractions, or neither a dose prescribed to a "
                    "target nor the dose of every beam.",
                    remedy="Give fractions and dose per fraction as manifest columns.",
                )
            )
        if any(group.brachytherapy for group in self.groups):
            found.append(
                Finding(
                    "plan_brachytherapy",
                    "warning",
                    "The plan has brachytherapy: its dose rate is not in a dose per fraction, so "
                    "that EQD2 by the linear-quadratic formula of fractions does not hold.",
                    remedy="Leave EQD2 out for this case.",
                )
            )
        return tuple(found)


def read_plan(file: DicomFile) -> Plan:
    """Read fractions, prescription and approval of a radiotherapy plan (photons or ions).

    No label, name or description is read.

    Raises
    ------
    CaseError
        Codes ``file_missing``, ``not_dicom``, ``sop_class`` (no plan), ``dicom_attribute``
        and ``plan_implausible``: a dose below 0 or over 300 Gy (entered in cGy), or a number of
        fractions outside of 1 to 200.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tumor_response.imaging.dicom.files import DicomFile
    >>> from tumor_response.imaging.dicom.treatment.plan import read_plan
    >>> read_plan(DicomFile(Path("nowhere.dcm")))
    Traceback (most recent call last):
    ...
    tumor_response.exceptions.CaseError: nowhere.dcm: no such file.
    """
    try:
        return _planned(file.read(tags=_HEADER))
    except CaseError as error:
        raise naming(file, error) from None


def _planned(dataset: Dataset) -> Plan:
    sop_class = text(dataset, "SOPClassUID")
    if sop_class not in _SOP_CLASSES:
        raise CaseError(
            "this is no radiotherapy plan (RTPLAN); give the file that holds one.",
            code="sop_class",
        )
    structures = items(dataset, "ReferencedStructureSetSequence")
    return Plan(
        tuple(_group(item) for item in items(dataset, "FractionGroupSequence")),
        tuple(
            _target(item)
            for item in items(dataset, "DoseReferenceSequence")
            if text(item, "DoseReferenceType").upper() == "TARGET"
        ),
        text(dataset, "ApprovalStatus").upper(),
        text(dataset, "PlanIntent").upper(),
        sop_class == _SOP_CLASSES[1],
        text(dataset, "SOPInstanceUID"),
        text(structures[0], "ReferencedSOPInstanceUID") if structures else "",
        text(dataset, "FrameOfReferenceUID"),
    )


def _target(item: Dataset) -> TargetDose:
    return TargetDose(
        whole_number(item, "DoseReferenceNumber"),
        text(item, "DoseReferenceStructureType").upper(),
        whole_number(item, "ReferencedROINumber"),
        _gy(item, "TargetPrescriptionDose") or None,  # 0 Gy is how some systems leave it open
    )


def _group(item: Dataset) -> FractionGroup:
    fractions = whole_number(item, "NumberOfFractionsPlanned")
    if fractions is not None and not 1 <= fractions <= MAX_FRACTIONS:
        raise _implausible(f"it plans {fractions} fractions", f"1 to {MAX_FRACTIONS}")
    beams = items(item, "ReferencedBeamSequence")
    doses = [_gy(beam, "BeamDose") for beam in beams]
    # setup fields have no monitor units and no dose; a field with them and no dose is a gap
    gaps = [
        beam
        for beam, dose in zip(beams, doses, strict=True)
        if dose is None and (number(beam, "BeamMeterset") or 0) > 0
    ]
    given = sum(dose for dose in doses if dose is not None)
    prescribed = [
        (whole_number(dose, "ReferencedDoseReferenceNumber"), _gy(dose, "TargetPrescriptionDose"))
        for dose in items(item, "ReferencedDoseReferenceSequence")
    ]
    return FractionGroup(
        whole_number(item, "FractionGroupNumber"),
        fractions,
        given if given > 0 and not gaps else None,
        (whole_number(item, "NumberOfBrachyApplicationSetups") or 0) > 0,
        tuple((ref, gy) for ref, gy in prescribed if ref is not None and gy is not None),
    )


def _gy(item: Dataset, keyword: str) -> float | None:
    dose = number(item, keyword)
    if dose is not None and not 0 <= dose <= MAX_PLANNED_GY:
        raise _implausible(f"{keyword} is {dose:g} Gy", f"0 to {MAX_PLANNED_GY:g} Gy (not cGy)")
    return dose


def _implausible(what: str, expected: str) -> CaseError:
    return CaseError(
        f"the plan is not to be believed: {what}; expected {expected}. Give fractions and dose "
        "per fraction as manifest columns.",
        code="plan_implausible",
    )
