"""What lies outside the training domain, said by name."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.predictor.domain.parts import DomainParts
from tumor_response.predictor.domain.space import JOINT, REST
from tumor_response.predictor.domain.usual import Usual

__all__ = ["outside_words"]

FloatArray = npt.NDArray[np.float64]

_MOST_NAMED = 3


def outside_words(
    parts: DomainParts,
    usual: Mapping[str, Usual],
    limit: float,
    far: Mapping[str, FloatArray],
    frame: pd.DataFrame,
    row: int,
    always: Collection[str] = (),
) -> str:
    """Say what of a lesion is farther out than a limit: facts first, then families of features.

    Parameters
    ----------
    parts, usual
        The training domain's.
    limit
        On the common scale; the farthest is named even if it is nearer.
    far
        Distances of all lesions by name.
    frame
        Their columns.
    row
        Which lesion.
    always
        Named in any case.
    """
    scaled = {
        name: float(usual[name].on_scale(values[row : row + 1])[0])
        for name, values in far.items()
        if name in usual and math.isfinite(values[row])
    }
    least = limit if always else min(limit, max(scaled.values()))
    beyond = [name for name, value in scaled.items() if value >= least or name in always]
    beyond.sort(key=lambda name: (name not in always, name not in parts.ranges, -scaled[name]))
    # what the features are together says least; it is named where nothing else is
    named = [name for name in beyond if name not in (JOINT, REST)] or beyond
    said = []
    for name in named[:_MOST_NAMED]:
        if name in parts.ranges:
            said.append(parts.ranges[name].outside(frame[name].iloc[row]))
            continue
        of = name if name in (JOINT, REST) else f"{name} features"
        said.append(
            f"{of} {far[name][row]:.2g} from the centre; 95 % within {usual[name].most:.2g}"
        )
    more = len(named) - _MOST_NAMED
    return "; ".join(said) + (f"; and {more} more" if more > 0 else "")
