"""From disk to finished rows: the library, a loop written by hand, and where the time goes.

    python benchmarks/deep_speed_cases.py [--parts stages overlap]

``stages``: processor seconds of each real case by stage, one core, one thread: reading with
SimpleITK alone; reading with the library's checks; cutting five views; the network on them; all
that ``tr.extract`` does; the loop by hand.
``overlap``: whether reading ahead would gain anything. Eight cases are read, cut and run one after
the other; then with a second thread that reads and cuts the next case meanwhile; both on one core
(a worker's share of a machine) and on two. And whether batches of several cases would: 8 images
one at a time, and as one batch, by ONNX Runtime and eager.

``deep_speed.py --only end_to_end`` calls :func:`cohort_rows`. Writes
``benchmarks/results/deep_speed_stages.csv`` and ``deep_speed_overlap.csv``.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from deep_speed import ONE_THREAD, RESULTS, Row, eager, network, ratios, turns

NETWORK = "tf_efficientnet_lite0"
Case = tuple[Path, Path]  # image, mask


def cases_at_hand() -> dict[str, Case]:
    """Return name -> image and mask of all real cases."""
    from radiomics_parity import real_cases

    data = Path(os.environ.get("TUMOR_RESPONSE_DATA", "../shared/data")).resolve()
    return real_cases(data)


def cohort_of(cases: Mapping[str, Case]) -> Any:
    """Return cases as a cohort."""
    import pandas as pd

    import tumor_response as tr

    columns = [[str(path) for path in paths] for paths in zip(*cases.values(), strict=True)]
    frame = pd.DataFrame({"patient_id": list(cases), "image": columns[0], "mask": columns[1]})
    return tr.Cohort.from_frame(frame.assign(mask_label=1))


class ByHand:
    """The loop that one would write: read, crop, resize, one eager batch per case, the mean."""

    def __init__(self, name: str) -> None:
        import timm

        self.module, self.size_px = network(name)
        config = timm.data.resolve_data_config({}, model=self.module)
        self.mean, self.std = config["mean"], config["std"]

    def views(self, case: Case) -> Any:
        """Return five views of a case as the network takes them."""
        import numpy as np
        import SimpleITK as sitk
        import torch
        from torch.nn import functional

        image, mask = (sitk.ReadImage(str(path)) for path in case)
        voxels = sitk.GetArrayViewFromImage(image)
        inside = sitk.GetArrayViewFromImage(mask) == 1
        spacing = image.GetSpacing()
        slices = np.flatnonzero(inside.any(axis=(1, 2)))
        rows = np.flatnonzero(inside.any(axis=(0, 2)))
        columns = np.flatnonzero(inside.any(axis=(0, 1)))
        picked = slices[((np.arange(5) + 0.5) * len(slices) / 5).astype(int)]
        margin = [round(10 / step) for step in spacing[:2]]
        crop = voxels[
            picked,
            max(rows[0] - margin[1], 0) : rows[-1] + margin[1] + 1,
            max(columns[0] - margin[0], 0) : columns[-1] + margin[0] + 1,
        ]
        batch = torch.from_numpy(crop.astype(np.float32))[:, None]
        batch = functional.interpolate(
            batch, (self.size_px, self.size_px), mode="bilinear", align_corners=False
        )
        batch = ((batch + 160) / 400).clamp(0, 1).expand(-1, 3, -1, -1)
        mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (self.mean, self.std))
        return (batch - mean) / std

    def row(self, case: Case) -> Any:
        """Return the features of a case."""
        import torch

        with torch.inference_mode():
            return self.module(self.views(case)).mean(dim=0).numpy()


def cohort_rows(name: str, budget_s: float) -> Iterator[Row]:
    """Measure ``tr.extract`` over all real cases against the loop by hand, turn about."""
    import numpy as np
    import pandas as pd

    import tumor_response as tr

    cases = cases_at_hand()
    cohort, extractor, by_hand = cohort_of(cases), tr.DeepFeatures(name), ByHand(name)

    def ours() -> Any:
        return tr.extract(cohort, [extractor], n_jobs=1)

    def unchecked() -> Any:
        return tr.extract(cohort, [extractor], n_jobs=1, quality=None)

    def theirs() -> Any:
        return pd.DataFrame({key: by_hand.row(case) for key, case in cases.items()})

    table = ours()
    theirs()
    taken = turns({"checks": ours, "none": unchecked, "by hand": theirs}, budget_s, most=10)
    for quality in ("checks", "none"):
        yield {
            "network": name,
            "weights": "packaged",
            "backend": extractor.backend,
            "quality": quality,
            "n_cases": len(cases),
            "n_rows_lost": int(table.data.filter(like="deep__").isna().any(axis=1).sum()),
            "ours_cpu_s": float(np.median([t[1] for t in taken[quality]])),
            "by_hand_cpu_s": float(np.median([t[1] for t in taken["by hand"]])),
            **ratios(taken[quality], taken["by hand"]),
        }


class Pieces:
    """What happens to a case on its way, step by step."""

    def __init__(self) -> None:
        from tumor_response.features.deep.networks.backend import example_images, resolve_backend

        self.module, self.size_px = network(NETWORK)
        self.eager = eager(self.module)
        self.resolved = resolve_backend(
            self.module, example_images((3, self.size_px, self.size_px))
        )

    def read(self, case: Case) -> Any:
        """Read a case as the library does."""
        from tumor_response.imaging import read_image, read_mask

        return read_image(case[0]), read_mask(case[1], 1)

    def views(self, image: Any, mask: Any) -> Any:
        """Cut what the network is shown."""
        import numpy as np

        from tumor_response.features.deep.views import ViewSettings, cut_views

        views = cut_views(image, mask, ViewSettings(), self.size_px).pixels
        return np.repeat(views, 3, axis=1) * np.float32(2) - np.float32(1)


def stages(budget_s: float) -> Iterator[Row]:
    """Measure where the seconds of a case go."""
    import numpy as np
    import SimpleITK as sitk

    import tumor_response as tr

    pieces, by_hand = Pieces(), ByHand(NETWORK)
    extractor = tr.DeepFeatures(NETWORK)
    for name, case in cases_at_hand().items():
        image, mask = pieces.read(case)
        views = pieces.views(image, mask)
        cohort = cohort_of({name: case})
        steps = {
            "sitk_read": lambda case=case: [sitk.ReadImage(str(path)) for path in case],
            "read": lambda case=case: pieces.read(case),
            "views": lambda image=image, mask=mask: pieces.views(image, mask),
            "network": lambda views=views: pieces.resolved.run(views),
            "eager_batch": lambda views=views: pieces.eager(views),
            "extract": lambda cohort=cohort: tr.extract(cohort, [extractor], n_jobs=1),
            "by_hand": lambda case=case: by_hand.row(case),
        }
        taken = turns(steps, budget_s, most=5)
        yield {
            "case": name,
            "size": "x".join(map(str, image.GetSize())),
            "n_views": len(views),
            "backend": pieces.resolved.name,
            **{f"{step}_s": float(np.median([t[1] for t in taken[step]])) for step in steps},
        }


def overlap(budget_s: float) -> Iterator[Row]:
    """Measure what reading ahead and batches of several cases gain."""
    import numpy as np

    from tumor_response.features.deep.networks import onnx_runtime
    from tumor_response.features.deep.networks.backend import example_images, runner

    pieces = Pieces()
    cases = list(cases_at_hand().values())[:8]
    everything = sorted(os.sched_getaffinity(0))

    def prepared(case: Case) -> Any:
        return pieces.views(*pieces.read(case))

    def one_after_the_other() -> None:
        for case in cases:
            pieces.resolved.run(prepared(case))

    def ahead() -> None:
        with ThreadPoolExecutor(1) as reader:
            coming = reader.submit(prepared, cases[0])
            for following in [*cases[1:], None]:
                views = coming.result()
                if following is not None:
                    coming = reader.submit(prepared, following)
                pieces.resolved.run(views)

    sides = {"in turn": one_after_the_other, "ahead": ahead}
    for cores in (everything[-1:], everything[-2:]):
        os.sched_setaffinity(0, cores)
        taken = turns(sides, budget_s, most=10)
        yield {
            "what": f"reading ahead, {len(cores)} core{'s'[: len(cores) - 1]}",
            "before_s": float(np.median([t[0] for t in taken["in turn"]])),
            "after_s": float(np.median([t[0] for t in taken["ahead"]])),
            **ratios(taken["ahead"], taken["in turn"]),
        }
    os.sched_setaffinity(0, everything[-1:])
    images = example_images((3, pieces.size_px, pieces.size_px), 8)
    together = onnx_runtime.start(pieces.module, "cpu", images.shape)
    alone = runner(pieces.module, "onnxruntime", "cpu", images.shape[1:])
    batches = {
        "onnxruntime": (lambda: alone(images), lambda: together(images)),
        "eager": (
            lambda: [pieces.eager(images[i : i + 1]) for i in range(8)],
            lambda: pieces.eager(images),
        ),
    }
    for name, (singly, batch) in batches.items():
        taken = turns({"singly": singly, "batch": batch}, budget_s, most=10)
        yield {
            "what": f"a batch of 8, {name}",
            "before_s": float(np.median([t[0] for t in taken["singly"]])),
            "after_s": float(np.median([t[0] for t in taken["batch"]])),
            **ratios(taken["batch"], taken["singly"]),
        }


PARTS = {"stages": stages, "overlap": overlap}


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--budget-s", type=float, default=4.0, help="per case, or row")
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    os.environ.update(ONE_THREAD)  # before anything is imported that reads it
    everything = os.sched_getaffinity(0)

    import pandas as pd
    import torch

    torch.set_num_threads(1)
    for part in arguments.parts:
        os.sched_setaffinity(0, {max(everything)} if part == "stages" else everything)
        rows = []
        for row in PARTS[part](arguments.budget_s):
            rows.append(
                {k: float(f"{v:.4g}") if isinstance(v, float) else v for k, v in row.items()}
            )
            print("  ".join(f"{k} {v}" for k, v in rows[-1].items()), flush=True)
            path = arguments.results / f"deep_speed_{part}.csv"
            pd.DataFrame(rows).to_csv(path, index=False)


if __name__ == "__main__":
    main()
