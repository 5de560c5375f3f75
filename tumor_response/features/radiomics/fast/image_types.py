"""The image types, in PyRadiomics' order and under its names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumor_response.features.radiomics.fast import pointwise
from tumor_response.features.radiomics.fast.gradient import gradient_magnitude
from tumor_response.features.radiomics.fast.laplacian import fits, laplacian_of_gaussian
from tumor_response.features.radiomics.fast.mask_check import Box
from tumor_response.features.radiomics.fast.planar_patterns import local_binary_pattern
from tumor_response.features.radiomics.fast.prepare import Prepared
from tumor_response.features.radiomics.fast.region import Region
from tumor_response.features.radiomics.fast.spherical_patterns import spherical_patterns
from tumor_response.features.radiomics.fast.surroundings import KEPT
from tumor_response.features.radiomics.fast.wavelet import wavelet_bands
from tumor_response.features.radiomics.fast.working_image import WorkingImage

__all__ = ["image_types"]

Images = Iterator[tuple[str, NDArray[Any]]]


def image_types(prepared: Prepared, parameters: Mapping[str, Any]) -> Iterator[tuple[str, Region]]:
    """Yield each image that is asked for, in the region's box, one at a time.

    Parameters
    ----------
    prepared
        The case.
    parameters
        PyRadiomics' parameter dictionary; ``imageType`` maps an image type to its own settings,
        which go before those of the case.

    Yields
    ------
    tuple
        PyRadiomics' name (``"original"``, ``"log-sigma-1-0-mm-3D"``, ``"wavelet-LLH"`` ...) and
        the region. An image that PyRadiomics leaves out, such as a Laplacian of Gaussian of an
        image smaller than sigma, is left out.
    """
    for image_type, own in parameters["imageType"].items():
        for name, values in _images(image_type, prepared, {**prepared.setting, **own}):
            region = Region(
                values=np.ascontiguousarray(values, dtype=np.float64),
                mask=prepared.mask,
                spacing_mm=prepared.image.spacing_mm,
                pixel_type=values.dtype,
            )
            # what is still named here stays in memory while the next image is computed
            del values
            yield name, region
            del region


def _images(image_type: str, prepared: Prepared, setting: Mapping[str, Any]) -> Images:
    if image_type in _WITHOUT_SETTINGS:
        name, compute = _WITHOUT_SETTINGS[image_type]
        yield name, compute(prepared.image, prepared.box)
    else:
        yield from _WITH_SETTINGS[image_type](prepared, setting)


def _laplacian_of_gaussian(prepared: Prepared, setting: Mapping[str, Any]) -> Images:
    image, box = prepared.image, prepared.box
    edges = tuple((edge.start, edge.stop) for edge in box)
    for sigma in setting.get("sigma", []):
        if fits(image, sigma):
            name = f"log-sigma-{str(sigma).replace('.', '-')}-mm-3D"
            compute = partial(laplacian_of_gaussian, image, box, sigma)
            yield name, KEPT.filtered(image.stored, (name, image.spacing_mm, edges), compute)


def _wavelet(prepared: Prepared, setting: Mapping[str, Any]) -> Images:
    yield from wavelet_bands(prepared.image, prepared.box, setting)


def _gradient(prepared: Prepared, setting: Mapping[str, Any]) -> Images:
    use_spacing = setting.get("gradientUseSpacing", True)
    yield "gradient", gradient_magnitude(prepared.image, prepared.box, use_spacing)


def _planar_patterns(prepared: Prepared, setting: Mapping[str, Any]) -> Images:
    yield (
        "lbp-2D",
        local_binary_pattern(
            prepared.image,
            prepared.box,
            axis=setting.get("force2Ddimension", 0),
            radius=setting.get("lbp2DRadius", 1),
            n_samples=setting.get("lbp2DSamples", 8),
            method=setting.get("lbp2DMethod", "uniform"),
        ),
    )


def _spherical_patterns(prepared: Prepared, setting: Mapping[str, Any]) -> Images:
    yield from spherical_patterns(
        prepared.image,
        prepared.box,
        prepared.mask,
        n_levels=setting.get("lbp3DLevels", 2),
        radius=setting.get("lbp3DIcosphereRadius", 1),
        subdivision=setting.get("lbp3DIcosphereSubdivision", 1),
    )


_WITHOUT_SETTINGS: Mapping[str, tuple[str, Callable[[WorkingImage, Box], NDArray[Any]]]] = {
    "Original": ("original", WorkingImage.part),
    "Square": ("square", pointwise.square),
    "SquareRoot": ("squareroot", pointwise.square_root),
    "Logarithm": ("logarithm", pointwise.logarithm),
    "Exponential": ("exponential", pointwise.exponential),
}

_WITH_SETTINGS: Mapping[str, Callable[[Prepared, Mapping[str, Any]], Images]] = {
    "LoG": _laplacian_of_gaussian,
    "Wavelet": _wavelet,
    "Gradient": _gradient,
    "LBP2D": _planar_patterns,
    "LBP3D": _spherical_patterns,
}
