"""Random changes of good predictor files, from bytes on the outside to values of the models."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from tests.unit.predictor.container.altering import (
    good,
    listed,
    members,
    text,
    with_member,
    with_seal,
)
from tumor_response.exceptions import BundleError
from tumor_response.predictor.container.writing import sealed
from tumor_response.predictor.saving import state_bytes, state_from

GOOD = ("tiny", "logistic", "xgboost", "random_forest", "late_fusion")
_NASTY: tuple[Any, ...] = (
    *(None, True, -1, 0, 1, 2**31, 2**63, -(2**63) - 1, 10**40, 0.5, -0.0, 1e308, 5e-324),
    *("", "nan", "inf", "a00000", "__class__", "x" * 300, "\u2028", [], {}, [[]], {"is": "list"}),
    *({"is": "array", "array": "a00000", "order": "C"}, {"is": "booster", "number": 0}),
    *({"is": "Pipeline", "given": {"steps": {"is": "list", "items": []}}}, {"is": "dict"}),
    *({"is": "float", "value": "nan"}, {"is": "RidgeLogistic", "given": {}, "fitted": {}}),
)


def damaged(content: bytes, rng: random.Random, n: int = 3) -> bytes:
    """Bytes turned, cut out, put in, doubled or replaced by extreme ones, up to ``n`` times."""
    for _ in range(rng.randint(1, n)):
        at, length = rng.randrange(len(content) + 1), rng.choice((1, 1, 2, 4, 8, 40))
        kind = rng.randrange(5)
        piece = content[at : at + length]
        if kind == 0 and piece:
            piece = bytes([piece[0] ^ (1 << rng.randrange(8))]) + piece[1:]
        elif kind == 1:
            piece = b""
        elif kind == 2:
            piece = rng.randbytes(length) + piece
        elif kind == 3:
            piece = piece + piece
        else:
            piece = rng.choice((b"\0", b"\xff")) * len(piece)
        content = content[:at] + piece + content[at + length :]
    return content


def outside(rng: random.Random) -> bytes:
    """A damaged file as it may arrive."""
    return damaged(good(rng.choice(GOOD)), rng)


def resealed(rng: random.Random) -> bytes:
    """A damaged zip whose author sealed it anew."""
    return with_seal(damaged(good(rng.choice(GOOD))[:-64], rng))


def member(rng: random.Random) -> bytes:
    """One member's bytes damaged, with a manifest that lists them."""
    content = good(rng.choice(GOOD))
    name = rng.choice(sorted(set(members(content)) - {"manifest.json"}))
    return with_member(content, name, lambda found: damaged(found, rng))


def manifest(rng: random.Random) -> bytes:
    """A manifest of other values."""
    parts = members(good(rng.choice(GOOD)))
    found = changed(json.loads(parts["manifest.json"]), rng)
    return sealed({**parts, "manifest.json": text(found)})


def values(rng: random.Random) -> bytes:
    """Well-spelled JSON of other values, names and types: what only the last checks can refuse."""
    parts = members(good(rng.choice(GOOD)))
    names = [name for name in parts if name.endswith(".json") and name != "manifest.json"]
    name = rng.choice([*names, *["models.json"] * 4])
    found = json.loads(parts[name])
    for _ in range(rng.randint(1, 3)):
        found = changed(found, rng)
    return sealed(listed({**parts, name: text(found)}))


def changed(found: Any, rng: random.Random) -> Any:
    """JSON data with one value replaced, taken out, exchanged or doubled."""
    found = copy.deepcopy(found)
    places = list(_places(found))
    if not places:
        return rng.choice(_NASTY)
    holder, key = rng.choice(places)
    kind = rng.randrange(4)
    other, at = rng.choice(places)
    if kind == 0:
        holder[key] = copy.deepcopy(rng.choice(_NASTY))
    elif kind == 1:
        del holder[key]
    elif kind == 2:
        holder[key] = copy.deepcopy(other[at])
    elif isinstance(holder, list):
        holder.insert(key, copy.deepcopy(holder[key]))
    else:
        holder[rng.choice(("is", "fitted", "given", "items", "coef_", "x"))] = holder.pop(key)
    return found


def _places(found: Any) -> Iterator[tuple[Any, Any]]:
    keys = found if isinstance(found, dict) else range(len(found)) if type(found) is list else ()
    for key in keys:
        yield found, key
        yield from _places(found[key])


KINDS: dict[str, tuple[Callable[[random.Random], bytes], float]] = {
    "outside": (outside, 0.3),
    "resealed": (resealed, 0.2),
    "member": (member, 0.15),
    "manifest": (manifest, 0.1),
    "values": (values, 0.25),
}
"""What is made, and which share of the inputs it is."""

ALWAYS_REFUSED = ("outside", "resealed")
"""Of these every byte is accounted for, so that no change of the content can be harmless."""


def made(kind: str, seed: int) -> bytes:
    """One input."""
    return KINDS[kind][0](random.Random(f"{kind} {seed}"))


def fate(kind: str, content: bytes) -> str:
    """What becomes of an input: a reason code, ``"loaded"``, or ``"unchanged"``.

    A file that loads says what the good one says of the made-up rows, and can be saved again.
    """
    if content in {good(name) for name in GOOD}:
        return "unchanged"
    try:
        state = state_from(content)
    except BundleError as error:
        return error.code
    if kind in ALWAYS_REFUSED:
        # deflate leaves up to seven bits of a member's last byte unused; they say nothing
        if kind == "resealed" and members(content) in [members(good(name)) for name in GOOD]:
            return "loaded, the same content"
        raise AssertionError("a changed file was loaded")
    try:
        state_bytes(state)
    except BundleError as error:
        return f"loaded, not saved again: {error.code}"
    return "loaded"
