from __future__ import annotations

import pickle

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from tests import dicom_factory_rt as factory_rt
from tests.dicom_faults_rt import in_group, structures
from tumor_response.imaging.dicom.files import DicomFile
from tumor_response.imaging.dicom.treatment.plan import read_plan


@pytest.fixture
def read(tmp_path):
    drawn = structures(tmp_path)

    def plan(**options):
        return read_plan(DicomFile(factory_rt.plan(tmp_path / "plan.dcm", drawn, **options)))

    plan.structures = drawn
    return plan


def test_thirty_fractions_of_two_gy(read):
    plan = read()
    assert plan.fractions_planned == 30
    assert plan.prescribed_gy() == 60.0
    assert plan.dose_per_fraction_gy() == 2.0
    assert plan.groups[0].beam_dose_gy == 2.0
    assert (plan.approval, plan.intent, plan.ion) == ("APPROVED", "CURATIVE", False)
    assert plan.structure_set_uid == pydicom.dcmread(read.structures).SOPInstanceUID
    assert plan.findings == ()


def test_nothing_but_what_is_allowed_leaves_a_plan(read):
    assert "SECRET" not in repr(read())


def test_each_target_has_its_own_prescription(read):
    plan = read(targets_gy={1: 66.0, 2: 54.0})
    assert plan.prescribed_gy() == 66.0
    assert plan.prescribed_gy(2) == 54.0
    assert plan.dose_per_fraction_gy(2) == pytest.approx(1.8)
    assert plan.prescribed_gy(3) is None
    assert plan.dose_per_fraction_gy(3) is None


def test_only_targets_are_prescribed_to(read):
    def organ(dataset: Dataset) -> None:
        dataset.DoseReferenceSequence[1].DoseReferenceType = "ORGAN_AT_RISK"

    plan = read(targets_gy={1: 60.0, 2: 70.0}, edit=organ)
    assert plan.prescribed_gy() == 60.0


def test_without_a_prescription_the_beams_say_the_dose(read):
    def unprescribed(dataset: Dataset) -> None:
        dataset.DoseReferenceSequence[0].TargetPrescriptionDose = 0
        setup = Dataset()
        setup.ReferencedBeamNumber = 3  # a setup field: no dose, no monitor units
        dataset.FractionGroupSequence[0].ReferencedBeamSequence.append(setup)
        dataset.FractionGroupSequence[0].NumberOfBeams = 3

    plan = read(beam_doses_gy=((1.25, 1.5),), edit=unprescribed)
    assert plan.prescribed_gy() is None
    assert plan.dose_per_fraction_gy() == 2.75
    assert plan.dose_per_fraction_gy(roi_number=1) is None


def test_a_boost_is_not_added_up(read):
    def to_group(dataset: Dataset) -> None:
        dose = Dataset()
        dose.ReferencedDoseReferenceNumber = 1
        dose.TargetPrescriptionDose = 50.0
        dataset.FractionGroupSequence[0].ReferencedDoseReferenceSequence = Items([dose])

    plan = read(fractions=(25, 5), beam_doses_gy=((1.0, 1.0), (3.0,)), edit=to_group)
    assert [group.fractions_planned for group in plan.groups] == [25, 5]
    assert [group.beam_dose_gy for group in plan.groups] == [2.0, 3.0]
    assert plan.groups[0].prescribed_gy == ((1, 50.0),)
    assert plan.fractions_planned is None
    assert plan.dose_per_fraction_gy() is None


def test_what_a_plan_leaves_open_is_none(read):
    plan = read(edit=in_group(NumberOfFractionsPlanned=None))
    assert plan.fractions_planned is None
    assert plan.dose_per_fraction_gy() is None
    assert plan.prescribed_gy() == 60.0


def test_an_ion_plan_is_told(read):
    def ions(dataset: Dataset) -> None:
        dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.481.8"

    assert read(edit=ions).ion


def test_a_plan_travels_to_workers(read):
    plan = read()
    assert pickle.loads(pickle.dumps(plan)) == plan
