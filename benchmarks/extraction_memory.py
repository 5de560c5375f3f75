"""What one case needs in memory, against what is put aside for it.

    python benchmarks/extraction_memory.py DATA [--out benchmarks/results/extraction_memory.csv]

DATA has the folders pyradiomics/, sts/nifti/ and open_kbp/. Every real case, and boxes of noise
with an ellipsoid that fills a tenth or all of them, is extracted in a process of its own, once for
each block; the process' peak resident memory less that of an idle worker (one that has done a tiny
case) is printed beside ``needed_bytes``. That has to be an upper bound: it decides which
cases may run side by side.
"""

from __future__ import annotations

import argparse
import csv
import gc
import json
import subprocess
import sys
import tempfile
from pathlib import Path

BLOCKS = ("radiomics", "deep", "pyradiomics", "ibsi")
REFEREE_CASES = ("lung1", "STS_001", "STS_002", "box128_0.1")
"""PyRadiomics itself takes minutes on the others."""
RESULTS = Path("benchmarks/results/extraction_memory.csv")


def extractors_of(block: str) -> list:
    """Return the extractor whose memory is measured."""
    import tumor_response as tr

    return {
        "radiomics": lambda: [tr.Radiomics("head_neck_ct")],
        "pyradiomics": lambda: [tr.Radiomics("head_neck_ct", engine="pyradiomics")],
        "ibsi": lambda: [tr.Radiomics("ibsi_c")],
        "deep": lambda: [tr.DeepFeatures("tf_efficientnet_lite0")],
    }[block]()


def write_box(folder: Path, name: str, size: tuple[int, int, int], share: float) -> None:
    """Write noise with an ellipsoid whose axes are the box's times ``share``."""
    import numpy as np
    import SimpleITK as sitk

    rng = np.random.default_rng(0)
    axes = [np.linspace(-1, 1, n) / share for n in size]
    inside = axes[0][:, None, None] ** 2 + axes[1][:, None] ** 2 + axes[2] ** 2 <= 1
    voxels = rng.integers(0, 80, size, dtype=np.int16)
    for axis in range(3):  # air around a body
        np.moveaxis(voxels, axis, 0)[[0, -1]] = -1000
    for what, suffix in ((voxels, "image"), (inside.astype(np.uint8), "mask")):
        image = sitk.GetImageFromArray(what)
        image.SetSpacing((1.0, 1.0, 3.0))
        sitk.WriteImage(image, str(folder / f"{name}_{suffix}.nrrd"))


def status(name: str) -> int:
    """Return a size in bytes from what Linux says of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def measure(image: Path, mask: Path, tiny: Path, block: str) -> None:
    """Run one case in this process and print its peak above an idle worker."""
    import pandas as pd

    import tumor_response as tr
    from tumor_response.features.case_facts import RunRules
    from tumor_response.features.one_case import run_case
    from tumor_response.features.rows import columns_of_block
    from tumor_response.parallel.threads import held_threads

    extractors = extractors_of(block)
    columns = [columns_of_block(e.feature_specs()) for e in extractors]
    paths = {"warm": tiny, "case": image}
    masks = {"warm": tiny.with_name("tiny_mask.nrrd"), "case": mask}
    frame = pd.DataFrame(
        {
            "patient_id": list(paths),
            "image": [str(p) for p in paths.values()],
            "mask": [str(p) for p in masks.values()],
        }
    )
    warm, case = tr.Cohort.from_frame(frame)
    rules = RunRules(tr.QualitySettings(), None)
    with held_threads(1):
        for _ in range(2):
            run_case(warm, extractors, columns, None, rules)
        gc.collect()
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        idle = status("VmRSS")
        row = run_case(case, extractors, columns, None, rules)
    geometry = case.baseline.geometry
    n_voxels = geometry.size[0] * geometry.size[1] * geometry.size[2]
    print(
        json.dumps(
            {
                "image_voxels": n_voxels,
                "idle_mb": round(idle / 1e6),
                "peak_mb": round((status("VmHWM") - idle) / 1e6, 1),
                "estimated_mb": round(row.needed_bytes / 1e6, 1),
                "seconds": round(row.seconds, 2),
                "reasons": sorted({s.code for _, s in row.failures if s.n_columns_missing}),
            }
        )
    )


def cases_of(data: Path, folder: Path) -> dict[str, tuple[Path, Path]]:
    """Return name -> (image, mask) of all cases, writing the synthetic ones."""
    found = {
        case: (
            data / "pyradiomics" / f"{case}_image.nrrd",
            data / "pyradiomics" / f"{case}_label.nrrd",
        )
        for case in ("lung1", "lung2")
    }
    for path in sorted((data / "sts" / "nifti").iterdir()):
        found[path.name] = (path / "CT_image.nii.gz", path / "CT_mask.nii.gz")
    for path in sorted((data / "open_kbp").glob("pt_*")):
        found[path.name] = (path / "CT.nii.gz", path / "PTV70.nii.gz")
    for n, share in ((128, 0.1), (128, 1.0), (256, 0.1), (256, 1.0), (512, 0.1)):
        name = f"box{n}_{share:g}"
        write_box(folder, name, (n // 2, n, n), share)
        found[name] = (folder / f"{name}_image.nrrd", folder / f"{name}_mask.nrrd")
    return found


def main() -> None:
    """Measure all cases and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--blocks", nargs="+", default=BLOCKS, choices=BLOCKS)
    parser.add_argument("--only", nargs="*", default=None)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_box(folder, "tiny", (24, 24, 24), 0.5)
        for case, (image, mask) in cases_of(options.data, folder).items():
            if options.only and case not in options.only:
                continue
            for block in options.blocks:
                if block == "pyradiomics" and case not in REFEREE_CASES:
                    continue
                command = [sys.executable, __file__, "--measure", image, mask]
                command += [folder / "tiny_image.nrrd", block]
                said = subprocess.run(
                    [str(word) for word in command], capture_output=True, text=True, check=True
                )
                answer = json.loads(said.stdout.splitlines()[-1])
                rows.append({"case": case, "block": block} | answer)
                print(rows[-1], flush=True)
    with options.out.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows([r | {"reasons": " ".join(r["reasons"])} for r in rows])
    print_table(rows)


def print_table(rows: list[dict]) -> None:
    """Print the extremes of every block, as they stand in the documentation."""
    print("| block | cases | idle worker | largest peak | its estimate | largest peak / estimate |")
    print("| --- | --- | --- | --- | --- | --- |")
    for block in BLOCKS:
        of = [r for r in rows if r["block"] == block]
        if not of:
            continue
        largest = max(of, key=lambda r: r["peak_mb"])
        worst = max(r["peak_mb"] / r["estimated_mb"] for r in of)
        idle = sorted(r["idle_mb"] for r in of)[len(of) // 2]
        print(
            f"| {block} | {len(of)} | {idle} MB | {largest['peak_mb']:.0f} MB | "
            f"{largest['estimated_mb']:.0f} MB | {worst:.2f} |"
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measure(Path(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]), sys.argv[5])
    else:
        main()
