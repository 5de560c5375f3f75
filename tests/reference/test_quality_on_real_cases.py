"""Real tumours and real metal: no alarm where there is no fault, and the artefacts that are there.

The sarcomas and lung tumours have been used as test cases by others for years, so that nothing is
taken to be wrong with them. Contrary to them, the contour of IBSI's phantom reaches far into the
lung, which is to be seen. All ten OpenKBP patients have dental metal.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tumor_response.cohort import BaselineCase
from tumor_response.quality import ArtefactLimits, ExclusionRule, check_baseline
from tumor_response.quality.artefacts import find_artefacts

pytestmark = pytest.mark.needs("data")

TUMOURS = {
    "lung1": ("pyradiomics/lung1_image.nrrd", "pyradiomics/lung1_label.nrrd", set()),
    "lung2": ("pyradiomics/lung2_image.nrrd", "pyradiomics/lung2_label.nrrd", set()),
    "ibsi": (
        "ibsi/ct_phantom/image/phantom.nii.gz",
        "ibsi/ct_phantom/mask/mask.nii.gz",
        {"air_in_mask"},
    ),
    **{
        f"sts_{k}": (
            f"sts/nifti/STS_00{k}/CT_image.nii.gz",
            f"sts/nifti/STS_00{k}/CT_mask.nii.gz",
            set(),
        )
        for k in (1, 2, 3, 4, 6, 8)
    },
}


@pytest.mark.parametrize("name", TUMOURS)
def test_real_tumours_raise_no_alarm(shared_data: Path, name: str) -> None:
    image, mask, expected = TUMOURS[name]
    case = BaselineCase(name, "1", shared_data / image, shared_data / mask)
    assert {finding.code for finding in check_baseline(case)} == expected


@pytest.mark.parametrize("number", [201, 202, 203, 204, 206, 207, 208, 209, 210, 211])
def test_dental_metal_is_found_in_some_slices_and_can_be_left_out(
    shared_data: Path, number: int
) -> None:
    folder = shared_data / "open_kbp" / f"pt_{number}"
    case = BaselineCase("P", "1", folder / "CT.nii.gz", folder / "PTV70.nii.gz")
    found = find_artefacts(case.image, case.mask, ArtefactLimits())
    assert 0 < len(found.slices) < found.n_slices
    assert found.metal_cm2 > 1
    kept, share = ExclusionRule(artefact_slices=True).apply(case.image, case.mask)
    assert 0 < share < 0.5
    assert not find_artefacts(case.image, kept, ArtefactLimits()).slices
