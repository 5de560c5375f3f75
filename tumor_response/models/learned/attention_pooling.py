"""``AttentionPooling``: which slices matter, learned inside the fold."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from tumor_response.features.deep.view_store import ViewStore
from tumor_response.models.learned.estimator import ViewClassifier
from tumor_response.models.learned.prepared import Prepared
from tumor_response.models.learned.settings import AttentionSettings, TrainingSettings

__all__ = ["AttentionPooling"]


class AttentionPooling(ViewClassifier):
    """Pool the frozen features of a tumour's views with learned weights, and classify.

    Gated attention (Ilse, Tomczak and Welling 2018, ICML) over the views of each case, whose
    pooled features come from a frozen pretrained network. At the start all views weigh the same
    and the head is a ridge classifier of the mean embedding; training goes on from there, and
    early stopping on a fifth of the patients says how far, 0 epochs included. All of it is
    fitted on the training rows, as in :class:`FineTuned`.

    Parameters
    ----------
    backbone, store, column, weights, epochs, patience, batch_size, head_learning_rate, \
weight_decay, stopping_fraction, class_weight, device, activations_dir, checkpoint_dir, verbose, \
random_state
        As for :class:`FineTuned`.
    n_hidden
        Width of the attention.
    learning_rate
        Of the attention.

    Attributes
    ----------
    classes_, key_column_, n_epochs_, history_, stopping_rows_, state_, weights_sha256_, \
weights_source_
        As of :class:`FineTuned`.

    Raises
    ------
    SettingsError, ModelError, FeatureError, WeightsError
        As :class:`FineTuned`.

    Examples
    --------
    >>> import tempfile, numpy as np, pandas as pd, tumor_response as tr
    >>> from tumor_response.models.learned import AttentionPooling
    >>> store, rng = tr.ViewStore(tempfile.mkdtemp()), np.random.default_rng(0)
    >>> keys = [f"{i:064x}" for i in range(16)]
    >>> for i, key in enumerate(keys):
    ...     views = rng.random((1 + i % 3, 1, 32, 32)) * (0.2 + 0.8 * (i % 2))
    ...     store.put(key, views.astype(np.float32))
    >>> X = pd.DataFrame({"views__axial__key": keys},
    ...                  index=pd.Index([f"P{i}" for i in range(16)], name="patient_id"))
    >>> model = AttentionPooling(store=store, epochs=2).fit(X, np.arange(16) % 2)
    >>> model.attention(X).groupby("patient_id").sum().round(6).unique().tolist()
    [1.0]
    """

    def __init__(
        self,
        backbone: str = "tf_efficientnet_lite0",
        *,
        store: ViewStore | str | Path = "views",
        column: str | None = None,
        weights: str | Path = "packaged",
        n_hidden: int = 32,
        epochs: int = 50,
        patience: int = 5,
        batch_size: int = 16,
        learning_rate: float = 1e-3,
        head_learning_rate: float = 1e-3,
        weight_decay: float = 0.01,
        stopping_fraction: float = 0.2,
        class_weight: Literal["balanced"] | Mapping[Any, float] | None = None,
        device: str = "auto",
        activations_dir: str | Path | None = None,
        checkpoint_dir: str | Path | None = None,
        verbose: bool = False,
        random_state: int = 0,
    ) -> None:
        self.backbone = backbone
        self.store = store
        self.column = column
        self.weights = weights
        self.n_hidden = n_hidden
        self.epochs = epochs
        self.patience = patience
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.head_learning_rate = head_learning_rate
        self.weight_decay = weight_decay
        self.stopping_fraction = stopping_fraction
        self.class_weight = class_weight
        self.device = device
        self.activations_dir = activations_dir
        self.checkpoint_dir = checkpoint_dir
        self.verbose = verbose
        self.random_state = random_state

    def attention(self, X: pd.DataFrame) -> pd.Series:
        """Return the weight of every view of every row.

        Returns
        -------
        pandas.Series
            Indexed as ``X``, with a last level ``view`` that counts from 0; the weights of a row
            add up to 1.
        """
        shares = self._scored(X)[2]
        parts = {row: pd.Series(weights) for row, weights in enumerate(shares)}
        rows = [row for row, weights in parts.items() for _ in weights]
        frame = X.index[rows].to_frame(index=False)
        frame["view"] = [view for weights in parts.values() for view in range(len(weights))]
        values = [value for weights in parts.values() for value in weights]
        return pd.Series(values, index=pd.MultiIndex.from_frame(frame), name="attention")

    def _settings(self) -> TrainingSettings:
        return AttentionSettings(
            n_hidden=self.n_hidden,
            epochs=self.epochs,
            patience=self.patience,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            head_learning_rate=self.head_learning_rate,
            weight_decay=self.weight_decay,
            stopping_fraction=self.stopping_fraction,
            random_state=self.random_state,
        )

    def _prepared(self, settings: TrainingSettings, key: str) -> Prepared:
        import torch

        from tumor_response.features.deep.networks.device import resolved_device
        from tumor_response.models.learned.activations import ActivationStore, opened_store
        from tumor_response.models.learned.modules import CaseModel, GatedAttention
        from tumor_response.models.learned.network import load_network

        del key  # the pooled features have one shape, whatever the views'
        views = opened_store(self.store)
        network = load_network(self.backbone, self.weights, resolved_device(self.device))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.random_state)
            pooling = GatedAttention(network.n_features, self.n_hidden)
            model = CaseModel(torch.nn.Identity(), pooling, network.n_features)
        activations = ActivationStore(
            views, network, "pooled", network.module, self.activations_dir
        )
        return Prepared(network, activations, model.to(network.device), probe=True)

    def _prefix(self) -> str:
        return f"attention__{self.backbone}"
