"""What contours of one image share: never a value that a contour alone would not have."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tumor_response as tr
from tests.unit.features.radiomics.fast.phantoms import as_images, phantom
from tumor_response.cohort import BaselineCase
from tumor_response.features.radiomics.fast import image_types, resample
from tumor_response.features.radiomics.fast.surroundings import KEPT, MOST_BYTES, Surroundings

SETTINGS = tr.RadiomicsSettings(
    image_types={"Original": {}, "LoG": {"sigma": [1.0, 2.5]}, "Wavelet": {}},
    feature_classes={"firstorder": None, "glcm": ("Contrast",), "shape": ("MeshVolume",)},
    setting={"binWidth": 25, "resampledPixelSpacing": [1.5, 1.5, 1.5]},
)
EXTRACTOR = tr.Radiomics(SETTINGS)
# what is left of a contour may have a smaller box than the contour
REDUCED = tr.Radiomics(
    SETTINGS.model_copy(update={"setting": {**SETTINGS.setting, "resegmentRange": [-250, 50]}})
)
IMAGES = [phantom(np.int16, seed=0)[0], phantom(np.int16, seed=1)[0], phantom(np.float32)[0]]
OUTSIDE = np.zeros(IMAGES[0].GetSize()[::-1], dtype=np.uint8)


def contour(lower: tuple[int, int, int], upper: tuple[int, int, int], seed: int) -> sitk.Image:
    """A box with holes; of seed 2 what little reaches the box's faces may be lost on the way."""
    inside = OUTSIDE.copy()
    margin = 1 if seed == 2 else 0
    box = tuple(slice(a + margin, b - margin) for a, b in zip(lower, upper, strict=True))
    inside[box] = np.random.default_rng(seed).random(inside[box].shape) < 0.8
    for corner in (lower, tuple(b - 1 for b in upper)):
        inside[corner] = 1
    return as_images(OUTSIDE, inside, (1.0, 1.3, 2.5))[1]


def row(extractor: tr.Radiomics, image: sitk.Image, mask: sitk.Image) -> dict[str, str]:
    """Every value to its last bit."""
    values = extractor.extract(BaselineCase("P", "1", image, mask)).values
    return {column: float(value).hex() for column, value in values.items()}


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    KEPT.forget()
    yield
    KEPT.forget()


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is resampled and filtered, as it happens."""
    done: list[str] = []

    def watched(name: str, compute: Callable[..., object]) -> Callable[..., object]:
        def run(*arguments: object) -> object:
            done.append(name)
            return compute(*arguments)

        return run

    monkeypatch.setattr(resample, "interpolated", watched("resampled", resample.interpolated))
    log = image_types.laplacian_of_gaussian
    monkeypatch.setattr(image_types, "laplacian_of_gaussian", watched("filtered", log))
    return done


# few boxes, so that many contours share one; one at the image's border
BOXES = [((5, 6, 7), (12, 16, 18)), ((4, 6, 7), (12, 16, 18)), ((0, 0, 0), (8, 12, 14))]
STEPS = st.lists(
    st.tuples(st.sampled_from(range(3)), st.sampled_from(BOXES), st.integers(0, 2)),
    min_size=2,
    max_size=6,
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, again=st.booleans(), extractor=st.sampled_from([EXTRACTOR, REDUCED]))
def test_a_repeated_extraction_is_the_fresh_one_to_the_last_bit(
    steps: list[tuple[int, tuple[tuple[int, int, int], tuple[int, int, int]], int]],
    again: bool,
    extractor: tr.Radiomics,
) -> None:
    """Contours of three images by turns, in any order, by one extractor or a pickled copy."""
    fresh = []
    for image, box, seed in steps:
        KEPT.forget()
        fresh.append(row(extractor, IMAGES[image], contour(*box, seed)))
    KEPT.forget()
    if again:
        extractor = pickle.loads(pickle.dumps(extractor))
    repeated = [row(extractor, IMAGES[image], contour(*box, seed)) for image, box, seed in steps]
    assert repeated == fresh
    assert len(fresh[0]) > 150


def test_contours_with_one_box_share_all_that_does_not_depend_on_the_contour(
    work: list[str],
) -> None:
    first = row(EXTRACTOR, IMAGES[0], contour(*BOXES[0], 0))
    assert work == ["resampled", "filtered", "filtered"]
    other = row(EXTRACTOR, sitk.Image(IMAGES[0]), contour(*BOXES[0], 1))
    assert work == ["resampled", "filtered", "filtered"]
    assert first != other


@pytest.mark.parametrize("what", ["box", "image", "spacing", "sigma"])
def test_anything_else_is_computed_anew(work: list[str], what: str) -> None:
    row(EXTRACTOR, IMAGES[0], contour(*BOXES[0], 0))
    work.clear()
    image, mask, extractor = IMAGES[0], contour(*BOXES[0], 0), EXTRACTOR
    if what == "box":
        mask = contour(*BOXES[1], 0)
    elif what == "image":
        image = IMAGES[1]
    elif what == "spacing":
        image, mask = sitk.Image(image), sitk.Image(mask)
        for grid in (image, mask):
            grid.SetSpacing((2.5, 1.3, 1.1))
    else:
        types = {"Original": {}, "LoG": {"sigma": [1.0, 2.0]}}
        extractor = tr.Radiomics(SETTINGS.model_copy(update={"image_types": types}))
    row(extractor, image, mask)
    assert work == (["filtered"] if what == "sigma" else ["resampled", "filtered", "filtered"])


def test_an_image_that_was_written_to_is_another_image() -> None:
    """Voxels are compared, not objects: nobody has to promise to leave an image alone."""
    image, mask = sitk.Image(IMAGES[0]), contour(*BOXES[0], 0)
    before = row(EXTRACTOR, image, mask)
    image[12, 10, 8] = 900
    after = row(EXTRACTOR, image, mask)
    KEPT.forget()
    assert after == row(EXTRACTOR, image, mask) != before


def test_threads_may_share() -> None:
    masks = [contour(*box, seed) for seed in range(3) for box in BOXES]
    alone = [row(EXTRACTOR, IMAGES[0], mask) for mask in masks]
    KEPT.forget()
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda mask: row(EXTRACTOR, IMAGES[0], mask), masks)) == alone


@given(
    sizes=st.lists(st.tuples(st.integers(0, 5), st.integers(1, 60)), min_size=1, max_size=20),
    most=st.integers(0, 1500),
)
def test_what_is_kept_is_bounded_and_right(sizes: list[tuple[int, int]], most: int) -> None:
    kept = Surroundings(most)
    for grid, size in sizes:
        source = np.arange(size)
        values = kept.resampled(grid, source, lambda g=grid, s=source: s * g)
        assert kept.n_bytes <= most
        sums = kept.filtered(values, "sum", lambda v=values: np.cumsum(v))
        assert kept.n_bytes <= most
        assert (values == np.arange(size) * grid).all()
        assert (sums == np.cumsum(values)).all()


def test_the_box_that_was_not_used_for_longest_goes_first() -> None:
    kept, made = Surroundings(2 * 2 * 80), []
    for grid in (1, 2, 1, 3, 1, 2):
        kept.resampled(grid, np.arange(10), lambda g=grid: made.append(g) or np.zeros(10))
    assert made == [1, 2, 3, 2]


@pytest.mark.parametrize(
    ("ones", "others", "same"),
    [
        (np.array([0.0]), np.array([-0.0]), False),
        (np.array([np.nan]), np.array([np.nan]), True),
        (np.array([1], dtype=np.int16), np.array([1], dtype=np.uint16), False),
        (np.zeros((2, 3)), np.zeros((3, 2)), False),
        (np.arange(6).reshape(2, 3).T, np.arange(6).reshape(2, 3).T.copy(), True),
    ],
)
def test_voxels_are_the_same_if_all_bits_are(
    ones: np.ndarray, others: np.ndarray, same: bool
) -> None:
    kept, made = Surroundings(1000), []
    for source in (ones, others):
        kept.resampled(0, source, lambda: made.append(1) or np.zeros(1))
    assert len(made) == (1 if same else 2)


def test_what_is_kept_is_counted_where_cases_share_memory() -> None:
    from tumor_response.features.memory import Extent

    extent = Extent(1000, (10.0, 10.0, 10.0), (1.0, 1.0, 1.0))
    as_scanned = tr.Radiomics(tr.RadiomicsSettings())
    assert EXTRACTOR.memory_bytes(extent) > MOST_BYTES > as_scanned.memory_bytes(extent)
