"""Where the fast radiomics engine's time goes, stage by stage, and what would be a tenth.

    python benchmarks/radiomics_stages.py [--cases lung1 STS_002 blob_100000 ...]

Preset ``head_neck_ct``, one core, one thread, everything loaded before. The stages are run one
after the other as the engine runs them; processor time, the median of three runs. ``extract`` is
the whole of ``Radiomics.extract`` beside it, which is all of them but ``read``. Writes
``benchmarks/results/radiomics_stages.csv`` (milliseconds) and prints it, with each stage's share.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import defaultdict
from pathlib import Path

RESULTS = Path(__file__).parent / "results" / "radiomics_stages.csv"
CASES = ("lung1", "pt_202", "STS_002", "STS_001", "blob_1000", "blob_100000")
N_RUNS = 3


def staged(image_path: Path, mask_path: Path) -> dict[str, float]:
    """Return the seconds of each stage of one run."""
    import tumor_response as tr
    from tumor_response.cohort import BaselineCase
    from tumor_response.features.radiomics.families import first_order
    from tumor_response.features.radiomics.fast import engine
    from tumor_response.features.radiomics.fast.discretise import discretise
    from tumor_response.features.radiomics.fast.image_types import image_types
    from tumor_response.features.radiomics.fast.prepare import prepare
    from tumor_response.features.radiomics.fast.shape import shape_features
    from tumor_response.features.radiomics.fast.surroundings import KEPT
    from tumor_response.features.radiomics.matrices.flat import Layout
    from tumor_response.imaging import read_image, read_mask

    seconds: dict[str, float] = defaultdict(float)
    now = time.process_time()

    def stage(name: str) -> None:
        nonlocal now
        then, now = now, time.process_time()
        seconds[name] += now - then

    image, mask = read_image(image_path), read_mask(mask_path)
    stage("read")
    extractor = tr.Radiomics("head_neck_ct", engine="fast")
    parameters = extractor.settings.parameters()
    setting = parameters["setting"]
    extractor.extract(BaselineCase("P", "1", image, mask))  # the columns are made once
    KEPT.forget()
    now = time.process_time()
    extractor.extract(BaselineCase("P", "1", image, mask))
    stage("extract")
    KEPT.forget()
    now = time.process_time()
    prepared = prepare(image, mask, setting)
    stage("resample")
    shape_features(prepared.shape_region)
    stage("shape")
    layout = Layout.around(prepared.mask, 1)
    for name, region in image_types(prepared, parameters):
        stage(f"filter {name.split('-')[0]}")
        binned = discretise(region, setting, region.pixel_type)
        levels = layout.filled(binned.levels)
        stage("discretise")
        inside = region.values[region.mask]
        first_order.pyradiomics_features(inside, setting, binned, region.voxel_volume_mm3)
        stage("firstorder")
        for family, features in engine._DIRECTIONAL.items():
            features(levels, binned.n_levels, setting, region.spacing_mm)
            stage(family)
        for family, features in engine._UNDIRECTED.items():
            features(levels, binned.n_levels, setting)
            stage(family)
    return seconds


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    default = os.environ.get("TUMOR_RESPONSE_DATA", "../shared/data")
    parser.add_argument("--data", type=Path, default=Path(default))
    parser.add_argument("--cases", nargs="+", default=CASES)
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    from radiomics_speed import ONE_THREAD

    os.environ.update(ONE_THREAD)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    import pandas as pd
    from radiomics_parity import real_cases
    from radiomics_phantoms import write_phantom

    real = real_cases(arguments.data)
    columns = {}
    with tempfile.TemporaryDirectory() as place:
        for name in arguments.cases:
            paths = real.get(name) or write_phantom(Path(place), int(name.split("_")[1]))
            staged(*paths)
            columns[name] = pd.DataFrame([staged(*paths) for _ in range(N_RUNS)]).median()
    table = pd.DataFrame(columns) * 1000
    table.round(1).to_csv(arguments.results, index_label="stage")
    stages = table.drop(index="extract")
    print("Milliseconds\n" + table.round(1).to_string())
    print("\nPer cent of the stages' sum\n" + (100 * stages / stages.sum()).round(1).to_string())


if __name__ == "__main__":
    main()
