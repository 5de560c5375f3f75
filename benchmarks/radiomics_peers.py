"""Other radiomics packages on the same cases; ``radiomics_speed.py --peers`` calls this.

Run by the interpreter that a peer is installed for, it knows nothing of this package. A peer gets
the preset as far as its own words go: 1 mm voxels, bins of 25 HU, and either the original image
alone or also LoG of 1 to 5 mm and the eight bands of a coif1 wavelet. A peer has ``LIMIT_S`` for
all its cases. Where a case takes it less than ``WARM_BELOW_S``, the case is run again and the
second time counts, so that imports and compilation are left out. The seconds of this part are
seconds of processor time, on one core: the sides run minutes apart.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
PEERS = ("flash-radiomics", "pictologics", "mirp", "z-rad")
SIGMAS_MM = (1.0, 2.0, 3.0, 4.0, 5.0)
BANDS = ("LLH", "LHL", "LHH", "HLL", "HLH", "HHL", "HHH", "LLL")
LOWEST_HU = -1000.0
HIGHEST_HU = 10_000.0
PADDING_VOXELS = 5  # what PyRadiomics keeps around the region for its filters
LIMIT_S = 300.0
WARM_BELOW_S = 30.0
WORK = {"original": 1, "with filters": 14}
Values = dict[str, Any]
Side = Callable[[str, str], Values]


def flash_radiomics(filters: bool) -> Side:
    """PyRadiomics' own words and keys."""
    from flash_radiomics.featureextractor import RadiomicsFeatureExtractor

    names = ("shape", "firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")
    more = {"LoG": {"sigma": list(SIGMAS_MM)}, "Wavelet": {}} if filters else {}
    extractor = RadiomicsFeatureExtractor(
        {
            "imageType": {"Original": {}, **more},
            "featureClass": {name: [] for name in names},
            "setting": {
                "binWidth": 25,
                "resampledPixelSpacing": [1.0, 1.0, 1.0],
                "interpolator": "sitkBSpline",
                "additionalInfo": False,
            },
        }
    )
    return lambda image, mask: dict(extractor.execute(image, mask, label=1))


def pictologics(filters: bool) -> Side:
    """IBSI's features; keys end with the code."""
    os.environ["PICTOLOGICS_DISABLE_WARMUP"] = "1"
    from pictologics import RadiomicsPipeline

    pipeline = RadiomicsPipeline()
    images: dict[str, dict[str, Any] | None] = {"original": None}
    if filters:
        images |= {f"log {s}": {"type": "log", "sigma_mm": s} for s in SIGMAS_MM}
        wavelet = {"type": "wavelet", "wavelet": "coif1", "level": 1}
        images |= {f"wavelet {band}": wavelet | {"decomposition": band} for band in BANDS}
    for name, parameters in images.items():
        resample = {"new_spacing": (1, 1, 1), "interpolation": "cubic"}
        bins = {"method": "FBS", "bin_width": 25, "min_val": LOWEST_HU}
        families = ["intensity", "texture"] + ["morphology"] * (parameters is None)
        steps: list[dict[str, Any]] = [{"step": "resample", "params": resample}]
        if parameters is not None:
            steps.append({"step": "filter", "params": parameters})
        steps.append({"step": "discretise", "params": bins})
        steps.append({"step": "extract_features", "params": {"families": families}})
        pipeline.add_config(name, steps)

    def row(image: str, mask: str) -> Values:
        found = pipeline.run(image, mask, config_names=list(images))
        return {f"{name} {key}": v for name, part in found.items() for key, v in part.items()}

    return row


def mirp(filters: bool) -> Side:
    """IBSI's features; keys are IBSI's tags and more."""
    from mirp import extract_features

    families = ["morphology", "statistics", "glcm", "glrlm", "glszm", "ngtdm", "ngldm"]
    more: dict[str, Any] = {
        "filter_kernels": ["laplacian_of_gaussian", "separable_wavelet"],
        "laplacian_of_gaussian_sigma": list(SIGMAS_MM),
        "separable_wavelet_families": "coif1",
        "separable_wavelet_set": "all",
        "separable_wavelet_stationary": True,
        "response_map_feature_families": families[1:],
        "response_map_discretisation_method": "fixed_bin_number",
        "response_map_discretisation_n_bins": 32,
    }

    def row(image: str, mask: str) -> Values:
        found = extract_features(
            image=image,
            mask=mask,
            num_cpus=1,
            new_spacing=1.0,
            anti_aliasing=False,
            glcm_spatial_method="3d_average",
            glrlm_spatial_method="3d_average",
            resegmentation_intensity_range=[LOWEST_HU, float("nan")],
            base_discretisation_method="fixed_bin_size",
            base_discretisation_bin_width=25.0,
            base_feature_families=families,
            **(more if filters else {}),
        )[0]
        return {f"original {key}": value for key, value in found.iloc[0].items()}

    return row


def z_rad(filters: bool) -> Side:
    """IBSI's features; keys are IBSI's tags."""
    from zrad.filtering import LoG, Wavelets3D
    from zrad.image import Image
    from zrad.preprocessing import (
        ImageResampler,
        IntensityMaskBuilder,
        MaskResampler,
        Pipeline,
        Resegmenter,
        RoiCropper,
        RoiData,
        TextureDiscretizer,
    )
    from zrad.radiomics import Radiomics

    families = ["intensity_statistics", "glcm", "glrlm", "glszm", "ngtdm", "ngldm"]
    kernels: dict[str, Any] = {}
    if filters:
        kernels = {f"log {s}": LoG("nearest", s, 4.0, "3D") for s in SIGMAS_MM}
        kernels |= {f"wavelet {b}": Wavelets3D("coif1", "wrap", b, 1) for b in BANDS}
    prepare = Pipeline(
        [
            ("image", ImageResampler(1.0, "bspline", "nearest_integer")),
            ("mask", MaskResampler(1.0)),
            ("inside", IntensityMaskBuilder()),
            ("crop", RoiCropper(PADDING_VOXELS)),
        ]
    )
    rebuild = IntensityMaskBuilder()
    limits = Resegmenter((LOWEST_HU, HIGHEST_HU))

    def row(image: str, mask: str) -> Values:
        whole = Image.from_nifti(image)
        contour = Image.from_nifti_mask(mask, reference=whole)
        region = prepare.apply(RoiData(image=whole, morphological_mask=contour))
        binned = TextureDiscretizer(bin_size=25.0).apply(limits.apply(region))
        first = Radiomics().extract_features(binned, families=["morphology", *families])
        values = {f"original {key}": value for key, value in first.items()}
        for name, kernel in kernels.items():
            inside = rebuild.apply(kernel.apply(region))
            binned = TextureDiscretizer(number_of_bins=32).apply(inside)
            found = Radiomics().extract_features(binned, families=families)
            values |= {f"{name} {key}": value for key, value in found.items()}
        return values

    return row


ADAPTERS = {
    "flash-radiomics": flash_radiomics,
    "pictologics": pictologics,
    "mirp": mirp,
    "z-rad": z_rad,
}


def ask_peers(
    interpreter: str,
    cases: list[tuple[str, str, str]],
    place: Path,
    ours: Callable[[Mapping[str, Any]], Mapping[str, Callable[[Any], Values]]],
    images: Mapping[int, Mapping[str, Any]],
) -> Iterator[dict[str, Any]]:
    """Yield a row per peer, work and case: its seconds, and how many of its values agree.

    ``ours`` gives the fast side and PyRadiomics for image types, ``images`` the image types by
    number of filtered images.
    """
    import SimpleITK as sitk

    copies = []  # all sides read the same NIfTI, which each of them can
    for name, *paths in cases:
        copy = [str(place / f"{name}_{part}.nii.gz") for part in ("image", "mask")]
        for source, target in zip(paths, copy, strict=True):
            sitk.WriteImage(sitk.ReadImage(source), target, useCompression=True)
        copies.append((name, *copy))
    known: dict[tuple[str, str], dict[str, Any]] = {}
    truth: dict[tuple[str, str], Values] = {}
    for work, n_filters in WORK.items():
        for case in copies:
            row: dict[str, Any] = {}
            for side, run in ours(images[n_filters]).items():
                run(case)
                start = time.process_time()
                values = run(case)
                row[f"{side}_s"] = time.process_time() - start
                truth[work, case[0]] = values  # PyRadiomics comes last
            row["ratio"] = row["pyradiomics_s"] / row["fast_s"]
            known[work, case[0]] = row | {"part": "peers", "case": case[0], "n_filters": n_filters}
    for peer in PEERS:
        left_s = LIMIT_S
        for work in WORK:
            for name, *paths in copies:
                row = known[work, name] | {"peer": peer}
                if left_s <= 1:
                    yield row | {"note": f"not run: the peer's {LIMIT_S:.0f} s were spent"}
                    continue
                start = time.perf_counter()
                answer = _asked([interpreter, str(HERE), peer, work, *paths], left_s, place)
                left_s -= time.perf_counter() - start
                values = answer.pop("values", {})
                row |= answer
                if "peer_s" in answer:
                    row["peer_ratio"] = row["pyradiomics_s"] / answer["peer_s"]
                    row |= _agreement(values, truth[work, name])
                yield row


def _asked(command: list[str], limit_s: float, place: Path) -> dict[str, Any]:
    """Return what a peer's process printed, or why there is nothing."""
    try:
        # flash-radiomics leaves files in the working directory
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit_s, cwd=place)
    except subprocess.TimeoutExpired:
        return {"note": f"not done after {limit_s:.0f} s"}
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if lines:
        answer: dict[str, Any] = json.loads(lines[-1])
        return answer
    return {"note": (done.stderr.strip().splitlines() or ["no answer"])[-1][:200]}


def _agreement(theirs: Values, truth: Mapping[str, Any]) -> dict[str, int]:
    """Count the values of like-named features and those within a relative 1e-6 and 1e-2."""
    from tumor_response.features.radiomics.codes import IBSI_CODES
    from tumor_response.features.radiomics.ibsi.features import CATALOGUE

    codes = {code: key for key, code in IBSI_CODES.items()}
    tags = {tag.lower(): feature.code for tag, feature in CATALOGUE.items()}
    pairs = []
    for key, value in theirs.items():
        known = key
        if key not in truth:
            # "original" and an IBSI code at the end, or an IBSI tag with the way of aggregation
            image, _, tag = key.partition(" ")
            tag = tag.replace("_d1", "").replace("_a0.0", "").split("_fbs")[0].lower()
            code = tag.rsplit("_", 1)[-1].upper()
            code = code if code in codes else tags.get(tag, "")
            known = f"{image}_{codes.get(code, '')}"
        if known in truth:
            pairs.append((value, float(truth[known])))
    close = {
        limit: sum(math.isclose(a, b, rel_tol=limit, abs_tol=1e-9) for a, b in pairs)
        for limit in (1e-6, 1e-2)
    }
    return {
        "n_values": len(theirs),
        "n_like_named": len(pairs),
        "n_equal": close[1e-6],
        "n_within_1_percent": close[1e-2],
    }


def main() -> None:
    """Measure one peer on one case, in the peer's interpreter."""
    peer, work, image, mask = sys.argv[1:]
    try:
        note = version(peer)
    except PackageNotFoundError:
        print(json.dumps({"note": "not installed"}))
        return
    row = ADAPTERS[peer](WORK[work] > 1)
    for _ in range(2):
        start = time.process_time()
        values = row(image, mask)
        seconds = time.process_time() - start
        if seconds > WARM_BELOW_S:
            break
    numbers = {}
    for key, value in values.items():
        try:
            numbers[key] = float(value)
        except (TypeError, ValueError):
            continue  # file names and settings
    print(json.dumps({"peer_s": seconds, "note": note, "values": numbers}))


if __name__ == "__main__":
    main()
