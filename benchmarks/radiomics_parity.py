"""The fast engine against PyRadiomics called directly: every feature, image type and real case.

    python benchmarks/radiomics_parity.py [--cases lung1 lung2 ...] [--settings head_neck_ct ...]

Equal: a relative 1e-6 or an absolute 1e-9, NaN where PyRadiomics has NaN. For a value that is not
equal PyRadiomics is asked again with its input moved by a relative 1e-12: if its own value moves by
more than 1e-6, the feature is ill-conditioned there, otherwise it is a fault of the engine.

With ``--write``, ``benchmarks/results/radiomics_parity.csv`` (settings and class by class: values
compared, worst difference, NaN), ``radiomics_parity_exceptions.csv`` (every value that is not
equal, if there is one) and ``radiomics_parity_bins.csv`` (voxels whose grey level is another).
"""

from __future__ import annotations

import argparse
import logging
import os
from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk
from radiomics import imageoperations
from radiomics.featureextractor import RadiomicsFeatureExtractor

import tumor_response as tr
from tumor_response.features.radiomics import PRESETS
from tumor_response.features.radiomics.fast.discretise import discretise
from tumor_response.features.radiomics.fast.engine import execute
from tumor_response.features.radiomics.fast.image_types import image_types
from tumor_response.features.radiomics.fast.prepare import prepare
from tumor_response.imaging import read_image, read_mask

RESULTS = Path(__file__).parent / "results"
RELATIVE, ABSOLUTE = 1e-6, 1e-9
NUDGE = 1e-12
FIRST = "head_neck_ct"
WITH_ALL_SETTINGS = ("lung1", "lung2", "STS_002", "STS_003", "pt_202")  # the others: FIRST alone
READERS = (read_image, read_mask)

ALL_TYPES = {
    "Original": {},
    "LoG": {"sigma": [1.0, 3.0]},
    "Wavelet": {},
    "Square": {},
    "SquareRoot": {},
    "Logarithm": {},
    "Exponential": {},
    "Gradient": {},
    "LBP2D": {},
}
SETTINGS: dict[str, dict[str, object]] = {
    **{name: dict(PRESETS[name]) for name in ("head_neck_ct", "lung_ct", "soft_tissue_mr")},
    "every_type_2mm": {
        "image_types": ALL_TYPES,
        "setting": {"binWidth": 20, "resampledPixelSpacing": [2.0, 2.0, 2.0]},
    },
    "as_scanned": {"image_types": ALL_TYPES, "setting": {"binCount": 32}},
    "slices": {
        "image_types": {"Original": {}, "Wavelet": {}, "LoG": {"sigma": [2.0]}},
        "setting": {
            "force2D": True,
            "resampledPixelSpacing": [1.0, 1.0, 0.0],
            "binWidth": 25,
            "weightingNorm": "manhattan",
            "distances": [1, 2],
        },
    },
    "linear_3mm": {
        "image_types": {"Original": {}, "Wavelet": {"level": 2, "wavelet": "db2"}},
        "setting": {
            "interpolator": "sitkLinear",
            "resampledPixelSpacing": [3.0, 3.0, 3.0],
            "resegmentRange": [-3, 3],
            "resegmentMode": "sigma",
            "symmetricalGLCM": False,
            "gldm_a": 1,
            "voxelArrayShift": 1000,
        },
    },
}


def real_cases(folder: Path) -> dict[str, tuple[Path, Path]]:
    """Return name -> image and mask of every real case."""
    found = {
        name: (
            folder / "pyradiomics" / f"{name}_image.nrrd",
            folder / "pyradiomics" / f"{name}_label.nrrd",
        )
        for name in ("lung1", "lung2")
    }
    for case in sorted((folder / "sts" / "nifti").iterdir()):
        found[case.name] = (case / "CT_image.nii.gz", case / "CT_mask.nii.gz")
    for case in sorted((folder / "open_kbp").glob("pt_*")):
        found[case.name] = (case / "CT.nii.gz", case / "PTV70.nii.gz")
    return found


def equal(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Say where two values are the same by the definition of parity."""
    return (np.isnan(ours) & np.isnan(theirs)) | np.isclose(
        ours, theirs, rtol=RELATIVE, atol=ABSOLUTE
    )


def referee(image: sitk.Image, mask: sitk.Image, parameters: dict[str, object]) -> pd.Series:
    """Return PyRadiomics' own values, called directly."""
    result = RadiomicsFeatureExtractor(parameters).execute(image, mask, label=1)
    return pd.Series({k: float(v) for k, v in result.items() if "diagnostics" not in k})


def nudged(image: sitk.Image) -> sitk.Image:
    """Return the image with each value moved by a relative 1e-12, up or down."""
    voxels = sitk.GetArrayFromImage(image).astype(np.float64)
    signs = np.random.default_rng(0).choice([-1.0, 1.0], size=voxels.shape)
    moved = sitk.GetImageFromArray(voxels * (1 + NUDGE * signs))
    moved.CopyInformation(image)
    return moved


def compared(case: str, name: str, image: sitk.Image, mask: sitk.Image) -> tuple[pd.DataFrame, int]:
    """Return one row per value: ours, theirs, whether equal and how far the referee moves."""
    parameters = tr.RadiomicsSettings(**SETTINGS[name]).parameters()
    theirs = referee(image, mask, parameters)
    ours = pd.Series(execute(image, mask, parameters))
    missing = theirs.index.difference(ours.index)
    rows = pd.DataFrame({"ours": ours.reindex(theirs.index), "theirs": theirs})
    rows["equal"] = equal(rows["ours"].to_numpy(), rows["theirs"].to_numpy())
    rows.insert(0, "settings", name)
    rows.insert(1, "case", case)
    parts = rows.index.to_series().str.rsplit("_", n=2, expand=True)
    rows.insert(2, "class", parts[1])
    rows.insert(3, "image", parts[0])
    rows["moves"] = np.nan
    if not rows["equal"].all():
        start = sitk.Cast(image, sitk.sitkFloat64)  # integers cannot be moved by 1e-12
        still, moved = (referee(i, mask, parameters) for i in (start, nudged(image)))
        scale = still.abs().clip(lower=ABSOLUTE / RELATIVE)
        rows["moves"] = ((moved - still).abs() / scale).reindex(rows.index)
    return rows, len(missing)


def bins_of(case: str, name: str, image: sitk.Image, mask: sitk.Image) -> dict[str, object]:
    """Count the voxels that PyRadiomics bins, over all image types, and those that change bin."""
    parameters = tr.RadiomicsSettings(**SETTINGS[name]).parameters()
    ours = dict(image_types(prepare(image, mask, parameters["setting"]), parameters))
    extractor = RadiomicsFeatureExtractor(parameters)
    setting = extractor.settings
    prepared, inside = extractor.loadImage(image, mask, None, **setting)
    if setting.get("resegmentRange") is not None:
        inside = imageoperations.resegmentMask(prepared, inside, **setting)
    box, _ = imageoperations.checkMask(prepared, inside, **setting)
    n_voxels = n_changed = 0
    for image_type, own in parameters["imageType"].items():
        filters = getattr(imageoperations, f"get{image_type}Image")
        for filtered, filtered_name, used in filters(prepared, inside, **{**setting, **own}):
            values, region = (
                sitk.GetArrayFromImage(part)
                for part in imageoperations.cropToTumorMask(filtered, inside, box)
            )
            theirs, _ = imageoperations.binImage(values, region == 1, **used)
            mine = ours[filtered_name]
            levels = discretise(mine, used, mine.pixel_type).levels
            n_voxels += int(mine.mask.sum())
            n_changed += int((levels != np.where(region == 1, theirs, 0)).sum())
    return {"settings": name, "case": case, "n_voxels": n_voxels, "n_changed": n_changed}


def main() -> None:
    """Compare, report, and write if asked to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    default = os.environ.get("TUMOR_RESPONSE_DATA", "../shared/data")
    parser.add_argument("--data", type=Path, default=Path(default))
    parser.add_argument("--cases", nargs="*")
    parser.add_argument("--settings", nargs="*", choices=sorted(SETTINGS), default=list(SETTINGS))
    parser.add_argument("--write", action="store_true", help="keep the results as CSV")
    arguments = parser.parse_args()
    logging.getLogger("radiomics").setLevel(logging.CRITICAL + 1)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    cases = real_cases(arguments.data)
    tables, bins = [], []
    for case in arguments.cases or cases:
        image, mask = (read(path) for read, path in zip(READERS, cases[case], strict=True))
        for name in arguments.settings:
            if name != FIRST and not arguments.cases and case not in WITH_ALL_SETTINGS:
                continue
            rows, n_missing = compared(case, name, image, mask)
            tables.append(rows)
            bins.append(bins_of(case, name, image, mask))
            off = rows.loc[~rows["equal"]]
            print(
                f"{case} {name}: {len(rows)} values, {len(off)} not equal, of which PyRadiomics' "
                f"own moves {int((off['moves'] > RELATIVE).sum())}; {n_missing} missing; "
                f"{bins[-1]['n_changed']} of {bins[-1]['n_voxels']} voxels in another bin",
                flush=True,
            )
    everything = pd.concat(tables).rename_axis("feature").reset_index()
    report(everything, pd.DataFrame(bins), arguments.write)


def report(everything: pd.DataFrame, bins: pd.DataFrame, write: bool) -> None:
    """Print, and on request keep, the worst difference per settings and class."""
    scale = everything["theirs"].abs().clip(lower=ABSOLUTE / RELATIVE)
    everything["relative"] = (everything["ours"] - everything["theirs"]).abs() / scale
    everything.loc[~everything["equal"], "relative"] = np.nan
    summary = (
        everything.groupby(["settings", "class"])
        .agg(
            n_cases=("case", "nunique"),
            n_values=("equal", "size"),
            n_nan=("theirs", lambda values: int(values.isna().sum())),
            worst_difference=("relative", "max"),
            n_not_equal=("equal", lambda values: int((~values).sum())),
        )
        .reset_index()
    )
    off = everything.loc[~everything["equal"]]
    off["ill_conditioned"] = off["moves"] > RELATIVE
    off = off.drop(columns=["equal", "relative"])
    with pd.option_context(
        "display.width", 200, "display.max_rows", 200, "display.max_columns", 20
    ):
        print(summary.to_string(index=False, float_format=lambda v: f"{v:.1e}"))
        print(off.head(100).to_string(index=False))
        print(bins.groupby("settings")[["n_voxels", "n_changed"]].sum().to_string())
    if write:
        bins.to_csv(RESULTS / "radiomics_parity_bins.csv", index=False)
        summary.to_csv(RESULTS / "radiomics_parity.csv", index=False, float_format="%.2e")
        exceptions = RESULTS / "radiomics_parity_exceptions.csv"
        exceptions.unlink(missing_ok=True)
        if len(off):
            off.to_csv(exceptions, index=False, float_format="%.10g")


if __name__ == "__main__":
    main()
