"""The scale of embeddings: that of the table models, so that training starts where they end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from tumor_response.models.settings import LogisticSettings
from tumor_response.transformers.scale import MAX_DEVIATIONS

__all__ = ["Scaling"]

FloatArray = npt.NDArray[np.float64]

_MAX_SHARE = LogisticSettings().max_share


@dataclass(frozen=True)
class Scaling:
    """What ``NearConstantFilter`` and ``BlockScaler`` do to one block, with weights of cases.

    A case of weight 2 counts as two rows. The torch side is
    :meth:`~tumor_response.models.learned.modules.CaseModel.logits`, in single precision.

    Parameters
    ----------
    centre
        Mean of each channel.
    scale
        One over its standard deviation (divisor n); 0 for a channel that is left out, because one
        value fills nearly all cases.

    Examples
    --------
    >>> scaling = Scaling.of(np.array([[1.0, 0.0], [3.0, 0.0]]), np.ones(2))
    >>> scaling.scaled(np.array([[1.0, 7.0], [30.0, 0.0]])).tolist()
    [[-1.0, 0.0], [5.0, 0.0]]
    """

    centre: FloatArray
    scale: FloatArray

    @classmethod
    def of(cls, embeddings: FloatArray, weight: FloatArray) -> Self:
        """Find the scale of some cases.

        Parameters
        ----------
        embeddings
            Shape (n_cases, n_channels).
        weight
            Of each case, positive.
        """
        centre = np.average(embeddings, axis=0, weights=weight)
        spread = np.sqrt(np.average((embeddings - centre) ** 2, axis=0, weights=weight))
        # a value in more than half of the cases is the median
        order = np.argsort(embeddings, axis=0)
        below = np.cumsum(weight[order], axis=0)
        at = np.argmax(below >= weight.sum() / 2, axis=0)[None, :]
        middle = np.take_along_axis(embeddings, np.take_along_axis(order, at, axis=0), axis=0)
        kept = weight @ (embeddings == middle) / weight.sum() <= _MAX_SHARE
        if not kept.any():
            kept[:] = True
        # rounding leaves a constant channel a deviation of some eps times its value
        kept &= spread > 10 * np.finfo(np.float64).eps * np.abs(centre)
        scale = np.where(kept, 1 / np.where(kept, spread, 1.0), 0.0)
        return cls(centre, scale)

    def scaled(self, embeddings: FloatArray) -> FloatArray:
        """Return embeddings whose channels together have variance 1, as a block of a table has."""
        deviations = (embeddings - self.centre) * self.scale
        width = max(1, int(np.count_nonzero(self.scale)))
        held = np.clip(deviations, -MAX_DEVIATIONS, MAX_DEVIATIONS)
        return np.asarray(held / np.sqrt(width))
