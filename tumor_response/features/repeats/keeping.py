"""Repeats that were measured, and not drawn: a second scan, other observers' contours."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tumor_response.exceptions import FeatureError
from tumor_response.features.deep.view_store import ViewStore
from tumor_response.features.repeats.plan import UNALTERED, layout
from tumor_response.settings import sha256_of_json

__all__ = ["keep_repeats"]


def keep_repeats(
    store: ViewStore,
    values: npt.ArrayLike,
    columns: Sequence[str],
    perturbation: str | Sequence[str] = "real",
) -> list[str]:
    """Put repeats into a store by hand, and return the keys of the lesions.

    For values that no rule made: extracted from test-retest scans, or with the contours of several
    observers. The keys belong into a column ``views__<name>__key`` of the table.

    Parameters
    ----------
    store
        Where they go.
    values : array of shape (n_lesions, 1 + n_repeats, n_columns)
        The first of each lesion is the table's own row. NaN: no value.
    columns
        The table's columns, those of a block together.
    perturbation
        What the repeats are called: one name for all, or one for each.

    Raises
    ------
    FeatureError
        Code ``settings``: values of another shape, names that do not fit; ``views_unusable``.

    Examples
    --------
    >>> import tempfile
    >>> from tumor_response.features.repeats import read_repeats
    >>> store = ViewStore(tempfile.mkdtemp())
    >>> keys = keep_repeats(store, [[[1.0], [1.2]], [[3.0], [2.9]]], ["radiomics__mean"], "scan")
    >>> read_repeats(store, keys).of("scan").values.shape
    (2, 2, 1)
    """
    array = np.ascontiguousarray(values, dtype=np.float64)
    if array.ndim != 3 or array.shape[1] < 2 or array.shape[2] != len(columns):
        raise FeatureError(
            f"keep_repeats: values of shape {array.shape} for {len(columns)} columns; expected "
            "(n_lesions, 1 + n_repeats, n_columns) with one repeat or more.",
            code="settings",
        )
    n_repeats = array.shape[1] - 1
    names = [perturbation] * n_repeats if isinstance(perturbation, str) else list(perturbation)
    blocks: list[tuple[str, list[str]]] = []
    for column in columns:
        block = column.partition("__")[0]
        if not blocks or blocks[-1][0] != block:
            blocks.append((block, []))
        blocks[-1][1].append(column)
    split = len({block for block, _ in blocks}) < len(blocks)
    if len(names) != n_repeats or UNALTERED in names or split:
        what = "columns of one block lie apart" if split else f"{names!r} for {n_repeats} repeats"
        raise FeatureError(
            f"keep_repeats: {what}; expected blocks in one piece, and one name per repeat other "
            f"than {UNALTERED!r}.",
            code="settings",
        )
    rows = [(UNALTERED, 0), *((name, names[:at].count(name)) for at, name in enumerate(names))]
    of_all = layout({"extractor": "kept by hand"}, rows, blocks, {})
    layout_key = sha256_of_json(["repeats layout", of_all])
    store.put_record(layout_key, of_all)
    keys = []
    for lesion in array:
        digest = hashlib.sha256(lesion.tobytes()).hexdigest()
        keys.append(sha256_of_json(["repeats kept by hand", layout_key, digest]))
        store.put(keys[-1], lesion)
        record = {"layout": layout_key, "draws": [None] * len(rows), "failed": []}
        store.put_record(keys[-1], record)
    return keys
