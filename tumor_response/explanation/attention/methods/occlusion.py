"""Occlusion: how far the log-odds fall when a patch is hidden."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch

from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.attention.lesion import Lesion
from tumor_response.explanation.attention.methods.baselines import nothing_like
from tumor_response.explanation.attention.methods.signs import with_sign
from tumor_response.explanation.attention.settings import OcclusionSettings

__all__ = ["Occlusion"]


class Occlusion:
    """Occlusion (Zeiler and Fergus 2014, ECCV): log-odds with everything less those without.

    A square is moved over each view, one view at a time, and the whole lesion is scored again with
    that view changed, so that pooling over views counts. A pixel gets the mean over the squares
    that hid it. No gradient is used, so that this is the check of all that use one.

    Parameters
    ----------
    settings
        Size, step and colour of the square.
    """

    name: ClassVar[str] = "occlusion"
    settings_type: ClassVar[type[OcclusionSettings]] = OcclusionSettings

    def __init__(self, settings: OcclusionSettings) -> None:
        self.settings = settings

    def maps(self, lesion: Lesion) -> npt.NDArray[np.float32]:
        """Return the maps of a lesion's views, shape (n_views, size_px, size_px)."""
        size, patch = lesion.pathway.size_px, self.settings.patch_px
        if patch > size or self.settings.step_px > patch:
            raise ExplanationError(
                f"Occlusion: a patch of {patch} pixels in steps of {self.settings.step_px} does "
                f"not cover views of {size} pixels; expected step <= patch <= {size}.",
                code="settings",
            )
        starts = [*range(0, size - patch, self.settings.step_px), size - patch]
        squares = [
            (slice(row, row + patch), slice(column, column + patch))
            for row in starts
            for column in starts
        ]
        hiding = nothing_like(lesion.pixels, self.settings.baseline)
        whole = float(lesion.readout(lesion.features))
        maps = np.zeros((len(lesion.pixels), size, size))
        times = np.zeros((size, size))
        for rows, columns in squares:
            times[rows, columns] += 1
        for view, (seen, hidden) in enumerate(zip(lesion.pixels, hiding, strict=True)):
            batch = np.repeat(seen[None], len(squares), axis=0)
            for number, (rows, columns) in enumerate(squares):
                batch[number, :, rows, columns] = hidden[:, rows, columns]
            changed = lesion.features.expand(len(squares), -1, -1).clone()
            changed[:, view] = lesion.features_of(batch)
            with torch.no_grad():
                fall = whole - lesion.readout(changed).cpu().numpy()
            for (rows, columns), one in zip(squares, fall, strict=True):
                maps[view, rows, columns] += one
        return with_sign(maps / times, self.settings.sign)
