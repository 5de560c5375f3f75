"""Other radiomics packages on the same cases; ``radiomics_speed.py --peers`` calls this.

Run by the interpreter that a peer is installed for, it knows nothing of this package. A peer gets
the preset as far as its own words go: 1 mm voxels by cubic interpolation, bins of 25 HU, original
image, LoG of 1 to 5 mm, the eight bands of a coif1 wavelet. Imports and one case before the clock
are left out.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

PEERS = ("flash_radiomics", "pictologics", "mirp")
SIGMAS_MM = (1.0, 2.0, 3.0, 4.0, 5.0)
BANDS = ("LLH", "LHL", "LHH", "HLL", "HLH", "HHL", "HHH", "LLL")
LOWEST_HU = -1000.0
LIMIT_S = 900
Values = dict[str, float]


def flash_radiomics() -> Callable[[str, str], Values]:
    """PyRadiomics' own words and keys."""
    from flash_radiomics.featureextractor import RadiomicsFeatureExtractor

    names = ("shape", "firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")
    extractor = RadiomicsFeatureExtractor(
        {
            "imageType": {"Original": {}, "LoG": {"sigma": list(SIGMAS_MM)}, "Wavelet": {}},
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


def pictologics() -> Callable[[str, str], Values]:
    """IBSI's features; keys end with the code."""
    from pictologics import RadiomicsPipeline

    pipeline = RadiomicsPipeline()
    filters: dict[str, dict[str, Any] | None] = {"original": None}
    filters |= {f"log {s}": {"type": "log", "sigma_mm": s} for s in SIGMAS_MM}
    for band in BANDS:
        filters[f"wavelet {band}"] = {
            "type": "wavelet",
            "wavelet": "coif1",
            "level": 1,
            "decomposition": band,
        }
    for name, parameters in filters.items():
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
        found = pipeline.run(image, mask, config_names=list(filters))
        return {f"{name} {key}": v for name, part in found.items() for key, v in part.items()}

    return row


def mirp() -> Callable[[str, str], Values]:
    """IBSI's features; keys are IBSI's tags and more."""
    from mirp import extract_features

    families = ["morphology", "statistics", "glcm", "glrlm", "glszm", "ngtdm", "ngldm"]

    def row(image: str, mask: str) -> Values:
        found = extract_features(
            image=image,
            mask=mask,
            num_cpus=1,
            new_spacing=1.0,
            resegmentation_intensity_range=[LOWEST_HU, float("nan")],
            base_discretisation_method="fixed_bin_size",
            base_discretisation_bin_width=25.0,
            base_feature_families=families,
            filter_kernels=["laplacian_of_gaussian", "separable_wavelet"],
            laplacian_of_gaussian_sigma=list(SIGMAS_MM),
            separable_wavelet_families="coif1",
            separable_wavelet_set="all",
            separable_wavelet_stationary=True,
            response_map_feature_families=families[1:],
            response_map_discretisation_method="fixed_bin_number",
            response_map_discretisation_n_bins=32,
        )[0]
        return dict(found.iloc[0])

    return row


def ask_peers(
    interpreters: list[str],
    cases: list[tuple[str, str, str]],
    core: int,
    one_thread: Mapping[str, str],
) -> list[dict[str, Any]]:
    """Return a row per peer and case: its seconds, and how many of its values agree."""
    from radiomics.featureextractor import RadiomicsFeatureExtractor

    import tumor_response as tr
    from tumor_response.features.radiomics.settings import quiet_pyradiomics

    rows = []
    referee = RadiomicsFeatureExtractor(tr.Radiomics("head_neck_ct").settings.parameters())
    with quiet_pyradiomics():
        truth = {name: referee.execute(*paths, label=1) for name, *paths in cases}
    for interpreter in interpreters:
        for peer in PEERS:
            for name, *paths in cases:
                command = [interpreter, __file__, peer, str(core), *paths]
                try:
                    done = subprocess.run(
                        command,
                        capture_output=True,
                        text=True,
                        timeout=LIMIT_S,
                        env=os.environ | dict(one_thread),
                    )
                    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
                    answer = json.loads(lines[-1]) if lines else {"why": done.stderr[-200:]}
                except subprocess.TimeoutExpired:
                    answer = {"why": f"not done in {LIMIT_S} s"}
                row = {"part": "peers", "case": name, "side": peer}
                values = answer.pop("values", {})
                rows.append(row | answer | agreement(values, truth[name]))
                print(rows[-1], flush=True)
    return rows


def agreement(theirs: Values, truth: Mapping[str, Any]) -> dict[str, int]:
    """Count the values of like-named features and those within a relative 1e-6 and 1e-2."""
    import math

    from tumor_response.features.radiomics.codes import IBSI_CODES
    from tumor_response.features.radiomics.ibsi.features import CATALOGUE

    codes = {code: key for key, code in IBSI_CODES.items()}
    tags = {tag.lower(): feature.code for tag, feature in CATALOGUE.items()}
    pairs = []
    for key, value in theirs.items():
        known = key
        if key not in truth:
            # an IBSI code at the end, or an IBSI tag with mirp's distance and bins taken off
            tag = key.replace("_d1", "").replace("_a0.0", "").split("_fbs")[0].lower()
            code = key.rsplit("_", 1)[-1] if key.startswith("original ") else tags.get(tag, "")
            known = f"original_{codes.get(code, '')}"
        if known in truth:
            pairs.append((value, float(truth[known])))
    close = {
        limit: sum(math.isclose(a, b, rel_tol=limit) for a, b in pairs) for limit in (1e-6, 1e-2)
    }
    return {
        "values": len(theirs),
        "like_named": len(pairs),
        "equal": close[1e-6],
        "within_1_percent": close[1e-2],
    }


def main() -> None:
    """Measure one peer on one case, in the peer's interpreter."""
    peer, core, image, mask = sys.argv[1:]
    os.sched_setaffinity(0, {int(core)})
    if importlib.util.find_spec(peer) is None:
        print(json.dumps({"why": "not installed"}))
        return
    os.environ["PICTOLOGICS_DISABLE_WARMUP"] = "1"  # the case before the clock is its warm-up
    row = {"flash_radiomics": flash_radiomics, "pictologics": pictologics, "mirp": mirp}[peer]()
    row(image, mask)
    seconds, begin = [], time.perf_counter()
    while len(seconds) < 3 and time.perf_counter() - begin < 60:
        start = time.perf_counter()
        values = row(image, mask)
        seconds.append(time.perf_counter() - start)
    numbers = {}
    for key, value in values.items():
        try:
            numbers[key] = float(value)
        except (TypeError, ValueError):
            continue  # file names and settings
    answer = {"repeats": len(seconds), "seconds": round(sorted(seconds)[len(seconds) // 2], 3)}
    print(json.dumps(answer | {"values": numbers}))


if __name__ == "__main__":
    main()
