"""What runs a network: chosen once, held to the same numbers, and part of a feature's identity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from tumor_response._version import library_version
from tumor_response.exceptions import FeatureError
from tumor_response.features.deep.networks.orders import ORDERS, network_family
from tumor_response.parallel.threads import held_threads

if TYPE_CHECKING:
    import torch

__all__ = [
    "AGREEMENT",
    "BACKENDS",
    "Resolved",
    "Runner",
    "backend_identity",
    "example_images",
    "resolve_backend",
    "resolved_backend",
    "runner",
]

AGREEMENT = 1e-5
"""Largest relative L2 distance from what torch itself gives, over all features of an image."""

Runner = Callable[[np.ndarray], np.ndarray]
"""float32 (n, channels, height, width), normalised, to float32 (n, n_features)."""


@dataclass(frozen=True)
class _Backend:
    """``module`` has ``start``; ``packages`` are imported by it and decide its numbers."""

    module: str
    packages: tuple[str, ...]
    pip: str


_PLACE = "tumor_response.features.deep.networks"
_KNOWN = {
    "onnxruntime": _Backend("onnx_runtime", ("onnxruntime", "onnx"), "onnxruntime onnx"),
    "openvino": _Backend("openvino_cpu", ("openvino", "onnx"), "'tumor-response[openvino]'"),
    "compile": _Backend("compiled", (), ""),
    "eager": _Backend("eager", (), ""),
}
BACKENDS = ("auto", *_KNOWN)
"""What ``backend=`` may be."""


@dataclass(frozen=True)
class Resolved:
    """A backend that was chosen for a network, ready to run it.

    Parameters
    ----------
    name
        ``"onnxruntime"``, ``"openvino"``, ``"compile"`` or ``"eager"``.
    run
        What :func:`runner` gives for it.
    relative_l2
        How far its features were from torch's own: the worst image of the example.
    """

    name: str
    run: Runner
    relative_l2: float


def resolve_backend(
    module: torch.nn.Module, example: np.ndarray, requested: str = "auto", device: str = "cpu"
) -> Resolved:
    """Choose what runs a network, and show that it gives the network's own numbers.

    To be called once, in the process that starts the others: they are given the name. ``"auto"``
    takes the first of a fixed order (:data:`~tumor_response.features.deep.networks.orders.ORDERS`)
    that is installed, can express the network and agrees with torch on the example; the last of
    each order is torch itself. On another device than the processor it is torch.

    Parameters
    ----------
    module
        In evaluation mode, without gradients, with the weights that will be used.
    example
        float32 (n, channels, height, width), normalised: :func:`example_images`.
    requested
        One of :data:`BACKENDS`.
    device
        torch device name, not ``"auto"``.

    Raises
    ------
    FeatureError
        A backend that was asked for by name and cannot be used, which is never replaced by
        another: codes ``backend`` (unknown, or not for this device), ``backend_missing`` (not
        installed), ``backend_failed`` (it cannot express the network) and ``backend_inexact``
        (more than a relative L2 of 1e-5 from torch).

    Examples
    --------
    >>> import timm
    >>> network = timm.create_model("test_resnet", num_classes=0).eval()
    >>> resolved = resolve_backend(network, example_images((3, 64, 64)), "onnxruntime")
    >>> resolved.name, resolved.relative_l2 <= AGREEMENT
    ('onnxruntime', True)
    """
    if requested not in BACKENDS:
        raise FeatureError(
            f"backend={requested!r}: expected one of {', '.join(BACKENDS)}.", code="backend"
        )
    plain = runner(module, "eager", device, example.shape[1:])
    if requested == "eager":
        return Resolved("eager", plain, 0.0)
    expected = plain(example)
    if requested != "auto":
        return _agreeing(module, example, requested, device, expected)
    order = ORDERS[network_family(module)] if device == "cpu" else ("eager",)
    for name in order:
        if name == "eager":
            break
        try:
            return _agreeing(module, example, name, device, expected)
        except FeatureError as error:
            if error.code not in ("backend_missing", "backend_failed", "backend_inexact"):
                raise
    return Resolved("eager", plain, 0.0)


def resolved_backend(
    module: torch.nn.Module, example: np.ndarray, requested: str = "auto", device: str = "cpu"
) -> str:
    """Return the name alone of what :func:`resolve_backend` chooses.

    Parameters and errors are the same.

    Examples
    --------
    >>> import timm
    >>> network = timm.create_model("test_resnet", num_classes=0).eval()
    >>> resolved_backend(network, example_images((3, 64, 64)), "eager")
    'eager'
    """
    return resolve_backend(module, example, requested, device).name


def runner(
    module: torch.nn.Module, backend: str, device: str, image_shape: tuple[int, ...]
) -> Runner:
    """Return what runs a network on one thread, with the same bytes for any batch.

    Images go through one at a time. Kernels are chosen by the size of a batch, so that other
    batches would give other last bits; and on one thread larger batches gain nothing.

    Parameters
    ----------
    module
        In evaluation mode, without gradients. For ``"eager"`` on another device it is moved there.
    backend
        A name that :func:`resolve_backend` gave; not ``"auto"``.
    device
        torch device name.
    image_shape
        (channels, height, width) of the images.

    Raises
    ------
    FeatureError
        Codes ``backend``, ``backend_missing`` and ``backend_failed``. The function that is
        returned raises code ``network_input`` for what is no batch of such images.

    Examples
    --------
    >>> import numpy as np, timm
    >>> network = timm.create_model("test_resnet", num_classes=0).eval()
    >>> run = runner(network, "onnxruntime", "cpu", (3, 64, 64))
    >>> images = example_images((3, 64, 64), n_images=3)
    >>> bool((run(images)[2] == run(images[2:])[0]).all())
    True
    """
    known = _checked(backend, device)
    start = import_module(f"{_PLACE}.{known.module}").start
    try:
        for package in known.packages:
            import_module(package)  # not while threads are held: OpenVINO then starts two more
        with held_threads(1):
            one = start(module, device, (1, *image_shape))
    except Exception as error:  # other people's exporters and compilers raise what they like
        reason = " ".join(str(error).split())[:300]
        raise FeatureError(
            f"backend={backend!r} cannot express this network ({type(error).__name__}: {reason}). "
            "backend='eager' runs every network; 'auto' takes what works.",
            code="backend_failed",
        ) from error

    def run(images: np.ndarray) -> np.ndarray:
        if images.dtype != np.float32 or images.ndim == 0 or images.shape[1:] != image_shape:
            raise FeatureError(
                f"The network takes float32 images of shape {image_shape}, received "
                f"{images.dtype} of shape {images.shape[1:]}.",
                code="network_input",
            )
        if not len(images):
            raise FeatureError("The network was given no image.", code="network_input")
        with held_threads(1):
            return np.concatenate([one(np.ascontiguousarray(image[None])) for image in images])

    return run


def backend_identity(name: str, device: str = "cpu") -> dict[str, Any]:
    """Return all of a backend that decides numbers, for an extractor's identity.

    Parameters
    ----------
    name
        As :func:`resolve_backend` gave it.
    device
        torch device name; of a graphics card its model, and CUDA's and cuDNN's versions, are
        part of it.

    Raises
    ------
    FeatureError
        Codes ``backend`` and ``backend_missing``.

    Examples
    --------
    >>> sorted(backend_identity("onnxruntime"))
    ['backend', 'device', 'precision', 'versions']
    >>> sorted(backend_identity("onnxruntime")["versions"])
    ['onnx', 'onnxruntime', 'torch']
    """
    packages = _checked(name, device).packages
    return {
        "backend": name,
        "device": _device_identity(device),
        "precision": "float32",
        "versions": {package: library_version(package) for package in ("torch", *packages)},
    }


def example_images(image_shape: tuple[int, ...], n_images: int = 2) -> np.ndarray:
    """Return normalised images from a fixed seed, to compare backends on.

    Coarse noise with fine noise on it, so that early and late layers have something to answer to.

    Parameters
    ----------
    image_shape
        (channels, height, width).
    n_images
        How many.

    Returns
    -------
    numpy.ndarray
        float32 (n_images, channels, height, width), mean about 0, standard deviation about 1.

    Examples
    --------
    >>> example_images((3, 64, 64)).shape
    (2, 3, 64, 64)
    """
    rng = np.random.default_rng(0)
    channels, height, width = image_shape
    blocks = rng.standard_normal((n_images, channels, -(-height // 16), -(-width // 16)))
    coarse = np.kron(blocks, np.ones((16, 16)))[..., :height, :width]
    fine = rng.standard_normal((n_images, *image_shape))
    return np.asarray((0.9 * coarse + 0.4 * fine).astype(np.float32))


def _agreeing(
    module: torch.nn.Module, example: np.ndarray, name: str, device: str, expected: np.ndarray
) -> Resolved:
    run = runner(module, name, device, example.shape[1:])
    found = run(example)
    distance = _relative_l2(found, expected)
    if not distance <= AGREEMENT:
        raise FeatureError(
            f"backend={name!r} gives other features than torch itself: relative L2 "
            f"{distance:.1e}, accepted is {AGREEMENT:.0e}. backend='eager' is torch itself; "
            "'auto' takes what agrees.",
            code="backend_inexact",
        )
    return Resolved(name, run, distance)


def _relative_l2(found: np.ndarray, expected: np.ndarray) -> float:
    """Return the worst image's distance; NaN for what is not finite."""
    if found.shape != expected.shape:
        return float("nan")
    exact = expected.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        distance = np.linalg.norm(found - exact, axis=1)
        size = np.linalg.norm(exact, axis=1)
        # nought for nought agrees
        return float(np.max(distance / np.where((size == 0) & (distance == 0), 1.0, size)))


def _checked(name: str, device: str) -> _Backend:
    known = _KNOWN.get(name)
    if known is None:
        raise FeatureError(
            f"backend={name!r}: expected one of {', '.join(_KNOWN)}.", code="backend"
        )
    if name != "eager" and device != "cpu":
        raise FeatureError(
            f"backend={name!r} runs on the processor alone, not on device={device!r}. Say "
            "device='cpu', or backend='eager'.",
            code="backend",
        )
    missing = [package for package in known.packages if find_spec(package) is None]
    if missing:
        raise FeatureError(
            f"backend={name!r} needs {' and '.join(missing)}: pip install {known.pip}",
            code="backend_missing",
        )
    return known


def _device_identity(device: str) -> dict[str, str]:
    if not device.startswith("cuda"):
        return {"kind": device}
    import torch

    return {
        "kind": "cuda",
        "model": torch.cuda.get_device_name(device),
        "cuda": str(torch.version.cuda),
        "cudnn": str(torch.backends.cudnn.version()),  # type: ignore[no-untyped-call]
    }
