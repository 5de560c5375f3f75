"""What the feature table, the frozen plan, the ledger and the environment know."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Protocol

from tumor_response._version import __version__
from tumor_response.settings import canonical_json
from tumor_response.table import FeatureTable

__all__ = ["LedgerLike", "PlanLike", "facts_of_study"]

LIBRARIES = ("numpy", "pandas", "scipy", "scikit-learn", "xgboost")


class _Plan(Protocol):
    @property
    def primary(self) -> tuple[str, str]: ...


class PlanLike(Protocol):
    """A plan as :func:`tumor_response.freeze_plan` gives it."""

    @property
    def plan(self) -> _Plan:
        """What was planned."""
        ...

    @property
    def sha256(self) -> str:
        """Its hash."""
        ...

    @property
    def frozen_at(self) -> str:
        """When it was frozen."""
        ...

    @property
    def n_evaluations_before(self) -> int:
        """How many evaluations the study's ledger held by then."""
        ...


class LedgerLike(Protocol):
    """A study ledger."""

    def text(self) -> str:
        """Return how many configurations were tried on the outcome."""
        ...


def facts_of_study(
    table: FeatureTable | None, plan: PlanLike | None, ledger: LedgerLike | None
) -> dict[str, str]:
    """Return facts by name; what was not given is left out."""
    facts = {"versions": _versions()}
    if table is not None:
        facts |= {
            "extraction": _extraction(table),
            "failures": _failures(table),
            "resampling": _settings(table, ("resampledPixelSpacing", "interpolator", "spacing_mm")),
            "discretisation": _settings(table, ("binWidth", "binCount")),
            "image_types": _settings(table, ("image_types",)),
            "feature_classes": _settings(table, ("feature_classes",)),
        }
    if plan is not None:
        first, second = plan.plan.primary
        facts["primary"] = f"Primary comparison of the frozen plan: {first} against {second}."
        facts["plan"] = (
            f"Analysis plan frozen at {plan.frozen_at} (UTC), SHA-256 {plan.sha256}, after "
            f"{plan.n_evaluations_before} evaluation(s) in the study's ledger."
        )
    if ledger is not None:
        facts["tried"] = f"By the study's ledger, {ledger.text()}."
    return {name: text for name, text in facts.items() if text}


def _versions() -> str:
    told = [f"tumor_response {__version__}", f"Python {platform.python_version()}"]
    for name in LIBRARIES:
        try:
            told.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return f"Versions where this checklist was made: {', '.join(told)}."


def _extraction(table: FeatureTable) -> str:
    dictionary = table.dictionary[table.dictionary["block"] != "meta"]
    parts = []
    for block, rows in dictionary.groupby("block", sort=False):
        digests = ", ".join(str(digest) for digest in rows["settings_sha256"].unique())
        ibsi = int((rows["ibsi_code"].astype(str) != "").sum())
        coded = f", {ibsi} with an IBSI code" if ibsi else ""
        parts.append(f"{block}: {len(rows):,} columns{coded}, settings SHA-256 {digests}")
    for block, identity in table.provenance.get("extractors", {}).items():
        if versions := identity.get("versions"):
            told = ", ".join(f"{name} {number}" for name, number in versions.items())
            parts.append(f"{block} was extracted with {told}")
    return "; ".join(parts) + "."


def _failures(table: FeatureTable) -> str:
    counts = table.failures["reason"].value_counts()
    told = ", ".join(f"{reason} ({count})" for reason, count in counts.items())
    return f"Shortfalls and findings of the extraction: {told or 'none'}."


def _settings(table: FeatureTable, wanted: tuple[str, ...]) -> str:
    """Return the settings of that name of any extractor, wherever they stand."""
    parts = [
        f"{block}: {name} = {canonical_json(value)}"
        for block, identity in table.provenance.get("extractors", {}).items()
        for name, value in _found(identity, wanted)
    ]
    return "; ".join(parts) + "." if parts else ""


def _found(node: Any, wanted: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict):
        for name, value in node.items():
            if name in wanted:
                yield name, value
            else:
                yield from _found(value, wanted)
