"""An encoder: a module, what it is shown, and what is known of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import Field

from tumor_response.exceptions import FeatureError
from tumor_response.features.deep.patches import PatchSettings
from tumor_response.features.deep.views import ViewSettings
from tumor_response.settings import Settings

if TYPE_CHECKING:
    import torch

__all__ = ["Encoder", "SliceSettings"]

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


class SliceSettings(Settings):
    """What a 2-D encoder is shown: views of the tumour, and how their numbers are shifted.

    Parameters
    ----------
    views
        Which slices, how much around the tumour, which window.
    size_px
        Side of the encoder's input in pixels.
    mean, std
        Taken off the views' 0 to 1, and divided by.

    Examples
    --------
    >>> from tumor_response.features.deep.encoders import SliceSettings
    >>> SliceSettings(size_px=96).views.n_slices
    5
    """

    views: ViewSettings = Field(default_factory=ViewSettings)
    size_px: int = Field(default=224, ge=1)
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class Encoder:
    """A network that somebody trained, and all that is needed to use it.

    Parameters
    ----------
    name
        Stands in the columns' names: lower-case letters, digits and single underscores.
    module
        Called without arguments, it returns the ``torch.nn.Module`` with its weights in place. A
        function, so that worker processes can make the module for themselves; a module that is
        already there is not taken. What it returns is put into ``eval`` mode.

        The module maps float32 (n, 3, height, width), or (n, n_channels, depth, height, width),
        to (n, n_features); of maps (n, n_features, ...) the mean over space is taken.
    transform
        What the module is shown: :class:`SliceSettings` for 2-D, :class:`PatchSettings` for 3-D.
    licence
        Under which the weights may be used, and who says so.
    training
        What it was trained on.
    source
        Where the weights come from: a package with version, a file's name (no path: it may hold a
        person's name).

    Raises
    ------
    FeatureError
        Code ``settings``.

    Examples
    --------
    >>> import torch, tumor_response as tr
    >>> from tumor_response.features.deep.encoders import Encoder, PatchSettings
    >>> def module():
    ...     torch.manual_seed(0)
    ...     return torch.nn.Conv3d(1, 8, 3)
    >>> own = Encoder(
    ...     "own",
    ...     module,
    ...     PatchSettings(size_voxels=(16, 16, 16), spacing_mm=(2, 2, 2)),
    ...     licence="ours",
    ... )
    >>> own.dimension
    3
    """

    name: str
    module: Callable[[], torch.nn.Module]
    transform: PatchSettings | SliceSettings
    licence: str
    training: str = "not stated"
    source: str = "a function of the user's"

    def __post_init__(self) -> None:
        made = hasattr(self.module, "state_dict") and not isinstance(self.module, type)
        words = (self.licence, self.training, self.source)
        for field, good, expected in (
            ("name", _is_text(self.name) and _NAME.fullmatch(self.name), "lower-case_letters_1"),
            ("module", callable(self.module) and not made, "a function that returns the module"),
            (
                "transform",
                isinstance(self.transform, PatchSettings | SliceSettings),
                "PatchSettings(...) or SliceSettings(...)",
            ),
            *(
                (name, _is_text(word), "a text, such as 'not stated'")
                for name, word in zip(("licence", "training", "source"), words, strict=True)
            ),
        ):
            if not good:
                raise FeatureError(
                    f"Encoder: {field}={getattr(self, field)!r}: expected {expected}.",
                    code="settings",
                )

    @property
    def dimension(self) -> int:
        """2 or 3."""
        return 2 if isinstance(self.transform, SliceSettings) else 3

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one input, channels first."""
        if isinstance(self.transform, SliceSettings):
            return (3, self.transform.size_px, self.transform.size_px)
        return (len(self.transform.windows_hu), *self.transform.size_voxels)

    def facts(self) -> dict[str, Any]:
        """Return all of it that can be written down (JSON), the module's code excepted."""
        return {
            "encoder": self.name,
            "dimension": self.dimension,
            "weights_source": self.source,
            "licence": self.licence,
            "training": self.training,
            "transform": self.transform.model_dump(mode="json"),
        }


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())
