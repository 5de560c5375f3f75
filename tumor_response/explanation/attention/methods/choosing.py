"""Which method a name stands for, and whether its settings are that method's."""

from __future__ import annotations

import difflib
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.attention.lesion import Lesion
from tumor_response.explanation.attention.methods.cams import (
    EigenCam,
    GradCam,
    GradCamPlusPlus,
    HiResCam,
    LayerCam,
)
from tumor_response.explanation.attention.settings import MethodSettings

__all__ = ["METHODS", "Method", "method_names", "method_of"]


class Method(Protocol):
    """From a lesion's views to a map for each."""

    @property
    def name(self) -> str:
        """As :func:`tumor_response.attention` takes it."""
        ...

    @property
    def settings(self) -> MethodSettings:
        """What was chosen."""
        ...

    def maps(self, lesion: Lesion) -> npt.NDArray[np.float32]:
        """Return the maps of a lesion's views, shape (n_views, size_px, size_px)."""
        ...


METHODS: dict[str, Any] = {
    method.name: method
    for method in (
        GradCam,
        GradCamPlusPlus,
        HiResCam,
        LayerCam,
        EigenCam,
    )
}
"""From name to class; each is made of an object of its ``settings_type``."""


def method_names() -> tuple[str, ...]:
    """Return the names of all methods.

    Examples
    --------
    >>> method_names()[:2]
    ('grad_cam', 'grad_cam_pp')
    """
    return tuple(METHODS)


def method_of(name: str, settings: MethodSettings | None) -> Method:
    """Return a method with its settings, or with its defaults.

    Raises
    ------
    ExplanationError
        Codes ``unknown_method``; ``settings``: those of another method.

    Examples
    --------
    >>> method_of("grad_cam", None).settings.sign
    'positive'
    """
    if name not in METHODS:
        near = difflib.get_close_matches(str(name), METHODS, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ExplanationError(
            f"method={name!r}: expected one of {', '.join(METHODS)}.{hint}", code="unknown_method"
        )
    expected = METHODS[name].settings_type
    if settings is not None and type(settings) is not expected:
        raise ExplanationError(
            f"settings={settings!r}: method {name!r} takes {expected.__name__}(...).",
            code="settings",
        )
    method: Method = METHODS[name](expected() if settings is None else settings)
    return method
