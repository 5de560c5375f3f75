"""Outcomes that follow from one thing: what drives them, and which families tell it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import norm
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tumor_response.evaluation.metrics import auc

from .cohorts import Patients, load
from .frozen import FAR, FROZEN, NEAR, SCENARIOS, SEEDS, VOLUME_ITSELF

Array = npt.NDArray[np.float64]

OUTCOME = FROZEN["outcome"]
HELD_AT_SD = 5.0


@dataclass(frozen=True)
class Reference:
    """The lesions that say what is standard in the population.

    Attributes
    ----------
    patients : list of Patients
        Of the reference seeds.
    """

    patients: list[Patients]

    @classmethod
    def of(cls, work: Path) -> Reference:
        """Read the lesions of the reference seeds."""
        return cls([load(seed, work) for seed in OUTCOME["reference_seeds"]])

    @cached_property
    def columns(self) -> pd.DataFrame:
        """Return the predictors of all reference lesions."""
        names = self.patients[0].families.index
        return pd.concat([one.table.data[names] for one in self.patients], ignore_index=True)

    def normal(self, values: list[Array], of: Array) -> Array:
        """Return the normal scores of ``of`` among the reference lesions' ``values``."""
        known = np.sort(np.concatenate(values))
        scores = norm.ppf((np.arange(len(known)) + 0.5) / len(known))
        return np.asarray(np.interp(of, known, scores))

    def texture(self, family: str, signs: Array, of: Patients) -> Array:
        """Return a signed sum of a family's columns from which volume was taken out."""
        names = [name for name, one in of.families.items() if one == family]
        known, volume = self.columns[names], np.concatenate([_powers(p) for p in self.patients])
        middle = known.median()
        coefficients, *_ = np.linalg.lstsq(volume, known.fillna(middle).to_numpy(), rcond=None)

        def left(table: pd.DataFrame, powers: Array) -> Array:
            return table.fillna(middle).to_numpy() - powers @ coefficients

        sd = left(known, volume).std(axis=0)
        varies = sd > 1e-9 * np.abs(known.to_numpy()).max(axis=0)
        parts = left(of.table.data[names], _powers(of))[:, varies] / sd[varies]
        return np.asarray(np.clip(parts, -HELD_AT_SD, HELD_AT_SD) @ signs[: len(names)][varies])

    def tells(self, drivers: Array) -> pd.DataFrame:
        """Return how well families tell drivers of the reference lesions: R2, cross-validated.

        Parameters
        ----------
        drivers : array of shape (n_lesions, n_drivers)

        Returns
        -------
        DataFrame (families x drivers)
        """
        rows = self.columns
        rows = rows.fillna(rows.median())
        model = make_pipeline(
            StandardScaler(), RidgeCV(np.logspace(-2, 5, 15), alpha_per_target=True)
        )
        folds = KFold(5, shuffle=True, random_state=0)  # one lesion for each patient
        families = self.patients[0].families
        told = {}
        for family in families.unique():
            values = rows[families.index[families == family]]
            sd = values.std()
            held = values.clip(
                values.mean() - HELD_AT_SD * sd, values.mean() + HELD_AT_SD * sd, axis=1
            )
            guess = cross_val_predict(model, held, drivers, cv=folds)
            told[family] = 1.0 - ((drivers - guess) ** 2).mean(axis=0) / drivers.var(axis=0)
        return pd.DataFrame(told).T


def _powers(patients: Patients) -> Array:
    volume = np.log(patients.truth["target_volume_baseline_cc"].to_numpy())
    return np.vander(volume, 4)


def texture_family(seed: int) -> tuple[str, Array]:
    """Return the family that drives the texture scenario of a seed, and signs for its columns."""
    rng = np.random.default_rng([OUTCOME["random_seed"], seed, 100])
    of = OUTCOME["scenarios"]["texture"]
    chosen = f"radiomics: {rng.choice(of['filters'])} {rng.choice(of['classes'])}"
    return chosen, rng.choice([-1.0, 1.0], size=100)


def driver(scenario: str, seed: int, reference: Reference, of: Patients) -> Array | None:
    """Return the standard normal driver of a seed's scenario in some lesions; None: nothing."""
    if scenario == "nothing":
        return None

    def value(patients: Patients) -> Array:
        if scenario == "texture":
            return reference.texture(*texture_family(seed), patients)
        name = {"region": "field_mean", "volume": "target_volume_baseline_cc"}[scenario]
        return patients.truth[name].to_numpy(dtype=np.float64)

    return reference.normal([value(patients) for patients in reference.patients], value(of))


def outcome(scenario: str, reference: Reference, of: Patients) -> pd.Series:
    """Return the outcome (0/1, half of each) of a seed's patients in a scenario."""
    rng = np.random.default_rng([OUTCOME["random_seed"], of.seed, SCENARIOS.index(scenario)])
    latent = rng.logistic(size=len(of.truth))
    driven = driver(scenario, of.seed, reference, of)
    if driven is not None:
        latent += OUTCOME["strength"] * driven
    return pd.Series((latent > np.median(latent)).astype(np.float64), index=of.truth.index)


def oracle_table(reference: Reference, work: Path) -> pd.DataFrame:
    """Return by seed what drives its texture scenario, and each driver's AUC for its outcome."""
    rows = []
    for seed in SEEDS:
        if not (work / f"table_{seed}").exists():
            continue
        of = load(seed, work)
        row: dict[str, object] = {"seed": seed, "texture_family": texture_family(seed)[0]}
        for scenario in SCENARIOS:
            driven = driver(scenario, seed, reference, of)
            if driven is not None:
                row[f"auc_{scenario}"] = auc(outcome(scenario, reference, of), driven)
        rows.append(row)
    return pd.DataFrame(rows)


def told_table(reference: Reference) -> pd.DataFrame:
    """Return how well families tell drivers, families x ``volume``, ``region``, ``texture_1``..."""
    which = [("volume", 0), ("region", 0), *(("texture", seed) for seed in SEEDS)]
    drivers = np.column_stack(
        [
            np.concatenate([driver(name, seed, reference, one) for one in reference.patients])
            for name, seed in which
        ]
    )
    told = reference.tells(drivers)
    told.columns = pd.Index([f"{name}_{seed}" if seed else name for name, seed in which])
    return told.rename_axis("family").round(4)


def right_families(scenario: str, seed: int, told: pd.DataFrame) -> dict[str, set[str]]:
    """Return what counts as right: ``strict``, ``near`` and ``far``; see ``frozen.json``."""
    strict = {"texture": {texture_family(seed)[0]}, "volume": set(VOLUME_ITSELF)}.get(
        scenario, set()
    )
    r2 = told[f"texture_{seed}" if scenario == "texture" else scenario]
    return {
        "strict": strict,
        "near": set(r2.index[r2 >= NEAR]) | strict,
        "far": set(r2.index[r2 >= FAR]) | strict,
    }
