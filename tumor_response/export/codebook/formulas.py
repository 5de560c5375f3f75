"""Formulas."""

from __future__ import annotations

__all__ = ["formula_of", "symbols_of"]


def formula_of(column: str, ibsi_code: str) -> str:
    """Return the formula."""
    return ""


def symbols_of(formulas: set[str]) -> list[str]:
    """Return what the symbols of these formulas mean."""
    return []
