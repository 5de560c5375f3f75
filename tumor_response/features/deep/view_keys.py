"""The extractor that cuts views into a store, and writes their keys into the table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import SimpleITK as sitk

from tumor_response._version import __version__, library_version
from tumor_response.cohort import BaselineCase
from tumor_response.exceptions import FeatureError
from tumor_response.features.base import KEY_ROLE, FeatureSpec, FeatureValues, Shortfall
from tumor_response.features.deep.view_store import ViewStore
from tumor_response.features.deep.views import (
    CutViews,
    ViewSettings,
    cut_views,
    views_bytes,
)
from tumor_response.features.memory import Extent
from tumor_response.features.voxel_hash import image_sha256
from tumor_response.settings import sha256_of_json

__all__ = ["Views"]

_FORMAT = 2
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


class Views:
    """Cut views of each tumour into a :class:`ViewStore`, for what is fitted on images.

    A network that is trained, or a pooling that is learned, must see images inside the folds of
    an evaluation, where there is but the table. The table gets a column ``views__<name>__key`` of
    role ``key``: a text that says which array belongs to the row. It stays with the row in
    bootstrap copies and in other processes, and is never a predictor itself. The key is a hash of
    voxels, contour, settings and versions; it holds nothing about the patient, and two cases with
    the same voxels have the same one.

    Parameters
    ----------
    settings
        What to cut, named ``"axial"``; or a mapping from names to settings, for several columns.
    store
        The store, or its folder; by default ``views`` in the working directory.
    size_px
        Side of each view in pixels.

    Raises
    ------
    FeatureError
        Code ``settings``: no such settings or names; ``views_unusable``: no such folder.

    Examples
    --------
    >>> import tempfile, tumor_response as tr
    >>> views = tr.Views(tr.ViewSettings(n_slices=3), store=tempfile.mkdtemp())
    >>> cohort = tr.simulate_cohort(n_patients=2, seed=0, directory=tempfile.mkdtemp())
    >>> table = tr.extract(cohort, [tr.ClinicalFactors(["age"]), views])
    >>> views.store.get(table.data["views__axial__key"].iloc[0]).shape
    (3, 1, 224, 224)
    >>> table.blocks
    ['clinical']
    """

    block = "views"
    cacheable = True
    variables: tuple[str, ...] = ()
    required_variables: tuple[str, ...] = ()

    def __init__(
        self,
        settings: ViewSettings | Mapping[str, ViewSettings] | None = None,
        *,
        store: ViewStore | str | Path = "views",
        size_px: int = 224,
    ) -> None:
        named = settings if isinstance(settings, Mapping) else {"axial": settings or ViewSettings()}
        for name, chosen in named.items():
            if not isinstance(chosen, ViewSettings):
                raise FeatureError(
                    f"Views: expected tr.ViewSettings(...) or a mapping from names to them, "
                    f"received {chosen!r}.",
                    code="settings",
                )
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                raise FeatureError(
                    f"Views: the name {name!r} cannot stand in a column's name; expected "
                    "lower-case letters, digits and single underscores.",
                    code="settings",
                )
        if not named or isinstance(size_px, bool) or not isinstance(size_px, int) or size_px < 1:
            what = f"size_px={size_px!r}: expected 1 or more" if named else "no settings"
            raise FeatureError(f"Views: {what}.", code="settings")
        self.settings = dict(named)
        self.size_px = size_px
        self.store = store if isinstance(store, ViewStore) else ViewStore(store)

    def identity(self) -> dict[str, Any]:
        """Return settings and versions; where the arrays lie decides nothing about them."""
        return {
            "extractor": "views",
            "settings": {name: s.model_dump(mode="json") for name, s in self.settings.items()},
            "size_px": self.size_px,
            "versions": {name: library_version(name) for name in ("SimpleITK", "numpy")},
        }

    def feature_specs(self) -> list[FeatureSpec]:
        """Return the dictionary rows, one per name."""
        return [
            FeatureSpec(
                column=self._column(name),
                block=self.block,
                family=name,
                role=KEY_ROLE,
                ibsi_code="",
                unit="",
                description=(
                    f"Key of an array in a ViewStore: views of {s.n_channels} x {self.size_px} x "
                    f"{self.size_px} pixels (slices={s.slices!r}), float32."
                ),
            )
            for name, s in self.settings.items()
        ]

    def extract(self, case: BaselineCase) -> FeatureValues:
        """Cut the views, keep what the store lacks, and return the keys.

        What has to be said about views that are cut off, scaled or reach beyond the image is a
        finding, with no column missing.

        Raises
        ------
        FeatureError
            Code ``views_unusable``.
        """
        voxels = image_sha256(case.image), image_sha256(case.mask)
        keys: dict[str, float | str] = {}
        shortfalls: list[Shortfall] = []
        for name in self.settings:
            try:
                cut = cut_views(case.image, case.mask, self.settings[name], self.size_px)
                keys[self._column(name)] = self._kept(cut, voxels, name)
                shortfalls += [
                    Shortfall(f.code, f"{name}: {f.message}", f.n_columns_missing)
                    for f in cut.findings
                ]
            except FeatureError as error:
                if error.code == "views_unusable":
                    raise
                shortfalls.append(Shortfall(error.code, f"{name}: {error}", 1))
        return FeatureValues(keys, shortfalls)

    def add(self, image: sitk.Image, mask: sitk.Image, name: str = "axial") -> str:
        """Cut the views of any image and mask, keep them, and return their key.

        For repeats of a case that are perturbed: they live beside the case's own.

        Parameters
        ----------
        image, mask
            On one grid; the mask 0/1 and not empty.
        name
            Whose settings.

        Raises
        ------
        FeatureError
            As :func:`tumor_response.features.deep.views.cut_views`, and ``views_unusable``.
        """
        cut = cut_views(image, mask, self.settings[name], self.size_px)
        return self._kept(cut, (image_sha256(image), image_sha256(mask)), name)

    def key_of(self, image_sha256: str, mask_sha256: str, name: str = "axial") -> str:
        """Return the key of the views of some voxels.

        Parameters
        ----------
        image_sha256, mask_sha256
            Hashes of image and mask
            (:func:`tumor_response.features.voxel_hash.image_sha256`).
        name
            Whose settings.
        """
        identity = self.identity()
        chosen = self.settings[name].model_dump(mode="json")
        parts = [_FORMAT, __version__, identity["versions"], chosen, self.size_px]
        return sha256_of_json([*parts, image_sha256, mask_sha256])

    def holds(self, texts: Mapping[str, str]) -> bool:
        """Tell whether the arrays of these keys are in the store."""
        return all(key in self.store for key in texts.values())

    def memory_bytes(self, extent: Extent) -> int:
        """Return what a case needs beside its image."""
        return max(views_bytes(s, self.size_px, extent) for s in self.settings.values())

    def _kept(self, cut: CutViews, voxels: tuple[str, str], name: str) -> str:
        key = self.key_of(*voxels, name)
        if key not in self.store:
            self.store.put(key, cut.pixels)
        return key

    def _column(self, name: str) -> str:
        return f"{self.block}__{name}__key"

    def __repr__(self) -> str:
        return f"Views({', '.join(self.settings)}, store={str(self.store.directory)!r})"
