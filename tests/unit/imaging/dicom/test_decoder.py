"""A codec that dies or hangs costs one slice, never the process."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.encaps import get_frame
from pydicom.uid import JPEG2000Lossless, JPEGLosslessSV1, JPEGLSLossless

from tests import dicom_factory as factory
from tumor_response.exceptions import CaseError
from tumor_response.imaging.dicom.series import decoder

DESCRIBED = {
    "BitsAllocated": 16,
    "BitsStored": 16,
    "HighBit": 15,
    "PixelRepresentation": 0,
    "PhotometricInterpretation": "MONOCHROME2",
}
# damaged by chance, found by changing bytes of small images: the first two end GDCM 3.2 with an
# uncaught C++ exception, the third keeps CharLS 2 busy for ever
DEADLY = {
    "JPEG-LS": (
        JPEGLSLossless,
        (8, 8),
        "/9j/9wALOAAIAAgBAREA//gADQH//wASAEMBFABA/9oACAEBAABAEAgEAgEAP4QfgFACAIAgEgFACAIAgEAJAKAQ"
        "CAQEASAoCAgICAJAAk4kvdC9nA1QEBAQIBIFAgQIEAD/2Q==",
    ),
    "JPEG lossless": (
        JPEGLosslessSV1,
        (8, 8),
        "/9j/wwALEAAIAAgBAREAABcAAQEBAQAAAAAAAAAAAAAAAAEACw//2gAIAQEAAQAA4AL1VVVVVoIABWgiAFaCQAVo"
        "JgBWgoAFe/NknUXiaCoAf//Z",
    ),
    "JPEG-LS that goes on for ever": (
        JPEGLSLossless,
        (40, 64),
        "/9j/9wALEAAoAEABAREA//gADQH//wASAEMBFABA/9oACAEBAAAAAEL4AQBAEAgAAtgBAQEBAQEBAQIECBAgQIEC"
        "BAgQIECBBBBBBBA=",
    ),
}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, np.ndarray]:
    folder = tmp_path_factory.mktemp("good")
    (file,) = factory.ct_series(
        folder, n_slices=1, size=(8, 6), transfer_syntax=JPEG2000Lossless, intercept=-1024.0
    )
    stream = get_frame(pydicom.dcmread(file).PixelData, 0, number_of_frames=1)
    return stream, factory.phantom((1, 6, 8))[0] + 1024


def decoded(stream: bytes, syntax: str, shape: tuple[int, int]) -> np.ndarray:
    return decoder.decode_frame(stream, syntax, Rows=shape[0], Columns=shape[1], **DESCRIBED)


@pytest.mark.parametrize("name", DEADLY)
def test_a_deadly_stream_is_refused_and_the_next_one_is_read(name, good):
    syntax, shape, text = DEADLY[name]
    with pytest.raises(CaseError) as caught:
        decoded(base64.b64decode(text), syntax, shape)
    assert caught.value.code == "pixel_data"
    np.testing.assert_array_equal(decoded(good[0], JPEG2000Lossless, (6, 8)), good[1])


def test_a_codec_that_takes_too_long_is_ended(good, monkeypatch):
    decoded(good[0], JPEG2000Lossless, (6, 8))
    helper = decoder._helper._process
    os.kill(helper.pid, signal.SIGSTOP)
    monkeypatch.setattr(decoder, "FRAME_S", 0.2)
    with pytest.raises(CaseError, match="come to an end"):
        decoded(good[0], JPEG2000Lossless, (6, 8))
    assert helper.poll() is not None
    monkeypatch.undo()
    np.testing.assert_array_equal(decoded(good[0], JPEG2000Lossless, (6, 8)), good[1])


def test_an_interrupted_request_leaves_no_answer_to_the_next(good, monkeypatch):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    decoded(good[0], JPEG2000Lossless, (6, 8))
    monkeypatch.setattr(decoder._Helper, "_receive", staticmethod(interrupted))
    with pytest.raises(KeyboardInterrupt):
        decoded(b"whose answer nobody takes", JPEG2000Lossless, (6, 8))
    monkeypatch.undo()
    np.testing.assert_array_equal(decoded(good[0], JPEG2000Lossless, (6, 8)), good[1])


def test_a_helper_killed_from_outside_is_replaced(good):
    decoded(good[0], JPEG2000Lossless, (6, 8))
    decoder._helper._process.kill()
    decoder._helper._process.wait()
    np.testing.assert_array_equal(decoded(good[0], JPEG2000Lossless, (6, 8)), good[1])


def test_a_machine_without_helpers_is_told_the_way_out(good, monkeypatch):
    decoder._helper.stop()
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(CaseError, match="Export the series uncompressed") as caught:
        decoded(good[0], JPEG2000Lossless, (6, 8))
    assert caught.value.code == "transfer_syntax"


def test_the_helper_ends_with_a_parent_that_is_killed(tmp_path: Path):
    """The parent decodes one frame, tells its helper's number and kills itself."""
    (file,) = factory.ct_series(tmp_path, n_slices=1, transfer_syntax=JPEG2000Lossless)
    script = (
        "import os, signal, sys, pydicom\n"
        "from tumor_response.imaging.dicom.series import decoder, pixels\n"
        "pixels.stored_plane(pydicom.dcmread(sys.argv[1]), 0, 32, 32)\n"
        "print(decoder._helper._process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    # its standard output is closed only when every process that holds it is gone
    told = subprocess.run(
        [sys.executable, "-c", script, str(file)],
        capture_output=True,
        timeout=120,
        cwd=Path(__file__).parents[4],
    )
    helper = int(told.stdout)
    for _ in range(200):
        try:
            os.kill(helper, 0)
        except ProcessLookupError:
            return
        state = Path(f"/proc/{helper}/stat")
        if state.exists() and state.read_text().split(")")[1].split()[0] == "Z":
            return
        time.sleep(0.05)
    pytest.fail("the helper outlives its parent")
