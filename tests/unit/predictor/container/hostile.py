"""Files that are none of ours, or that somebody made to do harm: from a name to bytes and code."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import struct
import warnings
import zipfile
from collections.abc import Callable
from typing import Any

from tests.unit.predictor.container.altering import (
    foreign_zip,
    good,
    listed,
    members,
    text,
    with_json,
    with_member,
    with_seal,
)
from tumor_response.predictor.container.writing import sealed

MARK = "TUMOR_RESPONSE_HARMED"


class Harm:
    """What a pickle may do."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (exec, (f"import os; os.environ[{MARK!r}] = '1'",))


def _set(path: str, value: object) -> Callable[[dict], None]:
    """A change of JSON at a path of keys and places."""

    def change(found: Any) -> None:
        *way, last = [int(key) if key.isdigit() else key for key in path.split("/")]
        for key in way:
            found = found[key]
        found[last] = value

    return change


def _models(path: str, value: object, of: str = "tiny") -> bytes:
    return with_json(good(of), "models.json", _set(path, value))


def _booster(path: str, value: object) -> bytes:
    return with_json(good("xgboost"), "booster_0000.json", _set(path, value))


_TREE = "learner/gradient_booster/model/trees/0"
_LAST = "models/model/given/steps/items/{}/items/1"


def _forest(field: str, value: float) -> bytes:
    """A forest of which one node's field is another number."""
    return _number("random_forest", f"{_LAST.format(6)}/trees/{field}", value)


def _number(of: str, path: str, value: float) -> bytes:
    """A good file of which the first number of one array is another."""
    content = good(of)
    array = json.loads(members(content)["models.json"])
    for key in path.split("/"):
        array = array[int(key) if key.isdigit() else key]

    def change(raw: bytes) -> bytes:
        size = struct.unpack("<Q", raw[:8])[0]
        at = json.loads(raw[8 : 8 + size])[array]
        start = 8 + size + at["data_offsets"][0]
        kind = {"F64": "<d", "I64": "<q"}[at["dtype"]]
        return raw[:start] + struct.pack(kind, value) + raw[start + 8 :]

    return with_member(content, "arrays.safetensors", change)


def _lying_size() -> bytes:
    """A member that unpacks to far more than both of its headers say."""
    content = sealed({"manifest.json": bytes(50_000_000)})
    small = struct.pack("<L", 10)
    large = struct.pack("<L", 50_000_000)
    return with_seal(content[:-64].replace(large, small))


def _patched(content: bytes, signature: bytes, offset: int, value: bytes) -> bytes:
    """Bytes at a place behind the first occurrence of a signature."""
    at = content.index(signature) + offset
    return with_seal(content[:at] + value + content[at + len(value) : -64])


def _overlapping() -> bytes:
    """Two entries of the directory, both of the one member that is there."""
    body = good()
    end = len(body) - 64 - 22
    start = struct.unpack("<L", body[end + 16 : end + 20])[0]
    length = struct.unpack("<H", body[start + 28 : start + 30])[0]
    entry = body[start : start + 46 + length]
    directory = body[start:end] + entry
    n = struct.unpack("<H", body[end + 8 : end + 10])[0] + 1
    record = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, n, n, len(directory), start, 64)
    return with_seal(body[:start] + directory + record)


def _twice() -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as archive:
        warnings.simplefilter("ignore")
        for name, one in [*members(good()).items(), ("state.json", b"{}")]:
            entry = zipfile.ZipInfo(name)
            entry.create_system, entry.external_attr = 3, 0o600 << 16
            archive.writestr(entry, one, zipfile.ZIP_DEFLATED)
        archive.comment = b"0" * 64
    return with_seal(buffer.getvalue()[:-64])


def _link() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        entry = zipfile.ZipInfo("manifest.json")
        entry.create_system, entry.external_attr = 3, 0o120777 << 16
        archive.writestr(entry, "/etc/passwd")
        archive.comment = b"0" * 64
    return with_seal(buffer.getvalue()[:-64])


def _without(name: str) -> bytes:
    return sealed(listed({key: one for key, one in members(good()).items() if key != name}))


def _odd_arrays(shape: list[int]) -> bytes:
    head = text({"a00000": {"dtype": "F64", "shape": shape, "data_offsets": [0, 0]}})
    return with_member(good(), "arrays.safetensors", lambda _: struct.pack("<Q", len(head)) + head)


def _bomb() -> bytes:
    return sealed({"manifest.json": bytes(100_000_000)})


def _harm() -> bytes:
    return pickle.dumps(Harm())


FILES: dict[str, tuple[Callable[[], bytes], str]] = {
    # other files
    "empty": (lambda: b"", "not_a_predictor"),
    "text": (lambda: b"#!/bin/sh\necho harm\n" * 20, "not_a_predictor"),
    "pickle": (_harm, "pickle"),
    "old pickle": (lambda: pickle.dumps(Harm(), 0) * 20, "not_a_predictor"),
    "packed pickle": (lambda: gzip.compress(_harm()), "not_a_predictor"),
    "network of torch": (lambda: foreign_zip({"data.pkl": _harm()}), "pickle"),
    "member that is a pickle": (
        lambda: with_member(good(), "models.json", lambda _: _harm()),
        "pickle",
    ),
    "zip without seal": (lambda: good()[:-64] + b"0" * 64, "file_changed"),
    "cut short": (lambda: good()[:-700], "not_a_predictor"),
    "bytes at the end": (lambda: with_seal(good()), "not_a_predictor"),
    "script before the zip": (lambda: with_seal(b"#!/bin/sh\n" + good()[:-64]), "not_a_predictor"),
    # what a zip may hide
    "leads out": (lambda: foreign_zip({"../../bashrc": b"harm"}), "path_traversal"),
    "absolute": (lambda: foreign_zip({"/etc/cron.d/x": b"harm"}), "path_traversal"),
    "another drive": (lambda: foreign_zip({"C:x.json": b"harm"}), "path_traversal"),
    "link": (_link, "zip_layout"),
    "bomb": (_bomb, "zip_bomb"),
    "bomb that lies": (_lying_size, "zip_bomb"),
    "members without end": (
        lambda: foreign_zip({f"a{number}": b"" for number in range(12_000)}),
        "zip_bomb",
    ),
    "overlapping": (_overlapping, "zip_layout"),
    "twice": (_twice, "zip_layout"),
    "encrypted": (lambda: _patched(good(), b"PK\1\2", 8, b"\1"), "zip_layout"),
    "packed otherwise": (
        lambda: foreign_zip(members(good()), compression=zipfile.ZIP_LZMA),
        "zip_layout",
    ),
    "two headers": (lambda: _patched(good(), b"PK\3\4", 30, b"M"), "zip_layout"),
    "another checksum": (
        lambda: _patched(_patched(good(), b"PK\1\2", 16, b"0000"), b"PK\3\4", 14, b"0000"),
        "changed_member",
    ),
    # members
    "missing": (lambda: _without("check.json"), "missing_member"),
    "extra": (
        lambda: sealed(listed({**members(good()), "run.py": b"import os"})),
        "extra_member",
    ),
    "listed and not there": (
        lambda: _manifest("members", [{"name": "x.json", "size": 1, "sha256": ""}]),
        "missing_member",
    ),
    "changed": (
        lambda: sealed({**members(good()), "state.json": b"{}"}),
        "changed_member",
    ),
    "other order": (
        lambda: sealed(listed(dict(sorted(members(good()).items(), reverse=True)))),
        "missing_member",
    ),
    "newer format": (lambda: _manifest("version", 99), "unknown_version"),
    "format that is true": (lambda: _manifest("version", True), "unknown_version"),
    "another format": (lambda: _manifest("format", "skops"), "not_a_predictor"),
    # types
    "system": (lambda: _models("models/model/is", "system"), "untrusted_type"),
    "a name of a module": (lambda: _models("models/model/is", "os.system"), "untrusted_type"),
    "method": (
        lambda: _models(f"{_LAST.format(4)}/fitted/predict_proba", "x"),
        "untrusted_type",
    ),
    "class": (lambda: _models(f"{_LAST.format(4)}/fitted/__class__", "x"), "untrusted_type"),
    "folder of pickles": (lambda: _models("models/model/given/memory", "/x"), "untrusted_type"),
    "many processes": (
        lambda: _models(f"{_LAST.format(6)}/given/n_jobs", 10**6, "random_forest"),
        "untrusted_type",
    ),
    # JSON
    "deep": (lambda: with_member(good(), "state.json", lambda _: b"[" * 10**6), "damaged_member"),
    "wide": (
        lambda: with_member(good(), "state.json", lambda _: b"[" + b"[]," * 5_000_000 + b"1]"),
        "zip_bomb",
    ),
    "not a number": (
        lambda: with_member(
            good(), "state.json", lambda found: found.replace(b'"slope":0.9', b'"slope":NaN')
        ),
        "damaged_member",
    ),
    "key twice": (
        lambda: with_member(good(), "state.json", lambda found: b'{"task":1,' + found[1:]),
        "damaged_member",
    ),
    "digits without end": (
        lambda: with_member(good(), "state.json", lambda _: b"9" * 10**6),
        "damaged_member",
    ),
    "extra setting": (lambda: with_json(good(), "state.json", _set("more", 1)), "damaged_member"),
    "nested model": (lambda: _models("models/model", _nested(200)), "damaged_member"),
    # numbers that lead elsewhere
    "array larger than its file": (lambda: _odd_arrays([10**9]), "damaged_member"),
    "array of nothing": (lambda: _odd_arrays([10**15, 0]), "damaged_member"),
    "header without end": (
        lambda: with_member(good(), "arrays.safetensors", lambda _: b"\xff" * 8 + b"{}"),
        "damaged_member",
    ),
    "booster that goes round": (lambda: _booster(f"{_TREE}/left_children/0", 0), "damaged_member"),
    "booster that leads out": (
        lambda: _booster(f"{_TREE}/right_children/0", 10**6),
        "damaged_member",
    ),
    "booster of another column": (
        lambda: _booster(f"{_TREE}/split_indices/0", 10**6),
        "damaged_member",
    ),
    "booster of many classes": (
        lambda: _booster("learner/learner_model_param/num_class", "100000000"),
        "damaged_member",
    ),
    "forest that leads out": (lambda: _forest("left_child", 10**9), "damaged_member"),
    "forest that goes round": (lambda: _forest("left_child", 0), "damaged_member"),
    "forest of another column": (lambda: _forest("feature", 10**9), "damaged_member"),
    "other predictions": (
        lambda: _number("tiny", f"{_LAST.format(4)}/fitted/intercept_/array", 0.1234),
        "predictions_changed",
    ),
}


def _manifest(key: str, value: object) -> bytes:
    parts = members(good())
    manifest = {**json.loads(parts["manifest.json"]), key: value}
    return sealed({**parts, "manifest.json": text(manifest)})


def _nested(depth: int) -> dict:
    found: dict = {"is": "list", "items": []}
    for _ in range(depth):
        found = {"is": "list", "items": [found]}
    return found
