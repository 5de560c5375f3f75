"""Structure sets: names, references and contours, each read for itself."""

from __future__ import annotations

import pickle

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from tests import dicom_factory as factory
from tests.dicom_faults_contours import block, contour, declared, raw, structures
from tumor_response.exceptions import CaseError
from tumor_response.imaging import Geometry
from tumor_response.imaging.dicom.contours.rtstruct import (
    Roi,
    RtstructRoi,
    read_contours,
    read_structures,
)
from tumor_response.imaging.dicom.files import DicomFile
from tumor_response.imaging.dicom.series.series import read_series_geometry

ROIS = {"GTVp": block(), "GTVn": block(low=20.5, high=24.5), "planned, never drawn": []}


def grid_beside(file) -> Geometry:
    files = [DicomFile(f) for f in sorted((file.parent / "ct").iterdir())]
    return read_series_geometry(files).grid


def test_names_and_references_are_those_of_the_file(tmp_path):
    file = structures(ROIS)(tmp_path)
    ct = [pydicom.dcmread(f) for f in sorted((tmp_path / "ct").iterdir())]
    found = read_structures(DicomFile(file))
    frame = ct[0].FrameOfReferenceUID
    assert found.rois == tuple(
        Roi(number, name, "GTV", frame) for number, name in enumerate(ROIS, start=1)
    )
    assert found.frame_of_reference_uids == (frame,)
    assert found.referenced_series_uids == (ct[0].SeriesInstanceUID,)
    assert found.referenced_series_uid == ct[0].SeriesInstanceUID
    assert found.referenced_sop_uids == tuple(image.SOPInstanceUID for image in ct)
    assert found.sop_instance_uid == pydicom.dcmread(file).SOPInstanceUID
    assert found.approval == "UNAPPROVED"


def test_nothing_but_names_and_references_comes_out(tmp_path):
    def describe(dataset: Dataset) -> None:
        dataset.StructureSetDescription = dataset.ReviewerName = "SECRET"
        dataset.StructureSetROISequence[0].ROIDescription = "SECRET"

    file = structures(ROIS, describe)(tmp_path)
    source = RtstructRoi(DicomFile(file), 1, "GTVp")
    told = [
        repr(read_structures(DicomFile(file))),
        repr(list(read_contours(DicomFile(file)))),
        repr(source),
        repr(source.findings(grid_beside(file))),
    ]
    assert not any(secret in text for secret in factory.SECRETS for text in told)


def without_list_of_images(dataset: Dataset) -> None:
    del dataset.ReferencedFrameOfReferenceSequence


def test_without_a_list_of_images_the_contours_are_asked(tmp_path):
    file = structures(ROIS, without_list_of_images)(tmp_path)
    ct = [pydicom.dcmread(f) for f in sorted((tmp_path / "ct").iterdir())]
    found = read_structures(DicomFile(file))
    assert found.referenced_series_uids == ()
    assert found.referenced_series_uid == ""
    assert found.referenced_sop_uids == tuple(ct[k].SOPInstanceUID for k in (3, 4, 5, 6))
    assert len(found.frame_of_reference_uids) == 1


def test_a_structure_becomes_a_mask_on_any_grid(tmp_path):
    file = structures(ROIS)(tmp_path)
    source = RtstructRoi(DicomFile(file), 1, "GTVp")
    grid = grid_beside(file)
    mask = source.read(grid)
    expected = np.zeros((10, 32, 32), bool)
    expected[3:7, 9:19, 9:19] = True
    np.testing.assert_array_equal(sitk.GetArrayFromImage(mask), expected)
    # a crop of half the pixel size, as a NIfTI of the same patient may be
    other = Geometry((40, 40, 3), (0.5, 0.5, 3.0), (8.75, 8.75, 9.0), grid.direction)
    assert sitk.GetArrayFromImage(source.read(other)).sum() == 20 * 20 * 3


def test_the_second_structure_is_the_second(tmp_path):
    file = structures(ROIS)(tmp_path)
    mask = RtstructRoi(DicomFile(file), 2, "GTVn").read(grid_beside(file))
    assert sitk.GetArrayFromImage(mask).sum() == 4 * 4 * 4


def test_a_source_survives_the_way_to_another_process(tmp_path):
    file = structures(ROIS)(tmp_path)
    source = RtstructRoi(DicomFile(file), 1, "GTVp", fill_gaps=True)
    again = pickle.loads(pickle.dumps(source))
    assert again == source
    assert hash(again) == hash(source)
    grid = grid_beside(file)
    assert sitk.Hash(again.read(grid)) == sitk.Hash(source.read(grid))


@pytest.mark.parametrize(("number", "name"), [(1, "GTVn"), (9, "GTVp")])
def test_a_structure_that_has_changed_since_is_refused(number, name, tmp_path):
    file = structures(ROIS)(tmp_path)
    with pytest.raises(CaseError, match="changed since") as refused:
        RtstructRoi(DicomFile(file), number, name).contours()
    assert refused.value.code == "roi_missing"


def test_a_damaged_contour_stops_its_structure_alone(tmp_path):
    file = structures(ROIS, raw(b"1\\2"))(tmp_path)
    found = dict(read_contours(DicomFile(file)))
    by_name = {roi.name: drawn for roi, drawn in found.items()}
    assert isinstance(by_name["GTVp"], CaseError)
    assert "structure 'GTVp', contour 2: " in str(by_name["GTVp"])
    assert len(by_name["GTVn"].planes) == 4
    assert by_name["planned, never drawn"].planes == ()
    assert RtstructRoi(DicomFile(file), 2, "GTVn").read(grid_beside(file)) is not None


def test_a_file_may_declare_its_gaps(tmp_path):
    contours = block(slices=(2, 4, 6))
    file = structures({"GTV": contours}, declared)(tmp_path)
    [gap] = RtstructRoi(DicomFile(file), 1, "GTV").findings(grid_beside(file))
    assert (gap.code, gap.severity) == ("contour_gap", "info")


@pytest.mark.parametrize("syntax", factory.UNCOMPRESSED)
def test_any_encoding_gives_the_same_contours(syntax, tmp_path):
    file = structures(ROIS)(tmp_path)
    dataset, again = pydicom.dcmread(file), Dataset()
    for element in dataset.iterall():  # converts every value, so that it can be encoded anew
        assert element.value is not None
    again.update(dataset)
    factory.save(again, tmp_path / "again.dcm", syntax)
    expected = dict(read_contours(DicomFile(file)))
    for roi, drawn in read_contours(DicomFile(tmp_path / "again.dcm")):
        pairs = zip(drawn.planes, expected[roi].planes, strict=True)
        assert all(np.array_equal(a.points_mm, b.points_mm) for a, b in pairs)


def test_numbers_written_with_blanks_and_exponents_are_read(tmp_path):
    value = b" 8.5 \\8.5\\1.2E+01\\18.5 \\ 8.5\\12\\18.5\\185e-1\\12 "
    cut = raw(value)

    def edit(dataset: Dataset) -> None:
        cut(dataset)
        contour(dataset, 1).NumberOfContourPoints = 3

    file = structures({"GTV": block()}, edit)(tmp_path)
    [(_, drawn)] = read_contours(DicomFile(file))
    np.testing.assert_array_equal(
        drawn.planes[1].points_mm, [(8.5, 8.5, 12), (18.5, 8.5, 12), (18.5, 18.5, 12)]
    )


def test_a_name_in_another_alphabet_is_read(tmp_path):
    file = structures({"Tumor größer": block()})(tmp_path)
    assert read_structures(DicomFile(file)).rois[0].name == "Tumor größer"


def test_observations_may_be_missing(tmp_path):
    def edit(dataset: Dataset) -> None:
        dataset.RTROIObservationsSequence = Items([])

    assert (
        read_structures(DicomFile(structures(ROIS, edit)(tmp_path))).rois[0].interpreted_type == ""
    )
