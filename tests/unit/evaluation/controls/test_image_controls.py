"""Image controls end to end: planted signals of volume and of texture, failures, what is read."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

import tumor_response as tr
from tests.unit import cases
from tests.unit.evaluation.controls.quick import MeanDifference
from tumor_response.evaluation.controls import (
    ControlsSettings,
    estimate_controls,
    negative_controls,
    table_controls,
)
from tumor_response.evaluation.controls.extracting import InBlock, Plan
from tumor_response.evaluation.controls.negative import plan_of
from tumor_response.exceptions import EvaluationError
from tumor_response.features.altered import Altered
from tumor_response.features.base import FeatureSpec, FeatureValues

N = 24
FEW = ControlsSettings(
    controls=("voxels_shuffled", "noise_images", "context_only"),
    n_permutations=19,
    n_resamples_permuted=4,
    n_resamples=40,
)


class Voxels:
    """Four numbers of a tumour, by NumPy alone."""

    variables: tuple[str, ...] = ()
    required_variables: tuple[str, ...] = ()
    cacheable = True
    names = ("volume", "mean", "rough", "rough_again")

    def __init__(self, block="voxels"):
        self.block = block

    def identity(self):
        return {"extractor": "test_voxels", "versions": {}}

    def feature_specs(self):
        return [
            FeatureSpec(f"{self.block}__{name}", self.block, "test", "baseline", "", "", name)
            for name in self.names
        ]

    def extract(self, case):
        image = sitk.GetArrayFromImage(case.image).astype(float)
        inside = sitk.GetArrayFromImage(case.mask) == 1
        step = np.abs(np.diff(image, axis=2))[inside[:, :, 1:] & inside[:, :, :-1]]
        rough = step.mean() if step.size else 0.0
        found = (inside.sum(), image[inside].mean(), rough, rough)
        return FeatureValues(
            {f"{self.block}__{n}": float(v) for n, v in zip(self.names, found, strict=True)}
        )


def _image(texture: float, seed: int) -> sitk.Image:
    """A stripe pattern inside noise; how long the stripes are does not show in the histogram."""
    rng = np.random.default_rng(seed)
    x = np.broadcast_to(np.arange(cases.SIZE[0]), cases.SIZE[::-1])
    stripes = np.sign(np.sin(2 * np.pi * (x + 0.5) / (3.0 + 5.0 * texture) + rng.uniform(0, 6)))
    return cases._on_grid((40 + 20 * stripes + rng.normal(0, 4, stripes.shape)).astype(np.int16))


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A cohort whose volumes and textures are known and independent."""
    folder = tmp_path_factory.mktemp("cohort")
    rng = np.random.default_rng(3)
    radius = rng.permutation(np.linspace(6.5, 12.5, N))
    texture = rng.permutation(np.linspace(0, 1, N))
    rows = [
        {
            "patient_id": f"P{i:02d}",
            "image": cases.write(folder, f"{i}.nii.gz", _image(texture[i], i)),
            "mask": cases.write(folder, f"{i}_m.nii.gz", cases.mask(radius[i])),
            "age": 50.0 + i,
        }
        for i in range(N)
    ]
    cohort = tr.Cohort.from_frame(pd.DataFrame(rows), base=folder)
    by = {
        "volume": pd.Series((radius > np.median(radius)).astype(float), cohort.keys),
        "texture": pd.Series((texture > np.median(texture)).astype(float), cohort.keys),
    }
    return cohort, by, folder


def _controls(study, by, model=None, extractors=None, **arguments):
    cohort, y, folder = study
    arguments = {"settings": FEW, "quality": None, "cache_dir": folder / "cache"} | arguments
    return negative_controls(
        cohort, extractors or [Voxels()], model or MeanDifference(), y[by], **arguments
    )


@pytest.fixture(scope="module")
def texture(study):
    """The controls of a response by texture."""
    return _controls(study, "texture")


def test_a_signal_of_volume_alone_is_the_same_shuffled_and_in_noise(study):
    controls = _controls(study, "volume", {"size": MeanDifference()})
    summary = controls.summary()
    assert summary.loc["random_columns", "model_value"] > 0.85
    for name in ("voxels_shuffled", "noise_images"):
        assert summary.loc[name, "verdict"] == "not beaten"
        assert summary.loc[name, "auc_oob"] > 0.8
        assert summary.loc[name, "expectation"] > 0.8
    told = " ".join(controls.verdicts())
    assert "“size” does not beat shuffled voxels, which keeps volume, shape, histogram" in told
    assert "“size” does not beat noise images" in told
    assert controls.p_value == 0.05


def test_a_signal_of_texture_is_destroyed_by_shuffling(texture):
    summary = texture.summary()
    frame = texture.to_frame().set_index("control")
    assert frame.index.tolist() == ["", *summary.index]
    for name in summary.index:
        assert frame.loc[name, "value"] == summary.loc[name, "auc_oob"]
    own = texture.result.interval("model")
    assert (frame.loc["", "ci_low"], frame.loc["", "ci_high"]) == (own.low, own.high)
    html = texture._repr_html_()
    assert "It cannot be shown" not in html
    assert all(name in html for name in summary.index)
    assert summary.loc["random_columns", "model_value"] > 0.85
    for name in ("voxels_shuffled", "noise_images"):
        assert summary.loc[name, "verdict"] == "beaten"
        assert summary.loc[name, "difference"] > 0.2
        assert summary.loc[name, "expectation"] < 0.75
    assert np.isnan(summary.loc["context_only", "expectation"])
    assert texture.expectations["voxels_shuffled"] == "volume, shape and histogram"
    # stripes go on outside the contour: the surroundings know as much, and that is told
    assert summary.loc["context_only", "auc_oob"] > 0.7


def test_the_controls_are_the_altered_extractions(study, texture):
    """Volume is untouched; roughness is that of an independent extraction by the same rule."""
    cohort, y, _ = study
    plan = plan_of(cohort, [Voxels()], "model", MeanDifference(), FEW)
    (altered,) = plan.controls["voxels_shuffled"]
    assert isinstance(altered, Altered)
    apart = tr.extract(cohort, [altered], quality=None).data
    own = tr.extract(cohort, [Voxels()], quality=None).data
    assert (apart["voxels__volume"] == own["voxels__volume"]).all()
    assert np.allclose(apart["voxels__mean"], own["voxels__mean"])
    model = MeanDifference()
    columns = [f"voxels__{name}" for name in Voxels.names]
    expected = tr.evaluate(
        model, apart[columns], y["texture"], tr.Bootstrap632Plus(n_resamples=40, seed=0)
    )
    assert texture.summary().loc["voxels_shuffled", "auc_oob"] == pytest.approx(
        expected.summary().loc["model", "auc_oob"], abs=1e-12
    )


def test_images_are_read_once_for_all_controls_and_a_table_is_not_extracted_again(
    study, monkeypatch
):
    cohort, _, _ = study
    read = []
    from tumor_response.imaging import source

    load = source.ImageFile.load
    monkeypatch.setattr(source.ImageFile, "load", lambda self: read.append(self.path) or load(self))
    table = tr.extract(cohort, [Voxels()], quality=None)
    assert len(read) == N
    little = FEW.model_copy(update={"n_resamples": 3, "n_resamples_permuted": 2})
    fresh = _controls(study, "texture", cache_dir=None, settings=little)
    assert len(read) == 2 * N
    asked = []
    extract = Voxels.extract
    monkeypatch.setattr(
        Voxels, "extract", lambda self, case: asked.append(case) or extract(self, case)
    )
    given = _controls(study, "texture", cache_dir=None, table=table, settings=little)
    assert len(read) == 3 * N
    assert len(asked) == 3 * N
    pd.testing.assert_frame_equal(fresh.summary(), given.summary(), check_exact=True)


def test_only_what_the_model_uses_is_altered_and_clinical_factors_never(study):
    cohort, _, _ = study
    extractors = [tr.ClinicalFactors(["age"]), Voxels("one"), Voxels("two")]
    model = tr.make_model("logistic", blocks=["clinical", "two"], Cs=(0.1,))
    plan = plan_of(cohort, extractors, "model", model, FEW)
    assert {name: [one.block for one in some] for name, some in plan.controls.items()} == {
        name: ["two"] for name in FEW.controls
    }
    assert [one.block for one in plan.extractors(with_own=False)] == [
        *(f"{name}_two" for name in FEW.controls),
        "controls_reference",
    ]
    clinical = plan_of(cohort, extractors, "m", tr.make_model("clinical_only"), FEW)
    assert clinical.controls == {}
    assert set(clinical.skipped) == set(FEW.controls)


def test_what_a_control_leaves_alone_is_in_its_expectation(study):
    controls = _controls(
        study,
        "texture",
        extractors=[tr.ClinicalFactors(["age"]), Voxels()],
        settings=FEW.model_copy(update={"controls": ("voxels_shuffled",), "n_resamples": 4}),
    )
    assert controls.expectations["voxels_shuffled"] == "volume, shape and histogram and clinical"


def test_an_untrained_network_has_the_columns_of_the_trained_one():
    deep = tr.DeepFeatures("tf_efficientnet_lite0", backend="eager")
    settings = ControlsSettings(controls=("untrained_network",), seed=7)
    plan = Plan.of([deep, tr.Radiomics("minimal")], ["deep", "radiomics"], settings)
    (untrained,) = plan.controls["untrained_network"]
    assert untrained.weights_sha256 != deep.weights_sha256
    assert untrained.views == deep.views
    assert [s.column for s in untrained.feature_specs()] == [s.column for s in deep.feature_specs()]
    assert (
        InBlock(untrained, "x").feature_specs()[0].column == "x_" + deep.feature_specs()[0].column
    )
    other = Plan.of([tr.Radiomics("minimal")], ["radiomics"], settings)
    assert "untrained" in other.skipped["untrained_network"]


@pytest.fixture
def with_one_voxel(study):
    """The cohort, and one more patient whose contour is a single voxel."""
    _, by, folder = study
    one = sitk.Image(cases.image().GetSize(), sitk.sitkUInt8)
    one.CopyInformation(cases.image())
    one[9, 9, 5] = 1
    rows = [
        {"patient_id": f"P{i:02d}", "image": f"{i}.nii.gz", "mask": f"{i}_m.nii.gz"}
        for i in range(N)
    ]
    cases.write(folder, "one.nii.gz", one)
    rows.append({"patient_id": "tiny", "image": "0.nii.gz", "mask": "one.nii.gz"})
    whole = tr.Cohort.from_frame(pd.DataFrame(rows), base=folder)
    y = {k: pd.Series([*v, 1.0], whole.keys) for k, v in by.items()}
    return whole, y, folder


def test_a_case_of_which_no_control_can_be_made_is_named(with_one_voxel):
    with pytest.raises(EvaluationError, match=r"tiny.*too_few_voxels") as told:
        _controls(with_one_voxel, "texture")
    assert told.value.code == "control_failed"


def test_dropped_cases_are_left_out_of_the_model_too_and_counted(with_one_voxel):
    settings = FEW.model_copy(update={"n_resamples": 3})
    controls = _controls(with_one_voxel, "texture", failed="drop", settings=settings)
    rows = controls.result.rows
    assert "tiny" not in rows.X.index.get_level_values("patient_id")
    assert "voxels_shuffled" in str(rows.flow.to_dict())
    told = controls.failures[controls.failures["patient_id"] == "tiny"]
    assert set(told["control"]) == {"voxels_shuffled", "noise_images"}
    assert set(told["reason"]) == {"too_few_voxels"}


def test_imputed_cases_stay(with_one_voxel):
    settings = FEW.model_copy(update={"controls": ("voxels_shuffled",), "n_resamples": 4})
    controls = _controls(with_one_voxel, "texture", failed="impute", settings=settings)
    assert "tiny" in controls.result.rows.X.index.get_level_values("patient_id")


def test_another_table_is_refused(study):
    cohort, _, _ = study
    table = tr.extract(cohort, [Voxels()], quality=None)
    with pytest.raises(EvaluationError) as told:
        _controls(study, "texture", table=table.data.drop(columns="voxels__rough"))
    assert told.value.code == "other_table"
    changed = tr.FeatureTable(
        table.data,
        table.dictionary,
        table.failures,
        table.provenance | {"extractors": {"voxels": {"extractor": "other"}}},
    )
    with pytest.raises(EvaluationError) as told:
        _controls(study, "texture", table=changed)
    assert told.value.code == "other_table"
    stranger = table.data.rename(index={"P00": "nobody"}, level="patient_id")
    with pytest.raises(EvaluationError, match="nobody") as told:
        _controls(study, "texture", table=stranger)
    assert told.value.code == "other_table"


def test_the_time_is_told_and_counts_every_fit(study):
    cohort, y, _ = study
    fits = []

    class Counted(MeanDifference):
        def fit(self, X, y):
            fits.append(len(X))
            return super().fit(X, y)

    little = FEW.model_copy(update={"n_resamples": 3, "n_resamples_permuted": 2})
    estimate = estimate_controls(
        cohort, [Voxels()], Counted(), y["texture"], settings=little, quality=None
    )
    assert str(estimate).startswith("Negative controls: about ")
    assert estimate.extraction is not None
    fits.clear()
    _controls(study, "texture", Counted(), settings=little)
    assert len(fits) == sum(estimate.n_fits.values())


def test_the_figure_has_every_control(texture):
    import matplotlib.pyplot as plt

    ax = texture.plot()
    labels = [one.get_text() for one in ax.get_yticklabels()]
    assert labels == [
        "model",
        "permuted labels",
        "random columns",
        "shuffled voxels",
        "noise images",
        "the surroundings alone",
    ]
    plt.close(ax.figure)


def test_the_null_of_a_model_is_the_same_with_and_without_images(study, texture):
    cohort, y, _ = study
    table = tr.extract(cohort, [Voxels()], quality=None)
    settings = FEW.model_copy(update={"n_resamples": 2})
    apart = table_controls(MeanDifference(), table, y["texture"], settings=settings)
    pd.testing.assert_frame_equal(apart.null.values, texture.null.values, check_exact=True)


def test_a_wrong_outcome_is_refused_before_an_image_is_read(study, monkeypatch):
    cohort, y, _ = study
    asked = []
    monkeypatch.setattr(Voxels, "extract", lambda self, case: asked.append(case))
    with pytest.raises(EvaluationError) as told:
        negative_controls(cohort, [Voxels()], MeanDifference(), y["volume"] * 3, settings=FEW)
    assert told.value.code == "y"
    assert not asked


def test_blocks_of_the_table_that_no_extractor_made_are_left_alone(study):
    cohort, _, _ = study
    table = tr.extract(cohort, [Voxels()], quality=None).data.assign(genes__a=1.0)
    model = tr.make_model("logistic", blocks=["voxels", "genes"])
    plan = plan_of(cohort, [Voxels()], "m", model, FEW, table)
    assert plan.altered_blocks("noise_images") == {"voxels"}
    with pytest.raises(EvaluationError, match="genes"):
        plan_of(cohort, [Voxels()], "m", model, FEW)
