"""Reading the tensors of one file, whoever wrote it, without executing anything in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tumor_response.exceptions import WeightsError

if TYPE_CHECKING:
    import torch

__all__ = ["SUFFIXES", "check_file", "file_sha256", "tensors_of"]

SUFFIXES = (".safetensors", ".pth", ".pt", ".bin")
"""What a file of weights may be called; all but the first are PyTorch's own format."""
_WRAPPERS = ("state_dict", "model_state_dict", "model")
"""Under which names training scripts put the network beside their optimiser."""
_PREFIXES = ("module.", "_orig_mod.", "model.")
"""What data parallelism, compilation and training frameworks put before every name."""
_POINTER = b"version https://git-lfs.github.com/spec/"


def tensors_of(path: Path) -> tuple[dict[str, torch.Tensor], tuple[str, ...]]:
    """Return the tensors of a file by name, and what was taken off around them.

    Parameters
    ----------
    path
        ``.safetensors``, or PyTorch's format (``.pth``, ``.pt``, ``.bin``), which is opened with
        ``weights_only=True``: a file that needs more is refused. The tensors may stand in a
        checkpoint under ``state_dict``, ``model_state_dict`` or ``model``, and all names may
        begin with ``module.``, ``_orig_mod.`` or ``model.``.

    Raises
    ------
    WeightsError
        Codes ``weights_missing``, ``weights_unreadable`` (no weights file, damaged, or one that
        executes code) and ``weights_not_finite``.

    Examples
    --------
    >>> import tempfile, torch
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     torch.save({"model": {"fc.bias": torch.ones(2)}, "epoch": 9}, folder + "/w.pth")
    ...     tensors_of(Path(folder, "w.pth"))
    ({'fc.bias': tensor([1., 1.])}, ("taken from the checkpoint's 'model'",))
    """
    check_file(path)
    content = _safetensors(path) if path.suffix == ".safetensors" else _torch_load(path)
    state, notes = _unwrapped(content, path)
    _check_plain(state, path)
    return state, notes


def check_file(path: Path) -> None:
    """Refuse a path that is no file of weights; only its beginning is read.

    Raises
    ------
    WeightsError
        Codes ``weights_missing`` and ``weights_unreadable``.
    """
    if path.is_symlink() and not path.exists():
        raise WeightsError(
            f"{path}: a link to {path.readlink().name}, which is not there: an incomplete "
            "download. Fetch the weights again.",
            code="weights_missing",
        )
    if not path.is_file():
        raise WeightsError(
            f"{path}: no such weights file. Expected a file or folder of weights, packaged, hub or "
            "random:SEED; tumor-response weights fetch NAME --to FOLDER fetches some.",
            code="weights_missing",
        )
    if path.suffix not in SUFFIXES:
        raise WeightsError(
            f"{path}: expected one of {', '.join(SUFFIXES)}.", code="weights_unreadable"
        )
    with path.open("rb") as stream:
        start = stream.read(len(_POINTER))
    if start == _POINTER:
        raise WeightsError(
            f"{path}: a Git LFS pointer of {path.stat().st_size} bytes in place of the weights. "
            "Bring the file itself: git lfs pull.",
            code="weights_unreadable",
        )


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes.

    Examples
    --------
    >>> file_sha256(Path("/dev/null"))[:12]
    'e3b0c44298fc'
    """
    import hashlib

    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _safetensors(path: Path) -> Mapping[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(path))
    except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise WeightsError(
            f"{path}: not a whole safetensors file ({_reason(error)}). Copy or fetch it again.",
            code="weights_unreadable",
        ) from None


def _torch_load(path: Path) -> Mapping[str, Any]:
    import torch

    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # a damaged file makes the restricted unpickler fail in any of a dozen ways
        raise WeightsError(
            f"{path}: not readable as plain tensors ({_reason(error)}). A file that runs code when "
            "it is opened is never opened; save the tensors alone, as .safetensors.",
            code="weights_unreadable",
        ) from None
    if not isinstance(content, Mapping):
        raise WeightsError(
            f"{path}: holds a {type(content).__name__}; expected a dictionary of tensors.",
            code="weights_unreadable",
        )
    return content


def _unwrapped(
    content: Mapping[str, Any], path: Path
) -> tuple[dict[str, torch.Tensor], tuple[str, ...]]:
    notes = []
    if not _is_state(content):
        networks = [str(key) for key, value in content.items() if _is_state(value)]
        if len(networks) != 1 or networks[0] not in _WRAPPERS:
            raise WeightsError(
                f"{path}: expected a dictionary of tensors, or a checkpoint with exactly one "
                f"under {', '.join(_WRAPPERS)}; dictionaries of tensors here: "
                f"{', '.join(networks) or 'none'}. Save the one you mean by itself.",
                code="weights_unreadable",
            )
        content = content[networks[0]]
        notes.append(f"taken from the checkpoint's {networks[0]!r}")
    state = {name: tensor.detach() for name, tensor in content.items()}
    while prefix := next((p for p in _PREFIXES if all(n.startswith(p) for n in state)), ""):
        state = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
        notes.append(f"names without their {prefix!r}")
    return state, tuple(notes)


def _is_state(value: Any) -> bool:
    import torch

    return (
        isinstance(value, Mapping)
        and len(value) > 0
        and all(isinstance(key, str) for key in value)
        and all(isinstance(tensor, torch.Tensor) for tensor in value.values())
    )


def _check_plain(state: Mapping[str, torch.Tensor], path: Path) -> None:
    import torch

    for name, tensor in state.items():
        plain = tensor.layout == torch.strided and tensor.device.type == "cpu"
        if not plain or tensor.is_quantized or tensor.is_complex():
            raise WeightsError(
                f"{path}: tensor {name!r} is sparse, quantised, complex or empty of values; "
                "expected plain numbers.",
                code="weights_unreadable",
            )
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor.float()).all()):
            raise WeightsError(
                f"{path}: tensor {name!r} holds NaN or infinite values: a training that diverged, "
                "or a damaged file. Every feature would be NaN; take another file.",
                code="weights_not_finite",
            )


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())[:200]
    return f"{type(error).__name__}: {text}"
