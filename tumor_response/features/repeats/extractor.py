"""The extractor that puts repeats into a store, and their keys into the table."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tumor_response._version import __version__, library_version
from tumor_response.cohort import BaselineCase
from tumor_response.exceptions import FeatureError
from tumor_response.features.base import (
    KEY_ROLE,
    FeatureExtractor,
    FeatureSpec,
    FeatureValues,
    Shortfall,
)
from tumor_response.features.deep.view_store import ViewStore
from tumor_response.features.memory import Extent, extractor_bytes
from tumor_response.features.repeats.compute import CaseRepeats
from tumor_response.features.repeats.plan import UNALTERED, RepeatPlan, numeric_columns
from tumor_response.features.voxel_hash import image_sha256
from tumor_response.imaging import AlterationRule
from tumor_response.quality import ExclusionRule
from tumor_response.settings import sha256_of_json

__all__ = ["Repeats"]

_FORMAT = 1
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_SINGLE = "perturbed"
"""The perturbation's name where there is but one rule, without a name."""
_BYTES_PER_VOXEL = 32
"""The altered image and mask, and what is taken for a moment to make them."""


class Repeats:
    """Extract each tumour again and again, altered by rules or with other settings, into a store.

    What a column is worth shows in how far it stays the same when the contour is drawn by another
    hand, the image is noisier or the bins are wider. Each case is altered ``n_repeats`` times by
    each rule, and the extractors run on the unaltered case and on every altered one. The image is
    read once, and one that a rule leaves as it is is the same object for every repeat.

    The values lie in a :class:`ViewStore`; the table gets a column ``views__<name>__key`` of role
    ``key``. So the repeats of a training set can be looked up inside the folds of an evaluation,
    and no repeat is ever a row. The key is a hash of voxels, contour, clinical variables that are
    read, extractors, rules and seed. Beside each array lies what was drawn, as JSON.

    Parameters
    ----------
    extractors
        Those of the table, with the same settings: row 0 of the repeats is the table's row.
    rules
        What is drawn: a rule (:class:`tumor_response.imaging.AlterationRule`), whose perturbation
        is then named ``"perturbed"``; or a mapping from names of perturbations to rules, so that
        agreement can be told for each. None: nothing, where settings alone are changed.
    n_repeats
        Alterations drawn by each rule.
    store
        The store, or its folder; by default ``views`` in the working directory.
    seed
        Of the draws. They hang on it, on the perturbation's name and on the contour's voxels.
    name
        Of the column.
    bin_width, interpolator
        Other settings for radiomics on the unaltered voxels, as in :func:`settings_variants`: one
        repeat for each value, in the perturbations ``"bin_width"`` and ``"interpolator"``. They
        do not apply to other extractors, whose values there are NaN and *not applicable*, which
        is another thing than perfect agreement.
    exclude
        The exclusion rule that the table is extracted with. Contours are altered as drawn, and
        the rule is applied to what becomes of them.

    Notes
    -----
    A repeat that fails, since it left no voxel of the tumour say, is a row of NaN with its reason
    in the store, and is counted in the table's failures (code ``repeat_failed``, no column
    missing). Categories and texts have no repeats.

    Raises
    ------
    FeatureError
        Code ``settings``: no extractors or two of one block, no number among their columns, no
        rule and no setting, a name that cannot stand in a column's name; ``views_unusable``: no
        such folder.
    SettingsError
        As :func:`settings_variants`.

    Examples
    --------
    >>> import tempfile, tumor_response as tr
    >>> from tumor_response.features.repeats import Repeats, read_repeats
    >>> radiomics = tr.Radiomics("minimal")
    >>> repeats = Repeats([radiomics], store=tempfile.mkdtemp(), bin_width=[15.0, 50.0])
    >>> cohort = tr.simulate_cohort(n_patients=2, seed=0, directory=tempfile.mkdtemp())
    >>> table = tr.extract(cohort, [radiomics, repeats])
    >>> read_repeats(repeats.store, table.data["views__repeats__key"]).values.shape
    (2, 3, 107)
    """

    cacheable = True
    contour_as_drawn = True

    def __init__(
        self,
        extractors: Sequence[FeatureExtractor],
        rules: AlterationRule | Mapping[str, AlterationRule] | None = None,
        n_repeats: int = 30,
        store: ViewStore | str | Path = "views",
        *,
        seed: int = 0,
        name: str = "repeats",
        bin_width: Sequence[float] = (),
        interpolator: Sequence[str] = (),
        exclude: ExclusionRule | None = None,
    ) -> None:
        named = {} if rules is None else _named(rules)
        changes: dict[str, Sequence[float | str]] = {
            change: tuple(values)
            for change, values in (("bin_width", bin_width), ("interpolator", interpolator))
            if values
        }
        _check_extractors(extractors)
        _check_rules(named, changes, n_repeats, seed)
        _check_name(name)
        self.name = name
        # one block each, so that repeats and views can stand in one table
        self.block = f"views__{name}"
        self.variables = _every(e.variables for e in extractors)
        self.required_variables = _every(e.required_variables for e in extractors)
        self.store = store if isinstance(store, ViewStore) else ViewStore(store)
        self.plan = RepeatPlan(tuple(extractors), named, n_repeats, seed, changes, exclude)
        _ = self.plan.variants  # settings that cannot be are refused here

    def identity(self) -> dict[str, Any]:
        """Return extractors, rules, seed and versions; where the arrays lie decides nothing."""
        identity = self.plan.identity()
        own = {name: library_version(name) for name in ("SimpleITK", "numpy")}
        return identity | {"versions": {"repeats": own, **identity["versions"]}}

    def feature_specs(self) -> list[FeatureSpec]:
        """Return the dictionary row of the key."""
        return [
            FeatureSpec(
                column=self._column,
                block=self.block,
                family=self.name,
                role=KEY_ROLE,
                ibsi_code="",
                unit="",
                description=(
                    f"Key of an array in a ViewStore: {len(self.plan.rows)} rows (the unaltered "
                    f"case and its repeats) of {len(self.plan.columns)} columns, float64."
                ),
            )
        ]

    def extract(self, case: BaselineCase) -> FeatureValues:
        """Extract the repeats that the store lacks, and return their key.

        Raises
        ------
        CaseError
            If image or mask cannot be read.
        FeatureError
            Code ``views_unusable``.
        """
        key = self.key_of(case)
        if not self._is_there(key):
            made = CaseRepeats(self.plan, case)
            if not self.store.has_record(self.plan.layout_key):
                self.store.put_record(self.plan.layout_key, self.plan.layout())
            self.store.put(key, made.values)
            self.store.put_record(key, made.record(self.plan.layout_key))
        return FeatureValues({self._column: key}, self._told(self.store.record(key)["failed"]))

    def key_of(self, case: BaselineCase) -> str:
        """Return the key of a case's repeats; its voxels are read."""
        shown = case.showing(self.variables).variables
        voxels = [image_sha256(case.image), image_sha256(case.mask)]
        return sha256_of_json([_FORMAT, __version__, self.identity(), voxels, dict(shown)])

    def holds(self, texts: Mapping[str, str]) -> bool:
        """Tell whether the repeats of these keys are in the store."""
        return all(self._is_there(key) for key in texts.values())

    def memory_bytes(self, extent: Extent) -> int:
        """Return what a case needs beside its image."""
        most = max(extractor_bytes(one, extent) for one in self.plan.extractors)
        values = 8 * len(self.plan.rows) * len(self.plan.columns)
        return most + _BYTES_PER_VOXEL * extent.image_voxels + values

    def _is_there(self, key: str) -> bool:
        records = (key, self.plan.layout_key)
        return key in self.store and all(self.store.has_record(one) for one in records)

    def _told(self, failed: Sequence[Mapping[str, Any]]) -> list[Shortfall]:
        """Return a finding for each perturbation and block that lacks repeats."""
        rows = self.plan.rows
        told: list[Shortfall] = []
        groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
        for one in failed:
            groups.setdefault((rows[one["row"]][0], one["block"]), []).append(one)
        for (perturbation, block), group in groups.items():
            n = sum(name == perturbation for name, _ in rows)
            codes = Counter(one["code"] for one in group)
            counts = ", ".join(f"{code}: {count}" for code, count in codes.items())
            what = (
                "the unaltered case has"
                if perturbation == UNALTERED
                else (f"{len(group)} of {n} repeats {perturbation!r} have")
            )
            message = f"{block}: {what} no values ({counts}); the first: {group[0]['message']}"
            told.append(Shortfall("repeat_failed", message, 0))
        return told

    @property
    def _column(self) -> str:
        return f"{self.block}__key"

    def __repr__(self) -> str:
        return (
            f"Repeats({[one.block for one in self.plan.extractors]}, {list(self.plan.rules)}, "
            f"n_repeats={self.plan.n_repeats}, store={str(self.store.directory)!r})"
        )


def _check_extractors(extractors: Sequence[FeatureExtractor]) -> None:
    given = list(extractors) if isinstance(extractors, Sequence) else []
    if not given or not all(isinstance(one, FeatureExtractor) for one in given):
        raise FeatureError(
            f"Repeats: expected a list of extractors, received {extractors!r}.", code="settings"
        )
    twice = [block for block, n in Counter(one.block for one in given).items() if n > 1]
    if twice:
        raise FeatureError(f"Repeats: two extractors of block {twice[0]!r}.", code="settings")
    for one in given:
        if not numeric_columns(one):
            raise FeatureError(
                f"Repeats: block {one.block!r} has no column of numbers, so that there is nothing "
                "to repeat.",
                code="settings",
            )


def _named(rules: AlterationRule | Mapping[str, AlterationRule]) -> dict[str, AlterationRule]:
    return dict(rules) if isinstance(rules, Mapping) else {_SINGLE: rules}


def _check_rules(
    rules: Mapping[str, object], changes: Mapping[str, object], n_repeats: int, seed: int
) -> None:
    for name, rule in rules.items():
        _check_name(name)
        if not isinstance(rule, AlterationRule) or name in (UNALTERED, "bin_width", "interpolator"):
            raise FeatureError(
                f"Repeats: rules[{name!r}] = {rule!r}: expected a rule with identity() and "
                f"draw(rng), under a name other than {UNALTERED}, bin_width and interpolator.",
                code="settings",
            )
    if not rules and not changes:
        raise FeatureError(
            "Repeats: no rule and no other setting, so that there would be the unaltered case "
            "alone. Give rules=, bin_width= or interpolator=.",
            code="settings",
        )
    whole = all(isinstance(n, int) and not isinstance(n, bool) for n in (n_repeats, seed))
    if not whole or n_repeats < 1 or seed < 0:
        raise FeatureError(
            f"Repeats: n_repeats={n_repeats!r}, seed={seed!r}: expected whole numbers, from 1 and "
            "from 0 on.",
            code="settings",
        )


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise FeatureError(
            f"Repeats: the name {name!r} cannot stand in a column's name; expected lower-case "
            "letters, digits and single underscores.",
            code="settings",
        )


def _every(names: Iterable[Sequence[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for of in names for name in of))
