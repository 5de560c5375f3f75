"""Settings are objects: frozen, validated, unknown keys rejected, JSON round trip, SHA-256."""

from __future__ import annotations

import difflib
import hashlib
import json
import operator
from typing import Any, NoReturn, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from tumor_response.exceptions import SettingsError

__all__ = ["Settings", "canonical_json", "checked_n_jobs", "frozen", "sha256_of_json", "thawed"]


def canonical_json(value: Any) -> str:
    """Return the one JSON text of ``value``: sorted keys, no spaces, NaN refused."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def sha256_of_json(value: Any) -> str:
    """Return the SHA-256 (hexadecimal) of :func:`canonical_json` of ``value``."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


class _FrozenDict(dict[Any, Any]):
    """A dictionary that cannot be changed; a plain one to every library that reads it."""

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise SettingsError("Settings cannot be changed; make new ones.")

    __setitem__ = __delitem__ = update = setdefault = pop = popitem = clear = _refuse
    __ior__ = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return (frozen, (dict(self),))


def frozen(value: Any) -> Any:
    """Return a deep copy of JSON-like data that cannot be changed: lists become tuples."""
    if isinstance(value, dict):
        return _FrozenDict({key: frozen(item) for key, item in value.items()})
    if isinstance(value, (list, tuple)):
        return tuple(frozen(item) for item in value)
    return value


def thawed(value: Any) -> Any:
    """Return a deep copy of :func:`frozen` data as plain dictionaries and lists."""
    if isinstance(value, dict):
        return {key: thawed(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [thawed(item) for item in value]
    return value


def checked_n_jobs(n_jobs: object) -> int:
    """Return ``n_jobs`` as joblib understands it: a number of processes, -1 for all cores.

    Raises
    ------
    SettingsError
        For 0 and for what is no whole number.

    Examples
    --------
    >>> checked_n_jobs(2)
    2
    """
    try:
        number = operator.index(n_jobs)  # type: ignore[arg-type]
    except TypeError:
        number = 0
    if number == 0 or isinstance(n_jobs, bool):
        raise SettingsError(
            f"n_jobs={n_jobs!r}: expected a number of processes, or -1 for all cores."
        )
    return number


class Settings(BaseModel):
    """Base of every settings object.

    Raises
    ------
    SettingsError
        On construction: unknown key, wrong type or value out of range. All faults of one call
        are named together, an unknown key with the nearest known one.

    Examples
    --------
    >>> class Crop(Settings):
    ...     margin_mm: float = 10.0
    >>> Crop(margin_mm=5).to_json()
    '{"margin_mm":5.0}'
    >>> Crop.from_json('{"margin_mm":5.0}') == Crop(margin_mm=5)
    True
    >>> Crop(margn_mm=5)
    Traceback (most recent call last):
    ...
    tumor_response.exceptions.SettingsError: Crop: 'margn_mm' is not a setting; did you mean \
'margin_mm'? Known: margin_mm.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise SettingsError(_explain(type(self), error)) from None

    @model_validator(mode="after")
    def _freeze(self) -> Self:
        # frozen=True keeps fields from being replaced, not their contents from being changed
        for name in type(self).model_fields:
            if isinstance(self.__dict__[name], dict):
                self.__dict__[name] = frozen(self.__dict__[name])
        return self

    def to_json(self) -> str:
        """Return the settings as canonical JSON."""
        return canonical_json(self.model_dump(mode="json"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Rebuild the object that :meth:`to_json` wrote; faults raise :class:`SettingsError`."""
        try:
            return cls(**json.loads(text))
        except (json.JSONDecodeError, TypeError) as error:
            raise SettingsError(
                f"{cls.__name__}: not the JSON of its settings ({error})."
            ) from None

    @property
    def sha256(self) -> str:
        """SHA-256 over the class name and the canonical JSON."""
        return sha256_of_json([type(self).__name__, self.model_dump(mode="json")])


def _explain(cls: type[BaseModel], error: ValidationError) -> str:
    known = list(cls.model_fields)
    faults = []
    for fault in error.errors(include_url=False):
        where = ".".join(str(part) for part in fault["loc"])
        if fault["type"] == "extra_forbidden":
            near = difflib.get_close_matches(where, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else "."
            faults.append(f"{where!r} is not a setting{hint} Known: {', '.join(known)}.")
        else:
            message = fault["msg"].removeprefix("Value error, ")
            place = f"{where}: " if where else ""
            faults.append(f"{place}{message}, received {fault.get('input')!r}.")
    return f"{cls.__name__}: " + " ".join(faults)
