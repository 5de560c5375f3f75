"""Say where PyRadiomics departs from IBSI: formulas and bins apart from image processing.

PyRadiomics itself is run three times, and each of its features that has an IBSI code is compared
with IBSI's consensus value (GLCM and GLRLM: 3D, averaged):

``phantom``    the digital phantom, bins of 1: nothing is processed, only formulas can differ;
``processed``  configuration C, image and mask processed by this library: formulas and bins;
``own``        configuration C with PyRadiomics' nearest settings: all of it.

Run:  python benchmarks/ibsi_departures.py [--data ../shared/data]
Writes benchmarks/results/ibsi_departures.csv: PyRadiomics' values and whether each is within
IBSI's tolerance. IBSI's own values are not in it.
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import SimpleITK as sitk
from radiomics.featureextractor import RadiomicsFeatureExtractor

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.reference.ibsi_values import consensus, phantom
from tumor_response.features.radiomics.codes import IBSI_CODES
from tumor_response.features.radiomics.ibsi.features import CATALOGUE
from tumor_response.features.radiomics.ibsi.processing import IbsiImage, processed

RESULTS = Path(__file__).parent / "results" / "ibsi_departures.csv"
CLASSES = ("shape", "firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")
RUNS = {"phantom": "digital_phantom", "processed": "config_C", "own": "config_C"}
NEAREST_TO_C = {
    "resampledPixelSpacing": [2, 2, 2],
    "interpolator": "sitkLinear",
    "resegmentRange": [-1000, 400],
    "binWidth": 25,
}
# the variants that PyRadiomics has
TAG_OF = {
    feature.code: tag
    for tag, feature in CATALOGUE.items()
    if feature.aggregation_code in ("", "ITBB", "KOBO")
}


def pyradiomics(
    image: sitk.Image, mask: sitk.Image, setting: dict[str, Any], classes: tuple[str, ...] = CLASSES
) -> dict[str, float]:
    """Return PyRadiomics' values, ``glcm_Contrast`` ... -> number."""
    extractor = RadiomicsFeatureExtractor(additionalInfo=False, **setting)
    extractor.disableAllFeatures()
    for name in classes:
        extractor.enableFeatureClassByName(name)
    found = extractor.execute(sitk.Cast(image, sitk.sitkFloat64), mask, label=1)
    return {key.removeprefix("original_"): float(value) for key, value in found.items()}


def as_images(region: IbsiImage) -> tuple[sitk.Image, sitk.Image, sitk.Image]:
    """Return image, intensity mask and morphological mask."""
    arrays = (region.values, region.intensity_mask, region.morphological_mask)
    images = [sitk.GetImageFromArray(np.asarray(a, dtype=np.float64)) for a in arrays]
    for one in images:
        one.SetSpacing([float(step) for step in reversed(region.spacing_mm)])
    return images[0], *(sitk.Cast(one, sitk.sitkUInt8) for one in images[1:])  # type: ignore[return-value]


def values_of(data: Path, run: str) -> dict[str, float]:
    """Return PyRadiomics' values of one run."""
    image, mask, settings = phantom(data, RUNS[run])
    mask = sitk.Cast(mask != 0, sitk.sitkUInt8)
    if run == "phantom":
        return pyradiomics(image, mask, {"binWidth": 1})
    if run == "own":
        return pyradiomics(image, mask, NEAREST_TO_C)
    values, intensity_mask, morphological_mask = as_images(processed(image, mask, settings))
    shape = pyradiomics(values, morphological_mask, {"binWidth": 25}, ("shape",))
    return pyradiomics(values, intensity_mask, {"binWidth": 25}, CLASSES[1:]) | shape


def main() -> None:
    """Print the counts and name what is out of tolerance."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(__file__).parents[1].parent / "shared" / "data"
    parser.add_argument("--data", type=Path, default=default)
    data = parser.parse_args().data
    logging.getLogger("radiomics").setLevel(60)
    rows = []
    for run, table in RUNS.items():
        expected = {one.tag: one for one in consensus(data, table, bool)}
        for feature, value in values_of(data, run).items():
            tag = TAG_OF.get(IBSI_CODES.get(feature, ""))
            if tag in expected:
                met = expected[tag].agrees(value)
                rows.append((run, feature.split("_")[0], feature, tag, value, met))
    frame = pd.DataFrame(rows, columns=["run", "class", "feature", "tag", "pyradiomics", "met"])
    frame.to_csv(RESULTS, index=False, float_format="%.6g")
    for name in CLASSES:
        counts = []
        for run in RUNS:
            met = frame.loc[(frame["run"] == run) & (frame["class"] == name), "met"]
            counts.append(f"{run} {met.sum()} / {len(met)}")
        print(f"{name:12s} {',  '.join(counts)}")
    for run in RUNS:
        missed = frame.loc[(frame["run"] == run) & ~frame["met"], "feature"]
        print(f"{run}: {len(missed)} out of tolerance: {', '.join(missed)}")


if __name__ == "__main__":
    main()
