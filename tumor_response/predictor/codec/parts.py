"""What a type of a saved model may hold: nothing is built, and nothing travels, unless it says so.

Of what is named in :mod:`.known_parts` no attribute travels that is not listed: neither out (what
belongs to single training patients stays at home unless somebody decides otherwise) nor in (a file
cannot put anything else into an object).
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

__all__ = ["Part"]


@dataclass(frozen=True)
class Part:
    """A type that may be written and built.

    Parameters
    ----------
    name
        Of the type, in the library and in the file.
    module
        Where it is; said by the library and never by a file.
    fitted
        Attributes that travel, if they are there.
    left
        Attributes that stay behind: of single training rows, or made again.
    home
        Parameters that stay behind, such as folders; they get the type's defaults.

    Examples
    --------
    >>> Part("MedianImputer", "tumor_response.transformers", ("medians_",)).parameters()
    ()
    """

    name: str
    module: str
    fitted: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    home: tuple[str, ...] = ()

    def type(self) -> Any:
        """Return the type."""
        return getattr(import_module(self.module), self.name)

    def parameters(self) -> tuple[str, ...]:
        """Return the names of the parameters that travel."""
        return tuple(name for name in _parameters(self) if name not in self.home)

    def strange(self, attributes: set[str]) -> list[str]:
        """Return the attributes of an object that nobody has decided about."""
        return sorted(attributes - {*_parameters(self), *self.fitted, *self.left})


@cache
def _parameters(part: Part) -> tuple[str, ...]:
    return tuple(inspect.signature(part.type()).parameters)
