"""The mesh volume is PyRadiomics' and IBSI's, wherever PyRadiomics' surface is closed."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from radiomics import cShape
from radiomics.shape import RadiomicsShape
from scipy import ndimage

from tests.unit.imaging.bodies import image_of
from tumor_response.imaging import bounding_box
from tumor_response.imaging.mesh import mesh_volume_cc
from tumor_response.imaging.mesh_cells import UNITS_PER_CELL, units_inside


def ambiguous_faces(array: np.ndarray) -> int:
    """Squares of four neighbouring voxels of which two opposite ones are inside."""
    padded = np.pad(array, 1)
    n = 0
    for axis in range(3):
        a = np.moveaxis(padded, axis, 0)
        p, q, r, s = a[:, :-1, :-1], a[:, 1:, :-1], a[:, :-1, 1:], a[:, 1:, 1:]
        n += int(((p == s) & (q == r) & (p != q)).sum())
    return n


def theirs_cc(mask: sitk.Image) -> float:
    """As its extractor calls it: cropped to the mask."""
    box = bounding_box(mask)
    assert box is not None
    mask = mask[tuple(slice(first, last + 1) for first, last in box)]
    return float(RadiomicsShape(mask, mask).getMeshVolumeFeatureValue()) / 1000


def real_masks(data: Path) -> list[Path]:
    return [
        *sorted((data / "pyradiomics").glob("lung*_label.nrrd")),
        data / "ibsi" / "ct_phantom" / "mask" / "mask.nii.gz",
        data / "ibsi" / "digital_phantom" / "mask" / "mask.nii.gz",
        *sorted((data / "sts" / "nifti").glob("*/CT_mask.nii.gz")),
        *sorted((data / "open_kbp").glob("*/PTV70.nii.gz")),
    ]


@pytest.mark.needs("data")
def test_real_masks(shared_data: Path) -> None:
    """Equal where no face is ambiguous; elsewhere PyRadiomics' value moves with the array."""
    compared = equal = 0
    for path in real_masks(shared_data):
        mask = sitk.Cast(sitk.ReadImage(str(path)) != 0, sitk.sitkUInt8)
        faces = ambiguous_faces(sitk.GetArrayFromImage(mask) != 0)
        ours, theirs = mesh_volume_cc(mask), theirs_cc(mask)
        if faces == 0:
            equal += 1
            assert ours == pytest.approx(theirs, rel=1e-9), path
        elif faces < 100:  # one of OpenKBP's volumes is stripes of single voxels
            compared += 1
            assert ours == pytest.approx(theirs, rel=3e-3), path
    assert (equal, compared) == (8, 11)


@pytest.mark.parametrize("seed", range(5))
def test_smooth_random_blocks(seed: int) -> None:
    rng = np.random.default_rng(seed)
    array = ndimage.gaussian_filter(rng.normal(size=(24, 20, 16)), 2.5) > 0.02
    # what is left ambiguous is filled, until nothing is
    while ambiguous_faces(array):
        array = ndimage.binary_closing(np.pad(array, 2), np.ones((2, 2, 2)), iterations=1)[
            2:-2, 2:-2, 2:-2
        ]
        array = ndimage.binary_dilation(array, np.ones((2, 2, 2)))
    mask = image_of(array, (0.9, 1.1, 2.5))
    assert mesh_volume_cc(mask) == pytest.approx(theirs_cc(mask), rel=1e-9)


def test_every_configuration() -> None:
    """PyRadiomics' share of each cell: its open surface, closed with the faces' inside parts.

    Its table has 128 entries; a cell with corner (1, 1, 0) inside is looked up by its opposite,
    which joins inside corners on ambiguous faces. All other cells keep them apart, as ours do.
    """
    corners = list(itertools.product((0, 1), repeat=3))
    n_equal = 0
    for code in range(1, 255):
        block = np.zeros((2, 2, 2), dtype=bool)
        for bit, corner in enumerate(corners):
            block[corner] = code >> bit & 1
        joined = any(
            face in ([[True, False], [False, True]], [[False, True], [True, False]])
            for axis in range(3)
            for face in (block.take(side, axis).tolist() for side in (0, 1))
        )
        if joined and block[1, 1, 0]:
            continue
        share = cShape.calculate_coefficients(block, np.ones(3))[1]
        for axis in range(3):  # faces through the origin enclose nothing with it
            far = block.take(1, axis)
            n = int(far.sum())
            diagonal = n == 2 and far[0, 0] == far[1, 1]
            share += (0.25 if diagonal else (0, 1 / 8, 1 / 2, 7 / 8, 1)[n]) / 3
        assert units_inside()[code] / UNITS_PER_CELL == pytest.approx(share, abs=1e-12), code
        n_equal += 1
    assert n_equal > 128  # the table's entries, and opposites of those without ambiguous faces


def test_pyradiomics_surface_has_holes_at_ambiguous_faces() -> None:
    """Why equality stops there: the same block further from the array's corner is another value."""
    block = np.random.default_rng(0).random((6, 6, 6)) < 0.5
    near, far = (
        cShape.calculate_coefficients(np.pad(block, ((k, 1), (1, 1), (1, 1))), np.ones(3))[1]
        for k in (1, 6)
    )
    assert abs(far - near) > 1
    ours = [mesh_volume_cc(image_of(np.pad(block, ((k, 1), (1, 1), (1, 1))))) for k in (1, 6)]
    assert ours[0] == ours[1]


@pytest.mark.needs("data")
def test_ibsi_digital_phantom(shared_data: Path) -> None:
    """Consensus of the IBSI reference manual for the digital phantom."""
    ibsi = shared_data / "ibsi"
    values = ibsi / "reference_values" / "ibsi_1_reference_values_digital_phantom.csv"
    table = pd.read_csv(values, encoding="utf-8-sig").set_index("tag").loc["morph_volume"]
    mask = sitk.ReadImage(str(ibsi / "digital_phantom" / "mask" / "mask.nii.gz"))
    consensus, tolerance = float(table["reference value"]), float(table["tolerance"])
    assert (consensus, tolerance) == (556, 4)
    assert 1000 * mesh_volume_cc(mask) == pytest.approx(consensus, abs=tolerance)
