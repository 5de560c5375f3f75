"""Which sign of a signed map is shown."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tumor_response.explanation.attention.settings import Sign

__all__ = ["with_sign"]


def with_sign(maps: npt.NDArray[np.floating], sign: Sign) -> npt.NDArray[np.float32]:
    """Return what raises (or lowers) the log-odds as positive numbers, or both with their sign.

    Examples
    --------
    >>> with_sign(np.array([-1.0, 2.0]), "negative").tolist()
    [1.0, 0.0]
    """
    if sign == "both":
        return maps.astype(np.float32)
    turned = maps if sign == "positive" else -maps
    shown: npt.NDArray[np.float32] = np.maximum(turned, 0.0).astype(np.float32)
    return shown
