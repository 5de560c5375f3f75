"""Repeats: rows by name and draw, one image object, failures with reasons, and a store to trust."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import SimpleITK as sitk

import tumor_response as tr
from tests.unit import cases
from tests.unit.repeat_rules import RandomCut, RandomOffset, Simple, by_hand
from tumor_response.cohort import BaselineCase
from tumor_response.exceptions import CaseError, FeatureError, SettingsError
from tumor_response.features.altered import Altered, altered_case
from tumor_response.features.repeats import (
    Repeats,
    failed_repeats,
    keep_repeats,
    read_repeats,
    settings_variants,
)
from tumor_response.imaging.perturb import alteration_from_record, standard_perturbations

KEY = "views__repeats__key"
NAMES = ("simple__mean", "simple__sd", "simple__voxels")


def _case(patient="P1", radius_mm=9.0, **variables):
    return BaselineCase(patient, "1", cases.image(), cases.mask(radius_mm), variables=variables)


def _key(repeats, case):
    return repeats.extract(case).values[f"views__{repeats.name}__key"]


def test_row_0_is_the_unaltered_case_and_row_k_that_of_draw_k(tmp_path):
    repeats = Repeats([Simple()], RandomOffset(), 4, tmp_path, seed=7)
    case = _case()
    found = read_repeats(tmp_path, [_key(repeats, case)])
    assert found.columns == NAMES
    assert found.perturbations == ("unaltered", *["perturbed"] * 4)
    np.testing.assert_allclose(found.values[0, 0], by_hand(case.image, case.mask), rtol=1e-12)
    for draw in range(4):
        altered = Altered(Simple(), RandomOffset(), seed=7, repeat=draw)
        shown = altered_case(case, altered.drawn(case))
        expected = by_hand(shown.image, shown.mask)
        np.testing.assert_allclose(found.values[0, 1 + draw], expected, rtol=1e-6)


def test_each_perturbation_has_its_rows_and_its_draws(tmp_path):
    rules = {"noise": RandomOffset(), "contour": RandomCut()}
    repeats = Repeats([Simple()], rules, 3, tmp_path)
    key = _key(repeats, _case())
    found = read_repeats(repeats.store, [key])
    assert found.names == ["noise", "contour"]
    assert found.draws == (0, 0, 1, 2, 0, 1, 2)
    drawn = repeats.store.record(key)["draws"]
    assert drawn[0] is None
    assert [set(one) for one in drawn[1:]] == [{"offset_hu"}] * 3 + [{"cut_at"}] * 3
    voxels = found.of("contour").values[0, 1:, 2]
    mask = sitk.GetArrayFromImage(_case().mask)
    assert voxels.tolist() == [mask[one["cut_at"] :].sum() for one in drawn[4:]]
    assert (found.of("noise").values[0, :, 2] == mask.sum()).all()
    # another rule beside it changes no draw
    alone = Repeats([Simple()], rules | {"more": RandomOffset(1.0)}, 3, tmp_path)
    again = read_repeats(tmp_path, [_key(alone, _case())])
    np.testing.assert_array_equal(again.of("contour").values, found.of("contour").values)


def test_contours_of_one_image_come_first_and_share_its_object(tmp_path):
    inner = Simple()
    rules = {"noise": RandomOffset(), "contour": RandomCut()}
    case = _case()
    _key(Repeats([inner], rules, 5, tmp_path), case)
    same = [image is case.image for image in inner.seen]
    assert same == [True] * 6 + [False] * 5


def test_every_standard_perturbation_is_drawn_recorded_and_shares_what_it_leaves(tmp_path):
    inner, case = Simple(), _case()
    rules = standard_perturbations()
    repeats = Repeats([inner], rules, 2, tmp_path)
    key = _key(repeats, case)
    assert read_repeats(tmp_path, [key]).names == list(rules)
    n_untouched = 1 + 2 * sum(not rule.touches_image for rule in rules.values())
    same = [image is case.image for image in inner.seen]
    assert same[:n_untouched] == [True] * n_untouched
    for (name, draw), drawn in zip(
        repeats.plan.rows, repeats.store.record(key)["draws"], strict=True
    ):
        if drawn is None:
            continue
        again = altered_case(case, alteration_from_record(drawn))
        value = by_hand(again.image, again.mask)
        row = repeats.plan.rows.index((name, draw))
        stored = read_repeats(tmp_path, [key]).values[0, row]
        np.testing.assert_allclose(stored, value, rtol=1e-6)


def test_a_repeat_that_fails_is_nan_with_its_reason_and_no_column_is_missing(tmp_path):
    inner = Simple(at_least=60)
    repeats = Repeats([inner], {"contour": RandomCut(11)}, 40, tmp_path)
    case = _case("Mrs Smith")
    values = repeats.extract(case)
    found = read_repeats(tmp_path, [values.values[KEY]])
    failed = failed_repeats(tmp_path, [values.values[KEY]])
    assert set(failed["code"]) == {"mask_emptied", "roi_too_small"}
    missing = np.isnan(found.values[0]).all(axis=1)
    assert missing.sum() == len(failed)
    assert missing[1 + failed["draw"]].all()
    (told,) = values.shortfalls
    assert (told.code, told.n_columns_missing) == ("repeat_failed", 0)
    assert f"{len(failed)} of 40 repeats 'contour'" in told.message
    stored = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    assert b"Smith" not in stored


def test_what_is_there_is_not_made_again_and_tells_the_same(tmp_path):
    repeats = Repeats([Simple(at_least=60)], {"contour": RandomCut(11)}, 20, tmp_path)
    first = repeats.extract(_case("P1"))
    inner = Simple(at_least=60)
    second = Repeats([inner], {"contour": RandomCut(11)}, 20, tmp_path).extract(_case("P2"))
    assert second == first
    assert inner.seen == []


@pytest.mark.parametrize(
    "changed", ["seed", "n_repeats", "rule", "extractor", "voxels", "variable"]
)
def test_all_that_decides_the_values_is_in_the_key(tmp_path, changed):
    def made(**other):
        given = {"seed": 0, "n_repeats": 2, "rule": RandomCut(), "extractor": Simple()} | other
        inner = [given["extractor"], tr.ClinicalFactors(["age"])]
        return Repeats(inner, given["rule"], given["n_repeats"], tmp_path, seed=given["seed"])

    key = _key(made(), _case(age=60.0))
    new = {"seed": 1, "n_repeats": 3, "rule": RandomCut(5), "extractor": Simple(at_least=1)}
    case = _case(age=61.0 if changed == "variable" else 60.0)
    if changed == "voxels":
        case = _case(radius_mm=8.0, age=60.0)
    other = made(**{changed: new[changed]} if changed in new else {})
    assert _key(other, case) != key
    assert _key(made(), _case("somebody else", age=60.0)) == key


def test_settings_are_changed_where_they_mean_something(tmp_path):
    radiomics = tr.Radiomics("minimal")
    inner = [radiomics, Simple()]
    repeats = Repeats(inner, store=tmp_path, bin_width=[10.0, 50.0], interpolator=["linear"])
    found = read_repeats(tmp_path, [_key(repeats, _case())])
    assert found.perturbations == ("unaltered", "bin_width", "bin_width", "interpolator")
    simple = [name.startswith("simple") for name in found.columns]
    assert np.isnan(found.values[0][1:, simple]).all()
    assert not found.applies[1:, simple].any()
    assert found.applies[0].all()
    assert found.applies[:, ~np.array(simple)].all()
    for row, settings in ((2, {"binWidth": 50.0}), (3, {"interpolator": "sitkLinear"})):
        setting = {**radiomics.settings.setting, **settings}
        own = tr.Radiomics(
            tr.RadiomicsSettings(
                image_types=radiomics.settings.image_types,
                feature_classes=radiomics.settings.feature_classes,
                setting=setting,
            )
        )
        expected = own.extract(_case()).values
        got = dict(zip(found.columns, found.values[0, row], strict=True))
        assert {n: got[n] for n in expected} == expected
    assert failed_repeats(tmp_path, found.keys).empty


def test_variants_of_both_conventions():
    own = tr.Radiomics("ibsi_c")
    wide, narrow = settings_variants(own, bin_width=[50.0, 10.0])
    assert (wide.settings.bin_size, narrow.settings.bin_size) == (50.0, 10.0)
    (cubic,) = settings_variants(own, interpolator=["cubic"])
    assert cubic.settings.image_interpolation == "cubic"
    assert settings_variants(tr.Radiomics("ibsi_d"), bin_width=[10.0]) == []  # a number of bins
    assert settings_variants(tr.Radiomics("ibsi_a"), interpolator=["cubic"]) == []  # as they are
    counted = tr.RadiomicsSettings(setting={"binCount": 32})
    assert settings_variants(tr.Radiomics(counted), bin_width=[10.0]) == []
    banded = tr.RadiomicsSettings(image_types={"Original": {}, "Wavelet": {"binWidth": 10}})
    (half,) = settings_variants(tr.Radiomics(banded), bin_width=[12.5])
    assert half.settings.image_types["Wavelet"]["binWidth"] == 5.0


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"bin_width": [25.0]},
        {"interpolator": ["cubic"]},
        {"interpolator": ["sinc"]},
        {"interpolator": "linear"},
        {"bin_width": [-1.0]},
        {"bin_width": [10.0], "interpolator": ["linear"]},
    ],
)
def test_variants_that_say_nothing_are_refused(asked):
    with pytest.raises(SettingsError):
        settings_variants(tr.Radiomics("minimal"), **asked)


def test_table_cache_and_store_agree(tmp_path):
    cohort = tr.simulate_cohort(n_patients=3, seed=0, directory=tmp_path / "sim")
    inner = [Simple(), tr.ClinicalFactors(["volume_cc"])]
    views = tr.Views(tr.ViewSettings(n_slices=1), store=tmp_path / "one", size_px=16)

    def table(store, **means):
        repeats = Repeats(inner, {"contour": RandomCut()}, 2, tmp_path / store)
        return tr.extract(cohort, [*inner, repeats, views], **means)

    first = table("one", cache_dir=tmp_path / "cache")
    assert first.blocks == ["simple", "clinical"]
    again = table("one", cache_dir=tmp_path / "cache")
    assert again.run["cache"] == {"hits": 9, "misses": 0}
    two = table("two")
    assert two.data[KEY].equals(first.data[KEY])
    values = {s: read_repeats(tmp_path / s, first.data[KEY]).values for s in ("one", "two")}
    np.testing.assert_array_equal(values["one"], values["two"])
    np.testing.assert_array_equal(
        values["one"][:, 0], first.data[[*NAMES, "clinical__volume_cc"]].to_numpy()
    )
    # a store without the array: what the cache remembers leads nowhere, and is made again
    (tmp_path / "one" / first.data[KEY].iloc[0][:2]).rename(tmp_path / "gone")
    mended = table("one", cache_dir=tmp_path / "cache")
    assert mended.run["cache"]["misses"] > 0
    assert read_repeats(tmp_path / "one", mended.data[KEY]).values.shape == values["one"].shape


def test_an_exclusion_rule_is_applied_to_each_altered_contour(tmp_path):
    case = _case()
    middle = float(
        np.median(sitk.GetArrayFromImage(case.image)[sitk.GetArrayFromImage(case.mask) > 0])
    )
    rule = tr.ExclusionRule(hu_range=(middle, 10_000.0))
    inner = [Simple(), tr.ClinicalFactors(["volume_cc"])]
    repeats = Repeats(inner, {"contour": RandomCut()}, 3, tmp_path, exclude=rule)
    found = read_repeats(tmp_path, [_key(repeats, case)])
    drawn = repeats.store.record(found.keys[0])["draws"]
    kept = (sitk.GetArrayFromImage(case.image) >= middle) & (sitk.GetArrayFromImage(case.mask) > 0)
    counts = [kept[0 if one is None else one["cut_at"] :].sum() for one in drawn]
    assert found.values[0, :, 2].tolist() == counts
    assert found.values[0, 0, 3] == pytest.approx(_volume_cc(case))


def _volume_cc(case):
    return sitk.GetArrayFromImage(case.mask).sum() * np.prod(case.image.GetSpacing()) / 1000


def test_a_worker_gets_a_pickled_extractor(tmp_path):
    repeats = Repeats([Simple()], RandomCut(), 2, tmp_path)
    key = _key(pickle.loads(pickle.dumps(repeats)), _case())
    assert repeats.holds({KEY: key})


def test_what_is_missing_damaged_or_mixed_says_the_way_out(tmp_path):
    repeats = Repeats([Simple()], RandomCut(), 2, tmp_path)
    key, other = (_key(repeats, _case(radius_mm=r)) for r in (9.0, 8.0))
    another = _key(Repeats([Simple()], RandomCut(), 3, tmp_path), _case())

    def refused(keys, columns=None):
        with pytest.raises(FeatureError) as error:
            read_repeats(tmp_path, keys, columns)
        return error.value.code

    assert refused([key, another]) == "repeats_differ"
    assert refused([key, "ab" * 32]) == "view_missing"
    assert refused([key, float("nan")]) == "view_key"
    assert refused([]) == "no_repeats"
    assert refused([key], ["simple__mean", "deep__x"]) == "repeats_columns"
    with pytest.raises(FeatureError, match="the store has 'perturbed'") as unknown:
        read_repeats(tmp_path, [key]).of("noise")
    assert unknown.value.code == "perturbation_unknown"
    (array,) = tmp_path.rglob(f"{other}.npy")
    array.write_bytes(array.read_bytes()[:-40] + bytes(40))
    assert refused([key, other]) == "view_damaged"
    (record,) = tmp_path.rglob(f"{key}.json")
    record.write_text(record.read_text().replace('"cut_at":', '"cut_to":'))
    assert not repeats.holds({KEY: key})
    _key(repeats, _case())
    assert repeats.holds({KEY: key})


def test_measured_repeats_are_kept_by_hand(tmp_path):
    values = np.random.default_rng(0).normal(size=(3, 4, 3))
    values[1, 2, 0] = np.nan
    columns, names = ["a__x", "a__y", "b__x"], ["scan", "scan", "observer"]
    store = tr.ViewStore(tmp_path)
    keys = keep_repeats(store, values, columns, names)
    assert keep_repeats(store, values[:1], columns, names) == keys[:1]
    found = read_repeats(tmp_path, reversed(keys), ["b__x", "a__x"])
    np.testing.assert_array_equal(found.values, values[::-1][:, :, [2, 0]])
    assert found.draws == (0, 0, 1, 0)
    assert found.applies.all()
    for wrong in (
        (values[0], columns, names),
        (values[:, :1], columns, []),
        (values, columns[:2], names),
        (values, columns, names[:2]),
        (values, ["a__x", "b__x", "a__y"], names),
        (values, columns, "unaltered"),
    ):
        with pytest.raises(FeatureError, match=r"^keep_repeats") as error:
            keep_repeats(store, *wrong)
        assert error.value.code == "settings"


def test_a_case_that_cannot_be_read_is_an_error_of_the_case(tmp_path):
    empty = cases.empty_mask()
    case = BaselineCase("P1", "1", cases.image(), empty)
    with pytest.raises(CaseError) as error:
        Repeats([Simple()], RandomCut(), 2, tmp_path / "store").extract(case)
    assert error.value.code == "mask_empty"


@pytest.mark.parametrize(
    "given",
    [
        {"extractors": []},
        {"extractors": Simple()},
        {"extractors": [Simple(), Simple()]},
        {"extractors": [tr.ClinicalFactors([], categories={"sex": ["f", "m"]})]},
        {"rules": None},
        {"rules": "noise"},
        {"rules": {"unaltered": RandomCut()}},
        {"rules": {"Big": RandomCut()}},
        {"rules": {"noise": "much"}},
        {"n_repeats": 0},
        {"n_repeats": 2.5},
        {"seed": -1},
        {"name": "two words"},
    ],
)
def test_what_cannot_be_repeated_is_refused(tmp_path, given):
    asked = {"extractors": [Simple()], "rules": RandomCut(), "store": tmp_path} | given
    with pytest.raises(FeatureError, match=r"^Repeats") as error:
        Repeats(**asked)
    assert error.value.code == "settings"
