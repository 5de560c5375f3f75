"""A cohort on a SLURM cluster, by dask-jobqueue; started again, it goes on where it was.

The scheduler runs where this script runs (a login node, or a job of its own), the cases in jobs
that SLURM starts and ends. Where there is no `sbatch`, the job script is printed, and two processes
of this machine take the jobs' place: the table is the same, byte for byte.

Run:  python examples/03_slurm_cluster.py MANIFEST OUT [--jobs 20] [--queue NAME]
      pip install 'tumor-response[cluster]' first; OUT on a disk that all nodes see.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from dask_jobqueue import SLURMCluster
from distributed import Client, LocalCluster
from distributed.deploy.cluster import Cluster

import tumor_response as tr


def slurm_cluster(queue: str | None, logs: Path) -> SLURMCluster:
    """Describe one job: one worker of one thread, with room for a large CT.

    Not several workers to a job: a job that was cancelled would then not be replaced.
    """
    return SLURMCluster(
        queue=queue,
        cores=1,
        processes=1,
        memory="6GB",
        walltime="04:00:00",
        # a worker ends a little before its job would be killed, so that no case is lost
        worker_extra_args=["--lifetime", "230m", "--lifetime-stagger", "5m"],
        # lines of the site's own, such as ["module load ..."]; Python is the one that runs this
        job_script_prologue=[],
        log_directory=str(logs),
        scheduler_options={"dashboard_address": ":0"},
    )


def started(options: argparse.Namespace) -> Cluster:
    """Return a cluster of SLURM jobs; without SLURM, one of local processes."""
    cluster = slurm_cluster(options.queue, options.out / "slurm")
    print(cluster.job_script())
    if shutil.which("sbatch") is None:
        cluster.close()
        print("There is no sbatch here: two local processes instead.")
        return LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0")
    cluster.adapt(minimum_jobs=1, maximum_jobs=options.jobs)  # jobs come as cases wait
    return cluster


def main() -> None:
    """Extract a cohort to OUT/features, with cache and log beside it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("manifest", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--jobs", type=int, default=20)
    parser.add_argument("--queue")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    cohort = tr.Cohort.from_csv(options.manifest)
    with started(options) as cluster, Client(cluster) as client:
        tr.extract_to(
            options.out / "features",
            cohort,
            [tr.Radiomics("head_neck_ct"), tr.ClinicalFactors(["age", "volume_cc"])],
            client=client,
            cache_dir=options.out / "cache",
            log=options.out / "run.jsonl",
        )

    # of thousands of columns, only what is needed now
    table = tr.FeatureTable.load(options.out / "features", blocks="clinical")
    print(table)
    counts = table.failures["reason"].value_counts()
    print(f"{len(table.failures)} failures", *[f"{code}: {n}" for code, n in counts.items()])


if __name__ == "__main__":
    main()
