"""The documentation builds without a warning and names every public name and every reason code."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import tumor_response as tr

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("docs")
    source = out / "source"
    # a copy, because autosummary writes its pages beside the sources
    shutil.copytree(PROJECT / "docs", source, ignore=shutil.ignore_patterns("_build", "generated"))
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "sphinx",
            "-W",
            "--keep-going",
            "-q",
            str(source),
            str(out / "html"),
        ],
        capture_output=True,
        text=True,
        cwd=PROJECT,
    )
    assert done.returncode == 0, done.stderr
    return out / "html"


def test_every_public_name_has_its_page(built: Path) -> None:
    pages = {page.stem for page in (built / "api" / "generated").glob("*.html")}
    public = {f"tumor_response.{n}" for n in tr.__all__ if n not in ("__version__", "exceptions")}
    assert public <= pages, f"not in docs/api.md: {sorted(public - pages)}"


def _reason_codes() -> set[str]:
    """Every literal given as a code to an error or a shortfall, or as an outcome's reason."""
    codes = set()
    for path in (PROJECT / "tumor_response").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.keyword(arg="code", value=ast.Constant(value=str(code))):
                    codes.add(code)
                case ast.Call(
                    func=ast.Name(id="Shortfall" | "_shortfall" | "Finding" | "_LeftOutError"),
                    args=[ast.Constant(value=str(code)), *_],
                ):
                    codes.add(code)
                case ast.Assign(
                    targets=[ast.Name(id="default_code")], value=ast.Constant(value=str(code))
                ):
                    codes.add(code)
                case ast.Return(
                    value=ast.BinOp(
                        right=ast.Dict(
                            keys=[*_, ast.Constant(value="reason")],
                            values=[*_, ast.Constant(value=str(code))],
                        )
                    )
                ):
                    codes.add(code)
    return codes


def test_every_reason_code_is_documented() -> None:
    pages = ("reason_codes.md", "dicom_faults.md", "guide/quality.md", "guide/recist.md")
    page = "".join((PROJECT / "docs" / name).read_text(encoding="utf-8") for name in pages)
    codes = _reason_codes()
    found_by_each_pattern = {"mask_empty", "geometry_mismatch", "not_defined", "truncated"}
    assert found_by_each_pattern <= codes, "the search itself is broken"
    missing = sorted(code for code in codes if f"`{code}`" not in page)
    assert not missing, f"in none of {pages}: {missing}"
