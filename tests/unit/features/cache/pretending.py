"""A file system behind fsspec that does what a test tells it to, faults included."""

from __future__ import annotations

from typing import Any

import fsspec
from fsspec.implementations.memory import MemoryFileSystem


class Pretending(MemoryFileSystem):
    """In memory, no object store.

    ``faults``: what a method raises; ``calls``: which were called.
    """

    protocol = "pretending"
    store: dict[str, Any] = {}
    pseudo_dirs = [""]
    faults: dict[str, Exception] = {}
    calls: list[str] = []

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        path = path.removeprefix("pretending://").rpartition("@")[2]
        return "/" + path.strip("/") if path.strip("/") else ""

    def _do(self, method: str) -> None:
        self.calls.append(method)
        if method in self.faults:
            raise self.faults[method]

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        self._do("makedirs")
        super().makedirs(path, exist_ok)

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **options: Any) -> None:
        self._do("pipe_file")
        super().pipe_file(path, value, mode, **options)

    def cat_file(self, path: str, *range_: Any, **options: Any) -> bytes:
        self._do("cat_file")
        return super().cat_file(path, *range_, **options)

    def mv(self, path1: str, path2: str, **options: Any) -> None:
        self._do("mv")
        self.store[self._strip_protocol(path2)] = self.store.pop(self._strip_protocol(path1))

    def rm_file(self, path: str) -> None:
        self._do("rm_file")
        super().rm_file(path)

    def find(self, path: str, **options: Any) -> Any:
        self._do("find")
        return super().find(path, **options)

    def exists(self, path: str, **options: Any) -> bool:
        self._do("exists")
        return super().exists(path, **options)


class PretendingObjects(Pretending):
    """The same, as an object store: nothing has to be moved there, or can be."""

    protocol = ("pretending_objects", "s3a")

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return super()._strip_protocol(path.removeprefix("pretending_objects://"))


class NoCredentialsError(Exception):
    """As client libraries have them: no OSError."""


def begin_anew() -> None:
    """Empty all file systems of this file, and register them."""
    for kind in (Pretending, PretendingObjects):
        name = kind.protocol if isinstance(kind.protocol, str) else kind.protocol[0]
        fsspec.register_implementation(name, kind, clobber=True)
    Pretending.store.clear()
    Pretending.pseudo_dirs[:] = [""]
    Pretending.faults.clear()
    Pretending.calls.clear()
