"""Test-time augmentation: what is drawn is recorded apart from what is done with it."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from tumor_response.settings import Settings

__all__ = ["Augmentation", "AugmentationDraw"]


class AugmentationDraw(Settings):
    """One way to look at a tumour; the default is to look straight at it.

    The view's contents are rotated about its centre, then shifted, both within the one resampling
    step; then pixels are flipped, which interpolates nothing.

    Parameters
    ----------
    rotation_degrees
        Counter-clockwise, as seen.
    shift_mm
        To the right and downwards, as seen, mm.
    flip_columns, flip_rows
        Exchange right and left, top and bottom.

    Examples
    --------
    >>> import tumor_response as tr
    >>> AugmentationDraw().to_json()
    '{"flip_columns":false,"flip_rows":false,"rotation_degrees":0.0,"shift_mm":[0.0,0.0]}'
    """

    rotation_degrees: float = 0.0
    shift_mm: tuple[float, float] = (0.0, 0.0)
    flip_columns: bool = False
    flip_rows: bool = False


class Augmentation(Settings):
    """How far the views of a tumour are moved about, and how often.

    What leaves the view by a shift or a rotation is not shown in that draw, whatever
    :attr:`ViewSettings.if_larger` says of the view before it was moved; how much of the tumour
    that is, :attr:`CutViews.cut_shares` tells.

    Parameters
    ----------
    rotation_degrees
        Angles are drawn evenly from minus to plus this.
    shift_mm
        Shifts along columns and rows, each drawn evenly from minus to plus this, mm.
    flip_columns, flip_rows
        Exchange right and left (top and bottom) in half of the draws.
    n_draws
        Draws in all; the first is the view as it is.
    seed
        Of the draws. The same for every case, so that cases are comparable.

    Examples
    --------
    >>> import tumor_response as tr
    >>> draws = Augmentation(n_draws=3, seed=1).draws()
    >>> draws[0] == AugmentationDraw(), draws == Augmentation(n_draws=9, seed=1).draws()[:3]
    (True, True)
    """

    rotation_degrees: float = Field(default=10.0, ge=0, le=180)
    shift_mm: float = Field(default=3.0, ge=0)
    flip_columns: bool = True
    flip_rows: bool = False
    n_draws: int = Field(default=8, ge=1)
    seed: int = Field(default=0, ge=0)

    def draws(self) -> tuple[AugmentationDraw, ...]:
        """Return the draws, the same ones every time; those of fewer draws are the first of more.

        Returns
        -------
        tuple of AugmentationDraw
            ``draw.model_dump(mode="json")`` is their record.
        """
        moved = [self._drawn(number) for number in range(1, self.n_draws)]
        return (AugmentationDraw(), *moved)

    def _drawn(self, number: int) -> AugmentationDraw:
        rng = np.random.default_rng([self.seed, number])
        # always all five numbers, so that one setting does not change what another one draws
        angle, right, down = rng.uniform(-1.0, 1.0, 3)
        columns, rows = rng.random(2) < 0.5
        return AugmentationDraw(
            rotation_degrees=float(angle) * self.rotation_degrees,
            shift_mm=(float(right) * self.shift_mm, float(down) * self.shift_mm),
            flip_columns=self.flip_columns and bool(columns),
            flip_rows=self.flip_rows and bool(rows),
        )
