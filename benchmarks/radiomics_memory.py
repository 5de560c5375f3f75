"""Peak memory of the fast radiomics engine on a region whose box has 2e7 voxels.

    python benchmarks/radiomics_memory.py [--box-voxels 20000000] [--preset head_neck_ct]

Writes a phantom (an ellipsoid that touches every side of its box, 1 mm voxels, a margin of 10
voxels around) into a temporary folder, extracts it in a process of its own, prints that process'
peak resident memory, which has to stay below 2 GiB, and adds or replaces its row in
``benchmarks/results/radiomics_memory.csv``.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RESULTS = Path(__file__).parent / "results" / "radiomics_memory.csv"
LIMIT_MIB = 2048
MARGIN = 10


def write_case(folder: Path, box_voxels: int) -> None:
    """Write the image and the mask, plane by plane noise smoothed within the plane."""
    import numpy as np
    import SimpleITK as sitk
    from scipy import ndimage

    side = round(box_voxels ** (1 / 3)) | 1
    axis = np.pad(np.linspace(-1, 1, side), MARGIN, constant_values=np.inf)
    square = axis**2
    inside = square[:, None, None] + square[:, None] + square <= 1
    rng = np.random.default_rng(0)
    voxels = np.empty(inside.shape, dtype=np.int16)
    for plane, mask in zip(voxels, inside, strict=True):
        noise = ndimage.gaussian_filter(rng.standard_normal(plane.shape), 1.0)
        plane[:] = np.where(mask, 40, -20) + 100 * noise
    sitk.WriteImage(sitk.GetImageFromArray(voxels), str(folder / "image.nrrd"))
    sitk.WriteImage(sitk.GetImageFromArray(inside.view(np.uint8)), str(folder / "mask.nrrd"))


def measure(folder: Path, preset: str) -> None:
    """Extract the case in this process and print what it took."""
    import tumor_response as tr
    from tumor_response.cohort import BaselineCase

    extractor = tr.Radiomics(preset, engine="fast")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    row = extractor.extract(
        BaselineCase("phantom", "1", folder / "image.nrrd", folder / "mask.nrrd")
    )
    answer = {
        "seconds": round(time.perf_counter() - start, 1),
        "n_values": len(row.values),
        "n_roi": round(row.values["radiomics__original__shape_VoxelVolume"]),
        "libraries_mib": before // 1024,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    print(json.dumps(answer))


def keep(preset: str, box_voxels: int, answer: dict[str, float]) -> None:
    """Write the measurement beside those of other presets and boxes."""
    row = {"preset": preset, "box_voxels": str(box_voxels)}
    row |= {name: str(value) for name, value in answer.items()}
    rows = []
    if RESULTS.is_file():
        with RESULTS.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    same = (row["preset"], row["box_voxels"])
    rows = [*(old for old in rows if (old["preset"], old["box_voxels"]) != same), row]
    with RESULTS.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(row), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main() -> None:
    """Write the case, measure it in a fresh process, judge."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--box-voxels", type=int, default=20_000_000)
    parser.add_argument("--preset", default="head_neck_ct")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        measure(arguments.measure, arguments.preset)
        return
    with tempfile.TemporaryDirectory() as place:
        # in a process of its own as well: a child starts with the peak of what it was split from
        command = [sys.executable, "-c", "import sys; from pathlib import Path; "]
        command[-1] += "from radiomics_memory import write_case; "
        command[-1] += "write_case(Path(sys.argv[1]), int(sys.argv[2]))"
        here = {"PYTHONPATH": str(Path(__file__).parent)}
        subprocess.run(
            [*command, place, str(arguments.box_voxels)], check=True, env=os.environ | here
        )
        done = subprocess.run(
            [sys.executable, __file__, "--preset", arguments.preset, "--measure", place],
            check=True,
            capture_output=True,
            text=True,
        )
    answer = json.loads(done.stdout.splitlines()[-1])
    print(answer)
    keep(arguments.preset, arguments.box_voxels, answer)
    if answer["peak_mib"] >= LIMIT_MIB:
        raise SystemExit(f"{answer['peak_mib']} MiB are more than {LIMIT_MIB} MiB")


if __name__ == "__main__":
    main()
