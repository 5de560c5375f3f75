"""Why a predictor file is refused: one place for the words around the reason."""

from __future__ import annotations

from tumor_response.exceptions import BundleError

__all__ = ["refused"]

_WAY_OUT = "Ask whoever sent it for the file again, and for its SHA-256."


def refused(what: str, way_out: str = _WAY_OUT, *, code: str) -> BundleError:
    """Return the error that refuses a predictor file.

    Parameters
    ----------
    what
        What was found, against what was expected.
    way_out
        What to do.
    code
        The reason code.

    Examples
    --------
    >>> refused("it unpacks to more than it may.", code="zip_bomb").code
    'zip_bomb'
    """
    return BundleError(f"The predictor file is refused: {what} {way_out}", code=code)
