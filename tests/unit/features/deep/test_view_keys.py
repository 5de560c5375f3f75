from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import tumor_response as tr
from tests.unit import cases
from tumor_response.exceptions import FeatureError, ModelError
from tumor_response.features.deep.views import cut_views
from tumor_response.transformers import BlockSelector

COLUMN = "views__axial__key"


@pytest.fixture
def cohort(tmp_path: Path) -> tr.Cohort:
    return tr.Cohort.from_frame(cases.cohort_folder(tmp_path, 3), base=tmp_path)


def extracted(cohort: tr.Cohort, views: tr.Views, **how: object) -> tr.FeatureTable:
    return tr.extract(cohort, [tr.ClinicalFactors(["age"]), views], **how)


def files(store: tr.ViewStore) -> dict[Path, tuple[int, bytes]]:
    return {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in store.directory.rglob("*.npy")}


def test_keys_lead_to_what_the_network_would_be_shown(cohort: tr.Cohort, tmp_path: Path) -> None:
    settings = tr.ViewSettings(n_slices=3)
    views = tr.Views(settings, store=tmp_path / "views", size_px=32)
    table = extracted(cohort, views)
    for case, key in zip(cohort, table.data[COLUMN], strict=True):
        shown = cut_views(case.baseline.image, case.baseline.mask, settings, 32).pixels
        assert shown.shape == (3, 1, 32, 32)
        assert np.array_equal(views.store.get(key), shown)
    assert table.dictionary.loc[COLUMN, "role"] == "key"
    assert table.blocks == ["clinical"]
    # a ball of up to 22 mm and 10 mm around it, in an image of 33 mm
    assert set(table.failures["reason"]) == {"view_beyond_image"}
    assert (table.failures["n_columns_missing"] == 0).all()


def test_same_table_and_files_from_processes_and_after_saving(
    cohort: tr.Cohort, tmp_path: Path
) -> None:
    one = tr.Views(store=tmp_path / "one", size_px=32)
    two = tr.Views(store=tmp_path / "two", size_px=32)
    extracted(cohort, one).save(tmp_path / "a")
    extracted(cohort, two, n_jobs=2).save(tmp_path / "b")
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
    contents = [{p.name: c for p, (_, c) in files(v.store).items()} for v in (one, two)]
    assert contents[0] == contents[1]
    assert len(contents[0]) == 3
    loaded = tr.FeatureTable.load(tmp_path / "a")
    assert all(key in two.store for key in loaded.data[COLUMN])


def test_second_run_cuts_nothing_and_a_lost_array_alone_is_made_again(
    cohort: tr.Cohort, tmp_path: Path
) -> None:
    views = tr.Views(store=tmp_path / "views", size_px=32)
    cache = tmp_path / "cache"
    first = extracted(cohort, views, cache_dir=cache)
    before = files(views.store)
    again = extracted(cohort, views, cache_dir=cache)
    assert again.run["cache"] == {"hits": 3, "misses": 0}
    assert files(views.store) == before
    lost = sorted(before)[1]
    lost.unlink()
    mended = extracted(cohort, views, cache_dir=cache)
    after = files(views.store)
    assert [path for path in after if after[path] != before[path]] == [lost]
    assert after[lost][1] == before[lost][1]
    assert mended.run["cache"] == {"hits": 2, "misses": 1}
    for table in (again, mended):
        pd.testing.assert_frame_equal(first.data, table.data)


def test_another_store_is_filled_though_the_cache_knows_the_keys(
    cohort: tr.Cohort, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        views = tr.Views(store=tmp_path / name, size_px=32)
        table = extracted(cohort, views, cache_dir=tmp_path / "cache")
        assert all(key in views.store for key in table.data[COLUMN])


def test_key_changes_with_all_that_decides_the_array_and_nothing_else(tmp_path: Path) -> None:
    image, mask = cases.image(), cases.mask()
    brighter, smaller = sitk.Image(image), cases.mask(7.0)
    brighter[0, 0, 0] += 1
    store = tmp_path / "views"
    views = tr.Views(tr.ViewSettings(n_slices=2), store=store, size_px=16)
    key = views.add(image, mask)
    assert (
        tr.Views({"x": tr.ViewSettings(n_slices=2)}, store=store, size_px=16).add(image, mask, "x")
        == key
    )
    elsewhere = tr.Views(tr.ViewSettings(n_slices=2), store=tmp_path / "other", size_px=16)
    assert elsewhere.add(image, mask) == key
    others = {
        views.add(brighter, mask),
        views.add(image, smaller),
        tr.Views(tr.ViewSettings(n_slices=3), store=store, size_px=16).add(image, mask),
        tr.Views(tr.ViewSettings(n_slices=2), store=store, size_px=17).add(image, mask),
    }
    assert len(others | {key}) == 5
    assert set(views.store.keys()) == others | {key}


def test_several_names_and_one_that_a_tumour_does_not_fit(
    cohort: tr.Cohort, tmp_path: Path
) -> None:
    """Masks are balls of 9, 10 and 11 mm radius."""
    settings = {"wide": tr.ViewSettings(), "tight": tr.ViewSettings(field_of_view_mm=19.5)}
    table = extracted(cohort, tr.Views(settings, store=tmp_path / "views", size_px=16))
    assert table.data["views__wide__key"].notna().all()
    assert table.data["views__tight__key"].notna().tolist() == [True, False, False]
    told = table.failures[table.failures["n_columns_missing"] > 0]
    assert told["reason"].tolist() == ["tumour_exceeds_field_of_view"] * 2
    assert told["n_columns_missing"].tolist() == [1, 1]
    assert told["message"].str.contains("tight").all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"settings": "axial"},
        {"settings": {}},
        {"settings": {"Not a name": tr.ViewSettings()}},
        {"settings": {"a__b": tr.ViewSettings()}},
        {"settings": {"a": 3}},
        {"size_px": 0},
        {"size_px": 2.5},
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(FeatureError, match="Views"):
        tr.Views(store=tmp_path / "views", **wrong)


def test_a_store_that_cannot_be_written_to_ends_the_run(
    cohort: tr.Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    views = tr.Views(store=tmp_path / "views", size_px=16)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(views.store._files, "write", full)
    with pytest.raises(FeatureError, match="No space left on device") as error:
        extracted(cohort, views)
    assert error.value.code == "views_unusable"


def test_keys_reach_a_pipeline_step_in_folds_and_are_never_predictors(
    cohort: tr.Cohort, tmp_path: Path
) -> None:
    views = tr.Views(store=tmp_path / "views", size_px=16)
    data = extracted(cohort, views).data
    copies = data.iloc[[0, 0, 2]]
    found = [views.store.get(key).mean() for key in copies[COLUMN]]
    assert found[0] == found[1] != found[2]

    for frame in (data, data.astype({COLUMN: "object"})):
        chosen = BlockSelector().fit(frame)
        assert chosen.get_feature_names_out().tolist() == ["clinical__age"]
        model = clone(make_pipeline(BlockSelector(), LogisticRegression()))
        assert model.fit(frame, [0, 1, 1]).n_features_in_ == frame.shape[1]
        with pytest.raises(ModelError, match="no predictor"):
            BlockSelector({"views": [COLUMN]}).fit(frame)
        with pytest.raises(ModelError, match="no columns of block 'views'"):
            BlockSelector(["views"]).fit(frame)
