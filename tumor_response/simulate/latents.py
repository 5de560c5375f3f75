"""The population: who the patients are, how fast they shrink, and what could be known of it.

The rate of a lesion in percent of its baseline volume per treatment day is::

    rate = mean + sd * (signal * (B_VOLUME z(ln V0) + B_AGE z(age)
                                  + image_signal * B_FIELD z(field)) + B_NOISE z(e))

where every ``z`` subtracts the *population* mean and divides by the *population* standard
deviation. A cohort's own moments would make patients depend on each other. All four terms have
bounded support, chosen so that with ``signal <= 1`` no follow-up volume can reach zero: nothing is
ever clipped, so with ``signal = 0`` the rate is independent of the baseline volume, and so is the
label, exactly.

The coefficients are calibrated to the population area under the curve for the label "faster than
the population's median": 0.64 for the oracle that knows volume and age, 0.85 for the one that
knows the field as well (``tests/unit/simulate/test_latents.py`` holds both at n = 400,000).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtr, ndtri

from tumor_response.exceptions import SettingsError
from tumor_response.simulate.settings import SimulationSettings
from tumor_response.simulate.streams import stream

__all__ = ["TruncatedNormal", "population_quantile", "simulate_latents"]

Array = npt.NDArray[np.float64]

RATE_SD_PERCENT_PER_DAY = 0.34
B_VOLUME = -0.2178
B_AGE = -0.2178
B_FIELD = 0.6718
B_NOISE = 0.6736

DAYS = (21, 35)
SMALLEST_REMAINDER = 0.005
"""Least V1 / V0 of a lesion that is not a complete responder; reached only with signal > 1."""


@dataclass(frozen=True)
class TruncatedNormal:
    """Normal distribution cut off at both ends, with its exact moments."""

    centre: float
    scale: float
    low: float
    high: float

    @property
    def _mass(self) -> tuple[float, float]:
        return (
            float(ndtr((self.low - self.centre) / self.scale)),
            float(ndtr((self.high - self.centre) / self.scale)),
        )

    def from_uniform(self, u: Array) -> Array:
        """Return the quantiles at ``u`` in [0, 1)."""
        low, high = self._mass
        return np.asarray(self.centre + self.scale * ndtri(low + u * (high - low)))

    def standardise(self, values: Array) -> Array:
        """Return ``(values - population mean) / population standard deviation``."""
        mean, sd = self._moments()
        return (values - mean) / sd

    def standardised_range(self) -> tuple[float, float]:
        """Return the ends of the support after :meth:`standardise`."""
        low, high = self.standardise(np.array([self.low, self.high]))
        return float(low), float(high)

    def _moments(self) -> tuple[float, float]:
        a, b = (self.low - self.centre) / self.scale, (self.high - self.centre) / self.scale
        low, high = self._mass
        phi_a, phi_b = (float(np.exp(-0.5 * t * t) / np.sqrt(2 * np.pi)) for t in (a, b))
        shift = (phi_a - phi_b) / (high - low)
        spread = 1 + (a * phi_a - b * phi_b) / (high - low) - shift**2
        return self.centre + self.scale * shift, self.scale * float(np.sqrt(spread))

    def standardised_density(self, z: Array) -> Array:
        """Return the density of the standardised variable at ``z``."""
        mean, sd = self._moments()
        t = (mean + sd * z - self.centre) / self.scale
        low, high = self._mass
        inside = (mean + sd * z >= self.low) & (mean + sd * z <= self.high)
        density = np.exp(-0.5 * t * t) / np.sqrt(2 * np.pi) * sd / self.scale / (high - low)
        return np.where(inside, density, 0.0)


LN_VOLUME = TruncatedNormal(float(np.log(12.0)), 0.9, 0.0, float(np.log(60.0)))
AGE = TruncatedNormal(63.0, 10.0, 40.0, 89.0)
FIELD = TruncatedNormal(0.0, 1.0, -3.0, 3.0)
NOISE = TruncatedNormal(0.0, 1.0, -3.0, 3.0)


def _terms(settings: SimulationSettings) -> list[tuple[TruncatedNormal, float]]:
    return [
        (LN_VOLUME, settings.signal * B_VOLUME),
        (AGE, settings.signal * B_AGE),
        (FIELD, settings.signal * settings.image_signal * B_FIELD),
        (NOISE, B_NOISE),
    ]


@lru_cache(maxsize=32)
def population_quantile(settings: SimulationSettings, probability: float) -> float:
    """Return a quantile of the latent rate in the population, in percent per day.

    The four terms are independent, so the density of their sum is the convolution of the four
    densities, computed here on a grid of 0.001 standard deviations.

    Parameters
    ----------
    settings
        What is simulated.
    probability
        Between 0 and 1; 0.5 gives the cut of the label.
    """
    step = 0.001
    density, start = np.array([1.0]), 0.0
    for distribution, weight in _terms(settings):
        if weight == 0.0:
            continue
        ends = np.array(distribution.standardised_range()) * weight
        first, last = np.floor(ends.min() / step), np.ceil(ends.max() / step)
        grid = step * np.arange(first, last + 1)
        part = distribution.standardised_density(grid / weight)
        n = len(density) + len(part) - 1
        spectrum = np.fft.rfft(density, n) * np.fft.rfft(part / part.sum(), n)
        density = np.fft.irfft(spectrum, n)
        start += first * step
    cumulative = np.cumsum(density)
    z = start + step * float(np.interp(probability, cumulative, np.arange(len(density))))
    return settings.mean_rate_percent_per_day + RATE_SD_PERCENT_PER_DAY * (z + step / 2)


def simulate_latents(
    n_patients: int = 60, seed: int = 0, settings: SimulationSettings | None = None
) -> pd.DataFrame:
    """Draw what is true of each lesion, without images.

    :func:`tumor_response.simulate_cohort` starts from exactly these rows for the same arguments.

    Parameters
    ----------
    n_patients
        Number of patients, at least 1.
    seed
        Non-negative integer.
    settings
        What is simulated; the default settings if not given.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``(patient_id, lesion_id)``, one row per lesion: ``site``, ``n_lesions``,
        ``age_years``, ``planning_days``, ``treatment_days``, ``interval_days``,
        ``baseline_day`` (days after 2020-01-06), ``missing_follow_up``,
        ``target_volume_baseline_cc``, ``field_mean``,
        ``rate_latent_percent_per_day`` (positive = shrinks), ``complete_response``,
        ``target_volume_follow_up_cc``, ``oracle_volume_age`` and ``oracle_full`` (the rate that
        could be expected knowing volume and age, and knowing the field too, in percent per day)
        and ``label`` (1.0 if the latent rate is above the population's median).

    Raises
    ------
    SettingsError
        For fewer than one patient or a negative seed.

    Examples
    --------
    >>> latents = simulate_latents(3, seed=1)
    >>> latents.index.tolist()
    [('P0001', '1'), ('P0002', '1'), ('P0003', '1')]
    >>> simulate_latents(2, seed=1).equals(latents.iloc[:2])
    True
    """
    settings = settings or SimulationSettings()
    if n_patients < 1 or seed < 0:
        raise SettingsError(
            f"simulate: received n_patients={n_patients}, seed={seed}; expected at least one "
            "patient and a seed of at least 0."
        )
    patients = np.array([stream(seed, "patient", i).random(7) for i in range(n_patients)])
    low, high = settings.lesion_range
    n_lesions = _uniform_integer(patients[:, 0], low, high)
    rows = np.repeat(np.arange(n_patients), n_lesions)
    lesions = np.concatenate([np.arange(n) for n in n_lesions])
    draws = np.array(
        [
            stream(seed, "lesion", int(i), int(j)).random(3)
            for i, j in zip(rows, lesions, strict=True)
        ]
    )
    planning_days = _uniform_integer(patients[:, 3], *settings.planning_days)[rows]
    treatment_days = _uniform_integer(patients[:, 2], *DAYS)[rows]
    columns: dict[str, Any] = {
        "site": _uniform_integer(patients[:, 4], 0, settings.n_sites - 1)[rows],
        "n_lesions": n_lesions[rows],
        "age_years": AGE.from_uniform(patients[:, 1])[rows],
        "planning_days": planning_days,
        "treatment_days": treatment_days,
        "interval_days": planning_days + treatment_days,
        "baseline_day": _uniform_integer(patients[:, 6], 0, 729)[rows],
        "missing_follow_up": (patients[:, 5] < settings.missing_follow_up)[rows],
    }
    columns |= _rates(settings, columns["age_years"], treatment_days, draws)
    index = pd.MultiIndex.from_arrays(
        [[f"P{i + 1:04d}" for i in rows], [str(j + 1) for j in lesions]],
        names=["patient_id", "lesion_id"],
    )
    return pd.DataFrame(columns, index=index)


def _uniform_integer(u: Array, low: int, high: int) -> npt.NDArray[np.int64]:
    return low + np.floor(u * (high - low + 1)).astype(np.int64)


def _rates(
    settings: SimulationSettings, age: Array, days: npt.NDArray[np.int64], draws: Array
) -> dict[str, Any]:
    ln_volume = LN_VOLUME.from_uniform(draws[:, 0])
    field_mean = FIELD.from_uniform(draws[:, 1])
    noise = NOISE.from_uniform(draws[:, 2])
    known = [ln_volume, age, field_mean, noise]
    by_volume, by_age, by_field, by_noise = (
        RATE_SD_PERCENT_PER_DAY * weight * distribution.standardise(values)
        for (distribution, weight), values in zip(_terms(settings), known, strict=True)
    )
    oracle_volume_age = settings.mean_rate_percent_per_day + by_volume + by_age
    oracle_full = oracle_volume_age + by_field
    rate = oracle_full + by_noise
    volume = np.exp(ln_volume)
    gone = rate > population_quantile(settings, 1.0 - settings.complete_responders)
    gone &= settings.complete_responders > 0
    remainder = np.maximum(1.0 - rate * days / 100.0, SMALLEST_REMAINDER)
    return {
        "target_volume_baseline_cc": volume,
        "field_mean": field_mean,
        "rate_latent_percent_per_day": rate,
        "complete_response": gone,
        "target_volume_follow_up_cc": np.where(gone, 0.0, volume * remainder),
        "oracle_volume_age": oracle_volume_age,
        "oracle_full": oracle_full,
        "label": (rate > population_quantile(settings, 0.5)).astype(np.float64),
    }
