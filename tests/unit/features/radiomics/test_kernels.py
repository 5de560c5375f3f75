"""What is kept on disk: whatever happens to it, the numbers are right."""

import importlib.util
import pkgutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numba import config
from numba.core.caching import FunctionCache
from numba.core.dispatcher import Dispatcher

import tumor_response.features.radiomics as radiomics

CONSTANT = 1234.5678
SOURCE = f"""
from tumor_response.features.radiomics.kernels import kernel

@kernel
def moved(value):
    return value + {CONSTANT}

@kernel
def total(values):
    s = 0.0
    for i in range(len(values)):
        s += moved(values[i])
    return s
"""
VALUES = np.arange(4.0)
TOTAL = 6.0 + 4 * CONSTANT


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for compiled loops, and the loops' source beside it."""
    (tmp_path / "loops.py").write_text(SOURCE)
    (tmp_path / "compiled").mkdir()
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "compiled"))
    return tmp_path / "compiled"


def fresh(folder: Path) -> ModuleType:
    """The loops as a new process finds them: nothing compiled in memory."""
    spec = importlib.util.spec_from_file_location("loops", folder.parent / "loops.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def files(folder: Path, ending: str) -> list[Path]:
    found = sorted(folder.rglob(f"loops.total-*.{ending}"))
    assert found
    return found


def n_loaded(module: ModuleType) -> int:
    return sum(module.total.stats.cache_hits.values())


def test_a_loop_is_compiled_once_and_then_loaded(folder: Path) -> None:
    first, second = fresh(folder), fresh(folder)
    assert first.total(VALUES) == TOTAL
    assert n_loaded(first) == 0
    assert second.total(VALUES) == TOTAL
    assert n_loaded(second) == 1


@pytest.mark.parametrize("ending", ["nbi", "nbc"])
@pytest.mark.parametrize("left", [0.0, 0.5, 0.99])
def test_a_truncated_file_is_written_anew(folder: Path, ending: str, left: float) -> None:
    fresh(folder).total(VALUES)
    for path in files(folder, ending):
        content = path.read_bytes()
        path.write_bytes(content[: int(left * len(content))])
    second, third = fresh(folder), fresh(folder)
    assert second.total(VALUES) == TOTAL
    assert n_loaded(second) == 0
    assert third.total(VALUES) == TOTAL
    assert n_loaded(third) == 1


def test_the_file_of_another_type_is_not_taken(folder: Path) -> None:
    # two processes that write their first file at once both call it number 1, and the index of
    # one may meet the file of the other; both types take four bytes
    first = fresh(folder)
    first.total(VALUES.astype(np.float32))
    first.total(VALUES.astype(np.int32))
    singles, integers = files(folder, "nbc")
    integers.write_bytes(singles.read_bytes())
    assert fresh(folder).total(VALUES.astype(np.int32)) == TOTAL


def test_a_folder_that_is_gone_costs_nothing_but_time(folder: Path) -> None:
    module = fresh(folder)
    folder.rename(folder.with_name("elsewhere"))
    folder.write_text("a file in its place")
    assert module.total(VALUES) == TOTAL


def test_nowhere_to_write_costs_nothing_but_time(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FunctionCache._impl_class, "_locator_classes", [])
    assert fresh(folder).total(VALUES) == TOTAL
    assert not list(folder.iterdir())


def test_processes_that_compile_at_once_agree(folder: Path) -> None:
    command = [
        sys.executable,
        "-c",
        "import numba, sys; numba.config.CACHE_DIR = sys.argv[1]; sys.path.insert(0, sys.argv[2])\n"
        "import numpy, loops; print(repr(loops.total(numpy.arange(4.0))))",
        str(folder),
        str(folder.parent),
    ]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [float(process.communicate()[0]) for process in running] == [TOTAL, TOTAL]
    assert fresh(folder).total(VALUES) == TOTAL  # may find one's index with the other's file
    later = fresh(folder)
    assert later.total(VALUES) == TOTAL
    assert n_loaded(later) == 1


def kernels() -> list[Dispatcher]:
    modules = [
        importlib.import_module(module.name)
        for module in pkgutil.walk_packages(radiomics.__path__, radiomics.__name__ + ".")
    ]
    named = [value for module in modules for value in vars(module).values()]
    found = {value for value in named if isinstance(value, Dispatcher)}
    return sorted(found, key=lambda value: (value.py_func.__module__, value.py_func.__name__))


def test_kernels_call_kernels_of_their_own_module_only() -> None:
    # numba compiles what is called into the caller, and looks at the caller's file for changes
    assert len(kernels()) > 30
    for one in kernels():
        for name in one.py_func.__code__.co_names:
            called = one.py_func.__globals__.get(name)
            if isinstance(called, Dispatcher):
                assert called.py_func.__module__ == one.py_func.__module__, (one, name)
