"""Settings are objects: frozen, validated, unknown keys rejected, JSON round trip, SHA-256."""

from __future__ import annotations

import difflib
import hashlib
import json
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from tumor_response.exceptions import SettingsError

__all__ = ["Settings", "canonical_json", "sha256_of_json"]


def canonical_json(value: Any) -> str:
    """Return the one JSON text of ``value``: sorted keys, no spaces, NaN refused."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def sha256_of_json(value: Any) -> str:
    """Return the SHA-256 (hexadecimal) of :func:`canonical_json` of ``value``."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


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
