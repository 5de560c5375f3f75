"""Measure how often attention is said to agree with the shrinkage: where it does not and does.

One study is one tumour: attention on five equally spaced slices and a retreat of its surface, two
smooth fields drawn apart from each other. Both carry a profile over the distance from the border,
as a network that likes centres and a tumour that gives way at its thin parts would have: voxels
correlate, and nothing agrees. In planted studies half of the attention is the blurred retreat.

Fields of attention: ``coarse`` and ``fine`` are blurred noise, 10 and 5 mm; ``cam`` is a 7 x 7 grid
on each slice, kept where positive and enlarged linearly, as a class activation map is; there the
library's Gaussian surrogates are wrong about the field. Retreat: noise blurred by 8 mm, at the
nearest point of the surface. Tumours: simulated (a bulged ellipsoid of 11 to 20 mm), and, for
``cam`` with ``--data``, the outlines of six sarcomas and nine planning volumes (a tenth has 139
voxels); the retreat is simulated there, too.

Tests, at 5 %, of the same correlation of residuals where they take the profile out:
``surrogates`` (the library's), ``variogram`` (surrogates by variogram matching after Burt et al.
2020, written here from the paper, of the residual), ``no_profile`` (the library's surrogates,
profile left in) and ``permutation`` (of voxels).

``combined`` is the random-effects model over cohorts of 15 of the studies.

Run:  OMP_NUM_THREADS=1 python -P benchmarks/concordance_null.py [--studies 200] [--data FOLDER]
Writes benchmarks/results/concordance_null.csv (a row per study; a started file is carried on) and
prints the table.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk
from scipy import ndimage
from scipy.spatial.distance import cdist

from tumor_response.explanation.concordance.agreement import agreement
from tumor_response.explanation.concordance.combine import combined
from tumor_response.explanation.concordance.profile import DepthProfile, normal_scores
from tumor_response.explanation.concordance.settings import ConcordanceSettings
from tumor_response.explanation.concordance.surrogates import surrogates
from tumor_response.imaging import bounding_box, voxel_count
from tumor_response.imaging.register import Retreat, Surface

RESULTS = Path(__file__).parent / "results" / "concordance_null.csv"
FIRST_SEED, N_SLICES, GRID = 40_001, 5, 7
SETTINGS = ConcordanceSettings(n_surrogates=199, max_voxels=500)
CELLS = [
    ("simulated", "cam", 0.0),
    ("simulated", "coarse", 0.0),
    ("simulated", "fine", 0.0),
    ("simulated", "cam", 0.5),
    ("real", "cam", 0.0),
    ("real", "cam", 0.5),
]
TESTS = ("surrogates", "variogram", "no_profile", "permutation")
MARGIN_MM, MIN_VOXELS = 10.0, 1000
Array = np.ndarray


def simulated_mask(rng: np.random.Generator) -> sitk.Image:
    """Return a bulged ellipsoid."""
    spacing = np.array([3.0, 1.5, 1.5])
    radius = rng.uniform(11.0, 20.0)
    size = np.ceil(3.2 * radius / spacing).astype(int)
    axes = np.meshgrid(
        *[(np.arange(n) - (n - 1) / 2) * s for n, s in zip(size, spacing, strict=True)],
        indexing="ij",
    )
    stretch = rng.uniform(0.75, 1.25, 3)
    distance = np.sqrt(sum((a * s) ** 2 for a, s in zip(axes, stretch, strict=True)))
    mask = sitk.GetImageFromArray(
        (distance + 1.5 * blurred_noise(rng, size, spacing, 8.0) < radius).astype(np.uint8)
    )
    mask.SetSpacing(spacing[::-1].tolist())
    return mask


def real_masks(folder: Path) -> dict[str, sitk.Image]:
    """Return the outlines around their boxes."""
    paths = {f"STS {p.parent.name}": p for p in sorted(folder.glob("sts/nifti/*/CT_mask.nii.gz"))}
    paths |= {f"OpenKBP {p.parent.name}": p for p in sorted(folder.glob("open_kbp/*/PTV70.nii.gz"))}
    found = {}
    for name, path in paths.items():
        mask = sitk.Cast(sitk.ReadImage(str(path)) > 0, sitk.sitkUInt8)
        if voxel_count(mask) < MIN_VOXELS:
            continue
        (x0, x1), (y0, y1), (z0, z1) = bounding_box(mask)
        found[name] = sitk.ConstantPad(
            mask[x0 : x1 + 1, y0 : y1 + 1, z0 : z1 + 1], (4, 4, 2), (4, 4, 2), 0
        )
    return found


def blurred_noise(rng: np.random.Generator, size: Array, spacing: Array, sigma_mm: float) -> Array:
    """Return a smooth field of variance 1 that goes on beyond its grid."""
    sigma = sigma_mm / np.asarray(spacing)
    pad = np.ceil(3 * sigma).astype(int)
    field = ndimage.gaussian_filter(rng.standard_normal(np.asarray(size) + 2 * pad), sigma)
    field = field[tuple(slice(p, p + n) for p, n in zip(pad, size, strict=True))]
    return (field - field.mean()) / field.std()


def activation(rng: np.random.Generator, mask: sitk.Image) -> Array:
    """Return a map on every slice: a coarse grid, its positive part, enlarged linearly."""
    spacing = np.array(mask.GetSpacing())[::-1]
    size = np.array(mask.GetSize())[::-1]
    extent = [
        (b - a + 1) * s for (a, b), s in zip(bounding_box(mask), mask.GetSpacing(), strict=True)
    ]
    cell = (max(extent[:2]) + 2 * MARGIN_MM) / GRID
    grids = blurred_noise(rng, np.array([size[0], GRID, GRID]), np.array([spacing[0], 1, 1]), 0.8)
    grids = ndimage.gaussian_filter1d(grids, 6.0 / spacing[0], axis=0)
    grids = np.maximum(grids / grids.std() + 0.3, 0.0)
    at = [
        (np.arange(n) - (n - 1) / 2) * s / cell + GRID // 2
        for n, s in zip(size[1:], spacing[1:], strict=True)
    ]
    place = np.meshgrid(*at, indexing="ij")
    return np.stack([ndimage.map_coordinates(g, place, order=1, mode="nearest") for g in grids])


def study(
    mask: sitk.Image, kind: str, planted: float, rng: np.random.Generator
) -> dict[str, float]:
    """Return the tests' p values of one tumour."""
    inside = sitk.GetArrayFromImage(mask) > 0
    spacing = np.array(mask.GetSpacing())[::-1]
    surface = Surface.of(mask)
    noise = blurred_noise(rng, inside.shape, spacing, 8.0)
    index = (surface.points_mm - np.array(mask.GetOrigin())) / np.array(mask.GetSpacing())
    values = ndimage.map_coordinates(noise, index[:, ::-1].T, order=1, mode="nearest")
    retreat = sitk.GetArrayFromImage(Retreat(surface, 2.0 + values).map_on(mask))
    sigma = {"coarse": 10.0, "fine": 5.0}
    field = (
        activation(rng, mask)
        if kind == "cam"
        else blurred_noise(rng, inside.shape, spacing, sigma[kind])
    )
    field = field / field[inside].std()
    if planted:
        hint = ndimage.gaussian_filter(np.where(inside, retreat, 2.0), 4.0 / spacing)
        field = (1 - planted) * field + planted * (hint - hint[inside].mean()) / hint[inside].std()
    depth = ndimage.distance_transform_edt(np.pad(inside, 1), sampling=spacing)[1:-1, 1:-1, 1:-1]
    field = field + 2.0 * depth / depth.max()
    retreat = retreat - 2.0 * depth / depth.max()
    slices = np.flatnonzero(inside.any(axis=(1, 2)))
    slices = slices[((np.arange(N_SLICES) + 0.5) * len(slices) / N_SLICES).astype(int)]
    shown = np.zeros_like(inside)
    shown[slices] = inside[slices]
    points = (np.argwhere(shown) * spacing)[:, ::-1]
    found = agreement(field[shown], retreat[shown], depth[shown], points, SETTINGS, rng)
    row = {"n_voxels": float(shown.sum())} | {"surrogates": found.row["p_value"]}
    row |= {k: found.row[k] for k in ("rho", "rho_adjusted", "se", "difference_p")}
    chosen = rng.permutation(len(points))[: SETTINGS.max_voxels]
    points, depths = points[chosen], depth[shown][chosen]
    a, b = normal_scores(field[shown][chosen]), normal_scores(retreat[shown][chosen])
    for name, profile in (
        ("variogram", DepthProfile.of(depths)),
        ("permutation", DepthProfile.of(depths)),
        ("no_profile", DepthProfile.of(np.ones(len(depths)))),
    ):
        rest = profile.residual(a)
        if name == "variogram":
            drawn = variogram_matched(points, rest, SETTINGS.n_surrogates, rng)
        elif name == "permutation":
            drawn = rng.permuted(np.tile(rest, (SETTINGS.n_surrogates, 1)), axis=1).T
        else:
            drawn = surrogates(points, a, profile, SETTINGS.n_surrogates, rng)
        row[name] = p_value(profile, rest, drawn, profile.residual(b))
    return row


def p_value(profile: DepthProfile, field: Array, drawn: Array, other: Array) -> float:
    """Return the two-sided p value of a correlation by surrogates."""
    fields = profile.residual(np.column_stack([field, drawn]))
    size = np.abs(other @ fields / np.linalg.norm(fields, axis=0))
    return float((1 + (size[1:] >= size[0]).sum()) / len(size))


def variogram_matched(points: Array, field: Array, n: int, rng: np.random.Generator) -> Array:
    """Return surrogates after Burt et al., NeuroImage 2020; 220: 117038.

    Permute, smooth by an exponential kernel over the nearest tenth to nine tenths of the points,
    choose the width and the two weights whose variogram, up to a quarter of the distances, is
    nearest to the field's. The variogram is taken on 5,000 pairs.
    """
    distance = cdist(points, points)
    limit = np.quantile(distance, 0.25)
    first, second = np.nonzero(np.triu(distance <= limit, 1))
    some = rng.permutation(len(first))[:5000]
    first, second = first[some], second[some]
    bins = np.linspace(0.0, limit, 26)
    centres = (bins[1:] + bins[:-1]) / 2
    bandwidth = 3.0 * (centres[1] - centres[0])
    apart = centres[:, None] - distance[first, second]
    kernel = np.exp(-((2.68 * apart) ** 2) / (2.0 * bandwidth**2))
    kernel /= kernel.sum(axis=1, keepdims=True)
    wanted = kernel @ (0.5 * (field[first] - field[second]) ** 2)
    permuted = rng.permuted(np.tile(field, (n, 1)), axis=1).T
    noise = rng.standard_normal((len(field), n))
    best, made = np.full(n, np.inf), np.empty((len(field), n))
    nearest = np.argsort(distance, axis=1)
    rows = np.arange(len(points))[:, None]
    for share in np.arange(0.1, 1.0, 0.1):
        near = nearest[:, : int(share * len(points))]
        weights = np.zeros_like(distance)
        weights[rows, near] = np.exp(-distance[rows, near] / distance[rows, near[:, -1:]])
        smooth = weights @ permuted / weights.sum(axis=1, keepdims=True)
        reached = kernel @ (0.5 * (smooth[first] - smooth[second]) ** 2)
        centred = reached - reached.mean(axis=0)
        slope = centred.T @ (wanted - wanted.mean()) / (centred**2).sum(axis=0)
        left = wanted.mean() - slope * reached.mean(axis=0)
        error = ((slope * reached + left - wanted[:, None]) ** 2).sum(axis=0)
        better = error < best
        candidate = np.sqrt(np.abs(slope)) * smooth + np.sqrt(np.abs(left)) * noise
        best[better], made[:, better] = error[better], candidate[:, better]
    order = np.argsort(made, axis=0)
    np.put_along_axis(made, order, np.sort(field)[:, None], axis=0)
    return made


def combined_rate(cell: pd.DataFrame, rng: np.random.Generator, n: int = 15) -> float:
    """Return how often the random-effects model of ``n`` of the studies finds an association.

    Cohorts share studies: the rate is unbiased, and as uncertain as that of the studies.
    """
    if len(cell) < n:
        return np.nan
    z, se = np.arctanh(cell["rho_adjusted"].to_numpy()), cell["se"].to_numpy()
    p_values = []
    for _ in range(400):
        of = rng.permutation(len(cell))[:n]
        p_values.append(combined(z[of], se[of], np.arange(n), np.ones((n, 1))).p_values()[0])
    return float((np.array(p_values) <= 0.05).mean())


def told(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the share of studies each test finds an association in, per cell."""
    rng, rows = np.random.default_rng(FIRST_SEED), []
    for (anatomy, kind, planted), cell in frame.groupby(["anatomy", "kind", "planted"]):
        found = {
            name: round(float((cell[name] <= 0.05).mean()), 3) for name in (*TESTS, "difference_p")
        }
        found["combined"] = round(combined_rate(cell, rng), 3)
        spread = {"sd_rho": cell["rho_adjusted"].std(), "mean_se": cell["se"].mean()}
        rows.append(
            {"anatomy": anatomy, "kind": kind, "planted": planted, "n": len(cell), **found}
            | {k: round(float(v), 3) for k, v in spread.items()}
        )
    return pd.DataFrame(rows)


def main() -> None:
    """Run all studies that the file does not hold yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--data", type=Path, default=None)
    arguments = parser.parse_args()
    anatomies = {} if arguments.data is None else real_masks(arguments.data)
    rows = pd.read_csv(RESULTS).to_dict("records") if RESULTS.exists() else []
    done = {(row["anatomy"], row["kind"], row["planted"], row["seed"]) for row in rows}
    for seed in range(FIRST_SEED, FIRST_SEED + arguments.studies):
        for number, (anatomy, kind, planted) in enumerate(CELLS):
            if (anatomy, kind, planted, seed) in done or (anatomy == "real" and not anatomies):
                continue
            rng = np.random.default_rng([seed, number])
            name = "simulated"
            if anatomy == "real":
                name = sorted(anatomies)[seed % len(anatomies)]
            mask = simulated_mask(rng) if anatomy == "simulated" else anatomies[name]
            row = {"anatomy": anatomy, "kind": kind, "planted": planted, "seed": seed}
            rows.append(row | {"outline": name} | study(mask, kind, planted, rng))
        pd.DataFrame(rows).round(5).to_csv(RESULTS, index=False)
    frame = pd.DataFrame(rows)
    frame.round(5).to_csv(RESULTS, index=False)
    print(told(frame).to_string(index=False))


if __name__ == "__main__":
    main()
