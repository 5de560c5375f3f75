"""How fast the networks run: the backends against eager timm, and from disk to a finished row.

    python benchmarks/deep_speed.py [--only backends compile memory end_to_end] [--networks ...]

One core, one thread each; the sides take turns within one run, and a ratio is one of the
other side's turns over the turn of ours beside it: seconds of a loaded machine do not compare with
those of another minute, ratios of neighbours do. ``cpu`` is the ratio of processor times.

``backends``
    The network alone. Eager timm under ``inference_mode`` at the batch size that is best for it
    (searched first, 1 to 16) against each backend as the library runs it, one image at a time. The
    weights of tf_efficientnet_lite0 are the packaged ones; the other networks have random weights
    of seed 0. Also the share of what this core does in a float32 matrix product of 2048 x 2048
    (torch and numpy, the faster), from the floating-point operations that torch counts.
``compile``
    torch.compile in the same way; compiling takes minutes, so that it has to be asked for.
``memory``
    Peak resident memory of a process that does nothing but load a network and run 8 images.
``end_to_end``
    All real cases from disk to finished rows: ``tr.extract(cohort, [tr.DeepFeatures(...)])``
    against a loop as one would write it by hand: SimpleITK reads image and mask, five
    axial slices are cropped and resized, one eager batch of them per case, the mean of the
    features. Loading the network comes before the clock on both sides.

Writes ``benchmarks/results/deep_speed_<part>.csv``, one file for each part; rows of networks that
were not asked for stay. Real cases are looked for in TUMOR_RESPONSE_DATA (default
``../shared/data``).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1",
}
RESULTS = Path(__file__).parent / "results"
NETWORKS = (
    "tf_efficientnet_lite0",
    "resnet50",
    "vit_small_patch16_224",
    "inception_resnet_v2",
)
BATCHES = (1, 2, 4, 8, 16)
PARTS = ("backends", "memory", "end_to_end")
Row = dict[str, Any]


def network(name: str) -> tuple[Any, int]:
    """Return a network that gives pooled features, and its input size."""
    import timm
    import torch

    torch.manual_seed(0)
    # with its default, weights of nought would stand where training puts others
    nonzero = {"zero_init_last": False} if name == "resnet50" else {}
    module = timm.create_model(name, pretrained=False, **nonzero)
    if weights_of(name) == "packaged":
        from tumor_response.features.deep.weights import load_weights

        module.load_state_dict(dict(load_weights(name, "packaged", module.state_dict()).state))
    module.reset_classifier(0)
    size_px = int(timm.data.resolve_data_config({}, model=module)["input_size"][-1])
    return module.eval().requires_grad_(False), size_px


def weights_of(name: str) -> str:
    """Return which weights a network of this benchmark has."""
    return "packaged" if name.startswith("tf_efficientnet_lite") else "random, seed 0"


def eager(module: Any) -> Callable[[Any], Any]:
    """Return the network as timm's users run it."""
    import torch

    def run(images: Any) -> Any:
        with torch.inference_mode():
            return module(torch.from_numpy(images)).numpy()

    return run


def timed(run: Callable[[], Any]) -> tuple[float, float]:
    """Return seconds on the clock and of the processor."""
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - cpu


def turns(
    sides: Mapping[str, Callable[[], Any]], budget_s: float, most: int = 40
) -> dict[str, list[tuple[float, float]]]:
    """Let all sides run in turn until the budget is spent, three times at least."""
    begin = time.perf_counter()
    taken: dict[str, list[tuple[float, float]]] = {side: [] for side in sides}
    for turn in range(1, most + 1):
        for side, run in sides.items():
            taken[side].append(timed(run))
        if turn >= 3 and (time.perf_counter() - begin) * (turn + 1) / turn > budget_s:
            break
    return taken


def ratios(ours: list[tuple[float, float]], theirs: list[tuple[float, float]]) -> Row:
    """Return the median ratio with its quartiles, and that of processor times."""
    import numpy as np

    wall = [b[0] / a[0] for a, b in zip(ours, theirs, strict=True)]
    cpu = [b[1] / a[1] for a, b in zip(ours, theirs, strict=True)]
    low, middle, high = np.quantile(wall, [0.25, 0.5, 0.75])
    return {
        "ratio": float(middle),
        "ratio_q25": float(low),
        "ratio_q75": float(high),
        "ratio_cpu": float(np.median(cpu)),
        "n_turns": len(wall),
    }


def matrix_gflops() -> float:
    """Return what one core does in a float32 matrix product, the best of torch and numpy."""
    import numpy as np
    import torch

    n = 2048
    a = np.random.default_rng(0).standard_normal((n, n)).astype(np.float32)
    b = torch.from_numpy(a)
    products = (lambda: a @ a, lambda: b @ b)
    seconds = min(timed(product)[1] for product in products for _ in range(4))
    return 2 * n**3 / seconds / 1e9


def gflop_of(module: Any, size_px: int) -> float:
    """Return the floating-point operations of one image, in 1e9: two for a multiply and add."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        module(torch.zeros(1, 3, size_px, size_px))
    return counter.get_total_flops() / 1e9


def best_batch(run: Callable[[Any], Any], images: Any, budget_s: float) -> int:
    """Return the batch size of which an image takes eager timm the least processor time."""
    import numpy as np

    # turn about, so that no batch size has the quiet minute to itself
    taken = turns({str(n): lambda n=n: run(images[:n]) for n in BATCHES}, budget_s=budget_s, most=5)
    return min(BATCHES, key=lambda n: float(np.median([t[1] for t in taken[str(n)]])) / n)


def one_network(name: str, budget_s: float, tried: tuple[str, ...]) -> Iterator[Row]:
    """Measure the backends on one network."""
    import numpy as np

    from tumor_response.features.deep.networks.backend import example_images, resolve_backend
    from tumor_response.features.deep.networks.orders import network_family

    module, size_px = network(name)
    images = example_images((3, size_px, size_px), max(BATCHES))
    run = eager(module)
    run(images[:1])
    batch = best_batch(run, images, 0.3 * budget_s)
    ours, started = {}, {}
    for backend in tried:
        before = time.process_time()
        ours[backend] = resolve_backend(module, images[:2], backend)
        started[backend] = time.process_time() - before
    sides = {"timm": lambda: run(images[:batch])}
    for backend, resolved in ours.items():
        sides[backend] = lambda resolved=resolved: resolved.run(images[:batch])
    taken = turns(sides, budget_s)
    limit, gflop = matrix_gflops(), gflop_of(module, size_px)
    for backend, resolved in ours.items():
        cpu = float(np.median([t[1] for t in taken[backend]])) / batch
        yield {
            "network": name,
            "weights": weights_of(name),
            "family": network_family(module),
            "backend": backend,
            "timm_best_batch": batch,
            "timm_ms_per_image": 1e3 * float(np.median([t[1] for t in taken["timm"]])) / batch,
            "ms_per_image": 1e3 * cpu,
            **ratios(taken[backend], taken["timm"]),
            "relative_l2": resolved.relative_l2,
            "start_cpu_s": started[backend],
            "gflop_per_image": gflop,
            "share_of_matrix_product": gflop / cpu / limit,
            "matrix_gflops": limit,
        }


def backends(names: list[str], budget_s: float) -> Iterator[Row]:
    """Measure the networks alone."""
    for name in names:
        yield from one_network(name, budget_s, ("onnxruntime", "openvino", "eager"))


def compiled(names: list[str], budget_s: float) -> Iterator[Row]:
    """Measure what torch compiles."""
    for name in names:
        yield from one_network(name, budget_s, ("compile",))


def peak_memory(name: str, side: str) -> None:
    """Print this process's peak resident memory before a network is loaded and after 8 images."""
    from tumor_response.features.deep.networks.backend import example_images, runner

    module, size_px = network(name)
    images = example_images((3, size_px, size_px), 8)
    before = peak_mib()
    if side.startswith("timm"):
        batch = int(side.removeprefix("timm"))
        run = eager(module)
        for i in range(0, 8, batch):
            run(images[i : i + batch])
    else:
        runner(module, side, "cpu", (3, size_px, size_px))(images)
    print(json.dumps({"loaded_mib": before, "peak_mib": peak_mib()}))


def peak_mib() -> float:
    """Return this process's own peak; what getrusage says begins with that of its parent."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def memory(names: list[str], budget_s: float) -> Iterator[Row]:
    """Measure peak memory, each side in a process of its own."""
    del budget_s
    for name in names:
        for side in ("timm1", "timm8", "onnxruntime", "openvino"):
            command = [sys.executable, __file__, "--peak", name, side]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            yield {"network": name, "side": side, **json.loads(done.stdout.splitlines()[-1])}


def end_to_end(names: list[str], budget_s: float) -> Iterator[Row]:
    """Measure all real cases from disk to finished rows."""
    from deep_speed_cases import cohort_rows

    for name in names:
        if weights_of(name) == "packaged":  # features of random weights are nobody's rows
            yield from cohort_rows(name, budget_s)


MEASURES = {
    "backends": backends,
    "compile": compiled,
    "memory": memory,
    "end_to_end": end_to_end,
}


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=list(MEASURES), default=list(PARTS))
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS))
    parser.add_argument("--budget-s", type=float, default=30.0, help="per network and part")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--peak", nargs=2, metavar=("NETWORK", "SIDE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    os.environ.update(ONE_THREAD)  # before anything is imported that reads it
    if arguments.peak:
        peak_memory(*arguments.peak)
        return
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

    import pandas as pd
    import torch

    torch.set_num_threads(1)
    for part in arguments.only:
        path = arguments.results / f"deep_speed_{part}.csv"
        kept = pd.read_csv(path) if path.exists() else pd.DataFrame()
        if len(kept):
            kept = kept[~kept["network"].isin(arguments.networks)]
        rows = []
        for row in MEASURES[part](arguments.networks, arguments.budget_s):
            rows.append(
                {k: float(f"{v:.4g}") if isinstance(v, float) else v for k, v in row.items()}
            )
            print("  ".join(f"{k} {v}" for k, v in rows[-1].items()), flush=True)
            pd.concat([kept, pd.DataFrame(rows)], ignore_index=True).to_csv(path, index=False)


if __name__ == "__main__":
    main()
