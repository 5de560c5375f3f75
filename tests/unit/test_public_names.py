"""Importing costs nothing, and every public name is there."""

from __future__ import annotations

import subprocess
import sys

import pytest

import tumor_response as tr

HEAVY = (
    *("torch", "timm", "xgboost", "shap", "radiomics", "sklearn"),
    *("pandas", "SimpleITK", "pydicom"),
)


def test_import_loads_nothing_heavy() -> None:
    script = f"import sys, tumor_response; print([m for m in {HEAVY!r} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert run.stdout.strip() == "[]", run.stderr


@pytest.mark.parametrize("name", sorted(set(tr.__all__)))
def test_public_name_is_there_and_documented(name: str) -> None:
    value = getattr(tr, name)
    assert name in dir(tr)
    if name != "__version__":
        assert value.__doc__


def test_submodules_do_not_hide_public_names() -> None:
    """``tr.report`` stays a function whatever was imported before."""
    script = (
        "import tumor_response.cli.app, tumor_response.reporting.build, tumor_response as tr; "
        "print(all(callable(getattr(tr, n)) for n in tr.__all__ "
        "if n not in ('__version__', 'exceptions')))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert run.stdout.strip() == "True", run.stderr


def test_unknown_name() -> None:
    with pytest.raises(AttributeError, match="no attribute 'extrct'"):
        _ = tr.extrct
