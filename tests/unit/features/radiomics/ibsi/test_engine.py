"""One case through all families."""

from __future__ import annotations

import math

import numpy as np
import pytest
import SimpleITK as sitk

from tumor_response.exceptions import FeatureError
from tumor_response.features.radiomics.ibsi import engine
from tumor_response.features.radiomics.ibsi.engine import ibsi_features
from tumor_response.features.radiomics.ibsi.features import tags_of
from tumor_response.features.radiomics.ibsi.settings import IbsiSettings


def case(seed: int = 0) -> tuple[sitk.Image, sitk.Image]:
    rng = np.random.default_rng(seed)
    image = sitk.GetImageFromArray(rng.integers(-100, 100, (9, 12, 11)).astype(np.int16))
    inside = np.zeros((9, 12, 11), dtype=np.uint8)
    inside[2:7, 3:9, 2:8] = 1
    mask = sitk.GetImageFromArray(inside)
    for volume in (image, mask):
        volume.SetSpacing((1.0, 1.0, 2.5))
    return image, mask


@pytest.mark.parametrize(
    "settings",
    [
        IbsiSettings(dimension="2d", bin_size=25),
        IbsiSettings(dimension="2d", spacing_mm=(2, 2), n_bins=8),
        IbsiSettings(spacing_mm=(2, 2, 2), bin_size=25, resegmentation_range=(-80, 90)),
        IbsiSettings(n_bins=8, ivh_n_bins=100, outlier_sigma=3),
    ],
)
def test_exactly_the_tags_of_the_settings_in_their_order(settings: IbsiSettings) -> None:
    found = ibsi_features(*case(), settings)
    assert list(found) == tags_of(settings)
    assert all(isinstance(value, float) for value in found.values())
    assert not [tag for tag, value in found.items() if not math.isfinite(value)]


def test_the_families_give_nothing_that_has_no_tag(monkeypatch: pytest.MonkeyPatch) -> None:
    """A feature that is computed and has no tag would vanish in silence."""
    given: set[str] = set()
    names = [
        name for name in vars(engine) if name.endswith("_features") and name != "ibsi_features"
    ]

    def recorded(compute):
        def compute_and_record(*arguments):
            found = compute(*arguments)
            given.update(found)
            return found

        return compute_and_record

    for name in names:
        monkeypatch.setattr(engine, name, recorded(getattr(engine, name)))
    settings = IbsiSettings(bin_size=25)
    ibsi_features(*case(), settings)
    assert len(names) == 6
    assert given == set(tags_of(settings))


def test_the_processing_is_done_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = {"processed": 0, "discretise": 0}
    for name in calls:
        compute = getattr(engine, name)

        def counted(*arguments, name=name, compute=compute):
            calls[name] += 1
            return compute(*arguments)

        monkeypatch.setattr(engine, name, counted)
    ibsi_features(*case(), IbsiSettings(bin_size=25))
    assert calls == {"processed": 1, "discretise": 1}


def test_the_same_input_gives_the_same_bytes() -> None:
    settings = IbsiSettings(spacing_mm=(2, 2, 2), bin_size=10)
    first, second = (ibsi_features(*case(), settings) for _ in range(2))
    assert np.array(list(first.values())).tobytes() == np.array(list(second.values())).tobytes()


def test_an_empty_mask_is_refused() -> None:
    image, mask = case()
    with pytest.raises(FeatureError) as caught:
        ibsi_features(image, mask * 0, IbsiSettings(bin_size=25))
    assert caught.value.code == "mask_empty"
