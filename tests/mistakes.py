"""Common mistakes, typed at the command line; what is printed, and with which exit code.

``tests/unit/cli/test_mistakes.py`` types them and holds what is printed against the pinned text in
``tests/fixtures/mistakes.json``, of which ``docs/guide/mistakes.md`` is made. After a message has
been changed on purpose, look at what it says now and pin it:

    python -P -m tests.mistakes
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import re
import resource
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import SimpleITK as sitk
from huggingface_hub import constants as hub_constants

from tests import dicom_factory
from tests.unit import cases
from tumor_response.cli.app import app
from tumor_response.cli.ending import run_to_exit_code

PINNED = Path(__file__).parent / "fixtures" / "mistakes.json"
PAGE = Path(__file__).parents[1] / "docs" / "guide" / "mistakes.md"
PREDICTOR = Path(__file__).parent / "fixtures" / "predictor_v1.trz"
LIGHT = "--radiomics none --backbone none -j 1"


@dataclass(frozen=True)
class Mistake:
    """Something that somebody types.

    Parameters
    ----------
    heading
        Of the page it stands under.
    title
        What is wrong, in a few words.
    typed
        After ``tumor-response``.
    prepare
        Does to the folder what makes it a mistake.
    around
        What holds while it runs.
    """

    heading: str
    title: str
    typed: str
    prepare: Callable[[Path], object] = lambda folder: None
    around: Callable[[Path], contextlib.AbstractContextManager[object]] = lambda folder: (
        contextlib.nullcontext()
    )


def _edit(**columns: object) -> Callable[[Path], object]:
    """Set cells of the manifest's second row."""

    def prepare(folder: Path) -> None:
        frame = pd.read_csv(folder / "manifest.csv", dtype=str)
        for name, value in columns.items():
            frame.loc[1, name] = value
        frame.to_csv(folder / "manifest.csv", index=False)

    return prepare


def _rename(**columns: str) -> Callable[[Path], object]:
    def prepare(folder: Path) -> None:
        frame = pd.read_csv(folder / "manifest.csv", dtype=str)
        frame.rename(columns=columns).to_csv(folder / "manifest.csv", index=False)

    return prepare


def _semicolons(folder: Path) -> None:
    frame = pd.read_csv(folder / "manifest.csv", dtype=str)
    frame.to_csv(folder / "manifest.csv", index=False, sep=";")


def _from_excel(folder: Path) -> None:
    frame = pd.read_csv(folder / "manifest.csv", dtype=str)
    text = frame.to_csv(index=False, lineterminator="\r\n")
    (folder / "manifest.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())


def _twice(folder: Path) -> None:
    frame = pd.read_csv(folder / "manifest.csv", dtype=str)
    pd.concat([frame, frame.iloc[[1]]]).to_csv(folder / "manifest.csv", index=False)


def _no_follow_up(folder: Path) -> None:
    frame = pd.read_csv(folder / "manifest.csv", dtype=str)
    kept = [name for name in frame if not name.startswith("follow_up")]
    frame[kept].to_csv(folder / "manifest.csv", index=False)


def _empty_masks(folder: Path) -> None:
    sitk.WriteImage(cases.empty_mask(), str(folder / "p1_gtv.nii.gz"))


def _other_grid(folder: Path) -> None:
    sitk.WriteImage(cases.mask(size=(24, 22, 10)), str(folder / "p1_gtv.nii.gz"))


def _pickled(folder: Path) -> None:
    (folder / "model.trz").write_bytes(pickle.dumps({"a": 1}))


def _flipped(folder: Path) -> None:
    data = bytearray(PREDICTOR.read_bytes())
    data[len(data) // 2] ^= 0x10
    (folder / "model.trz").write_bytes(data)


def _dicom(folder: Path) -> None:
    series = dicom_factory.ct_series(folder / "export" / "images", date="20240110")
    corners = [(-5, -5), (5, -5), (5, 5), (-5, 5)]
    contours = [np.array([(15.0 + x, 15.0 + y, z) for x, y in corners]) for z in (9.0, 12.0, 15.0)]
    dicom_factory.rtstruct(folder / "export" / "RS", series, {"GTVp": contours, "Body": contours})


def _cache_of_before(folder: Path) -> None:
    """A cache with one entry as a version before this one wrote it."""
    old = folder / "study" / ".cache" / "00"
    old.mkdir(parents=True)
    (old / f"{'0' * 64}.json").write_text("{}", encoding="utf-8")
    os.utime(old / f"{'0' * 64}.json", (0, 0))


def _study_toml(text: str) -> Callable[[Path], object]:
    def prepare(folder: Path) -> None:
        (folder / "study").mkdir()
        (folder / "study" / "study.toml").write_text(text, encoding="utf-8")

    return prepare


@contextlib.contextmanager
def _full_disk(folder: Path) -> Iterator[None]:
    """No file may grow beyond one kilobyte; to a program that is what a full disk is."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@contextlib.contextmanager
def _not_ours(folder: Path) -> Iterator[None]:
    """A folder that may be read and not written, also where the tests run as root."""
    locked = folder / "locked"
    locked.mkdir()
    locked.chmod(0o555)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        if user == 0:
            os.seteuid(user)
        locked.chmod(0o755)


def _held(folder: Path) -> contextlib.AbstractContextManager[object]:
    from tumor_response.study.lock import alone_in

    return alone_in(folder / "study")


_TYPED = "A word mistyped"
_FILES = "Files and folders"
_MANIFEST = "The manifest"
_DATA = "Images, contours, outcomes"
_OPTIONS = "Options and models"
_STUDY = "A study's folder"
_HANDED = "What was handed over"
_TOML = """[cohort]
manifest = "../manifest.csv"

[features]
radiomics = "none"
backbone = "none"

[models]
headline = "clinical_only"
"""

MISTAKES = [
    Mistake(_TYPED, "a command", "evalute manifest.csv --out study"),
    Mistake(_TYPED, "an option", "extract manifest.csv --out study --radiomic minimal"),
    Mistake(_TYPED, "an option left out", "extract manifest.csv"),
    Mistake(_FILES, "a manifest that is not there", f"extract manifests.csv --out study {LIGHT}"),
    Mistake(_FILES, "a folder without DICOM", "check letters", lambda f: (f / "letters").mkdir()),
    Mistake(_FILES, "a folder, and no structure", f"extract export --out study {LIGHT}", _dicom),
    Mistake(_FILES, "the wrong structure", f"extract export --roi PTV --out study {LIGHT}", _dicom),
    Mistake(
        _FILES,
        "a file where the results should go",
        f"extract manifest.csv --out study {LIGHT}",
        lambda f: (f / "study").write_text("", encoding="utf-8"),
    ),
    Mistake(
        _FILES,
        "a folder that may not be written",
        f"extract manifest.csv --out locked/study {LIGHT}",
        around=_not_ours,
    ),
    Mistake(_FILES, "a full disk", f"extract manifest.csv --out study {LIGHT}", around=_full_disk),
    Mistake(
        _FILES, "two runs in one folder", f"extract manifest.csv --out study {LIGHT}", around=_held
    ),
    Mistake(_FILES, "a cache that is a file", "cache info manifest.csv"),
    Mistake(
        _FILES,
        "a cache of an older version",
        "cache prune study/.cache --other-versions --dry-run",
        _cache_of_before,
    ),
    Mistake(
        _MANIFEST, "a column mistyped", "check manifest.csv -j 1", _rename(patient_id="pateint_id")
    ),
    Mistake(_MANIFEST, "a column missing", "check manifest.csv -j 1", _rename(image="scan")),
    Mistake(
        _MANIFEST,
        "semicolons between the columns, which are no mistake",
        "check manifest.csv -j 1",
        _semicolons,
    ),
    Mistake(
        _MANIFEST,
        "Windows line ends and a byte order mark, which are no mistake",
        "check manifest.csv -j 1",
        _from_excel,
    ),
    Mistake(_MANIFEST, "a lesion twice", "check manifest.csv -j 1", _twice),
    Mistake(
        _MANIFEST,
        "an image that is not there",
        "check manifest.csv -j 1",
        _edit(image="lost.nii.gz"),
    ),
    Mistake(
        _MANIFEST,
        "a follow-up before the planning CT",
        f"evaluate manifest.csv --out study {LIGHT}",
        _edit(follow_up_date="2023-12-24"),
    ),
    Mistake(
        _MANIFEST,
        "a clinical column that is not there",
        f"extract manifest.csv --out study --clinical smoking {LIGHT}",
    ),
    Mistake(
        _MANIFEST,
        "a word where numbers should be",
        f"extract manifest.csv --out study --clinical age {LIGHT}",
        _edit(age="sixty"),
    ),
    Mistake(_DATA, "an empty contour", "check manifest.csv -j 1", _empty_masks),
    Mistake(_DATA, "a contour on another grid", "check manifest.csv -j 1", _other_grid),
    Mistake(_DATA, "no follow-up", f"evaluate manifest.csv --out study {LIGHT}", _no_follow_up),
    Mistake(_DATA, "one class only", f"evaluate manifest.csv --out study --cut 90 {LIGHT}"),
    Mistake(
        _OPTIONS,
        "an end point that is none",
        f"evaluate manifest.csv --out study --by shrinkage {LIGHT}",
    ),
    Mistake(
        _OPTIONS, "a model that is none", f"evaluate manifest.csv --out study -m logistics {LIGHT}"
    ),
    Mistake(
        _OPTIONS,
        "a kind of model that is none",
        f"ablate manifest.csv --out study -m logit {LIGHT}",
    ),
    Mistake(
        _OPTIONS,
        "a block that is not extracted",
        f"ablate manifest.csv --out study --block deep {LIGHT}",
    ),
    Mistake(
        _OPTIONS,
        "a category without its levels",
        f"extract manifest.csv --out study --category sex {LIGHT}",
    ),
    Mistake(
        _OPTIONS, "a preset that is none", "extract manifest.csv --out study --radiomics headneck"
    ),
    Mistake(
        _OPTIONS,
        "a network that is none",
        "extract manifest.csv --out study --radiomics none --backbone tf_efficientnet_lite9",
    ),
    Mistake(
        _OPTIONS,
        "weights that are not there",
        "extract manifest.csv --out study --radiomics none --backbone resnet18 --weights w.pt",
    ),
    Mistake(
        _OPTIONS,
        "weights that no package has",
        "extract manifest.csv --out study --radiomics none --backbone resnet18",
    ),
    Mistake(_OPTIONS, "no process at all", "check manifest.csv -j 0"),
    Mistake(_OPTIONS, "a benchmark without a checkout", "bench coupling"),
    Mistake(
        _STUDY, "a folder without study.toml", "run letters", lambda f: (f / "letters").mkdir()
    ),
    Mistake(
        _STUDY,
        "a key mistyped",
        "run study",
        _study_toml(_TOML + '\n[evaluation]\nn_resample = 50\nseed = "one"\n'),
    ),
    Mistake(_STUDY, "a section mistyped", "run study", _study_toml(_TOML + "\n[evalution]\n")),
    Mistake(
        _STUDY, "a file that is no TOML", "run study", _study_toml("[cohort\nmanifest = m.csv\n")
    ),
    Mistake(
        _STUDY, "begun a second time", "init study --from manifest.csv --yes", _study_toml(_TOML)
    ),
    Mistake(_STUDY, "begun from what is not there", "init study --from manifset.csv --yes"),
    Mistake(_STUDY, "a stage that is none", "run study --only feature", _study_toml(_TOML)),
    Mistake(_STUDY, "a report of a study that was not run", "report study", _study_toml(_TOML)),
    Mistake(_HANDED, "a pickle", "predict model.trz manifest.csv", _pickled),
    Mistake(_HANDED, "a file with one byte changed", "predict model.trz manifest.csv", _flipped),
    Mistake(_HANDED, "the same, verified", "verify model.trz", _flipped),
    Mistake(
        _HANDED,
        "a predictor that was fitted to a table, and images",
        "predict model.trz manifest.csv",
        lambda f: shutil.copy(PREDICTOR, f / "model.trz"),
    ),
    Mistake(
        _HANDED,
        "a folder that nobody sealed",
        "verify letters",
        lambda f: (f / "letters").mkdir(),
    ),
]


def small_study(folder: Path) -> None:
    """Write what is right: eight patients with follow-ups, as a manifest."""
    folder.mkdir(parents=True)
    frame = cases.cohort_folder(folder, 8)
    frame.to_csv(folder / "manifest.csv", index=False)


def typed(mistake: Mistake, folder: Path) -> dict[str, object]:
    """Make the mistake in a folder that is fine so far; return exit code and what is printed."""
    mistake.prepare(folder)
    stdout, stderr = _stream(), _stream()
    before, argv = Path.cwd(), sys.argv
    environment = {
        "COLUMNS": "100",
        "NO_COLOR": "1",
        "XDG_CACHE_HOME": str(folder.parent / "cache"),
    }
    old = {name: os.environ.get(name) for name in environment}
    os.chdir(folder)
    os.environ.update(environment)
    sys.argv = ["tumor-response", *shlex.split(mistake.typed)]
    try:
        with (
            mistake.around(folder),
            # not by the environment: the hub's library reads that once for the whole process
            mock.patch.object(hub_constants, "HF_HUB_OFFLINE", True),
            contextlib.redirect_stdout(stdout),
            contextlib.redirect_stderr(stderr),
        ):
            code = run_to_exit_code(app)
    finally:
        os.chdir(before)
        sys.argv = argv
        for name, value in old.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value
    return {
        "heading": mistake.heading,
        "title": mistake.title,
        "typed": f"tumor-response {mistake.typed}",
        "exit_code": code,
        "stdout": _shown(stdout, folder),
        "stderr": _shown(stderr, folder),
    }


def _stream() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)


def _shown(stream: io.TextIOWrapper, folder: Path) -> list[str]:
    """Return the lines with what differs from run to run replaced."""
    stream.flush()
    assert isinstance(stream.buffer, io.BytesIO)
    text = stream.buffer.getvalue().decode()
    for path, name in ((folder.resolve(), "HERE"), (folder, "HERE")):
        text = text.replace(str(path), name)
    text = re.sub(r"\b[0-9a-f]{64}\b", "SHA256", text)
    text = re.sub(r"\b\d+(\.\d+)? (s|ms|min)\b", "N s", text)
    text = re.sub(r"\btimm \d[\d.]*\d\b", "timm VERSION", text)
    usage = ("Usage: ", "Try '")  # typer's own, which its versions word differently
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    return [line for line in lines if not line.startswith(usage)]


def all_typed(work: Path) -> list[dict[str, object]]:
    """Make every mistake, each in a fresh copy of the small study."""
    right = work / "right"
    small_study(right)
    told = []
    for number, mistake in enumerate(MISTAKES):
        folder = work / str(number) / "study"
        shutil.copytree(right, folder)
        told.append(typed(mistake, folder))
    return told


def page(told: list[dict[str, object]]) -> str:
    """Return the documentation's page."""
    lines = [
        "# Mistakes, and what is printed",
        "",
        "Common mistakes, typed at the command line, and what is printed. A message says what "
        "failed, for",
        "which case, what was received and what was expected, and the way out. The page is made by",
        "`python -P -m tests.mistakes`, and a test holds it against what is really printed.",
        "`HERE` stands for the folder. The [exit codes](command_line.md#exit-codes) are beside.",
    ]
    heading = None
    for one in told:
        if one["heading"] != heading:
            heading = one["heading"]
            lines += ["", f"## {heading}"]
        title = str(one["title"])
        lines += ["", f"**{title[0].upper()}{title[1:]}**, exit code {one['exit_code']}:", ""]
        lines += ["```text", f"$ {one['typed']}"]
        for stream in ("stdout", "stderr"):
            lines += list(one[stream])  # type: ignore[call-overload]
        lines += ["```"]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Pin what is printed now."""
    with tempfile.TemporaryDirectory() as work:
        Path(work).chmod(0o755)
        told = all_typed(Path(work))
    PINNED.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    PAGE.write_text(page(told), encoding="utf-8")


if __name__ == "__main__":
    main()
