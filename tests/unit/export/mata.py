"""Runs the Mata functions of ``recompute.do`` without Stata, statement by statement.

They are written in the part of Mata that reads like C: declarations, assignments, ``for`` with one
counter, ``if`` and ``else``, ``return``, matrices with two subscripts from 1. That part is turned
into Python line by line; whatever else stands in the file is an error here. It shows that the
arithmetic is right, not that Stata accepts the file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import expit, logit
from scipy.stats import norm, t

_FOR = re.compile(r"for \((\w+)=(.+?); (\w+)<=(.+?); (\w+)\+\+\) \{")
_FUNCTION = re.compile(r"real (?:scalar|matrix) (\w+)\((.*)\)")
_DECLARATION = re.compile(r"(?:real|string) (?:scalar|matrix) (\w+(?:, \w+)*)")
_ASSIGNMENT = re.compile(r"(\w+(?:\[[^=]+\])?) = (.+)")


class Matrix:
    """Of numbers, with subscripts from 1 as in Mata."""

    def __init__(self, values: Any) -> None:
        self.values = np.asarray(values, dtype=float)

    def __getitem__(self, at: tuple[float, float]) -> float:
        return float(self.values[self._place(at)])

    def __setitem__(self, at: tuple[float, float], value: float) -> None:
        self.values[self._place(at)] = value

    def _place(self, at: tuple[float, float]) -> tuple[int, int]:
        row, column = (int(part) for part in at)
        assert (row, column) == tuple(at), f"no whole numbers: {at}"
        assert 1 <= row <= self.values.shape[0], f"row {row} of {self.values.shape}"
        assert 1 <= column <= self.values.shape[1], f"column {column} of {self.values.shape}"
        return row - 1, column - 1


BUILT_IN: dict[str, Any] = {
    "J": lambda n_rows, n_columns, value: Matrix(np.full((int(n_rows), int(n_columns)), value)),
    "rows": lambda matrix: matrix.values.shape[0],
    "missing": math.isnan,
    "sqrt": math.sqrt,
    "logit": lambda p: float(logit(p)),
    "invlogit": lambda x: float(expit(x)),
    "invttail": lambda df, p: float(t.isf(p, df)),
    "invnormal": lambda p: float(norm.ppf(p)),
    "max": max,
    "min": min,
    "MISSING": math.nan,
}
"""Mata's own functions, by their manual's meaning."""


def functions_of(do_file: str) -> dict[str, Callable[..., Any]]:
    """Return the functions between ``mata:`` and ``end``."""
    text = do_file.split("\nmata:\n")[1].split("\nend\n")[0]
    lines, depth, declared = [], 0, set()
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.split("//")[0].strip()
        if not line or line == "{":
            depth += line == "{"
            continue
        if line == "}":
            depth -= 1
            continue
        if depth == 0:
            name, parameters = _FUNCTION.fullmatch(line).groups()
            names = [one.split()[-1] for one in parameters.split(", ")]
            declared = set(names)
            lines.append(f"def {name}({', '.join(names)}):")
            continue
        if found := _DECLARATION.fullmatch(line):
            declared |= set(found[1].split(", "))
            continue
        lines.append("    " * depth + _statement(line, declared, number))
        depth += line.endswith("{")
    assert depth == 0
    space = dict(BUILT_IN)
    exec("\n".join(lines), space)
    return {name: value for name, value in space.items() if name not in BUILT_IN}


def _statement(line: str, declared: set[str], number: int) -> str:
    if found := _FOR.fullmatch(line):
        assert found[1] == found[3] == found[5], line
        assert found[1] in declared, f"{found[1]} is not declared (line {number})"
        start, stop = _expression(found[2]), _expression(found[4])
        return f"for {found[1]} in range(int({start}), int({stop}) + 1):"
    if line == "else {":
        return "else:"
    if line.startswith("if (") and line.endswith(") {"):
        return f"if {_expression(line[4:-3])}:"
    if line.startswith("return(") and line.endswith(")"):
        return f"return {_expression(line[7:-1])}"
    found = _ASSIGNMENT.fullmatch(line)
    assert found is not None, f"line {number} is none of the statements known: {line}"
    assert found[1].split("[")[0] in declared, f"{found[1]} is not declared (line {number})"
    return f"{found[1]} = {_expression(found[2])}"


def _expression(text: str) -> str:
    text = re.sub(r"(?<![\w)\]])\.(?!\d)", "MISSING", text)
    return re.sub(r"!(?!=)", " not ", text.replace("^", "**")).strip()
