"""The features of the training patients as a cloud: how far out another lesion is, by family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

__all__ = ["JOINT", "REST", "FeatureSpace"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

JOINT, REST = "features together", "features beside the main components"
"""Names of the distances that belong to no family."""

MOST_COMPONENTS = 10
_PATIENTS_PER_COMPONENT = 10
_IQR_TO_SD = 1.349


@dataclass(frozen=True, eq=False)
class FeatureSpace:
    """Centre, spread and main components of the features, no patient's row.

    Each feature is taken as ``z = asinh((x - median) / s)``, ``s`` its interquartile range over
    1.349 (its standard deviation where that is 0): radiomics features have long tails, and one
    value of ten thousand would else be all that is seen. Distances of a lesion:

    - of a family: the root mean square of ``z`` over its features;
    - joint: Hotelling's T2 in the main components, over their number, as a root (Hotelling 1931);
    - beside them: the root mean square of what the components leave (Jackson and Mudholkar 1979).

    Parameters
    ----------
    columns
        Features in order.
    centre, scale
        Shape (p,).
    middle
        Mean of ``z``, shape (p,).
    components
        Rows orthonormal, shape (k, p).
    variances
        Of the components, shape (k,).
    families
        Name -> positions of its features.
    """

    columns: tuple[str, ...]
    centre: FloatArray
    scale: FloatArray
    middle: FloatArray
    components: FloatArray
    variances: FloatArray
    families: Mapping[str, IntArray]

    @classmethod
    def of(
        cls, X: FloatArray, columns: Sequence[str], families: Sequence[str], n_patients: int
    ) -> Self | None:
        """Return the space of features; None where none of them varies.

        Parameters
        ----------
        X
            Shape (n_lesions, p); NaN: not known.
        columns, families
            Names, length p.
        n_patients
            A tenth of them is the number of components, ten at most.
        """
        known = np.isfinite(X).any(axis=0)
        filled = np.where(np.isfinite(X), X, np.nan)[:, known]
        if filled.size == 0:
            return None
        low, centre, high = _quartiles(filled)
        scale = (high - low) / _IQR_TO_SD
        deviation = np.nanstd(filled, axis=0)
        # a column that is nearly constant, but for a few, has no interquartile range
        scale = np.where(scale > 1e-12 * (1 + np.abs(centre)), scale, deviation)
        varies = scale > 1e-12 * (1 + np.abs(centre))
        if not varies.any():
            return None
        kept = np.flatnonzero(known)[varies]
        centre, scale = centre[varies], scale[varies]
        z = _z(filled[:, varies], centre, scale)
        middle = z.mean(axis=0)
        components, variances = _main_components(z - middle, n_patients)
        names = [families[i] for i in kept]
        return cls(
            tuple(columns[i] for i in kept),
            centre,
            scale,
            middle,
            components,
            variances,
            {name: np.flatnonzero([n == name for n in names]) for name in dict.fromkeys(names)},
        )

    def distances(self, X: FloatArray) -> dict[str, FloatArray]:
        """Return the distances of lesions by name, each of shape (n_lesions,).

        Parameters
        ----------
        X
            Shape (n_lesions, p), the space's columns.
        """
        z = _z(X, self.centre, self.scale)
        found = {
            name: np.sqrt((z[:, members] ** 2).mean(axis=1))
            for name, members in self.families.items()
        }
        if not len(self.variances):
            return found
        centred = z - self.middle
        along = centred @ self.components.T
        found[JOINT] = np.sqrt((along**2 / self.variances).mean(axis=1))
        if len(self.variances) < len(self.columns):
            left = np.clip((centred**2).sum(axis=1) - (along**2).sum(axis=1), 0.0, None)
            found[REST] = np.sqrt(left / len(self.columns))
        return found

    def to_json(self) -> dict[str, Any]:
        """Return what :meth:`from_json` takes."""
        return {
            "columns": list(self.columns),
            "centre": self.centre.tolist(),
            "scale": self.scale.tolist(),
            "middle": self.middle.tolist(),
            "components": self.components.tolist(),
            "variances": self.variances.tolist(),
            "families": {name: at.tolist() for name, at in self.families.items()},
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """Make it again."""
        columns = tuple(str(name) for name in found["columns"])
        numbers = {
            name: np.array(found[name], dtype=np.float64)
            for name in ("centre", "scale", "middle", "variances")
        }
        components = np.array(found["components"], dtype=np.float64).reshape(-1, len(columns))
        return cls(
            columns,
            components=components,
            families={n: np.array(at, dtype=np.int64) for n, at in found["families"].items()},
            **numbers,
        )


def _quartiles(X: FloatArray) -> FloatArray:
    """Return the quartiles of each column without its NaN, shape (3, p); none is all NaN."""
    ordered = np.sort(X, axis=0)  # NaN last
    last = np.isfinite(X).sum(axis=0) - 1
    at = np.array([[0.25], [0.5], [0.75]]) * last
    below = np.floor(at).astype(np.int64)
    low = np.take_along_axis(ordered, below, axis=0)
    high = np.take_along_axis(ordered, np.minimum(below + 1, last), axis=0)
    found: FloatArray = low + (high - low) * (at - below)
    return found


def _z(X: FloatArray, centre: FloatArray, scale: FloatArray) -> FloatArray:
    """Return standardised features with tamed tails; 0 where nothing is known."""
    z: FloatArray = np.arcsinh((X - centre) / scale)
    return np.where(np.isfinite(z), z, 0.0)


def _main_components(centred: FloatArray, n_patients: int) -> tuple[FloatArray, FloatArray]:
    """Return the first components as rows, and their variances."""
    n, p = centred.shape
    k = min(MOST_COMPONENTS, n_patients // _PATIENTS_PER_COMPONENT, p, n - 1)
    if k < 1:
        return np.empty((0, p)), np.empty(0)
    if p <= n:
        values, vectors = np.linalg.eigh(centred.T @ centred / n)
        rows = vectors.T[::-1][:k]
    else:
        values, vectors = np.linalg.eigh(centred @ centred.T / n)
        rows = vectors.T[::-1][:k] @ centred
        rows /= np.linalg.norm(rows, axis=1, keepdims=True).clip(1e-300)
    variances = values[::-1][:k]
    there = variances > 1e-10 * max(float(variances[0]), 1e-300)
    return rows[there], variances[there]
