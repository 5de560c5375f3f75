"""Places that caches may lie in."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from tests.unit.features.cache.pretending import Pretending, begin_anew
from tumor_response.features import stamps


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are believed to be final at once, and not only after two seconds."""
    monkeypatch.setattr(stamps, "_SETTLED_NS", 0)


@pytest.fixture
def pretending() -> type[Pretending]:
    """The file system of ``pretending://``, empty and without faults."""
    begin_anew()
    return Pretending


@pytest.fixture
def memory() -> Iterator[str]:
    """The URL of an empty folder in this process's memory."""
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]
    yield "memory://bucket/cache"
    MemoryFileSystem.store.clear()


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Callable[[Path], Path]]:
    """Give a folder's content again on a file system that nobody, not even root, may write to."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs to mount a tmpfs")

    def frozen(folder: Path) -> Path:
        shutil.copytree(folder, disk / "cache")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        return disk / "cache"

    yield frozen
    subprocess.run(["umount", str(disk)], check=True)
