"""Writing ``study.toml``: every key with what it means, and the key-by-key table of the docs."""

from __future__ import annotations

import json
import math
import re
import textwrap
from collections.abc import Mapping
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from tumor_response.study.sections import Section
from tumor_response.study.settings import SECTIONS

__all__ = ["key_table", "toml_text"]

_WIDTH = 88

_HEAD = """\
# The settings of this study. What a key means stands above it; a key that is left out has its
# default. Paths start at this file's folder.
#
# tumor-response run STUDY does what is not up to date after a change here, and says why.
"""


def toml_text(values: Mapping[str, Mapping[str, Any]], why: Mapping[str, str] | None = None) -> str:
    """Return the text of a settings file, with a comment on every key.

    Parameters
    ----------
    values
        By section and key; what is not there has its default.
    why
        By key such as ``"features.clinical"``: a further comment on how the value came about.

    Examples
    --------
    >>> text = toml_text({"cohort": {"manifest": "manifest.csv"}})
    >>> 'manifest = "manifest.csv"' in text.splitlines()
    True
    """
    why = why or {}
    parts = [_HEAD]
    for name, section in SECTIONS.items():
        parts.append(f"\n[{name}]\n# {(section.__doc__ or '').strip()}\n")
        given = values.get(name, {})
        for key, field in section.model_fields.items():
            value = given.get(key, field.get_default(call_default_factory=True))
            parts.append(_key_text(key, field, value, why.get(f"{name}.{key}")))
    return "".join(parts)


def key_table(section: type[Section]) -> str:
    """Return a Markdown table of a section's keys: what it is, choices, default."""
    rows = ["| key | what it is | choices | default |", "| --- | --- | --- | --- |"]
    for key, field in section.model_fields.items():
        choices = ", ".join(f"`{one}`" for one in _choices(field)) or _limits(field)
        told = (field.description or "").replace("|", "\\|")
        rows.append(f"| `{key}` | {told} | {choices} | {_default_text(field, '`')} |")
    return "\n".join(rows) + "\n"


def _key_text(key: str, field: FieldInfo, value: Any, why: str | None) -> str:
    told = [field.description or ""]
    if choices := _choices(field):
        told.append(f"Choices: {', '.join(choices)}.")
    if limits := _limits(field):
        told.append(f"Expected: {limits}.")
    told.append(f"Default: {_default_text(field, '')}.")
    comment = textwrap.wrap(" ".join(told), _WIDTH - 2, break_on_hyphens=False)
    comment += textwrap.wrap(why or "", _WIDTH - 2, break_on_hyphens=False)
    lines = [f"# {line}" for line in comment]
    lines.append(f'# {key} = ""' if value is None else f"{key} = {_toml(value)}")
    return "\n" + "\n".join(lines) + "\n"


def _default_text(field: FieldInfo, quote: str) -> str:
    default = field.get_default(call_default_factory=True)
    return "not set" if default is None else f"{quote}{_toml(default)}{quote}"


def _choices(field: FieldInfo) -> list[str]:
    return list(_literals(field.annotation))


def _literals(annotation: Any) -> list[str]:
    origin = get_origin(annotation)
    if origin is Literal:
        return [str(one) for one in get_args(annotation)]
    if origin in (tuple, dict, Union, UnionType):
        return [text for one in get_args(annotation) for text in _literals(one)]
    return []


def _limits(field: FieldInfo) -> str:
    least = [one.ge for one in field.metadata if getattr(one, "ge", None) is not None]
    return f"{least[0]:g} or more" if least else ""


def _toml(value: Any) -> str:
    """Write a value as TOML has it; JSON's texts are TOML's basic strings."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # a path or a pattern with backslashes reads better as a literal string
        literal = "\\" in value and "'" not in value and value.isprintable()
        return f"'{value}'" if literal else json.dumps(value, ensure_ascii=False)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else str(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_bare(key)} = {_toml(one)}" for key, one in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    return f"[{', '.join(_toml(one) for one in value)}]"


def _bare(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key, ensure_ascii=False)
