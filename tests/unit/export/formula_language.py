"""A reader of the codebook's formulas that computes them, so that a wrong one is found out.

Indices are axes of arrays: i, j, k and v the first to fourth; ``Σᵢⱼ`` adds up over the first two
whatever stands behind it in the same product.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

AXES = "ᵢⱼₖᵥ"
_POWERS = {"²": 2, "³": 3, "⁴": 4, "⁻²": -2}
_TOKEN = re.compile(
    r"\s*(Σ[ᵢⱼₖᵥ]+|log₂|exp|max|min|√|\d+|[A-Za-zμπλ](?![A-Za-z])[ᵢⱼₖᵥ₀-₉]*|⁻?[²³⁴]|[\^()|/+−])"
)


def tokens_of(formula: str) -> list[str]:
    found, place = [], 0
    while place < len(formula):
        match = _TOKEN.match(formula, place)
        if match is None:
            raise ValueError(f"{formula!r}: not understood from {formula[place:]!r} on")
        found.append(match[1])
        place = match.end()
    return found


def computed(formula: str, symbols: Mapping[str, object]) -> float:
    """Compute a formula; raises for anything that is left over or unknown."""
    reader = _Reader(tokens_of(formula), symbols)
    value = np.asarray(reader.sum())
    if reader.rest:
        raise ValueError(f"{formula!r}: not understood from {reader.rest} on")
    return float(value.squeeze())


class _Reader:
    def __init__(self, tokens: list[str], symbols: Mapping[str, object]) -> None:
        self.rest, self.symbols, self.inside_bars = tokens, symbols, False

    def next_is(self, *wanted: str) -> bool:
        return bool(self.rest) and self.rest[0] in wanted

    def take(self, *wanted: str) -> str:
        token = self.rest.pop(0)
        if wanted and token not in wanted:
            raise ValueError(f"{token!r} instead of one of {wanted}")
        return token

    def sum(self) -> np.ndarray:
        negative = self.next_is("−") and bool(self.take("−"))
        value = self.product()
        value = -value if negative else value
        while self.next_is("+", "−"):
            sign = 1 if self.take("+", "−") == "+" else -1
            value = value + sign * self.product()
        return value

    def product(self) -> np.ndarray:
        value = self.factor()
        while self.rest and not self.next_is(")", "+", "−") and not self.ends_bars():
            if self.next_is("/"):
                self.take("/")
                value = value / self.factor()
            else:
                value = value * self.factor()
        return value

    def ends_bars(self) -> bool:
        return self.inside_bars and self.next_is("|")

    def factor(self) -> np.ndarray:
        token = self.take()
        if token[0] == "Σ":
            axes = tuple(AXES.index(letter) for letter in token[1:])
            whole = self.product()
            shape = np.broadcast_shapes(whole.shape, (1,) * len(AXES))
            return np.broadcast_to(whole, shape).sum(axis=axes, keepdims=True)
        if token == "log₂":
            inside = self.factor()
            return np.where(inside > 0, np.log2(np.where(inside > 0, inside, 1.0)), 0.0)
        if token in ("exp", "√", "max", "min"):
            apply = {"exp": np.exp, "√": np.sqrt, "max": np.max, "min": np.min}[token]
            return np.asarray(apply(self.factor()))
        if token == "(":
            was, self.inside_bars = self.inside_bars, False
            value = self.sum()
            self.inside_bars = was
            self.take(")")
        elif token == "|":
            self.inside_bars = True
            value = np.abs(self.sum())
            self.inside_bars = False
            self.take("|")
        else:
            known = float(token) if token.isdigit() else self.symbols[token]
            value = np.asarray(known, dtype=np.float64)
        return self.power(value)

    def power(self, value: np.ndarray) -> np.ndarray:
        if self.next_is(*_POWERS):
            return value ** _POWERS[self.take()]
        if self.next_is("^"):
            self.take("^")
            self.take("(")
            exponent = self.sum()
            self.take(")")
            return value**exponent
        return value
