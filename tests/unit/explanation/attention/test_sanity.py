from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import spearmanr

import tumor_response as tr
from tests.unit import cases
from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.attention.computing import attention
from tumor_response.explanation.attention.sanity import SanitySettings, attention_sanity
from tumor_response.explanation.attention.sanity.cascade import cascade, parts_from_the_top
from tumor_response.explanation.attention.sanity.curves import centre_order, insertion_deletion
from tumor_response.explanation.attention.sanity.likeness import (
    cell_means,
    likeness_to_before,
    rank_correlation,
    top_quarter_shared,
)
from tumor_response.explanation.attention.sanity.one_lesion import LesionFound
from tumor_response.explanation.attention.sanity.result import AttentionSanity
from tumor_response.features.deep.networks.backbone import load_backbone

FEW = SanitySettings(
    n_lesions=5, n_draws=1, n_steps=2, n_label_permutations=2, n_resamples_permuted=4
)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple:
    folder = tmp_path_factory.mktemp("sanity")
    cohort = tr.Cohort.from_frame(cases.cohort_folder(folder, 8), base=folder)
    deep = tr.DeepFeatures("test_resnet", weights="random:0", input_px=64, backend="eager")
    table = tr.extract(cohort, [deep])
    y = pd.Series(np.arange(8) % 2, index=table.data.index, name="responder")
    models = {"ridge": tr.make_model("logistic", Cs=(1.0,))}
    result = tr.evaluate(models, table, y, tr.Bootstrap632Plus(n_resamples=6, seed=0))
    return cohort, deep, table, result


def test_parts_come_from_the_top_and_an_unused_head_is_none() -> None:
    pooled, logits = (
        load_backbone("tf_efficientnet_lite0", "random:0", [layer]).module
        for layer in ("pooled", "logits")
    )
    names = [name for name, _ in parts_from_the_top(pooled)]
    # normalisations go with the convolution before them
    assert names == ["conv_head", *(f"blocks.{n}" for n in range(6, -1, -1)), "conv_stem"]
    assert [name for name, _ in parts_from_the_top(logits)] == ["classifier", *names]


def test_the_cascade_permutes_all_weights_and_leaves_the_network_as_it_was() -> None:
    module = load_backbone("test_resnet", "random:0", ["pooled"], input_px=64).module
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    used = {id(p) for _, part in parts_from_the_top(module) for m in part for p in m.parameters()}
    last, seen = None, []
    for name, changed in cascade(module, 3):
        last = changed
        seen.append(name)
        differ = [
            key
            for key, tensor in changed.named_parameters()
            if tensor.unique().numel() > 1 and not torch.equal(tensor, before[key])
        ]
        assert len(differ) >= len(seen)  # ever more of it
    assert last is not None
    for key, tensor in module.state_dict().items():
        assert torch.equal(tensor, before[key])
    for (key, now), old in zip(last.named_parameters(), module.parameters(), strict=True):
        assert torch.equal(now.flatten().sort().values, before[key].flatten().sort().values)
        if id(old) in used and old.unique().numel() > 8:
            assert not torch.equal(now, old), key
    again = [changed for _, changed in cascade(module, 3)][-1]
    assert all(
        torch.equal(a, b) for a, b in zip(again.parameters(), last.parameters(), strict=True)
    )


def test_squares_hold_the_mean_of_their_pixels_and_correlations_are_scipys() -> None:
    rng = np.random.default_rng(0)
    maps = rng.random((2, 30, 30))
    assert cell_means(maps, 5)[1, 2, 3] == pytest.approx(maps[1, 12:18, 18:24].mean())
    assert cell_means(maps, 100).shape == (2, 30, 30)  # never finer than the pixels
    one, other = rng.random(40).round(1), rng.random(40).round(1)
    assert rank_correlation(one, other) == pytest.approx(spearmanr(one, other).statistic)
    shared = [top_quarter_shared(rng.random(400), rng.random(400)) for _ in range(200)]
    assert np.mean(shared) == pytest.approx(0.25, abs=0.01)


class _Bright:
    """A network whose log-odds are the brightness of the top left corner."""

    def __init__(self, pixels: np.ndarray) -> None:
        self.pixels = pixels.astype(np.float32)

    def features_of(self, pixels: np.ndarray) -> torch.Tensor:
        return torch.tensor(pixels[:, 0, :8, :8].mean(axis=(1, 2), dtype=np.float64))[:, None]

    def readout(self, features: torch.Tensor) -> torch.Tensor:
        return features.mean(dim=-2)[..., 0]


def test_deleting_what_decides_moves_the_log_odds_first() -> None:
    pixels = np.zeros((2, 1, 32, 32))
    pixels[:, :, :8, :8] = 1.0
    lesion = _Bright(pixels)
    right = np.zeros((2, 4, 4))
    right[:, 0, 0] = 1.0
    shapes = {"right": right, "wrong": -right, "centre": centre_order(2, 4)}
    found = {name: insertion_deletion(lesion, order, 8) for name, order in shapes.items()}
    for curves in found.values():  # the same two ends, whatever the order
        assert curves.deletion[0] == curves.insertion[0] == 0
        assert curves.deletion[-1] == pytest.approx(-curves.insertion[-1])
    assert found["right"].deletion[1] == pytest.approx(found["right"].deletion[-1])
    assert found["right"].insertion[1] == pytest.approx(found["right"].insertion[-1])
    areas = {name: curves.areas() for name, curves in found.items()}
    assert areas["right"][0] < areas["centre"][0] <= areas["wrong"][0] + 1e-9
    assert areas["right"][1] > areas["centre"][1] >= areas["wrong"][1] - 1e-9


def test_a_method_that_never_asked_the_model_is_flagged(study: tuple) -> None:
    cohort, deep, _, result = study
    sanity = attention_sanity(
        result,
        cohort,
        extractor=deep,
        name="ridge",
        methods=["grad_cam", "eigen_cam"],
        settings=FEW,
    )
    flags = sanity.flags()
    # Eigen-CAM knows neither the model's weights nor the labels
    assert flags.loc["eigen_cam", ["ignores_model", "ignores_labels"]].all()
    assert not flags.loc["grad_cam", "ignores_model"]
    assert "do not explain this model" in " ".join(sanity.sentences())
    first = sanity.cascade[sanity.cascade["step"] == 0].set_index("method")["rank_correlation"]
    assert (first.loc["eigen_cam"] == 1).all()
    summary = sanity.summary().set_index(["method", "test"])
    of = sanity.labels[sanity.labels["method"] == "grad_cam"]
    by_patient = of.groupby("patient_id")["rank_correlation"].mean()
    row = summary.loc[("grad_cam", "labels permuted")]
    assert row["mean"] == pytest.approx(by_patient.mean())
    assert row["low"] < row["mean"] < row["high"]
    assert len(sanity.agreement) == 5
    assert sanity.plot().get_ylabel() == "rank correlation with the map before"


@pytest.mark.parametrize("n_empty", [0, 1, 6])
def test_a_map_that_was_empty_from_the_start_passes_no_test_of_randomisation(n_empty: int) -> None:
    rng = np.random.default_rng(0)
    curve = {"draw": 0, "deletion": 0.0, "insertion": 0.0}
    lesions = []
    for number in range(6):
        before = rng.random(9) * (number >= n_empty)
        alike = likeness_to_before(before, before)  # randomising changes nothing
        row = {"method": "cam", "draw": 0, "randomised": "x", "rank_correlation": alike}
        lesions.append(
            LesionFound(
                (f"P{number}", "1"),
                maps={"cam": before},
                cascade=[row | {"step": step} for step in (0, 1)],
                curves=[curve | {"order": order} for order in ("cam", "random", "centre")],
            )
        )
    sanity = AttentionSanity.of_lesions(lesions, "model", ["cam"], SanitySettings())
    tried = sanity.summary().set_index("test").loc["the network randomised"]
    assert tried["n_lesions"] == 6 - n_empty
    # the others stay as they were, and empty ones do not make that look better
    assert sanity.flags().loc["cam", "ignores_network"] == (n_empty < 6)
    assert (f"{n_empty} lesions were empty" in " ".join(sanity.sentences())) == (n_empty > 0)
    plt.close(sanity.plot().figure)


def test_the_maps_tried_are_those_of_attention(study: tuple) -> None:
    cohort, deep, table, _ = study
    model = tr.make_model("logistic", Cs=(1.0,)).fit(table.data, np.arange(8) % 2)
    given = {"extractor": deep, "table": table, "in_sample": True}
    sanity = attention_sanity(model, cohort, settings=FEW, **given)
    assert sanity.labels.empty
    assert "Labels were not permuted" in " ".join(sanity.sentences())
    maps = attention(model, cohort, **given)
    between = sanity.between.loc["grad_cam", "rank_correlation"]
    tried = sanity.cascade["patient_id"].unique()
    cells = [cell_means(maps.case(p).view_maps.maps, FEW.cells) for p in tried]
    pairs = [
        rank_correlation(a, b)
        for at, a in enumerate(cells)
        for b in cells[at + 1 :]
        if a.shape == b.shape
    ]
    assert between == pytest.approx(np.mean(pairs))


def test_bad_input_has_its_code(study: tuple) -> None:
    cohort, deep, _, result = study
    for methods, code in (
        ("grad_cam", "settings"),
        ([], "settings"),
        (["gradcam"], "unknown_method"),
    ):
        with pytest.raises(ExplanationError) as caught:
            attention_sanity(result, cohort, extractor=deep, name="ridge", methods=methods)
        assert caught.value.code == code
    with pytest.raises(ExplanationError) as caught:
        attention_sanity(result, [], extractor=deep, name="ridge")
    assert caught.value.code == "no_lesion_mapped"
