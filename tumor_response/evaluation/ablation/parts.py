"""Resamples' scores, taken apart by model and put together again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tumor_response.evaluation.running import ResampleScores

__all__ = ["joined", "part_of"]


def part_of(one: ResampleScores, name: str, called: str | None = None) -> ResampleScores:
    """Return what a resample says of one model, under its own or another name."""
    new = name if called is None else called
    return replace(
        one,
        scores={new: one.scores[name]},
        values={new: one.values[name]},
        train_values={new: one.train_values[name]},
        all_values={new: one.all_values[name]},
        untuned=frozenset({new} if name in one.untuned else ()),
    )


def joined(parts: Sequence[ResampleScores]) -> ResampleScores:
    """Return what the same resample says of several models; cut and outcomes are the same."""
    return replace(
        parts[0],
        scores={name: value for part in parts for name, value in part.scores.items()},
        values={name: value for part in parts for name, value in part.values.items()},
        train_values={name: value for part in parts for name, value in part.train_values.items()},
        all_values={name: value for part in parts for name, value in part.all_values.items()},
        untuned=frozenset().union(*(part.untuned for part in parts)),
    )
