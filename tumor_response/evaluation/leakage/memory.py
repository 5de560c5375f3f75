"""Whether a fit depends on earlier fits: by variables that outlive it, of modules and classes.

A step that keeps in its module what its first fit saw is fitted to that for ever. Noise out of bag
cannot show it, since the noise comes later. So the variables that a model's functions and classes
could write are emptied, and the model is fitted once after nothing, once after a fit to noise.
"""

from __future__ import annotations

import copy
import dis
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tumor_response.evaluation.leakage.carried import own_classes, own_functions
from tumor_response.evaluation.leakage.state import differences, state_of
from tumor_response.exceptions import TumorResponseError

__all__ = ["Memory", "remembered"]

FloatArray = npt.NDArray[np.float64]
_CONTAINERS = (dict, list, set)
_SETS = ("STORE_GLOBAL",)


@dataclass(frozen=True)
class Memory:
    """What became of the fits.

    Attributes
    ----------
    where : tuple of str
        Variables that a fit writes; empty if there are none.
    changes : bool
        Whether an earlier fit to other rows changes predictions.
    unknown : str
        Why nobody can tell; empty if one can.
    """

    where: tuple[str, ...] = ()
    changes: bool = False
    unknown: str = ""


class _Variable(NamedTuple):
    """A name in a module, or what a function or class holds under a name."""

    path: str
    holder: dict[str, Any]
    name: str

    @property
    def value(self) -> Any:
        return self.holder.get(self.name)


def remembered(
    model: Any, scores: Callable[[], FloatArray], other_scores: Callable[[], object]
) -> Memory:
    """Say whether a fit's predictions depend on what was fitted before.

    Parameters
    ----------
    model
        Unfitted.
    scores
        Fits it and returns its predictions.
    other_scores
        Fits it to other rows and predicts.
    """
    variables = list(_variables(model))
    if not variables:
        return Memory()
    written: tuple[str, ...] = ()
    for emptied in (True, False):
        with _as_before(variables, emptied):
            try:
                start = [state_of(one.value) for one in variables]
                first = scores()
                written = tuple(
                    one.path
                    for one, before in zip(variables, start, strict=True)
                    if differences(before, state_of(one.value))
                )
            except Exception as error:  # without a table that its module holds, say
                if emptied:
                    continue
                return Memory(unknown=str(error))
        break
    if not written:
        return Memory()
    with _as_before(variables, emptied):
        again = scores()
    if first.tobytes() != again.tobytes():
        return Memory(written, unknown="two fits after nothing predict differently")
    with _as_before(variables, emptied):
        # it is to be remembered, whether or not it ends well
        with suppress(TumorResponseError):
            other_scores()
        try:
            after = scores()
        except TumorResponseError:  # which it was not before
            return Memory(written, changes=True)
    return Memory(written, changes=first.tobytes() != after.tobytes())


@contextmanager
def _as_before(variables: list[_Variable], emptied: bool) -> Iterator[None]:
    """Put every variable back when the context ends; empty what holds things meanwhile."""
    kept = [(one, one.value, _inside(one.value)) for one in variables]
    try:
        for _, value, inside in kept:
            if emptied and inside is not None:
                value.clear()
        yield
    finally:
        for one, value, inside in kept:
            one.holder[one.name] = value
            if inside is not None:
                value.clear()
                value.extend(inside) if isinstance(value, list) else value.update(inside)


def _inside(value: Any) -> Any:
    """Return a copy of what a container holds; None for what is none."""
    return copy.deepcopy(value) if type(value) in _CONTAINERS else None


def _variables(model: Any) -> Iterator[_Variable]:
    """Yield containers that its functions and classes see, and variables that functions set."""
    seen: set[int] = set()

    def is_new(value: Any) -> bool:
        new = type(value) in _CONTAINERS and id(value) not in seen
        seen.add(id(value))
        return new and _can_be_kept(value)

    for path, function in _with_called(own_functions(model)):
        there = function.__globals__
        sets = {one.argval for one in dis.get_instructions(function) if one.opname in _SETS}
        for name in sorted(set(function.__code__.co_names) & set(there)):
            if is_new(there[name]) or name in sets:
                yield _Variable(f"{path}: {name}", there, name)
        beside = {str(at): value for at, value in enumerate(function.__defaults__ or ())}
        for name, cell in zip(
            function.__code__.co_freevars, function.__closure__ or (), strict=True
        ):
            with suppress(ValueError):  # not filled yet
                beside[name] = cell.cell_contents
        for name, value in beside.items():
            if is_new(value):
                yield _Variable(f"{path}: {name}", beside, name)
    for kind in own_classes(model):
        beside = dict(vars(kind))
        for name, value in beside.items():
            if not name.startswith("_parameter") and is_new(value):
                yield _Variable(f"{kind.__name__}.{name}", beside, name)


def _can_be_kept(value: Any) -> bool:
    try:
        copy.deepcopy(value)
    except Exception:  # whatever it holds, it is no cache of numbers
        return False
    return True


def _with_called(
    functions: list[tuple[str, types.FunctionType]],
) -> Iterator[tuple[str, types.FunctionType]]:
    """Yield functions and those of the same package that they call by name."""
    waiting, seen = list(functions), set()
    while waiting:
        path, function = waiting.pop(0)
        if function in seen:
            continue
        seen.add(function)
        yield path, function
        package = function.__module__.partition(".")[0]
        for name in function.__code__.co_names:
            called = function.__globals__.get(name)
            if not isinstance(called, types.FunctionType):
                continue
            if (called.__module__ or "").partition(".")[0] == package:
                waiting.append((f"{path}: {name}()", called))
