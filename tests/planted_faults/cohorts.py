"""Cohorts drawn from a seed, as different from each other as studies are."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

IMAGE_BLOCKS = ("radiomics", "deep")
_FILTERS = ("original", "wavelet_LLH", "log_sigma_3")
_FAMILIES = ("firstorder", "glcm", "glrlm", "shape")


@dataclass(frozen=True, eq=False)
class Cohort:
    """A cohort as it is before anybody has done anything wrong.

    Attributes
    ----------
    X : DataFrame
        Columns ``clinical__*``, ``radiomics__*``, ``deep__*`` and ``meta__*``; floats with missing
        values, and categories.
    outcomes : DataFrame
        The columns of :func:`tumor_response.shrinkage` that matter.
    """

    X: pd.DataFrame
    outcomes: pd.DataFrame

    @property
    def rate(self) -> pd.Series:
        return self.outcomes["rate_percent_per_day"]

    @property
    def above_median(self) -> pd.Series:
        """The finished label with a cut on all rows."""
        return (self.rate > self.rate.median()).astype(float).rename("responder")

    @property
    def image_columns(self) -> list[str]:
        return [c for c in self.X if c.split("__")[0] in IMAGE_BLOCKS]

    @property
    def numbers(self) -> list[str]:
        """Predictors that are numbers."""
        floats = self.X.select_dtypes("float64").columns
        return [c for c in floats if not c.startswith("meta__")]

    @property
    def patients(self) -> pd.Index:
        return self.X.index.get_level_values("patient_id")

    def with_columns(self, X: pd.DataFrame) -> Cohort:
        return replace(self, X=X)

    def rows(self, keep: np.ndarray) -> Cohort:
        return Cohort(self.X[keep], self.outcomes[keep])


def draw(
    rng: np.random.Generator,
    *,
    missing: bool | None = None,
    sites: int | None = None,
    lesions: bool | None = None,
    clinical: bool = True,
    largest_p: int = 600,
) -> Cohort:
    """Draw a cohort; what is given is not left to chance.

    40 to 150 patients, 20 to 600 image columns in correlated families, heavy tails, counts and
    zeros among them, a clinical block with categories, up to four sites with or without scanner
    effects, up to three lesions of a patient, missing values, a signal from nothing to strong.
    """
    n = int(rng.integers(40, 151))
    several = rng.random() < 0.3 if lesions is None else lesions
    counts = rng.choice([1, 1, 2, 3], n) if several else np.ones(n, dtype=int)
    if several:
        counts[:3] = 2
    order = rng.permutation(n)
    of = np.repeat(np.arange(n), counts)
    lesion = np.concatenate([np.arange(1, count + 1) for count in counts])
    style = rng.choice(["P{:03d}", "{:d}", "HN-{:04d}", "tcia_{:05d}"])
    names = [style.format(int(100 + 7 * i)) for i in order]
    index = pd.MultiIndex.from_arrays(
        [
            pd.Index([names[i] for i in of], dtype="str"),
            pd.Index([str(k) for k in lesion], dtype="str"),
        ],
        names=["patient_id", "lesion_id"],
    )
    n_sites = int(rng.choice([1, 1, 2, 3, 4])) if sites is None else sites
    site = rng.permutation(np.arange(n) % n_sites)[of]
    share = float(rng.choice([0.2, 0.5, 0.8]))
    size = np.sqrt(share) * rng.normal(size=n)[of] + np.sqrt(1 - share) * rng.normal(size=len(of))
    hidden = rng.normal(size=(n, 3))[of] + 0.5 * rng.normal(size=(len(of), 3))
    image = _image_block(rng, size, hidden, site, largest_p, effects=n_sites > 1)
    parts = [image]
    if clinical:
        parts.insert(0, _clinical_block(rng, size, of, n))
    parts.append(_meta(rng, site, of, n, n_sites))
    X = pd.concat([part.set_axis(index) for part in parts], axis=1)
    if rng.random() < 0.5 if missing is None else missing:
        _knock_out(rng, X)
    signal = float(rng.choice([0.0, 0.4, 0.8, 1.5]))
    return Cohort(X.copy(), _outcomes(rng, size, hidden, signal, index))


def _image_block(
    rng: np.random.Generator,
    size: np.ndarray,
    hidden: np.ndarray,
    site: np.ndarray,
    largest_p: int,
    effects: bool,
) -> pd.DataFrame:
    p = int(np.exp(rng.uniform(np.log(20), np.log(largest_p))))
    n = len(size)
    family = np.sort(rng.integers(0, max(2, p // 12), p))
    factors = 0.6 * rng.normal(size=(n, family.max() + 1))
    factors += hidden @ rng.normal(size=(3, family.max() + 1)) / 2
    values = factors[:, family] + np.outer(size, rng.normal(size=p)) / 2
    values += rng.uniform(0.2, 1.0, p) * rng.normal(size=(n, p))
    if effects and rng.random() < 0.6:
        n_sites = site.max() + 1
        values = values * np.exp(0.2 * rng.normal(size=(n_sites, p)))[site]
        values += (0.8 * rng.normal(size=(n_sites, p)))[site]
    kind = rng.choice(["normal", "heavy", "count", "mostly_zero"], p, p=[0.6, 0.28, 0.08, 0.04])
    heavy = kind == "heavy"
    values[:, heavy] = np.exp(values[:, heavy]) * 10 ** rng.uniform(-3, 4, heavy.sum())
    counts = kind == "count"
    values[:, counts] = np.round(np.exp(1 + 0.7 * values[:, counts]))
    zeros = kind == "mostly_zero"
    values[:, zeros] = np.maximum(values[:, zeros] - 0.8, 0.0)
    if rng.random() < 0.3:  # a table that was written with five digits
        values = np.array([f"{v:.5g}" for v in values.ravel()], dtype=float).reshape(values.shape)
    block = rng.choice(IMAGE_BLOCKS)
    two = rng.random() < 0.3
    names = []
    for i in range(p):
        of = IMAGE_BLOCKS[int(i >= p // 2)] if two else block
        if of == "deep":
            names.append(f"deep__net__{i:04d}")
        else:
            names.append(f"radiomics__{_FILTERS[i % 3]}__{_FAMILIES[family[i] % 4]}_{i:03d}")
    return pd.DataFrame(values, columns=names)


def _clinical_block(
    rng: np.random.Generator, size: np.ndarray, of: np.ndarray, n: int
) -> pd.DataFrame:
    age = np.round(rng.normal(62, 9, n), int(rng.integers(0, 2)))
    dose = rng.choice([66.0, 70.0], n, p=[0.3, 0.7])
    haemoglobin = np.round(rng.normal(13.5, 1.6, n), 1)
    levels = {
        "sex": (["f", "m"], [0.25, 0.75]),
        "t_stage": (["T1", "T2", "T3", "T4"], [0.1, 0.3, 0.35, 0.25]),
        "subsite": ([f"C{k:02d}" for k in range(1, 11)], None),
    }
    frame = pd.DataFrame(
        {
            "clinical__age": age[of],
            "clinical__volume_cc": np.exp(2.6 + 0.8 * size),
            "clinical__planned_dose": dose[of],
            "clinical__haemoglobin": haemoglobin[of],
        }
    )
    for name, (texts, shares) in levels.items():
        drawn = rng.choice(texts, n, p=shares)[of]
        frame[f"clinical__{name}"] = pd.Categorical(drawn, categories=pd.Index(texts, dtype="str"))
    return frame


def _meta(
    rng: np.random.Generator, site: np.ndarray, of: np.ndarray, n: int, n_sites: int
) -> pd.DataFrame:
    hospitals = pd.Index([f"H{k + 1}" for k in range(n_sites)], dtype="str")
    return pd.DataFrame(
        {
            "meta__site": pd.Categorical(hospitals[site], categories=hospitals),
            "meta__day": rng.integers(0, 2000, n).astype(float)[of],
            "meta__slice_thickness_mm": rng.choice([1.0, 2.0, 3.0], n)[of],
        }
    )


def _knock_out(rng: np.random.Generator, X: pd.DataFrame) -> None:
    """Take values away: a share of each of some columns, of the clinical ones too."""
    columns = [c for c in X if not c.startswith("meta__") and c != "clinical__volume_cc"]
    chosen = rng.random(len(columns)) < rng.choice([0.1, 0.5])
    chosen[-1] = True
    share = rng.uniform(0.02, 0.15)
    for column in np.array(columns)[chosen]:
        gone = rng.random(len(X)) < share
        X.loc[gone, column] = np.nan


def _outcomes(
    rng: np.random.Generator,
    size: np.ndarray,
    hidden: np.ndarray,
    signal: float,
    index: pd.MultiIndex,
) -> pd.DataFrame:
    latent = signal * (0.5 * size + 0.8 * hidden[:, 0]) + rng.normal(size=len(size))
    days = rng.integers(18, 32, len(size)).astype(float)
    v0 = np.exp(2.6 + 0.8 * size)
    shrinkage = np.minimum(35 + 14 * latent / np.sqrt(1 + signal**2), 97.0)
    v1 = v0 * (1 - shrinkage / 100)
    return pd.DataFrame(
        {
            "volume_baseline_cc": v0,
            "volume_follow_up_cc": v1,
            "interval_days": days,
            "volume_change_cc": v1 - v0,
            "volume_change_percent": -shrinkage,
            "log_volume_ratio": np.log(v1 / v0),
            "shrinkage_percent": shrinkage,
            "rate_percent_per_day": shrinkage / days,
            "rate_cc_per_day": (v0 - v1) / days,
        },
        index=index,
    )
