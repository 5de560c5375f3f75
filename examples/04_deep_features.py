"""A study of networks: what they are shown, what they know, and whether that is more than volume.

Three pretrained networks see the same views of the same tumours. For each: what its last layer
knows of the tumour's volume, its out-of-bag AUC beside volume alone, and whether its prediction is
more than volume. The best of three is not one that was chosen beforehand: the table shows all.

Run:  python examples/04_deep_features.py OUT [--manifest manifest.csv] [--resamples 100]
Without a manifest, a cohort is simulated: then the tumours are made up, and so is their response.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

import tumor_response as tr

NETWORKS = ("tf_efficientnet_lite0", "tf_efficientnet_lite1", "tf_efficientnet_lite2")
VIEWS = tr.ViewSettings(slices="largest", margin_mm=10)


def extracted(cohort: tr.Cohort, out: Path, n_jobs: int) -> tr.FeatureTable:
    """Extract every network as a block of its own: pooled layer, mean over views."""
    networks = [
        tr.DeepFeatures(name, views=VIEWS, block=f"deep{i}") for i, name in enumerate(NETWORKS)
    ]
    return tr.extract(
        cohort,
        [*networks, tr.ClinicalFactors(["volume_cc"])],
        n_jobs=n_jobs,
        cache_dir=out / "cache",
    )


def main() -> None:
    """Extract, probe, evaluate, and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--manifest", type=Path)
    parser.add_argument("--patients", type=int, default=60, help="of the simulated cohort")
    parser.add_argument("--resamples", type=int, default=100)
    parser.add_argument("--n-jobs", type=int, default=2)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.manifest:
        cohort = tr.Cohort.from_csv(options.manifest)
    else:
        cohort = tr.simulate_cohort(options.patients, seed=0, directory=options.out / "sim")

    # look before you extract: these are the very pixels that the network gets
    case = next(iter(cohort))
    tr.save_figure(tr.plot_views(case, VIEWS, contour="beside"), options.out / "views")

    table = extracted(cohort, options.out, options.n_jobs)
    table.save(options.out / "features")
    print(table)
    print(table.dictionary.loc["deep0__tf_efficientnet_lite0__0000", "description"])

    known = []
    for block in table.blocks:
        if block.startswith("deep"):
            probe = tr.probe_embedding(table, block, {"log_volume": "log_volume"})
            known.append(probe.table().assign(block=block))
    pd.concat(known).to_csv(options.out / "volume_read_off.csv")

    outcomes = tr.shrinkage(cohort)
    models = {"volume_only": tr.make_model("volume_only")} | {
        name: tr.make_model("logistic", blocks=[f"deep{i}"]) for i, name in enumerate(NETWORKS)
    }
    result = tr.evaluate(
        models,
        table,
        outcomes["rate_percent_per_day"],
        label=tr.ResponderCut("median"),
        scheme=tr.Bootstrap632Plus(n_resamples=options.resamples, seed=0),
        failed="drop",
    )
    result.summary().to_csv(options.out / "auc.csv")
    print(result)
    for i, name in enumerate(NETWORKS):
        print(f"{name}: {tr.volume_check(result, f'deep{i}')}")


if __name__ == "__main__":
    main()
