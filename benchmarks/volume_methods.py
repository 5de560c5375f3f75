"""Measure the error of every volume and diameter on bodies whose true size is a formula.

Spheres, ellipsoids (semi-axes 1.6 : 1 : 0.625) and tori (minor radius 0.4 of the major), each of
the volume of a ball of 10, 20 or 40 mm; voxels of 1, 2, 3 mm and 1 x 1 x 3 mm; 20 positions and
orientations at random. The images hold each voxel's share of tumour (8 x 8 x 8 points a voxel), 40
HU in -20 HU, without noise and with 15 HU. Two contours: ``exact`` has the voxels whose centre is
inside, ``generous`` those of which more than a tenth is inside.

A second part puts balls of 20 and 40 mm next to other tissue: air that cuts into the ball's
surroundings, a sheet of 2 mm between ball and air, no contrast at all.

A third compares three outlines of 2-D masks on ellipses: through the centres of the border pixels,
through the middles between inside and outside (what ``axial_diameters`` does), and along the
pixels' outer corners.

Run:  python benchmarks/volume_methods.py [--poses 20] [--n-jobs 2]
Writes benchmarks/results/volume_methods.csv and volume_outlines.csv, and prints the tables of
docs/guide/volumes.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk
from joblib import Parallel, delayed
from scipy import ndimage
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist
from scipy.spatial.transform import Rotation

from tumor_response.imaging import volume_cc
from tumor_response.imaging.diameter import axial_diameters
from tumor_response.imaging.mesh import mesh_volume_cc
from tumor_response.imaging.partial_volume import partial_volume_cc

RESULTS = Path(__file__).parent / "results"
SEED = 5050
BODIES = ("sphere", "ellipsoid", "torus")
DIAMETERS_MM = (10.0, 20.0, 40.0)
VOXELS_MM = ((1.0, 1.0, 1.0), (2.0, 2.0, 2.0), (3.0, 3.0, 3.0), (1.0, 1.0, 3.0))
TUMOUR_HU, OTHER_HU, AIR_HU, NOISE_HU = 40.0, -20.0, -1000.0, 15.0
SCENES = ("plain", "air around half of it", "2 mm sheet, then air", "no contrast")
SUBDIVISION = 8
SEMI_AXES = np.array([1.6, 1.0, 0.625])
MINOR_TO_MAJOR = 0.4
Inside = Callable[[np.ndarray], np.ndarray]


def body(name: str, diameter_mm: float) -> tuple[Inside, float]:
    """Return whether points (..., 3) in mm are inside, and the body's largest radius in mm."""
    radius = diameter_mm / 2
    if name == "torus":
        major = radius * (2 / (3 * np.pi * MINOR_TO_MAJOR**2)) ** (1 / 3)
        minor = MINOR_TO_MAJOR * major
        return (
            lambda p: (np.hypot(p[..., 0], p[..., 1]) - major) ** 2 + p[..., 2] ** 2 < minor**2,
            major + minor,
        )
    semi_axes = radius * (SEMI_AXES if name == "ellipsoid" else np.ones(3))
    return lambda p: ((p / semi_axes) ** 2).sum(axis=-1) < 1, float(semi_axes.max())


def render(
    inside: Inside, extent_mm: float, voxel_mm: np.ndarray, turn: np.ndarray, shift: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return each voxel's share inside and whether its centre is inside, axes x, y, z."""
    n = np.ceil(2 * extent_mm / voxel_mm).astype(int) + 12
    index = np.stack(np.meshgrid(*[np.arange(k) for k in n], indexing="ij"), axis=-1)
    centres = (index - (n - 1) / 2 + shift) * voxel_mm
    mask = inside(centres @ turn)
    cube = np.ones((3, 3, 3))
    border = ndimage.binary_dilation(mask, cube) & ~ndimage.binary_erosion(mask, cube)
    steps = (np.arange(SUBDIVISION) + 0.5) / SUBDIVISION - 0.5
    offsets = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)
    share = mask.astype(float)
    hits = np.zeros(int(border.sum()))
    for offset in offsets * voxel_mm:
        hits += inside((centres[border] + offset) @ turn)
    share[border] = hits / len(offsets)
    return share, mask


def to_image(array: np.ndarray, voxel_mm: np.ndarray) -> sitk.Image:
    """Return an array with axes x, y, z as an image."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(array.transpose(2, 1, 0)))
    image.SetSpacing(voxel_mm.tolist())
    return image


def surroundings(
    scene: str, diameter_mm: float, shape: tuple[int, ...], shift: float, dx_mm: float
) -> np.ndarray:
    """Return the HU around the body, shape (x, 1, 1); air begins at a plane across x."""
    if scene == "no contrast":
        return np.full((shape[0], 1, 1), TUMOUR_HU)
    start_mm = {"air around half of it": 0.0, "2 mm sheet, then air": diameter_mm / 2 + 2}
    x_mm = (np.arange(shape[0]) - (shape[0] - 1) / 2 + shift) * dx_mm
    air = np.clip((x_mm - start_mm.get(scene, np.inf)) / dx_mm + 0.5, 0.0, 1.0)
    return np.asarray(OTHER_HU + (AIR_HU - OTHER_HU) * air)[:, None, None]


def one_case(
    name: str,
    diameter_mm: float,
    voxel: tuple[float, ...],
    scene: str,
    seed: np.random.SeedSequence,
) -> list[dict[str, object]]:
    """Return the errors of one body in one position."""
    rng = np.random.default_rng(seed)
    voxel_mm = np.array(voxel)
    turn = Rotation.random(random_state=rng).as_matrix()
    inside, extent_mm = body(name, diameter_mm)
    shift = rng.uniform(-0.5, 0.5, 3)
    share, mask = render(inside, extent_mm, voxel_mm, turn, shift)
    other = surroundings(scene, diameter_mm, share.shape, shift[0], voxel_mm[0])
    clean = other + (TUMOUR_HU - other) * share
    noisy = clean + rng.normal(0, NOISE_HU, clean.shape)
    true_cc = np.pi / 6 * diameter_mm**3 / 1000
    rows: list[dict[str, object]] = []

    def add(contour: str, method: str, value: float, truth: float, judged: float = np.nan) -> None:
        rows.append(
            {
                "body": name,
                "diameter_mm": diameter_mm,
                "voxel_mm": " x ".join(f"{v:g}" for v in voxel),
                "contour": contour,
                "scene": scene,
                "method": method,
                "error_percent": 100 * (value / truth - 1),
                "share_by_intensity": judged,
            }
        )

    for contour, voxels in (("exact", mask), ("generous", share > 0.1)):
        drawn = to_image(voxels.astype(np.uint8), voxel_mm)
        add(contour, "voxel count", volume_cc(drawn), true_cc)
        add(contour, "mesh", mesh_volume_cc(drawn), true_cc)
        for method, hu in (("partial volume", clean), ("partial volume, 15 HU noise", noisy)):
            found = partial_volume_cc(to_image(hu, voxel_mm), drawn)
            add(contour, method, found.volume_cc, true_cc, found.share_by_intensity)
    if name != "torus" and scene == "plain":
        # the slice through the centre: an ellipse whose axes are the eigenvalues' (a circle)
        scale = SEMI_AXES if name == "ellipsoid" else np.ones(3)
        form = turn @ np.diag((diameter_mm / 2 * scale) ** -2.0) @ turn.T
        short_mm, long_mm = np.sort(2 / np.sqrt(np.linalg.eigvalsh(form[:2, :2])))
        drawn = to_image(mask.astype(np.uint8), voxel_mm)
        measured = axial_diameters(drawn)
        add("exact", "longest diameter", measured.longest_mm, long_mm)
        add("exact", "short axis", measured.short_axis_mm, short_mm)
    return rows


def outline_errors(n: int, seed: np.random.SeedSequence) -> pd.DataFrame:
    """Return the error of the longest diameter of 2-D ellipses by size and outline, in pixels."""
    rng = np.random.default_rng(seed)
    offsets = {
        "pixel centres": [(0.0, 0.0)],
        "edge middles": [(0.5, 0.0), (-0.5, 0.0), (0.0, 0.5), (0.0, -0.5)],
        "outer corners": [(a, b) for a in (-0.5, 0.5) for b in (-0.5, 0.5)],
    }
    rows = []
    for low, high in ((5, 10), (10, 20), (20, 50)):
        for _ in range(n):
            a = rng.uniform(low, high) / 2
            b = a * rng.uniform(0.4, 1.0)
            angle = rng.uniform(0, np.pi)
            p = np.arange(-30, 31)[:, None] + rng.uniform(-0.5, 0.5, 2)
            x, y = np.meshgrid(p[:, 0], p[:, 1], indexing="ij")
            along = x * np.cos(angle) + y * np.sin(angle)
            across = y * np.cos(angle) - x * np.sin(angle)
            pixels = np.column_stack(np.nonzero((along / a) ** 2 + (across / b) ** 2 < 1))
            for outline, moves in offsets.items():
                points = np.concatenate([pixels + move for move in np.array(moves)])
                hull = points[ConvexHull(points).vertices]
                rows.append((f"{low} to {high}", outline, pdist(hull).max() - 2 * a))
    return pd.DataFrame(rows, columns=["diameter_pixels", "outline", "error_pixels"])


def main() -> None:
    """Run both parts, write the CSV and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--poses", type=int, default=20)
    parser.add_argument("--n-jobs", type=int, default=2)
    arguments = parser.parse_args()

    cases = [
        (name, diameter, voxel, scene)
        for scene in SCENES
        for name in (BODIES if scene == "plain" else BODIES[:1])
        for diameter in (DIAMETERS_MM if scene == "plain" else DIAMETERS_MM[1:])
        for voxel in VOXELS_MM
        for _ in range(arguments.poses)
    ]
    *seeds, last = np.random.SeedSequence(SEED).spawn(len(cases) + 1)
    parts = Parallel(n_jobs=arguments.n_jobs)(
        delayed(one_case)(*case, seed) for case, seed in zip(cases, seeds, strict=True)
    )
    errors = pd.DataFrame([row for part in parts for row in part])
    keys = ["scene", "body", "diameter_mm", "voxel_mm", "contour", "method"]
    table = errors.groupby(keys, sort=False).agg(
        n=("error_percent", "size"),
        bias_percent=("error_percent", "mean"),
        sd_percent=("error_percent", "std"),
        share_by_intensity=("share_by_intensity", "mean"),
    )
    RESULTS.mkdir(exist_ok=True)
    table.round(3).reset_index().to_csv(RESULTS / "volume_methods.csv", index=False)
    outlines = outline_errors(500, last).groupby(["diameter_pixels", "outline"], sort=False)
    outlines = outlines["error_pixels"].agg(["size", "mean", "std"]).round(3)
    outlines.reset_index().to_csv(RESULTS / "volume_outlines.csv", index=False)

    diameters = errors["method"].isin(["longest diameter", "short axis"])
    for contour in ("exact", "generous"):
        volumes = errors[~diameters & (errors["contour"] == contour)]
        print(f"\nVolumes, {contour} contour: mean error ± SD, percent")
        print(shown(volumes[volumes["scene"] == "plain"], ["diameter_mm", "voxel_mm"]))
        print(shown(volumes[volumes["scene"] == "plain"], ["body", "voxel_mm"]))
        print(
            shown(
                volumes[(volumes["body"] == "sphere") & (volumes["diameter_mm"] > 10)],
                ["scene", "voxel_mm"],
            )
        )
    print("\nDiameters: mean error ± SD, percent")
    print(shown(errors[diameters], ["diameter_mm", "voxel_mm"]))
    print("\nLongest diameter of ellipses by outline: error in pixels")
    print(outlines.to_string())


def shown(errors: pd.DataFrame, rows: list[str]) -> str:
    """Return mean ± SD of the error by rows and method."""
    cells = errors.groupby([*rows, "method"], sort=False)["error_percent"].agg(["mean", "std"])
    cells["cell"] = cells["mean"].map("{:+.1f}".format) + " ± " + cells["std"].map("{:.1f}".format)
    flat = cells.reset_index()
    order = flat["method"].unique()
    return str(flat.pivot_table("cell", rows, "method", "first", sort=False)[order].to_string())


if __name__ == "__main__":
    main()
