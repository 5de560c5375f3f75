"""The extractors of a predictor, here: the same settings, the same weights, the same numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import SimpleITK as sitk

from tumor_response._version import __version__, library_version
from tumor_response.cohort import BaselineCase
from tumor_response.exceptions import FeatureError
from tumor_response.features.base import KEY_ROLE, FeatureExtractor, FeatureSpec
from tumor_response.features.rebuild import check_same, extractors_of
from tumor_response.parallel.threads import held_threads
from tumor_response.settings import canonical_json, sha256_of_json, thawed
from tumor_response.table import FeatureTable
from tumor_response.table.parts import row_hashes

__all__ = [
    "FACTS_BLOCK",
    "check_table",
    "extractors_for",
    "self_check",
    "table_sha256",
    "training_provenance",
]

FACTS_BLOCK = "acquisition"
"""The block of how images were made; the domain is judged by it, no model reads it."""

SELF_CHECK = "self_check"
"""Where a predictor's provenance keeps the values of its extractors on the phantom."""

_WEIGHTS = ("weights_sha256", "weights_source", "weights_licence")
_RELATIVE, _ABSOLUTE = 1e-6, 1e-9
"""What counts as the same value, as everywhere between two engines."""

_FREE = (
    "versions",
    "weights_source",
    "weights_sha256",
    "weights_licence",
    "weights_notes",
    "backend",
    "device",
)
"""Parts of an identity that may differ where the numbers turn out the same."""


def extractors_for(
    provenance: Mapping[str, Any], given: Sequence[FeatureExtractor] | None
) -> list[FeatureExtractor]:
    """Return the extractors that new lesions go through, or refuse.

    Settings have to be those of the training table. Library versions, weights and what runs the
    network may be others where the extractors give the same values (1e-6 relative, 1e-9 absolute)
    on the phantom that the predictor's own gave values for.

    Parameters
    ----------
    provenance
        The predictor's.
    given
        Extractors; None: they are made again from the provenance.

    Raises
    ------
    FeatureError
        Codes ``extractor_unknown``: they cannot be made and have to be given;
        ``extractor_changed``: other settings, or other versions or weights with other values.
    """
    if not provenance.get("extractors"):
        raise FeatureError(
            "The predictor was fitted to a table that does not say how it was extracted, so that "
            "it cannot go from images to features. Give it a table: predictor.predict_table(...).",
            code="extractor_unknown",
        )
    extractors = extractors_of(provenance) if given is None else list(given)
    # a file may have sorted the blocks; the order decides nothing here, columns are known by name
    known = provenance["extractors"]
    order = sorted(known, key=[*(one.block for one in extractors), *known].index)
    provenance = {**provenance, "extractors": {block: known[block] for block in order}}
    try:
        check_same(extractors, provenance)
    except FeatureError as error:
        if error.code != "extractor_changed":
            raise
        identities = {extractor.block: extractor.identity() for extractor in extractors}
        _check_settings(provenance["extractors"], identities, error)
        _check_values(provenance.get(SELF_CHECK), extractors, error)
    return extractors


def check_table(
    provenance: Mapping[str, Any],
    table: Mapping[str, Any],
    given: Sequence[FeatureExtractor] | None,
) -> None:
    """Refuse a table that was not extracted as the training table was.

    Parameters
    ----------
    provenance
        The predictor's; one without extractors has nothing to compare.
    table
        The table's.
    given
        Extractors for the self-check; None: made again.

    Raises
    ------
    FeatureError
        Code ``extractor_changed``, as :func:`extractors_for`. Other versions are put to the
        self-check if they are those that are installed here.
    """
    wanted = provenance.get("extractors")
    if not wanted or not table.get("extractors"):
        return
    found = {block: of for block, of in table["extractors"].items() if block in wanted}
    before, now = _versions(provenance), _versions(table)
    if before == now and canonical_json(found) == canonical_json(wanted):
        return
    differs = FeatureError(
        "The table was extracted with other settings, weights or library versions than the "
        f"predictor's training table ({_first_difference(wanted, found, before, now)}). Extract "
        "it as the predictor does: predictor.predict(cohort).",
        code="extractor_changed",
    )
    _check_settings(wanted, found, differs)
    here = {name: library_version(name) for name in now if name != "tumor_response"}
    if now != here | {"tumor_response": __version__}:
        raise differs
    extractors = extractors_of({**table, "extractors": found}) if given is None else list(given)
    _check_values(provenance.get(SELF_CHECK), extractors, differs)


def training_provenance(
    table: FeatureTable | pd.DataFrame, given: Sequence[FeatureExtractor] | None
) -> dict[str, Any]:
    """Return what travels of how a training table was made: settings, versions, weights, hashes.

    With it go the self-check's values, where the extractors are given or can be made again, and
    are here as they were for the table. A bare frame says nothing.

    Parameters
    ----------
    table
        That a predictor is fitted to.
    given
        Its extractors; None: made again if that can be.

    Raises
    ------
    FeatureError
        Code ``extractor_changed``: extractors were given, and the table is not theirs.
    """
    if not isinstance(table, FeatureTable):
        return {"data_sha256": table_sha256(table)}
    there = {str(block) for block in table.dictionary["block"]} - {FACTS_BLOCK}
    made = {b: of for b, of in table.provenance["extractors"].items() if b in there}
    weights = {
        block: {name: of[name] for name in _WEIGHTS}
        for block, of in made.items()
        if "weights_sha256" in of
    }
    provenance: dict[str, Any] = {
        **thawed(table.provenance),
        "extractors": thawed(made),
        "data_sha256": table_sha256(table.data),
        "weights": weights,
    }
    try:
        extractors = extractors_of(provenance) if given is None else list(given)
        check_same(extractors, provenance)
    except FeatureError:
        if given is not None:
            raise
        return provenance  # an extractor of somebody's own, or a table of other versions
    return provenance | {SELF_CHECK: self_check(extractors)}


def table_sha256(data: pd.DataFrame) -> str:
    """Return the hash over the rows of a table's data, to the bit; of any frame with an index.

    Examples
    --------
    >>> frame = pd.DataFrame({"clinical__age": [61, 70]}, index=["P1", "P2"])
    >>> table_sha256(frame) == table_sha256(frame.iloc[::-1])
    False
    """
    keys = [tuple(map(str, key)) if isinstance(key, tuple) else (str(key),) for key in data.index]
    texts = [c for c, kind in data.dtypes.items() if not pd.api.types.is_numeric_dtype(kind)]
    named = data.set_axis(pd.Index(keys, tupleize_cols=False))
    return sha256_of_json(row_hashes(named, [str(column) for column in texts]))


def self_check(extractors: Sequence[FeatureExtractor]) -> dict[str, dict[str, float | str | None]]:
    """Return each extractor's values on a made-up tumour, by block and column.

    The tumour is made of whole numbers alone and is the same everywhere; required variables are 1,
    or their first level. Keys of what is kept elsewhere are left out. What an extractor refuses on
    it has no values.

    Examples
    --------
    >>> import tumor_response as tr
    >>> values = self_check([tr.ClinicalFactors(["age", "volume_cc"])])["clinical"]
    >>> values["clinical__age"], round(values["clinical__volume_cc"], 3)
    (1.0, 41.593)
    """
    found: dict[str, dict[str, float | str | None]] = {}
    with held_threads(1):
        for extractor in extractors:
            specs = extractor.feature_specs()
            case = _phantom(_variables(extractor, specs))
            try:
                values = extractor.extract(case.showing(extractor.variables)).values
            except FeatureError:
                values = {}
            found[extractor.block] = {
                spec.column: values.get(spec.column) for spec in specs if spec.role != KEY_ROLE
            }
    return found


def _check_settings(
    wanted: Mapping[str, Any], found: Mapping[str, Any], error: FeatureError
) -> None:
    """Raise the error unless the identities differ in versions and weights alone."""
    if list(wanted) != list(found):
        raise error
    for block, before in wanted.items():
        now = found[block]
        for name in {**before, **now}:
            if name not in _FREE and canonical_json(before.get(name)) != canonical_json(
                now.get(name)
            ):
                raise error


def _check_values(
    before: Mapping[str, Mapping[str, Any]] | None,
    extractors: Sequence[FeatureExtractor],
    error: FeatureError,
) -> None:
    """Raise unless the extractors give the values that the predictor's own gave."""
    if before is None:
        raise error
    now = self_check(extractors)
    different = [
        column
        for block, values in before.items()
        for column, value in values.items()
        if not _same(value, now.get(block, {}).get(column))
    ]
    if different:
        raise FeatureError(
            f"{error} On the predictor's phantom {len(different)} columns come out otherwise here, "
            f"{different[0]!r} first.",
            code="extractor_changed",
        )


def _same(before: Any, now: Any) -> bool:
    if isinstance(before, int | float) and isinstance(now, int | float):
        return abs(before - now) <= max(_ABSOLUTE, _RELATIVE * abs(before))
    return bool(before == now)


def _versions(provenance: Mapping[str, Any]) -> dict[str, str]:
    return {**provenance["versions"], "tumor_response": provenance["tumor_response"]}


def _first_difference(
    wanted: Mapping[str, Any],
    found: Mapping[str, Any],
    before: Mapping[str, str],
    now: Mapping[str, str],
) -> str:
    for name in {**before, **now}:
        if before.get(name) != now.get(name):
            return f"{name} {before.get(name)} then, {now.get(name)} now"
    for block, of in wanted.items():
        if block not in found:
            return f"no block {block!r}"
        for name in {**of, **found[block]}:
            if canonical_json(of.get(name)) != canonical_json(found[block].get(name)):
                return f"{name} of block {block!r}"
    return "another order of the blocks"


def _variables(
    extractor: FeatureExtractor, specs: Sequence[FeatureSpec]
) -> dict[str, float | str | None]:
    levels = {spec.family: spec.categories for spec in specs if spec.categories}
    return {
        name: levels[name][0] if name in levels else 1.0 for name in extractor.required_variables
    }


def _phantom(variables: Mapping[str, float | str | None]) -> BaselineCase:
    """Return an ellipsoid of 42 cc in soft tissue with a texture, in whole HU."""
    z, y, x = np.mgrid[:32, :96, :96]
    # the legacy generator's numbers never change between versions of NumPy
    noise = np.random.RandomState(12).randint(-60, 61, size=(32, 96, 98))
    texture = (noise[:, :, :-2] + noise[:, :, 1:-1] + noise[:, :, 2:]) // 3
    tumour = 4 * (x - 48) ** 2 + 5 * (y - 46) ** 2 + 25 * (z - 16) ** 2 <= 2000
    body = (x - 48) ** 2 + (y - 48) ** 2 <= 44**2
    voxels = np.where(body, 30 + texture + 25 * tumour, -1000).astype(np.int16)
    image = sitk.GetImageFromArray(voxels)
    mask = sitk.GetImageFromArray(tumour.astype(np.uint8))
    for one in (image, mask):
        one.SetSpacing((1.0, 1.0, 2.5))
    return BaselineCase("phantom", "1", image, mask, variables=variables)
