"""The ``config.json`` beside weights: which network, and how its images were normalised."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tumor_response.exceptions import WeightsError

__all__ = ["TrainingConfig", "read_config"]

_Positive = Annotated[float, Field(gt=0)]
_UNDERSTOOD = {"img_size", "global_pool", "num_classes", "in_chans"}


class TrainingConfig(BaseModel):
    """What a ``config.json`` in timm's format says of a training, as far as it is used here.

    Parameters
    ----------
    architecture, tag
        timm's name of the network, and of the training.
    mean, std
        Normalisation of the three channels, for intensities from 0 to 1.
    input_size
        Channels, height and width in pixels.
    num_classes
        Width of the last fully connected layer, 0 for none.
    global_pool
        How the last map is pooled.
    license
        As stated there.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    architecture: str
    tag: str | None = None
    mean: tuple[float, float, float] | None = None
    std: tuple[_Positive, _Positive, _Positive] | None = None
    input_size: tuple[int, int, int] | None = None
    num_classes: int | None = Field(default=None, ge=0)
    global_pool: str | None = None
    license: str | None = None

    @model_validator(mode="after")
    def _check_square(self) -> Self:
        if self.input_size is not None:
            channels, height, width = self.input_size
            if channels != 3 or height != width or height < 1:
                raise ValueError("input_size: expected (3, size, size)")
        return self


def read_config(path: Path) -> TrainingConfig:
    """Read a ``config.json``, of today's layout (settings under ``pretrained_cfg``) or the old one.

    Raises
    ------
    WeightsError
        Codes ``weights_unreadable`` (no such JSON), and ``weights_mismatch`` for a network that is
        not timm's, or was built with arguments that are not understood here.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        # anything but an object has no items
        outer = {k: v for k, v in content.items() if v is not None}
        inner = {k: v for k, v in outer.pop("pretrained_cfg", {}).items() if v is not None}
        arguments = dict(outer.pop("model_args", {}))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise WeightsError(
            f"{path}: not readable as a configuration ({error}).", code="weights_unreadable"
        ) from None
    if "architecture" not in inner | outer:
        raise WeightsError(
            f"{path}: names no 'architecture': the folder holds no network of timm's.",
            code="weights_mismatch",
        )
    unknown = sorted(set(arguments) - _UNDERSTOOD)
    if unknown or arguments.get("in_chans", 3) != 3:
        raise WeightsError(
            f"{path}: the network was built with {', '.join(unknown) or 'other channels'} "
            "(model_args), which timm's own network of that name is not. Load it by code of your "
            "own and give the library its tensors under that network's name.",
            code="weights_mismatch",
        )
    try:
        return TrainingConfig(**_merged(inner, outer, arguments))
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
            for fault in error.errors(include_url=False)
        )
        raise WeightsError(f"{path}: {faults}.", code="weights_unreadable") from None


def _merged(
    inner: dict[str, Any], outer: dict[str, Any], arguments: dict[str, Any]
) -> dict[str, Any]:
    """Return one dictionary; what the network was built with holds over what it was trained as."""
    merged = inner | outer | {k: v for k, v in arguments.items() if v is not None}
    size = arguments.get("img_size")
    if size is not None:
        merged["input_size"] = (3, size, size) if isinstance(size, int) else (3, *size)
    return merged
