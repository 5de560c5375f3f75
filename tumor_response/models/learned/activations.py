"""What the frozen part of a network makes of each key, computed once and kept on disk.

A resample then costs the training of the part above alone. The arrays lie in a
:class:`~tumor_response.features.deep.view_store.ViewStore` of their own, beside the views, under
a hash of all that decides them: the views' key, tensors and normalisation of the network, the cut,
mirroring, device and versions.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from tumor_response._version import library_version
from tumor_response.exceptions import FeatureError, ModelError
from tumor_response.features.deep.view_store import ViewStore
from tumor_response.models.learned.network import Network
from tumor_response.settings import sha256_of_json

__all__ = ["ActivationStore", "opened_store", "views_of"]

_FORMAT = 1


def opened_store(store: ViewStore | str | Path) -> ViewStore:
    """Return the store of the views; a folder that is not there is refused, never made.

    Raises
    ------
    ModelError
        Code ``view_store``.
    """
    if isinstance(store, ViewStore):
        return store
    if not isinstance(store, str | Path) or not Path(store).is_dir():
        raise ModelError(
            f"store={str(store)!r}: there is no such folder of views. Give the one that "
            "tr.Views(..., store=folder) filled.",
            code="view_store",
        )
    return ViewStore(store)


def views_of(store: ViewStore, key: str) -> np.ndarray:
    """Return the views of a key as float32, shape (n_views, 1 or 3, size_px, size_px).

    Raises
    ------
    FeatureError
        Codes ``view_key``, ``view_missing``, ``view_damaged``.
    ModelError
        Code ``view_values``: the array is no set of views.
    """
    views = np.asarray(store.get(key))
    if (
        views.dtype != np.float32
        or views.ndim != 4
        or not views.shape[0]
        or views.shape[1] not in (1, 3)
        or views.shape[2] != views.shape[3]
        or not np.isfinite(views).all()
    ):
        raise ModelError(
            f"The array of key {str(key)[:12]}... is {views.dtype} of shape {views.shape}; "
            "expected finite float32 of shape (n_views, 1 or 3, size_px, size_px).",
            code="view_values",
        )
    return views


class ActivationStore:
    """Activations of keys at one cut of one network.

    Parameters
    ----------
    views
        Where the views lie.
    network
        Whose activations.
    cut
        Name of the cut, part of the activations' identity.
    trunk
        From normalised views to activations.
    folder
        Where activations are kept; None: beside the views, in ``<store>_activations``. Where it
        cannot be written to they are kept in memory, for as long as this object lives.
    """

    def __init__(
        self,
        views: ViewStore,
        network: Network,
        cut: str,
        trunk: Callable[[torch.Tensor], torch.Tensor],
        folder: str | Path | None = None,
    ) -> None:
        self.views = views
        self._network = network
        self._trunk = trunk
        self._identity = [
            _FORMAT,
            network.name,
            network.weights_sha256,
            network.mean.flatten().tolist(),
            network.std.flatten().tolist(),
            cut,
            network.device,
            *(library_version(name) for name in ("torch", "timm")),
        ]
        self._memory: dict[str, np.ndarray] = {}
        self._kept: ViewStore | None = None
        where = Path(folder) if folder else Path(f"{views.directory}_activations")
        try:
            self._kept = ViewStore(where)
        except FeatureError:
            if folder:
                raise

    def identity(self) -> str:
        """Return a hash of what decides the activations, apart from the views."""
        return sha256_of_json(self._identity)

    def get(self, key: str, mirrored: bool = False) -> np.ndarray:
        """Return the activations of a key, shape (n_views, ...), computed if they are not there.

        Parameters
        ----------
        key
            Of the views.
        mirrored
            Whether of the views with left and right exchanged.
        """
        name = self._name(key, mirrored)
        if name in self._memory:
            return self._memory[name]
        if self._kept is not None and name in self._kept:
            return self._kept.get(name)
        made = self._made(key, mirrored)
        if self._kept is not None and self._kept.writable:
            self._kept.put(name, made)
            return self._kept.get(name)
        self._memory[name] = made
        return made

    def holds(self, key: str, mirrored: bool = False) -> bool:
        """Tell whether a key's activations need not be computed."""
        name = self._name(key, mirrored)
        return name in self._memory or (self._kept is not None and name in self._kept)

    def _name(self, key: str, mirrored: bool) -> str:
        return sha256_of_json([*self._identity, str(key), mirrored])

    def _made(self, key: str, mirrored: bool) -> np.ndarray:
        views = views_of(self.views, key)
        if mirrored:
            views = views[..., ::-1]
        with torch.inference_mode():
            # in full precision also where training is not: they are computed once
            return np.asarray(self._trunk(self._network.normalised(views)).float().cpu().numpy())
