"""What is planted in every DICOM object comes out nowhere: tables, index, cache, log, report.

Nor in what is made to be sent away, the statistician's folder and the predictor, packed or
unpacked; there not even the keys by which the hospital joins its tables.
"""

from __future__ import annotations

import gzip
import io
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import tumor_response as tr
from tests import dicom_factory as factory
from tests.unit.cohort.test_from_dicom import cube, scan
from tumor_response.exceptions import TumorResponseError
from tumor_response.privacy import KEY_FILE_VARIABLE

DATES = re.compile(rb"(2020[-.]?01[-.]?0[1-9])|(2020[-.]?01[-.]?31)")
N_PATIENTS = 12


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study from DICOM to report with every output in one folder, ``out``."""
    root = tmp_path_factory.mktemp("privacy")
    rng = np.random.default_rng(0)
    for i in range(N_PATIENTS):
        patient = f"ID{i:02d}"
        for date, half in (("20200101", 5.2), ("20200131", 5.2 - 0.3 * (i % 7))):
            voxels = rng.normal(40, 20, size=(10, 32, 32)).round()
            scan(
                root / "archive" / patient / f"scan_{half:.1f}",
                patient,
                date,
                {"GTVp": cube(half)},
                voxels=voxels,
            )
    # a patient whose baseline has no contour, one whose slices are not all there
    scan(root / "archive" / "bare", "ID90", "20200101", {"GTVp": []})
    series, _ = scan(root / "archive" / "gap", "ID91", "20200101", {"GTVp": cube(5.2)})
    series[4].unlink()
    code = """
import sys, tumor_response as tr
root = sys.argv[1]
cohort = tr.Cohort.from_dicom(f"{root}/archive", "GTV.*", index=f"{root}/out/index.sqlite")
print(cohort, cohort.left_out, *cohort)
print(tr.list_rois(f"{root}/archive", index=f"{root}/out/index.sqlite").to_string())
print(tr.check(cohort, html=f"{root}/out/check.html").to_string())
outcomes = tr.shrinkage(cohort)
table = tr.extract(cohort, [tr.Radiomics("minimal"), tr.ClinicalFactors(["age", "volume_cc"])],
                   cache_dir=f"{root}/out/cache")
table.save(f"{root}/out/table")
table.export(f"{root}/out/features", formats=["csv", "parquet"])
outcomes.to_csv(f"{root}/out/outcomes.csv")
result = tr.evaluate({"all": tr.make_model("logistic")}, table, outcomes["shrinkage_percent"],
                     tr.Bootstrap632Plus(n_resamples=5), label=tr.ResponderCut("median"),
                     failed="drop")
tr.report(result, f"{root}/out/report.html", table=table, outcomes=outcomes)
print(table.failures.to_string(), outcomes.to_string(), table.provenance)
tr.export_bundle(f"{root}/out/sent/bundle", table, outcomes, result,
                 formats=("csv", "parquet", "dta", "sav", "rds", "xpt", "xlsx"))
rate = outcomes["shrinkage_percent"]
predictor = tr.ShrinkagePredictor(
    [tr.Radiomics("minimal"), tr.ClinicalFactors(["age", "volume_cc"])],
    label=tr.ResponderCut("median"), n_folds=2, n_repeats=1, n_resamples=3,
).fit(cohort, rate, failed="drop").describe(evaluation=result, trace=result.leakage(n_resamples=2))
predictor.save(f"{root}/out/sent/model.trz")
predictor.model_card(f"{root}/out/sent/card.html", format="html")
predictor.model_card(f"{root}/out/sent/card.md")
predictor.to_onnx(f"{root}/out/sent/model.onnx")
print(predictor, predictor.drift(cohort).table().to_string())
predictor.predict(cohort).to_csv(f"{root}/out/predictions.csv")
"""
    (root / "out").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", code, str(root)],
        capture_output=True,
        check=False,
        env={"PATH": "", "HOME": str(root / "home"), KEY_FILE_VARIABLE: str(root / "key")},
    )
    (root / "out" / "stdout").write_bytes(done.stdout)
    (root / "out" / "stderr").write_bytes(done.stderr)
    assert done.returncode == 0, done.stderr.decode()
    return root


def outputs(study: Path) -> dict[str, bytes]:
    found = {str(p): p.read_bytes() for p in (study / "out").rglob("*") if p.is_file()}
    assert len(found) > N_PATIENTS
    for name, content in list(found.items()):
        found |= {f"{name}/{inner}": unpacked for inner, unpacked in unpacked_parts(content)}
    return found


def unpacked_parts(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield what compression hides from a search, at every depth."""
    if content[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            yield "comment", archive.comment
            for member in archive.infolist():
                inner = archive.read(member)
                yield member.filename, member.filename.encode() + inner
                for name, deeper in unpacked_parts(inner):
                    yield f"{member.filename}/{name}", deeper
    elif content[:2] == b"\x1f\x8b":
        yield "gunzipped", gzip.decompress(content)
    elif content[:4] == b"PAR1":
        table = pq.read_table(io.BytesIO(content))
        yield "rows", f"{table.schema.metadata} {table.to_pydict()}".encode()


def test_no_name_birth_date_or_number_comes_out(study: Path) -> None:
    planted = b"".join(p.read_bytes() for p in (study / "archive").rglob("*.dcm"))
    for secret in factory.SECRETS:
        assert secret.encode() in planted  # the search can find it
        leaks = [name for name, content in outputs(study).items() if secret.encode() in content]
        assert leaks == []


def test_what_is_sent_away_names_no_key_of_the_hospital(study: Path) -> None:
    key = re.compile(rb"ID\d\d(?!\d)")
    everything = outputs(study)
    sent = {name: content for name, content in everything.items() if "/out/sent/" in name}
    endings = {Path(name.split("/out/sent/")[1].split("/")[-1]).suffix for name in sent}
    assert {".trz", ".html", ".onnx", ".rds", ".dta", ".sav", ".xpt", ".xlsx"} <= endings
    assert key.search(everything[str(study / "out" / "table" / "data-00000.parquet") + "/rows"])
    paths = (str(study).encode(), b"/tmp/", b"/home/")
    leaks = [
        name
        for name, content in sent.items()
        if key.search(content) or any(path in content for path in paths)
    ]
    assert leaks == []


def test_dates_leave_as_intervals_alone(study: Path) -> None:
    """The index needs them to pair scans and is local; nothing else holds one."""
    leaks = [
        name
        for name, content in outputs(study).items()
        if DATES.search(content) and not Path(name).name.startswith("index.sqlite")
    ]
    assert leaks == []
    assert b"30.0" in (study / "out" / "outcomes.csv").read_bytes()


def test_report_bears_pseudonyms_and_table_the_join_key(study: Path) -> None:
    report = (study / "out" / "report.html").read_text()
    assert not re.search(r"\bID\d\d\b", report)
    assert re.search(r"\bP-[A-Z2-7]{10}\b", report)  # of the case whose slice is missing
    assert "ID00" in (study / "out" / "outcomes.csv").read_text()
    assert (study / "key").is_file()


def test_error_messages_hold_no_secret(study: Path, tmp_path: Path) -> None:
    """Every object damaged at many places: what is said of it never quotes it."""
    source = sorted((study / "archive" / "ID00").rglob("*.dcm"))
    rng = np.random.default_rng(1)
    said = []
    for k in range(60):
        folder = tmp_path / str(k)
        folder.mkdir()
        for path in source:
            content = bytearray(path.read_bytes())
            for at in rng.integers(132, len(content), size=3):
                content[at] ^= 255
            (folder / f"{path.parent.name}_{path.name}").write_bytes(content)
        try:
            cohort = tr.Cohort.from_dicom(folder, "GTV.*", index=tmp_path / f"{k}.sqlite")
            said.append(cohort.left_out.to_string())
            said.append(tr.check(cohort).to_string())
        except TumorResponseError as error:
            said.append(str(error))
    text = "\n".join(said)
    assert len(set(said)) > 5
    assert not [secret for secret in factory.SECRETS if secret in text]
