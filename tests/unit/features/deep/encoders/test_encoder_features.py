from __future__ import annotations

import json
import pickle
import re
from pathlib import Path

import cloudpickle
import numpy as np
import pytest
import safetensors.torch
import torch

import tumor_response as tr
from tests.unit import cases
from tumor_response.cohort import BaselineCase
from tumor_response.exceptions import FeatureError, WeightsError
from tumor_response.features.base import FeatureExtractor
from tumor_response.features.deep.encoders import (
    Encoder,
    EncoderFeatures,
    PatchSettings,
    SliceSettings,
)
from tumor_response.features.deep.patches import cut_patch
from tumor_response.features.deep.views import cut_views

PATCH = PatchSettings(
    size_voxels=(8, 16, 16), spacing_mm=(3.0, 2.0, 2.0), windows_hu=((-100, 200),)
)
SLICES = SliceSettings(size_px=32, mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7))


def volume_net() -> torch.nn.Module:
    torch.manual_seed(1)
    return torch.nn.Sequential(
        torch.nn.Conv3d(1, 4, 3), torch.nn.ReLU(), torch.nn.BatchNorm3d(4), torch.nn.Dropout(0.5)
    )


def slice_net() -> torch.nn.Module:
    torch.manual_seed(2)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 5, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()
    )


def own(**values: object) -> Encoder:
    given = {"name": "own", "module": volume_net, "transform": PATCH, "licence": "ours"} | values
    return Encoder(**given)


def numbers(values: object) -> np.ndarray:
    return np.array(list(values.values.values()))


def refused(**values: object) -> str:
    with pytest.raises(FeatureError) as caught:
        EncoderFeatures(own(**values))
    return caught.value.code


def test_follows_the_protocol_and_says_who_made_its_numbers() -> None:
    extractor = EncoderFeatures(own(source="own.pt", training="our CTs"), block="deep_own")
    assert isinstance(extractor, FeatureExtractor)
    specs = extractor.feature_specs()
    assert [s.column for s in specs] == [f"deep_own__own__000{i}" for i in range(4)]
    for word in ("own.pt", extractor.weights_sha256[:12], "our CTs", "ours", "3-D"):
        assert word in specs[2].description
    identity = extractor.identity()
    assert json.loads(json.dumps(identity)) == identity
    assert identity["transform"]["size_voxels"] == [8, 16, 16]


def test_volume_features_are_the_module_on_the_patch_in_eval_mode() -> None:
    case = cases.baseline()
    module = volume_net().eval()
    patch = cut_patch(case.image, case.mask, PATCH)
    with torch.no_grad():
        expected = module(torch.from_numpy(patch)[None]).mean(dim=(2, 3, 4))[0].numpy()
    np.testing.assert_allclose(
        numbers(EncoderFeatures(own()).extract(case)), expected, rtol=1e-5, atol=1e-7
    )


def test_slice_features_are_the_mean_over_views() -> None:
    case = cases.baseline()
    views = torch.from_numpy(cut_views(case.image, case.mask, SLICES.views, 32).pixels)
    mean, std = (torch.tensor(v)[:, None, None] for v in (SLICES.mean, SLICES.std))
    with torch.no_grad():
        expected = slice_net()((views.expand(-1, 3, -1, -1) - mean) / std).mean(dim=0)
    extractor = EncoderFeatures(own(module=slice_net, transform=SLICES))
    np.testing.assert_allclose(numbers(extractor.extract(case)), expected, rtol=1e-4, atol=1e-6)


def test_same_bytes_again_after_pickling_and_in_any_order() -> None:
    extractor = EncoderFeatures(own())
    case = cases.baseline()
    other = BaselineCase("P2", "1", cases.image(5), cases.mask(6), variables={})
    first = extractor.extract(case).values
    assert extractor.extract(other).values != first
    assert extractor.extract(case).values == first
    assert pickle.loads(pickle.dumps(extractor)).extract(case).values == first


def test_function_of_a_notebook_travels_and_other_weights_are_noticed() -> None:
    seeds = [3]

    def module() -> torch.nn.Module:
        torch.manual_seed(seeds[0])
        return torch.nn.Conv3d(1, 2, 3)

    extractor = EncoderFeatures(own(module=module))
    case = cases.baseline()
    before = extractor.extract(case).values
    assert cloudpickle.loads(cloudpickle.dumps(extractor)).extract(case).values == before
    seeds[0] = 4
    with pytest.raises(WeightsError) as caught:
        cloudpickle.loads(cloudpickle.dumps(extractor)).extract(case)
    assert caught.value.code == "weights_changed"


def test_loading_leaves_the_random_state_alone() -> None:
    torch.manual_seed(11)
    before = torch.random.get_rng_state()
    EncoderFeatures(own())
    assert torch.equal(torch.random.get_rng_state(), before)


def test_through_extract_with_findings(tmp_path) -> None:
    frame = cases.cohort_folder(tmp_path, 2)
    frame.to_csv(tmp_path / "manifest.csv", index=False)
    cohort = tr.Cohort.from_csv(tmp_path / "manifest.csv")
    small = PATCH.changed(size_voxels=(4, 5, 5), if_larger="scale")
    table = tr.extract(cohort, [EncoderFeatures(own(transform=small))])
    assert table.data.filter(like="deep__own").notna().all(axis=None)
    told = table.failures.query("block == 'deep'")
    assert set(told["reason"]) == {"patch_scaled_to_fit"}
    assert (told["n_columns_missing"] == 0).all()
    refused = tr.extract(
        cohort, [EncoderFeatures(own(transform=small.changed(if_larger="refuse")))]
    )
    assert set(refused.failures["reason"]) == {"tumour_exceeds_patch"}
    assert refused.data.filter(like="deep__own").isna().all(axis=None)


def test_padding_is_told() -> None:
    wide = PATCH.changed(spacing_mm=(9.0, 6.0, 6.0))
    [told] = EncoderFeatures(own(transform=wide)).extract(cases.baseline()).shortfalls
    assert (told.code, told.n_columns_missing) == ("patch_beyond_image", 0)
    # of 16 x 16 x 8 voxels, 6 x 6 x 4 have their centres in 36 x 33 x 36 mm of image
    assert "93.0% of the patch" in told.message


def test_modules_that_cannot_be_used() -> None:
    def flat() -> torch.nn.Module:
        return torch.nn.Conv2d(3, 4, 3)

    def overflowing() -> torch.nn.Module:
        module = torch.nn.Conv3d(1, 2, 3)
        torch.nn.init.constant_(module.weight, 1e38)
        return module

    class Several(torch.nn.Module):
        def forward(self, x):
            return x, x

    class Scalar(torch.nn.Module):
        def forward(self, x):
            return x.mean()

    for module in (flat, Several, Scalar, dict):
        assert refused(module=module) == "encoder_output"
    with pytest.raises(FeatureError) as caught:
        EncoderFeatures(own(module=overflowing)).extract(cases.baseline())
    assert caught.value.code == "encoder_output"


@pytest.mark.parametrize(
    "values",
    [
        {"name": "Own"},
        {"module": torch.nn.Identity()},
        {"module": "resnet"},
        {"transform": tr.ViewSettings()},
        {"licence": " "},
        {"training": ""},
    ],
)
def test_descriptions_are_validated(values: dict) -> None:
    assert refused(**values) == "settings"


def test_arguments_that_do_not_go_together() -> None:
    for arguments in ({"weights": "w.pt"}, {"transform": SLICES}):
        with pytest.raises(FeatureError) as caught:
            EncoderFeatures(own(), **arguments)
        assert caught.value.code == "settings"
    with pytest.raises(FeatureError, match="device='gpu7'"):
        EncoderFeatures(own(), device="gpu7")


def test_the_guides_own_encoder_runs_in_two_processes(tmp_path, monkeypatch) -> None:
    guide = Path(__file__).parents[5] / "docs" / "guide" / "encoders.md"
    blocks = re.findall(r"```python\n(.*?)```", guide.read_text(encoding="utf-8"), re.DOTALL)
    [block] = [b for b in blocks if "def module" in b]
    cases.cohort_folder(tmp_path, 2).to_csv(tmp_path / "manifest.csv", index=False)
    monkeypatch.chdir(tmp_path)
    network = torch.nn.Sequential(torch.nn.Conv3d(1, 16, 5, stride=2), torch.nn.ReLU())
    safetensors.torch.save_file(network.state_dict(), "ours.safetensors")
    names = {
        "torch": torch,
        "safetensors": safetensors,
        "cohort": tr.Cohort.from_csv("manifest.csv"),
        "tr": tr,
    }
    exec(block, names)
    assert names["table"].failures["n_columns_missing"].sum() == 0, names["table"].failures
    got = names["table"].data.filter(like="deep__ours").to_numpy()
    assert got.shape == (2, 16)
    alone = tr.extract(names["cohort"], [EncoderFeatures(names["ours"])])
    np.testing.assert_array_equal(got, alone.data.filter(like="deep__ours").to_numpy())


def test_memory_is_said_for_a_case() -> None:
    from tumor_response.features.memory import Extent

    extent = Extent(1_000, (9.0, 9.0, 9.0), (1.0, 1.0, 1.0))
    assert EncoderFeatures(own()).memory_bytes(extent) > 8 * 16 * 16 * 4 * 4
