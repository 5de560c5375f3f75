"""One changed byte, anywhere in a small good file."""

from __future__ import annotations

import pytest

from tests.unit.predictor.container.altering import good
from tumor_response.exceptions import BundleError
from tumor_response.predictor.saving import state_from


def test_a_changed_byte_is_refused_wherever_it_is():
    content = good()
    for place in range(len(content)):
        other = bytearray(content)
        other[place] ^= 1 << (place % 8)
        with pytest.raises(BundleError, match="is refused"):
            state_from(bytes(other))


def test_a_missing_or_doubled_byte_is_refused_too():
    content = good()
    for place in range(0, len(content), 41):
        for other in (
            content[:place] + content[place + 1 :],
            content[: place + 1] + content[place:],
            content[:place],
        ):
            if other != content:
                with pytest.raises(BundleError, match="is refused"):
                    state_from(other)
