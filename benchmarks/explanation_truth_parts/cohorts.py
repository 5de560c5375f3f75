"""The patients of a seed: images, truth and features, made once and kept in the work folder."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

import tumor_response as tr

from .frozen import FROZEN

OF_COHORT = FROZEN["cohorts"]


@dataclass(frozen=True)
class Patients:
    """The lesions of a seed.

    Attributes
    ----------
    seed : int
    images : Path
        The simulated cohort's folder.
    table : FeatureTable
    truth : DataFrame
        Rows of ``truth.csv``, in the table's order.
    """

    seed: int
    images: Path
    table: tr.FeatureTable
    truth: pd.DataFrame

    @property
    def families(self) -> pd.Series:
        """Return the family ``"<block>: <family>"`` of each predictor."""
        rows = self.table.dictionary
        rows = rows[rows["block"].isin(FROZEN["blocks"])]
        return rows["block"] + ": " + rows["family"]


def make(seed: int, work: Path) -> None:
    """Simulate and extract the cohort of a seed, unless it is there."""
    done, images = work / f"table_{seed}", work / f"images_{seed}"
    if done.exists():
        return
    shutil.rmtree(images, ignore_errors=True)
    cohort = tr.simulate_cohort(
        OF_COHORT["n_patients"],
        seed=seed + OF_COHORT["simulate_seed_is_seed_plus"],
        directory=images,
        n_jobs=1,
    )
    extractors = [
        tr.Radiomics(OF_COHORT["radiomics"]),
        tr.DeepFeatures(OF_COHORT["deep"]),
        tr.ClinicalFactors(OF_COHORT["clinical"]),
    ]
    table = tr.extract(cohort, extractors, n_jobs=1)
    # a table that is there is whole
    part = work / f"part_{seed}"
    shutil.rmtree(part, ignore_errors=True)
    table.save(part)
    part.rename(done)


def load(seed: int, work: Path) -> Patients:
    """Return the patients of a seed that were made."""
    images = work / f"images_{seed}"
    table = tr.FeatureTable.load(work / f"table_{seed}")
    truth = pd.read_csv(images / "truth.csv", dtype={"lesion_id": str})
    truth = truth.set_index(["patient_id", "lesion_id"]).loc[table.data.index]
    return Patients(seed, images, table, truth)
