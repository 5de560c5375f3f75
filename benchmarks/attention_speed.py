"""How fast class activation maps are: a hundred lesions, against loops of grad-cam and captum.

    python -P benchmarks/attention_speed.py [--cohort FOLDER] [--cases 100] [--looped 20]

Grad-CAM by EfficientNet-Lite 0, five axial views of each lesion, of a logistic model fitted to
random labels, on simulated CTs (written into the folder first if it is empty; the first
``--cases`` lesions of any simulated cohort that lies there already). One thread in each process.

``maps``
    From disk to finished maps, one core, by turns: ``tr.attention`` (reads and checks the image,
    cuts the views, compares the network's values with the table's, puts the maps on the CT's
    grid) against the loop that one would write by hand (SimpleITK reads, five crops are resized,
    the library maps them and nothing is put back), on the first ``--looped`` lesions, ``--piece``
    lesions a turn.
``views``
    The same turns from views that were cut before to maps at their pixels: what the method alone
    costs. All sides get the same views and the same weights of the features.
``whole``
    ``tr.attention`` on all lesions in two processes, from disk: what the target of two minutes is
    about.
``start``
    What a new process spends before its first call (imports, the network, the table of two lesions
    from the cache, the fit), and the first and the second call of one lesion each. Every call of
    ``tr.attention`` loads the network, once in each process.
``agreement``
    Largest difference of our maps from grad-cam's before it scales each view to 0 .. 1, over the
    largest value of its map, on the same views (its cells drawn up as ours).

The other side is ``grad-cam`` (pytorch-grad-cam), which is no dependency of this library: install
``grad-cam`` into an environment of its own beside it (``pip install grad-cam``). Without it its
rows are left out. captum's ``LayerGradCam`` is in the ``test`` extra.

Seconds on the clock and of the processor, children included, with the machine's load: on a crowded
machine the former measure the crowd, so that the ratio is one of processor seconds, theirs over
ours of the same turn. Each turn is a row of ``benchmarks/results/attention_speed_turns.csv``,
appended; a run that was stopped goes on where it was. ``attention_speed.csv`` has the medians,
``attention_agreement.csv`` the differences.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

import tumor_response as tr
from tumor_response.cohort import Case
from tumor_response.explanation.attention.computing import attention
from tumor_response.explanation.attention.lesion import Lesion
from tumor_response.explanation.attention.methods import method_of
from tumor_response.explanation.attention.methods.upsampling import upsampled
from tumor_response.explanation.attention.pathway import LinearReadout, Pathway
from tumor_response.explanation.attention.settings import CamSettings
from tumor_response.explanation.attention.weights import embedding_weights
from tumor_response.features.deep.networks.eager import exact_arithmetic
from tumor_response.features.deep.views import cut_views

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from deep_speed_cases import NETWORK, ByHand  # noqa: E402
from explanation_speed import timed  # noqa: E402

try:
    import pytorch_grad_cam as grad_cam
except ImportError:
    grad_cam = None

TURNS = HERE / "results" / "attention_speed_turns.csv"
SUMMARY = HERE / "results" / "attention_speed.csv"
AGREEMENT = HERE / "results" / "attention_agreement.csv"
SEED, PENALTY = 11, 1.0
START_SIDES = ("before", "first call", "second call")
START = """
import time
begin = time.process_time(), time.perf_counter()
import sys
sys.path[:0] = [{here!r}, {root!r}]
from attention_speed import Setting
setting = Setting({folder!r}, 2)
ready = time.process_time(), time.perf_counter()
print(ready[0] - begin[0], ready[1] - begin[1])
for case in setting.cases:
    setting.ours([case])
    print(time.process_time() - ready[0], time.perf_counter() - ready[1])
    ready = time.process_time(), time.perf_counter()
"""


class Setting:
    """Cases, table, model, and the weights of its deep columns.

    Parameters
    ----------
    folder
        Of the simulated cohort; the table of deep columns is kept in the system's folder for
        temporary files.
    n_cases
        How many.
    """

    def __init__(self, folder: str, n_cases: int) -> None:
        manifest = Path(folder) / "manifest.csv"
        if manifest.exists():
            cohort = tr.Cohort.from_csv(manifest)
        else:
            cohort = tr.simulate_cohort(n_patients=n_cases, seed=SEED, directory=folder, n_jobs=2)
        self.cases: list[Case] = list(cohort)[:n_cases]
        self.deep = tr.DeepFeatures(NETWORK)
        cache = Path(tempfile.gettempdir()) / "attention_speed"
        self.table = tr.extract(tr.Cohort(self.cases), [self.deep], cache_dir=cache)
        labels = np.random.default_rng(SEED).permutation(np.arange(len(self.cases)) % 2)
        model = tr.make_model("logistic", Cs=(PENALTY,)).fit(self.table.data, labels)
        self.weights = embedding_weights(
            model,
            [spec.column for spec in self.deep.feature_specs()],
            table=self.table,
            in_sample=True,
        )

    def ours(self, cases: Sequence[Case], n_jobs: int = 1) -> Any:
        """From disk to finished maps."""
        return attention(self.weights, cases, extractor=self.deep, device="cpu", n_jobs=n_jobs)

    def along(self, case: Case) -> torch.Tensor:
        """Return the weights of one view's features in the log-odds."""
        row = self.weights.weights.loc[case.key].to_numpy(dtype=np.float64)
        return torch.tensor(row / self.deep.views.n_slices, dtype=torch.float32)


class Target:
    """What grad-cam asks for: the scalar of one view."""

    def __init__(self, along: torch.Tensor) -> None:
        self.along = along

    def __call__(self, features: torch.Tensor) -> torch.Tensor:
        """Return the view's part of the log-odds."""
        return (features * self.along).sum()


class GradCamLoop:
    """The loop with pytorch-grad-cam."""

    name = "grad-cam"

    def __init__(self) -> None:
        self.by_hand = ByHand(NETWORK)
        module = self.by_hand.module.requires_grad_(True)  # as timm and its readme leave it
        self.cam = grad_cam.GradCAM(model=module, target_layers=[module.bn2])

    def maps(self, images: torch.Tensor, along: torch.Tensor) -> Any:
        """Return maps at the pixels of views."""
        return self.cam(input_tensor=images, targets=[Target(along)] * len(images))


class CaptumLoop:
    """The loop with captum."""

    name = "captum"

    def __init__(self) -> None:
        from captum.attr import LayerGradCam

        self.by_hand = ByHand(NETWORK)
        self.module = self.by_hand.module.requires_grad_(True)
        self.cam = LayerGradCam(self._scalar, self.module.bn2)

    def _scalar(self, images: torch.Tensor, along: torch.Tensor) -> torch.Tensor:
        return self.module(images) @ along

    def maps(self, images: torch.Tensor, along: torch.Tensor) -> Any:
        """Return maps at the pixels of views."""
        from captum.attr import LayerAttribution

        cells = self.cam.attribute(images, additional_forward_args=(along,), relu_attributions=True)
        size = tuple(images.shape[-2:])
        return LayerAttribution.interpolate(cells, size, "bilinear").detach().numpy()


class Prepared:
    """Lesions whose views were cut before."""

    def __init__(self, setting: Setting, cases: Sequence[Case]) -> None:
        self.pathway = Pathway.of(setting.deep, "cpu", (0.0, 0.0))
        self.method = method_of("grad_cam", None)
        self.lesions, self.images, self.along = [], [], []
        for case in cases:
            cut = cut_views(
                case.read_image(), case.read_mask(), setting.deep.views, self.pathway.size_px
            )
            row = setting.weights.weights.loc[case.key].to_numpy(dtype=np.float64)
            readout = LinearReadout(row, cut.areas_mm2, 1, self.pathway.poolings, False)
            self.lesions.append((cut.pixels, readout))
            self.images.append(self.pathway.normalised(cut.pixels))
            self.along.append(torch.tensor(row / len(cut.pixels), dtype=torch.float32))

    def ours(self) -> list[Any]:
        """Map them with the library's method."""
        with exact_arithmetic("cpu"):
            return [
                self.method.maps(Lesion(self.pathway, pixels, readout))
                for pixels, readout in self.lesions
            ]

    def theirs(self, loop: Any) -> list[Any]:
        """Map them with another library."""
        return [loop.maps(x, along) for x, along in zip(self.images, self.along, strict=True)]


def by_hand(setting: Setting, loop: Any, cases: Sequence[Case]) -> list[Any]:
    """From disk to maps, as one would write it."""
    found = []
    for case in cases:
        images = loop.by_hand.views((case.image.path, case.mask.path))
        found.append(loop.maps(images, setting.along(case)))
    return found


def done() -> set[tuple[str, str, int]]:
    """Return which turns are there already."""
    if not TURNS.exists():
        return set()
    table = pd.read_csv(TURNS, keep_default_na=False)
    return set(table[["part", "side", "turn"]].itertuples(index=False, name=None))


def kept(part: str, side: str, turn: int, n: int, wall: float, cpu: float) -> None:
    """Append a turn."""
    row = {"part": part, "side": side, "turn": turn, "n_lesions": n}
    row |= {"wall_s": round(wall, 3), "cpu_s": round(cpu, 3), "load": round(os.getloadavg()[0], 1)}
    pd.DataFrame([row]).to_csv(TURNS, mode="a", header=not TURNS.exists(), index=False)
    print(row, flush=True)


def take_turns(part: str, turn: int, n: int, sides: dict[str, Callable[[], Any]]) -> None:
    """Let all sides do the same once, the first one changing from turn to turn."""
    names = list(sides)
    if all((part, name, turn) in done() for name in names):
        return
    for name in names[turn % len(names) :] + names[: turn % len(names)]:
        _, wall, cpu = timed(sides[name])
        kept(part, name, turn, n, wall, cpu)


def compare(setting: Setting, n_looped: int, piece: int) -> None:
    """Let all sides do the same pieces of work."""
    loops = [CaptumLoop()]
    if grad_cam is not None:
        loops.append(GradCamLoop())
    warm = setting.cases[:1]
    setting.ours(warm)
    for loop in loops:
        by_hand(setting, loop, warm)
    for turn, start in enumerate(range(0, n_looped, piece)):
        cases = setting.cases[start : start + piece]
        sides = {"ours": lambda cases=cases: setting.ours(cases)}
        for loop in loops:
            sides[loop.name] = lambda loop=loop, cases=cases: by_hand(setting, loop, cases)
        take_turns("maps", turn, len(cases), sides)
        if ("views", "ours", turn) in done():
            continue
        prepared = Prepared(setting, cases)
        sides = {"ours": prepared.ours}
        for loop in loops:
            sides[loop.name] = lambda loop=loop, prepared=prepared: prepared.theirs(loop)
        take_turns("views", turn, len(cases), sides)


def agreement(setting: Setting) -> pd.DataFrame:
    """Hold our maps against grad-cam's, before it scales them."""
    module = ByHand(NETWORK).module.requires_grad_(True)
    prepared = Prepared(setting, setting.cases[:3])
    pairs = {
        "grad_cam": ("GradCAM", module.bn2, "auto"),
        "hires_cam": ("HiResCAM", module.bn2, "auto"),
        "grad_cam_pp": ("GradCAMPlusPlus", module.bn2, "auto"),
        "layer_cam": ("LayerCAM", module.blocks[4], "stage4"),
    }
    rows = []
    for name, (theirs, layer, ours) in pairs.items():
        found = []
        with getattr(grad_cam, theirs)(model=module, target_layers=[layer]) as cam:
            for (pixels, readout), x, along in zip(
                prepared.lesions, prepared.images, prepared.along, strict=True
            ):
                sum(Target(along)(one) for one in cam.activations_and_grads(x)).backward()
                seen = cam.activations_and_grads
                cells = cam.get_cam_image(
                    x, layer, None, seen.activations[0].numpy(), seen.gradients[0].numpy(), False
                )
                other = upsampled(torch.tensor(np.maximum(cells, 0)), pixels.shape[-1])
                lesion = Lesion(prepared.pathway, pixels, readout)
                with exact_arithmetic("cpu"):
                    mine = {name: method_of(name, CamSettings(layer=ours)).maps(lesion)}
                    if name == "grad_cam_pp":
                        mine["grad_cam_pp with 1e-6 below"] = with_epsilon(lesion)
                for one, values in mine.items():
                    distance = np.abs(values - other).max() / max(float(other.max()), 1e-30)
                    found.append({"method": one, "largest_relative": distance})
        rows += found
    table = pd.DataFrame(rows).groupby("method", sort=False)["largest_relative"]
    return table.agg(["max", "size"]).set_axis(["largest_relative", "n_lesions"], axis=1)


def with_epsilon(lesion: Lesion) -> Any:
    """Return Grad-CAM++ with the 1e-6 that grad-cam adds to the fraction's lower part."""
    activation, slope = (one.double() for one in lesion.maps("auto"))
    below = 2 * slope**2 + slope**3 * activation.sum((2, 3), keepdim=True) + 1e-6
    weight = (slope**2 / below * slope.clamp(min=0)).sum((2, 3), keepdim=True)
    cells = (weight * activation).sum(dim=1).clamp(min=0)
    return upsampled(cells, lesion.pathway.size_px)


def start(folder: str) -> None:
    """Measure the first and the second call in a new process."""
    code = START.format(here=str(HERE), root=str(HERE.parent), folder=folder)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for side, line in zip(START_SIDES, run.stdout.splitlines()[-3:], strict=True):
        cpu, wall = map(float, line.split())
        kept("start", side, 0, 1, wall, cpu)


def summarised() -> pd.DataFrame:
    """Return medians per lesion, and the ratios of turns."""
    table = pd.read_csv(TURNS)
    rows = []
    for (part, side), of in table.groupby(["part", "side"], sort=False):
        row = {"part": part, "side": side, "turns": len(of), "n_lesions": of["n_lesions"].sum()}
        row["cpu_s_per_lesion"] = (of["cpu_s"] / of["n_lesions"]).median()
        row["wall_s_per_lesion"] = (of["wall_s"] / of["n_lesions"]).median()
        row["load"] = of["load"].median()
        if side not in ("ours", *START_SIDES):
            mine = table[(table["part"] == part) & (table["side"] == "ours")].set_index("turn")
            ratio = of.set_index("turn")["cpu_s"] / mine["cpu_s"]
            row |= {"cpu_ratio": ratio.median(), "lowest": ratio.min(), "highest": ratio.max()}
        rows.append(row)
    return pd.DataFrame(rows)


def main() -> None:
    """Measure what is not there yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cohort", default=str(Path(tempfile.gettempdir()) / "attention_cohort"))
    parser.add_argument("--cases", type=int, default=100)
    parser.add_argument("--looped", type=int, default=20)
    parser.add_argument("--piece", type=int, default=5)
    parser.add_argument("--core", type=int, default=0)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    if grad_cam is None:
        print("pytorch-grad-cam is not installed: its rows are left out (pip install grad-cam).")
    setting = Setting(chosen.cohort, chosen.cases)
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {chosen.core})
    compare(setting, chosen.looped, chosen.piece)
    if grad_cam is not None:
        found = agreement(setting)
        found.to_csv(AGREEMENT, float_format="%.2g")
        print(found)
    os.sched_setaffinity(0, cores)
    if ("start", "before", 0) not in done():
        start(chosen.cohort)
    if ("whole", "ours", 0) not in done():
        maps, wall, cpu = timed(lambda: setting.ours(setting.cases, n_jobs=2))
        kept("whole", "ours", 0, len(maps), wall, cpu)
    found = summarised()
    found.to_csv(SUMMARY, index=False, float_format="%.3f")
    print(found.to_string())


if __name__ == "__main__":
    main()
