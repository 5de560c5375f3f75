"""The network of the tabular foundation model, and its weights, which travel in its package."""

from __future__ import annotations

import hashlib
import inspect
import io
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt

from tumor_response.exceptions import WeightsError
from tumor_response.parallel.threads import held_threads

__all__ = ["CHECKPOINTS", "in_context"]

FloatArray = npt.NDArray[np.float64]

CHECKPOINTS: dict[str, str] = {
    "trm_segmented8_s0.pt": "52609d58f5bb71850998bce8623404166cd651fcac1d450516cbd4eda7c858da",
    "trm_segmented8_s1.pt": "b6cbb95328eff8bbb83c0f45db4d8309037f913b75f7f34de28653cc290804db",
    "trm_segmented8_s2.pt": "db3e478f38c66cecb901c9edebeabdee021f34b6598b936adc53b652be93ec46",
}
"""The files of weights, three trainings of one network, and their SHA-256."""

ROWS_AT_ONCE = 256


def in_context(
    known: FloatArray, outcome: FloatArray, asked: FloatArray, checkpoint: str, is_class: bool
) -> FloatArray:
    """Return what the network says of rows, given others with their outcome.

    One pass through the network; nothing is trained. No row asked about sees another: all that is
    learned of columns (means, scales, components) is of the known rows.

    Parameters
    ----------
    known : array of shape (n_known, n_columns)
    outcome : array of shape (n_known,)
        Classes 0, 1 ... 9, or a standardised rate.
    asked : array of shape (n_asked, n_columns)
    checkpoint
        A name of :data:`CHECKPOINTS`.
    is_class
        Whether ``outcome`` holds classes.

    Returns
    -------
    ndarray of shape (n_asked, 10) or (n_asked, 1)
        Logits of the classes, or the rate.

    Raises
    ------
    WeightsError
        Codes ``weights_missing``, with the line that installs them, and ``weights_changed``.
    """
    network = _network(checkpoint)
    import torch

    labels = torch.tensor(outcome, dtype=torch.float32)[None]
    answers = []
    with torch.inference_mode(), held_threads(1):
        for start in range(0, len(asked), ROWS_AT_ONCE):
            rows = np.concatenate([known, asked[start : start + ROWS_AT_ONCE]])
            # one memory layout: another one changes the order of sums
            table = torch.from_numpy(np.ascontiguousarray(rows, dtype=np.float32))[None]
            answers.append(network(table, labels, is_cls=is_class)[0].numpy())
    return np.concatenate(answers).astype(np.float64)


@lru_cache(maxsize=len(CHECKPOINTS))
def _network(checkpoint: str) -> Any:
    """Build the network and fill it; the file is hashed, and opened as tensors alone."""
    try:
        content = (files("geneicl") / "checkpoints" / checkpoint).read_bytes()
        from geneicl.model import GeneICL
    except (ModuleNotFoundError, FileNotFoundError):
        raise WeightsError(
            "The tabular foundation model is not installed: pip install "
            "'tumor-response[tabular]' (71 MB)",
            code="weights_missing",
        ) from None
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != CHECKPOINTS[checkpoint]:
        raise WeightsError(
            f"The weights {checkpoint} of geneicl are not the recorded ones: SHA-256 {sha256}, "
            f"expected {CHECKPOINTS[checkpoint]}. Install geneicl 1.0.0 again.",
            code="weights_changed",
        )
    import torch

    stored = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    taken = inspect.signature(GeneICL.__init__).parameters
    network = GeneICL(**{name: stored["arch"][name] for name in stored["arch"] if name in taken})
    network.load_state_dict(stored["model"])
    network.eval()
    return network
