"""Compressed frames, decoded in a process of their own.

The JPEG family is decoded by native libraries. Fed with a damaged stream, each of those at hand
was seen to end the whole process or never to come back (GDCM 3.2, CharLS 2; measured by changing
single bytes of small images). One damaged slice must not end a run over a thousand cases, so the
codecs live in a helper process: when it dies or takes too long, that slice is refused and the next
one gets a new helper. It is started by the first compressed slice, kept, and ends with its parent.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import struct
import subprocess
import sys
import threading
import time
import warnings
from typing import Any, BinaryIO

import numpy as np

from tumor_response.exceptions import CaseError

__all__ = ["decode_frame", "serve"]

START_S = 60.0
"""Time for the helper to start (s): it imports pydicom and the codecs, on a busy machine."""

FRAME_S = 10.0
"""Time for one frame (s), and twice as much for one of 4096 x 4096; real ones take some 10 ms."""

MEMORY_BYTES = 8 * 1024**3
"""Address space of the helper: a stream may make a codec ask for more than its image needs."""

# of the codecs that pydicom knows for a syntax, the one that damage does least to: OpenJPEG as
# Pillow has it met 12,000 damaged streams without dying, GDCM dies where CharLS alone would hang
_PREFERRED = {
    "1.2.840.10008.1.2.4.80": "gdcm",
    "1.2.840.10008.1.2.4.81": "gdcm",
    "1.2.840.10008.1.2.4.90": "pillow",
    "1.2.840.10008.1.2.4.91": "pillow",
}
_HEAD = struct.Struct("<II")  # lengths of the description and of the data that follow
_SERVE = "from tumor_response.imaging.dicom.series.decoder import serve; serve()"


def decode_frame(stream: bytes, syntax: str, **described: int | str) -> np.ndarray:
    """Decode one compressed frame of grey values.

    Parameters
    ----------
    stream
        The frame as compressed.
    syntax
        Transfer Syntax UID.
    **described
        The image pixel attributes by their keywords (``Rows``, ``Columns``, ``BitsAllocated``,
        ``BitsStored``, ``HighBit``, ``PixelRepresentation``, ``PhotometricInterpretation``).

    Returns
    -------
    numpy.ndarray
        Integers of shape (rows, columns).

    Raises
    ------
    CaseError
        Code ``pixel_data``: damaged, or the codec died of it or did not come back in time.
    """
    return _helper.decode(stream, {"syntax": syntax, **described})


class _Helper:
    """The helper process of this process; requests wait for each other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def decode(self, stream: bytes, described: dict[str, Any]) -> np.ndarray:
        size = int(described["Rows"]) * int(described["Columns"])
        limit_s = FRAME_S * (1 + size / 2**24)
        with self._lock:
            process = self._running()
            try:
                self._send(process, {**described, "limit_s": limit_s}, stream)
                answer, data = self._receive(process, limit_s)
            except TimeoutError:
                self.stop()
                raise _damaged("the codec does not come to an end with them") from None
            except (OSError, EOFError, ValueError):
                self.stop()
                raise _damaged("the codec died of them") from None
            except BaseException:  # interrupted: the next frame must not get this one's answer
                self.stop()
                raise
        if "error" in answer:
            raise _damaged(str(answer["error"]))
        return np.frombuffer(data, answer["dtype"]).reshape(answer["shape"])

    def stop(self) -> None:
        """End the helper; the next frame starts another."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()
        process.wait()

    def forget(self) -> None:
        """Leave the helper to the process that this one was forked from."""
        if self._process is not None:
            self._process.returncode = 0  # not ours to wait for
        self._process, self._lock = None, threading.Lock()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self.stop()
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        try:
            # -P: a file of the user's current folder must not be imported in place of a module
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and code
                [sys.executable, "-P", "-c", _SERVE],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # codecs tell every oddity there
                env=environment,
            )
            self._receive(self._process, START_S)  # says that it is there
        except (OSError, EOFError, ValueError):
            self.stop()
            raise CaseError(
                "compressed pixels are decoded in a process of their own, and none could be "
                "started here. Export the series uncompressed (Explicit VR Little Endian).",
                code="transfer_syntax",
            ) from None
        except BaseException:
            self.stop()
            raise
        return self._process

    @staticmethod
    def _send(process: subprocess.Popen[bytes], described: dict[str, Any], data: bytes) -> None:
        if process.stdin is None:
            raise EOFError
        head = json.dumps(described).encode()
        process.stdin.write(_HEAD.pack(len(head), len(data)) + head + data)
        process.stdin.flush()

    @staticmethod
    def _receive(process: subprocess.Popen[bytes], limit_s: float) -> tuple[dict[str, Any], bytes]:
        if process.stdout is None:
            raise EOFError
        end = time.monotonic() + limit_s
        number = process.stdout.fileno()

        def read(n: int) -> bytes:
            parts = []
            while n:
                ready, _, _ = select.select([number], [], [], max(0.0, end - time.monotonic()))
                if not ready:
                    raise TimeoutError
                part = os.read(number, n)
                if not part:
                    raise EOFError
                parts.append(part)
                n -= len(part)
            return b"".join(parts)

        n_head, n_data = _HEAD.unpack(read(_HEAD.size))
        head = json.loads(read(n_head))
        return head, read(n_data)


_helper = _Helper()
atexit.register(_helper.stop)
os.register_at_fork(after_in_child=_helper.forget)


def serve() -> None:
    """Answer requests on standard input until it is closed; this is the helper process."""
    import logging
    import resource
    import signal

    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(MEMORY_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a dump would hold a patient's image
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends a codec that hangs, parent or no parent
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    from pydicom.pixels import get_decoder

    # what codecs print must not end up between the answers
    source = sys.stdin.buffer
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _answer(sink, {"ready": get_decoder is not None}, b"")
    while len(head := source.read(_HEAD.size)) == _HEAD.size:
        n_described, n_data = _HEAD.unpack(head)
        described = json.loads(source.read(n_described))
        data = source.read(n_data)
        signal.alarm(int(described.pop("limit_s")) + 5)
        try:
            values = _decoded(data, described)
        except Exception as error:  # a codec fed with foreign bytes may fail in any way
            _answer(sink, {"error": f"they cannot be decoded, {type(error).__name__}"}, b"")
            continue
        finally:
            signal.alarm(0)
        shape = list(values.shape)
        _answer(sink, {"dtype": values.dtype.str, "shape": shape}, values.tobytes())


def _answer(sink: BinaryIO, answer: dict[str, Any], data: bytes) -> None:
    head = json.dumps(answer).encode()
    sink.write(_HEAD.pack(len(head), len(data)) + head + data)
    sink.flush()


def _decoded(stream: bytes, described: dict[str, Any]) -> np.ndarray:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.encaps import encapsulate
    from pydicom.pixels import get_decoder

    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = described["syntax"]
    for keyword, value in described.items():
        if keyword != "syntax":
            setattr(dataset, keyword, value)
    dataset.SamplesPerPixel = 1
    dataset.PixelData = encapsulate([stream])
    decoder = get_decoder(described["syntax"])
    preferred = _PREFERRED.get(described["syntax"], "")
    values, _ = decoder.as_array(
        dataset,
        index=0,
        raw=True,
        correct_unused_bits=False,
        decoding_plugin=preferred if preferred in decoder.available_plugins else "",
    )
    return np.asarray(values)


def _damaged(why: str) -> CaseError:
    return CaseError(
        f"the compressed pixel data are damaged ({why}); fetch the slice again.", code="pixel_data"
    )
