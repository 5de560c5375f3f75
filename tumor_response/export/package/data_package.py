"""``datapackage.json``: Frictionless metadata, with a schema for each table kept as CSV."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from tumor_response._version import __version__
from tumor_response.export.package.contents import Content
from tumor_response.export.package.facts import PackageFacts
from tumor_response.formats import Sheet, Variable

__all__ = ["data_package"]

_PROFILE = "https://specs.frictionlessdata.io/schemas/data-package.json"
_KEYS = ("patient_id", "lesion_id")
_ENOUGH_TO_READ = 1 << 20


def data_package(
    directory: Path, contents: Sequence[Content], sheets: Mapping[str, Sheet], facts: PackageFacts
) -> dict[str, Any]:
    """Return the metadata.

    Parameters
    ----------
    directory
        Where the files lie: of CSV files the first line is read.
    contents
        Every file that is listed.
    sheets
        File name -> the sheet that it holds. Other CSV files get the names of their columns and
        no types.
    facts
        Of the whole.

    Notes
    -----
    Frictionless Data Package and Table Schema, version 1 (https://specs.frictionlessdata.io).
    """
    names = _resource_names([content.name for content in contents])
    keyed = {
        name for name, sheet in sheets.items() if sheet.name == "features" and _has_keys(sheet)
    }
    first = next((names[name] for name in sorted(keyed) if name in names), "")
    authors = [{"title": name, "role": "author"} for name in facts.creators]
    resources = []
    for content in contents:
        resource: dict[str, Any] = {
            "name": names[content.name],
            "path": content.name,
            # else a reader takes a Parquet file for a table, and counts none of its bytes
            "type": "file",
            "format": Path(content.name).suffix.lstrip(".").lower() or "txt",
            "mediatype": content.media_type,
            "bytes": content.n_bytes,
            "hash": f"sha256:{content.sha256}",
        }
        if content.media_type == "text/csv":
            sheet = sheets.get(content.name)
            resource |= {
                "type": "table",
                "encoding": "utf-8",
                "dialect": {"csv": {"delimiter": ",", "quoteChar": '"', "doubleQuote": True}},
                "schema": _schema(_header(directory / content.name), sheet, first),
            }
            if sheet is not None:
                resource["title"] = sheet.label
        resources.append(resource)
    return {
        "$schema": _PROFILE,
        "name": "tumor-response-bundle",
        "title": facts.title,
        "description": facts.description,
        "created": f"{facts.date}T00:00:00Z",
        "licenses": [_licence(facts.licence)],
        **({"contributors": authors} if authors else {}),
        "keywords": list(facts.keywords),
        "made_with": f"tumor_response {__version__}",
        "provenance": dict(facts.provenance),
        "resources": resources,
    }


def _resource_names(paths: Sequence[str]) -> dict[str, str]:
    """Return a name for each file: lower-case letters, digits, ``-`` and ``.``; no two alike."""
    found: dict[str, str] = {}
    for path in paths:
        base = re.sub(r"[^a-z0-9.-]+", "-", path.lower()).strip("-.") or "file"
        name, number = base, 2
        while name in found.values():
            name, number = f"{base}-{number}", number + 1
        found[path] = name
    return found


def _licence(words: str) -> dict[str, str]:
    if re.match(r"https?://", words):
        return {"name": "other", "path": words}
    return {"name": "other", "title": words}


def _has_keys(sheet: Sheet) -> bool:
    return all(key in sheet.frame.columns for key in _KEYS)


def _header(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return next(csv.reader(file), [])


def _schema(header: Sequence[str], sheet: Sheet | None, features: str) -> dict[str, Any]:
    if sheet is None or len(header) != len(sheet.variables):
        fields: list[dict[str, Any]] = [{"name": name, "type": "any"} for name in header]
        return {"fields": fields, "missingValues": [""]}
    schema: dict[str, Any] = {
        "fields": [
            _field(name, variable, sheet.frame[variable.name])
            for name, variable in zip(header, sheet.variables, strict=True)
        ],
        "missingValues": [""],
    }
    if _has_keys(sheet) and not sheet.frame.duplicated(list(_KEYS)).any():
        schema["primaryKey"] = list(_KEYS)
        if sheet.name == "outcomes" and features:
            reference = {"resource": features, "fields": list(_KEYS)}
            schema["foreignKeys"] = [{"fields": list(_KEYS), "reference": reference}]
    return schema


def _field(name: str, variable: Variable, values: pd.Series) -> dict[str, Any]:
    field: dict[str, Any] = {"name": name, "type": _type(variable, values)}
    if variable.label:
        field["title"] = variable.label
    if variable.name != name:
        field["column"] = variable.name
    if variable.unit:
        field["unit"] = variable.unit
    constraints: dict[str, Any] = {}
    if variable.levels:
        constraints["enum"] = list(variable.levels)
    if variable.name in _KEYS:
        constraints["required"] = True
    if constraints:
        field["constraints"] = constraints
    if variable.value_labels:
        field["value_labels"] = {str(v): words for v, words in variable.value_labels.items()}
    return field


def _type(variable: Variable, values: pd.Series) -> str:
    if variable.kind != "number":
        return "string"
    return "integer" if pd.api.types.is_integer_dtype(values.dtype) else "number"
