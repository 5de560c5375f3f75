"""Functions of direction, smooth random ones among them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

__all__ = ["SphereFunction"]

FloatArray = npt.NDArray[np.float32]


class SphereFunction:
    """A function of direction, tabulated every 3 degrees and interpolated linearly.

    Parameters
    ----------
    table
        (61, 120): polar angle from 0 to 180 degrees, azimuth from 0 to 357 degrees.
    """

    N_POLAR, N_AZIMUTH = 61, 120

    def __init__(self, table: npt.NDArray[np.floating]) -> None:
        self.table = np.asarray(table, dtype=np.float32)

    @classmethod
    def directions(cls) -> FloatArray:
        """Return the unit vectors (61, 120, 3) as x, y, z at which tables are given."""
        polar = np.linspace(0.0, np.pi, cls.N_POLAR)[:, None]
        azimuth = np.linspace(0.0, 2 * np.pi, cls.N_AZIMUTH, endpoint=False)[None, :]
        return np.stack(
            [
                np.sin(polar) * np.cos(azimuth),
                np.sin(polar) * np.sin(azimuth),
                np.cos(polar) * np.ones_like(azimuth),
            ],
            axis=-1,
        ).astype(np.float32)

    @classmethod
    def solid_angles(cls) -> FloatArray:
        """Return quadrature weights (61, 120) over the sphere, summing to 1."""
        polar = np.linspace(0.0, np.pi, cls.N_POLAR)
        edges = np.clip(np.concatenate([[0.0], (polar[1:] + polar[:-1]) / 2, [np.pi]]), 0.0, np.pi)
        ring = (np.cos(edges[:-1]) - np.cos(edges[1:])) / 2
        return np.repeat(ring[:, None] / cls.N_AZIMUTH, cls.N_AZIMUTH, axis=1).astype(np.float32)

    @staticmethod
    def angles(
        offset_mm: tuple[FloatArray, FloatArray, FloatArray],
    ) -> tuple[FloatArray, FloatArray]:
        """Return distance in mm and table coordinates (2, ...) of offsets from the centre."""
        dx, dy, dz = offset_mm
        flat = dx * dx + dy * dy
        distance = np.sqrt(flat + dz * dz)
        row = np.arctan2(np.sqrt(flat), dz) * np.float32((SphereFunction.N_POLAR - 1) / np.pi)
        column = np.arctan2(dy, dx) * np.float32(SphereFunction.N_AZIMUTH / (2 * np.pi))
        column = np.mod(column, np.float32(SphereFunction.N_AZIMUTH))
        return distance, np.stack(np.broadcast_arrays(row, column)).astype(np.float32)

    def at(self, coordinates: FloatArray) -> FloatArray:
        """Return the values at table coordinates from :meth:`angles`."""
        wrapped = np.concatenate([self.table, self.table[:, :1]], axis=1)
        return np.asarray(ndimage.map_coordinates(wrapped, coordinates, order=1, mode="nearest"))

    @classmethod
    def random(
        cls, rng: np.random.Generator, scale: float, n_waves: int = 96
    ) -> npt.NDArray[np.float32]:
        """Return the table of a smooth random function with mean 0 and variance 1.

        Random cosine waves in space (Rahimi and Recht 2007), read off on the unit sphere; ``scale``
        is the correlation length in units of the radius.
        """
        waves = (rng.standard_normal((n_waves, 3)) / scale).astype(np.float32)
        phases = (rng.random(n_waves) * 2 * np.pi).astype(np.float32)
        x, y, z = np.moveaxis(cls.directions()[..., None, :], -1, 0)
        # no matrix product: its last bit may depend on the number of BLAS threads
        field = np.cos(x * waves[:, 0] + y * waves[:, 1] + z * waves[:, 2] + phases).sum(axis=-1)
        return np.asarray(field * np.float32(np.sqrt(2.0 / n_waves)))
