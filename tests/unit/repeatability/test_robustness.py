"""Robustness of a cohort: against repeats made by hand, planted columns, failures, refusals."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import pytest
import SimpleITK as sitk

import tumor_response as tr
from tests.unit import cases
from tests.unit.repeat_rules import Cut, Offset, RandomCut, RandomOffset, Simple, by_hand
from tumor_response.exceptions import RobustnessError
from tumor_response.features.altered import Altered, altered_case
from tumor_response.features.base import FeatureValues
from tumor_response.repeatability import icc, robustness


@dataclass(frozen=True)
class Always:
    """A rule without chance."""

    alteration: Offset | Cut

    def identity(self):
        return {"rule": "always", **self.alteration.record()}

    def draw(self, rng):
        return self.alteration


class Planted(Simple):
    """Mean is noise that hangs on every voxel; SD is 1 for everybody; voxels are counted."""

    def extract(self, case):
        voxels = sitk.GetArrayFromImage(case.image).tobytes()
        seed = hashlib.sha256(voxels + sitk.GetArrayFromImage(case.mask).tobytes()).digest()
        noise = np.random.default_rng(int.from_bytes(seed[:8], "big")).normal()
        inside = float(sitk.GetArrayFromImage(case.mask).sum())
        names = [spec.column for spec in self.feature_specs()]
        return FeatureValues(dict(zip(names, (noise, 1.0, inside), strict=True)))


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohort")
    frame = cases.cohort_folder(folder, 5)
    for i, radius in enumerate((5.0, 7.0, 9.0, 11.0, 12.5)):
        cases.write(folder, f"p{i}_gtv.nii.gz", cases.mask(radius))
    return tr.Cohort.from_frame(frame, folder)


def ask(cohort, extractors, rules, n_repeats, store, **settings):
    return robustness(cohort, extractors, rules, n_repeats, store=store, quality=None, **settings)


def rows_of(found, perturbation):
    table = found.table()
    return table[table["perturbation"] == perturbation].set_index("feature")


def test_table_is_that_of_repeats_made_by_hand(cohort, tmp_path):
    found = ask(cohort, [Simple()], RandomOffset(), 4, tmp_path, seed=3)
    values = np.empty((5, 5, 3))
    for at, case in enumerate(cohort):
        baseline = case.baseline
        values[at, 0] = by_hand(baseline.image, baseline.mask)
        for repeat in range(4):
            drawn = Altered(Simple(), RandomOffset(), seed=3, repeat=repeat).drawn(baseline)
            shown = altered_case(baseline, drawn)
            values[at, 1 + repeat] = by_hand(shown.image, shown.mask)
    table = rows_of(found, "perturbed")
    for kind in ("1,1", "2,1", "3,1"):
        expected = icc(values, kind)
        name = f"icc_{kind.replace(',', '')}"
        np.testing.assert_allclose(table[name], expected.value, atol=1e-6)
        np.testing.assert_allclose(table[f"{name}_low"], expected.low, atol=1e-6)
    shift = (values[:, 1:].mean(axis=(0, 1)) - values[:, 0].mean(axis=0)) / values[:, 0].std(
        axis=0, ddof=1
    )
    np.testing.assert_allclose(table["shift_sd"], shift, atol=1e-4)
    assert (table["n_repeats"] == 5).all()
    assert (table["n_cases"] == 5).all()


def test_planted_columns(cohort, tmp_path):
    rules = {"noise": RandomOffset(), "contour": RandomCut(3)}
    found = ask(cohort, [Planted()], rules, 12, tmp_path)
    assert found.perturbations == ("noise", "contour", "all")
    noise, contour = rows_of(found, "noise"), rows_of(found, "contour")
    # every voxel is another in a brighter image; of noise the interval has no lower bound above 0
    assert abs(noise.loc["mean", "icc_11"]) < 0.3
    assert noise.loc["mean", "icc_11_low"] < 0
    assert noise.loc["sd", "reason"] == contour.loc["sd", "reason"] == "constant"
    assert np.isnan(noise.loc["sd", "icc_11"])
    assert noise.loc["voxels", "icc_11"] == 1
    assert contour.loc["voxels", "icc_11"] < 1
    assert contour.loc["voxels", "shift_sd"] < 0
    everything = rows_of(found, "all")
    assert (everything["n_repeats"] == 25).all()
    assert 1 > everything.loc["voxels", "icc_11"] > contour.loc["voxels", "icc_11"]


def test_rule_without_chance_is_compared_once(cohort, tmp_path):
    rules = {"brighter": Always(Offset(30.0)), "noise": RandomOffset()}
    found = ask(cohort, [Simple()], rules, 6, tmp_path)
    brighter = rows_of(found, "brighter")
    assert (brighter["n_repeats"] == 2).all()
    # 30 HU on every mean: consistent, but no agreement
    assert brighter.loc["mean", "icc_31"] == pytest.approx(1, abs=1e-6)
    assert brighter.loc["mean", "icc_11"] < 0
    assert rows_of(found, "all")["n_repeats"].tolist() == [8] * 3


def test_failures_are_told_and_left_out(cohort, tmp_path):
    """The smaller contours lie within the slices that are cut off in some draws."""
    found = ask(cohort, [Simple()], {"cut": RandomCut(9), "noise": RandomOffset()}, 10, tmp_path)
    table = rows_of(found, "cut")
    failed = found.failures
    assert set(failed["reason"]) == {"mask_emptied"}
    assert set(failed["perturbation"]) == {"cut"}
    lost = failed["patient_id"].nunique()
    assert 1 <= lost <= 3
    assert (table["n_left_out"] == lost).all()
    assert (table["n_cases"] == 5 - lost).all()
    assert (table["n_failed"] == len(failed)).all()
    assert (rows_of(found, "noise")["n_left_out"] == 0).all()
    drawn = found.draws()
    assert len(drawn) == 5 * 20
    cut = drawn[(drawn["patient_id"] == "P0") & (drawn["perturbation"] == "cut")]
    empty = failed.loc[failed["patient_id"] == "P0", "draw"]
    deepest = [json.loads(text)["cut_at"] for text in cut["parameters"]]
    assert min(deepest[draw] for draw in empty) > max(
        (at for draw, at in enumerate(deepest) if draw not in set(empty)), default=0
    )


def test_all_but_one_lesion_lost_has_a_reason(cohort, tmp_path):
    found = ask(cohort, [Simple(at_least=1000)], RandomCut(3), 5, tmp_path)
    table = rows_of(found, "perturbed")
    assert set(table["reason"]) == {"too_few_complete"}
    assert table["icc_11"].isna().all()
    assert set(found.failures["reason"]) == {"roi_too_small"}


def test_settings_do_not_apply_to_other_extractors(cohort, tmp_path):
    class Deep(Simple):
        def feature_specs(self):
            return Simple("deep").feature_specs()

    found = ask(
        cohort, [tr.Radiomics("minimal"), Deep("deep")], None, 1, tmp_path, bin_width=[20.0, 30.0]
    )
    table = found.table()
    deep, radiomics = table[table["block"] == "deep"], table[table["block"] == "radiomics"]
    assert set(deep["reason"]) == {"not_applicable"}
    assert (radiomics.loc[radiomics["family"] == "original shape", "icc_11"] == 1).all()
    assert (radiomics["icc_11"] < 1).any()
    summary = found.by_perturbation()
    assert summary.loc[("bin_width", "deep"), "n_defined"] == 0
    assert np.isnan(summary.loc[("bin_width", "deep"), "share_good"])
    plt.close(found.plot_heatmap().figure)


def test_same_seed_same_numbers_whatever_the_processes(cohort, tmp_path):
    rules = {"noise": RandomOffset(), "contour": RandomCut(3)}
    one = ask(cohort, [Simple()], rules, 3, tmp_path / "one", seed=1)
    two = ask(cohort, [Simple()], rules, 3, tmp_path / "two", seed=1, n_jobs=2)
    other = ask(cohort, [Simple()], rules, 3, tmp_path / "one", seed=2)
    assert one.table().equals(two.table())
    assert one.draws().equals(two.draws())
    assert one.sha256 == two.sha256 != other.sha256
    assert not one.table().equals(other.table())
    assert one.settings["repeats"]["seed"] == 1


def test_summaries_of_a_plain_script(cohort, tmp_path):
    found = ask(cohort, [Simple()], {"noise": RandomOffset(), "cut": RandomCut(3)}, 3, tmp_path)
    table = found.table()
    summary = found.by_family()
    assert summary.index.names == ["block", "family", "perturbation"]
    for (block, family, name), row in summary.iterrows():
        of = table[
            (table["block"] == block)
            & (table["family"] == family)
            & (table["perturbation"] == name)
        ]
        assert row["n_columns"] == len(of) == 3
        assert row["median_icc"] == np.median(of["icc_11"])
        assert row["share_good"] == np.mean(of["icc_11_low"] >= 0.75)
    ax = found.plot_heatmap(quantity="median_icc")
    shown = [text.get_text() for text in ax.texts]
    wanted = [
        f"{summary.loc[('simple', 'all', name), 'median_icc']:.2f}" for name in found.perturbations
    ]
    assert shown == wanted
    plt.close(ax.figure)
    with pytest.raises(RobustnessError, match="share_good, median_icc"):
        found.plot_heatmap(quantity="mean_icc")


def test_it_is_said_that_nothing_is_selected_by_it(cohort, tmp_path):
    found = ask(cohort, [Simple()], RandomOffset(), 2, tmp_path)
    assert "for reading, not for selecting" in repr(found)
    assert "For reading, not for selecting" in str(found)
    # no column's name as a feature table has it stands anywhere
    table = tr.extract(cohort, [Simple()], quality=None)
    for frame in (found.table(), found.by_family().reset_index(), found.failures, found.draws()):
        cells = set(frame.astype("str").to_numpy().ravel()) | set(frame.columns)
        assert not cells & set(table.data.columns)


def test_other_patients_may_be_selected_for(cohort, tmp_path):
    found = ask(cohort, [Simple()], {"noise": RandomOffset(), "cut": RandomCut(3)}, 3, tmp_path)
    table = tr.extract(cohort, [Simple()], quality=None)
    with pytest.raises(RobustnessError, match=r"5 patient.* 'P0' for one") as same:
        found.icc_for_others("cut", table.data.index)
    assert same.value.code == "same_patients"
    others = table.data.rename(index=lambda name: name.replace("P", "Q"), level="patient_id")
    given = found.icc_for_others("cut", others.index)
    assert list(given.index) == [name for name in table.data if name.startswith("simple__")]
    assert given.tolist() == rows_of(found, "cut")["icc_11"].tolist()
    with pytest.raises(RobustnessError, match="there are: noise, cut, all") as unknown:
        found.icc_for_others("kernel", others.index)
    assert unknown.value.code == "perturbation_unknown"


def test_refused(cohort, tmp_path):
    with pytest.raises(RobustnessError, match="cannot be named 'all'") as named:
        ask(cohort, [Simple()], {"all": RandomOffset()}, 2, tmp_path)
    assert named.value.code == "settings"
    one = tr.Cohort([next(iter(cohort))])
    with pytest.raises(RobustnessError, match="1 of 1 lesions") as alone:
        ask(one, [Simple()], RandomOffset(), 2, tmp_path)
    assert alone.value.code == "one_subject"
    with pytest.raises(RobustnessError, match="confidence=95"):
        ask(cohort, [Simple()], RandomOffset(), 2, tmp_path, confidence=95)
