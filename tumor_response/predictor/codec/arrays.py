"""Arrays of numbers as one safetensors member."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tumor_response.exceptions import BundleError
from tumor_response.predictor.container import refused

__all__ = ["DTYPES", "ArrayStore", "arrays_from"]

Array = npt.NDArray[Any]

DTYPES = {
    np.dtype(name).str
    for name in ("bool", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8")
}
"""What an array may hold, in the byte order of most machines."""

LARGEST_EMPTY = 1_000_000
"""An axis of an array without values has no more; it would cost nothing to say 10^15."""


class ArrayStore:
    """Arrays on their way out; equal ones are kept once.

    Examples
    --------
    >>> store = ArrayStore()
    >>> store.add(np.arange(3.0)), store.add(np.ones(2)), store.add(np.arange(3.0))
    ('a00000', 'a00001', 'a00000')
    """

    def __init__(self) -> None:
        self._arrays: dict[str, Array] = {}
        self._names: dict[tuple[str, tuple[int, ...], bytes], str] = {}

    def add(self, values: Array) -> str:
        """Keep an array, and return its name."""
        plain = np.ascontiguousarray(values).reshape(values.shape)
        little = plain.astype(plain.dtype.newbyteorder("<"), copy=False)
        if little.dtype.str not in DTYPES:
            raise BundleError(
                f"An array of {values.dtype} cannot be kept without pickle; expected numbers.",
                code="not_storable",
            )
        key = (little.dtype.str, little.shape, little.tobytes())
        if key not in self._names:
            self._names[key] = f"a{len(self._arrays):05d}"
            self._arrays[self._names[key]] = little
        return self._names[key]

    def to_bytes(self) -> bytes:
        """Return all arrays as a safetensors file."""
        from safetensors.numpy import save

        content: bytes = save(self._arrays)
        return content


def arrays_from(content: bytes) -> Mapping[str, Array]:
    """Return the arrays of :meth:`ArrayStore.to_bytes`, by name.

    Raises
    ------
    BundleError
        Code ``damaged_member``.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        found: dict[str, Array] = load(content)
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise refused(f"its arrays cannot be read ({error}).", code="damaged_member") from None
    for name, values in found.items():
        if values.dtype.str not in DTYPES or (
            values.size == 0 and max(values.shape) > LARGEST_EMPTY
        ):
            raise refused(f"the array {name[:20]!r} is none of ours.", code="damaged_member")
    return found
