"""A cohort with maps made by hand, for tests of the viewer."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

import tumor_response as tr
from tests.unit import cases
from tests.unit.explanation.attention.synthetic import looked
from tumor_response.explanation.attention.case_attention import CaseAttention
from tumor_response.explanation.attention.maps import AttentionMaps
from tumor_response.features.deep.views import cut_views

Key = tuple[str, str]

VIEWS = tr.ViewSettings(n_slices=3, margin_mm=4)
WINDOW_HU = (-160.0, 240.0)  # of VIEWS


def ct(seed: int = 0) -> sitk.Image:
    """Soft tissue with air and bone in it."""
    image = cases.image(seed)
    voxels = sitk.GetArrayFromImage(image)
    voxels[:, :5] = -950
    voxels[:, :, -5:] = 700
    made = sitk.GetImageFromArray(voxels)
    made.CopyInformation(image)
    return made


def scene(
    keys: tuple[Key, ...] = (("P1", "1"), ("P2", "1")),
    *,
    orientation: str = "LPS",
    signed: bool = False,
    views: tr.ViewSettings = VIEWS,
) -> tuple[AttentionMaps, tr.Cohort]:
    """Return maps and their cohort; a map is the tumour's share times a number of its own."""
    found, members = {}, []
    for number, key in enumerate(keys, start=1):
        image, mask = (sitk.DICOMOrient(one, orientation) for one in (ct(number), cases.mask()))
        cut = cut_views(image, mask, views, 32)
        sign = np.where(np.arange(32) < 16, -1.0, 1.0) if signed else 1.0
        of_views = looked(cut, number * sign * cut.tumour, output=0.1 * number)
        found[key] = CaseAttention.of_views(key, of_views, image)
        members.append(tr.Case(patient_id=key[0], lesion_id=key[1], image=image, mask=mask))
    maps = AttentionMaps(
        found,
        method="grad_cam",
        model="logistic",
        mode="out_of_bag",
        views=views,
        settings_sha256="0" * 64,
        provenance={"settings": {"sign": "both" if signed else "positive"}},
    )
    return maps, tr.Cohort(members)
