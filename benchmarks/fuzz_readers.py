"""Feed the readers of foreign files with damaged ones: nothing but our own errors, and no hang.

    python benchmarks/fuzz_readers.py --inputs 100000

Small valid objects are damaged in ways that files are damaged in, and in ways that somebody who
means harm would choose: bits flipped, bytes cut, repeated or put in, lengths rewritten, values
replaced by extreme ones. Each input is given to the reader as a user would reach it. Memory is
bounded for the whole process, and an alarm ends an input that takes longer than 20 seconds; both
count as failures. The counts go to ``benchmarks/results/fuzz_readers.csv``.

Quick: --inputs 20
"""

from __future__ import annotations

import argparse
import csv
import io
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests import dicom_factory as factory
from tests import dicom_factory_rt as factory_rt
from tumor_response.cohort import Cohort
from tumor_response.exceptions import TumorResponseError
from tumor_response.imaging.dicom.archive.brief_header import read_header
from tumor_response.imaging.dicom.contours.rtstruct import RtstructRoi, read_structures
from tumor_response.imaging.dicom.files import DicomFile
from tumor_response.imaging.dicom.segments.seg import SegSegment, list_segments
from tumor_response.imaging.dicom.series.series import read_series, read_series_geometry
from tumor_response.imaging.dicom.treatment.dose import read_dose
from tumor_response.imaging.dicom.treatment.plan import read_plan

RESULTS = Path(__file__).parent / "results" / "fuzz_readers.csv"
SECONDS = 20
MEMORY_BYTES = 6 * 1024**3
NASTY = (
    b"\x00",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\\",
    b"^",
    b"\n",
    b"1e308",
    b"-1",
    b"nan",
    b"\xfe\xff",
)

Damage = Callable[[bytes, np.random.Generator], bytes]


def flip(content: bytes, rng: np.random.Generator) -> bytes:
    """Turn a few bits."""
    changed = bytearray(content)
    for at in rng.integers(0, len(changed), size=rng.integers(1, 9)):
        changed[at] ^= 1 << int(rng.integers(0, 8))
    return bytes(changed)


def overwrite(content: bytes, rng: np.random.Generator) -> bytes:
    """Write what readers stumble over across some bytes."""
    at = int(rng.integers(0, len(content)))
    what = NASTY[rng.integers(0, len(NASTY))] * int(rng.integers(1, 6))
    return content[:at] + what + content[at + len(what) :]


def insert(content: bytes, rng: np.random.Generator) -> bytes:
    """Put in random bytes, so that all that follows is shifted."""
    at = int(rng.integers(0, len(content)))
    return content[:at] + rng.bytes(int(rng.integers(1, 40))) + content[at:]


def cut(content: bytes, rng: np.random.Generator) -> bytes:
    """Break off."""
    return content[: int(rng.integers(0, len(content)))]


def remove(content: bytes, rng: np.random.Generator) -> bytes:
    """Take some bytes out."""
    first = int(rng.integers(0, len(content)))
    return content[:first] + content[first + int(rng.integers(1, 200)) :]


def repeat(content: bytes, rng: np.random.Generator) -> bytes:
    """Say a part several times."""
    first = int(rng.integers(0, len(content)))
    part = content[first : first + int(rng.integers(1, 400))]
    return content[:first] + part * int(rng.integers(2, 5)) + content[first:]


def rewrite_length(content: bytes, rng: np.random.Generator) -> bytes:
    """Put an extreme number where two or four bytes stand, as a length or a count may."""
    at = int(rng.integers(0, max(1, len(content) - 4)))
    value = (0, 1, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 0xFFFFFFFE)[rng.integers(0, 6)]
    size = int(rng.choice([2, 4]))
    return content[:at] + (value & (256**size - 1)).to_bytes(size, "little") + content[at + size :]


DAMAGES: tuple[Damage, ...] = (flip, overwrite, insert, cut, remove, repeat, rewrite_length)


@dataclass
class Target:
    """A reader, the valid files it starts from, and what came of the damaged ones."""

    name: str
    seeds: list[bytes]
    read: Callable[[bytes], object]
    share: float
    told: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0
    failures: list[str] = field(default_factory=list)


def targets(folder: Path) -> list[Target]:
    """Make the seeds in a folder; each reader gets its damaged file where the valid one was."""
    shape = (4, 8, 8)
    series = factory.ct_series(folder / "ct", n_slices=shape[0], size=shape[:0:-1])
    grid = read_series_geometry([DicomFile(path) for path in series]).grid
    square = np.array([(1.5, 1.5), (5.5, 1.5), (5.5, 5.5), (1.5, 5.5)])
    contours = [np.column_stack([square, np.full(4, z)]) for z in (3.0, 6.0)]
    structures = factory.rtstruct(folder / "rs.dcm", series, {"GTV": contours, "CTV": contours})
    mask = np.zeros(shape, dtype=np.uint8)
    mask[1:3, 2:5, 2:5] = 1
    segments = [
        factory_rt.seg(folder / f"{kind}.dcm", series, {"GTV": mask}, kind=kind).read_bytes()
        for kind in ("BINARY", "FRACTIONAL")
    ]
    plan = factory_rt.plan(folder / "plan.dcm", structures, targets_gy={1: 60.0})
    dose = factory_rt.dose(folder / "dose.dcm", plan, np.full((4, 5, 5), 45.0))
    one = folder / "object.dcm"

    def with_slice(series: list[Path]) -> Callable[[bytes], object]:
        def read(content: bytes) -> object:
            series[1].write_bytes(content)
            return read_series([DicomFile(path) for path in series])

        return read

    def read_contours(content: bytes) -> object:
        one.write_bytes(content)
        return [
            RtstructRoi(DicomFile(one), roi.number, roi.name).load(grid)
            for roi in read_structures(DicomFile(one)).rois[:4]
        ]

    def read_segments(content: bytes) -> object:
        one.write_bytes(content)
        return [
            SegSegment(DicomFile(one), segment.number, segment.label).load(grid)
            for segment in list_segments(DicomFile(one))[:4]
        ]

    def with_file(reader: Callable[[DicomFile], object]) -> Callable[[bytes], object]:
        def read(content: bytes) -> object:
            one.write_bytes(content)
            return reader(DicomFile(one))

        return read

    def read_index(content: bytes) -> object:
        return read_header(io.BytesIO(content), "object.dcm")

    manifest = folder / "manifest.csv"

    def read_manifest(content: bytes) -> object:
        manifest.write_bytes(content)
        return Cohort.from_csv(manifest)

    tables = [
        b"patient_id,image,rtstruct,roi,date,age\nP1,ct,rs.dcm,GTV,2020-01-01,61\n",
        b"patient_id;image;mask;mask_label;alter\nP1;ct;BINARY.dcm;1;61,5\nP2;a.nii;b.nii;2;x\n",
    ]
    plain = series[1].read_bytes()
    headers = [plain, structures.read_bytes(), *segments, plan.read_bytes(), dose.read_bytes()]
    packed = {
        name: factory.ct_series(
            folder / name, n_slices=2, size=(8, 8), transfer_syntax=getattr(factory, name)
        )
        for name in ("RLELossless", "JPEGLSLossless", "JPEG2000Lossless", "ExplicitVRBigEndian")
    }
    return [
        Target("CT series", [plain], with_slice(series), 0.22),
        *(
            Target(f"CT series, {name}", [files[1].read_bytes()], with_slice(files), 0.03)
            for name, files in packed.items()
        ),
        Target("RTSTRUCT", [structures.read_bytes()], read_contours, 0.2),
        Target("SEG", segments, read_segments, 0.15),
        Target("RTPLAN", [plan.read_bytes()], with_file(read_plan), 0.05),
        Target("RTDOSE", [dose.read_bytes()], with_file(read_dose), 0.05),
        Target("index of headers", headers, read_index, 0.1),
        Target("manifest", tables, read_manifest, 0.1),
    ]


class HangError(Exception):
    """An input that took too long."""


def _too_long(_signal: int, _frame: object) -> None:
    raise HangError(f"longer than {SECONDS} s")


def feed(target: Target, n_inputs: int, seed: int, keep: Path) -> None:
    """Give a reader that many damaged inputs; keep those that it fails on."""
    rng = np.random.default_rng(seed)
    for number in range(n_inputs):
        content = target.seeds[rng.integers(0, len(target.seeds))]
        for _ in range(int(rng.integers(1, 4))):
            content = DAMAGES[rng.integers(0, len(DAMAGES))](content, rng) or b"\x00"
        begun = time.perf_counter()
        signal.alarm(SECONDS)
        try:
            target.read(content)
            target.told["accepted"] += 1
        except TumorResponseError as error:
            target.told[error.code] += 1
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            target.failures.append("".join(traceback.format_exception(error)[-3:]))
            keep.mkdir(parents=True, exist_ok=True)
            (keep / f"{target.name.replace(' ', '_')}_{seed}_{number}").write_bytes(content)
        finally:
            signal.alarm(0)
        target.slowest_s = max(target.slowest_s, time.perf_counter() - begun)


def main() -> int:
    """Run all targets, print and write the counts; 1 if any input was not dealt with."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--inputs", type=int, default=100_000)
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "fuzz_failed")
    given = arguments.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    signal.signal(signal.SIGALRM, _too_long)
    shared = Path("/dev/shm")  # the readers are to be worn out, not the disk
    folder = Path(tempfile.mkdtemp(dir=shared if shared.is_dir() else None))
    rows: list[list[Any]] = []
    try:
        for at, target in enumerate(targets(folder)):
            n_inputs = round(target.share * given.inputs)
            begun = time.perf_counter()
            feed(target, n_inputs, given.seed + at, given.keep)
            accepted = target.told.pop("accepted", 0)
            refused = sum(target.told.values())
            rows.append(
                [
                    *(target.name, n_inputs, accepted, refused, len(target.told)),
                    *(len(target.failures), round(target.slowest_s, 2)),
                ]
            )
            took = time.perf_counter() - begun
            print(f"{rows[-1]}  {took:.0f} s  {target.told.most_common(6)}", flush=True)
            for failure in list(dict.fromkeys(target.failures))[:5]:
                print(failure)
    finally:
        shutil.rmtree(folder)
    RESULTS.parent.mkdir(exist_ok=True)
    head = "reader,inputs,accepted,refused,distinct_codes,other_exceptions_or_hangs,slowest_s"
    with RESULTS.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head.split(","))
        writer.writerows(rows)
    return int(any(row[5] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
