"""``FineTuned``: a pretrained network that goes on learning, inside the fold."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from tumor_response.features.deep.view_store import ViewStore
from tumor_response.models.learned.estimator import ViewClassifier
from tumor_response.models.learned.prepared import Prepared
from tumor_response.models.learned.settings import FineTuneSettings, TrainingSettings

__all__ = ["FineTuned"]

_RATES = {"head": 3e-5, "last_stage": 3e-5, "adapters": 3e-4}
"""Below the head. Adapters start at no effect, and are few: they take larger steps."""


class FineTuned(ViewClassifier):
    """Fine-tune a pretrained network on the views of the training rows, and classify others.

    A scikit-learn classifier of a table's column ``views__<name>__key``
    (:class:`tumor_response.Views`). It looks up the views of the rows it is given and no others,
    so that an evaluation refits it in every resample as it does a table model.

    - **What learns.** ``unfreeze="head"``: a linear classifier on the pooled features, from zero.
      ``"last_stage"``: the network's last stages as well. ``"adapters"``: low-rank matrices beside
      the layers of the last stages (Hu et al. 2022, ICLR), by peft. With the last two the head
      starts where ``make_model("logistic")`` ends on the frozen embedding (a linear probe first:
      Kumar et al. 2022, ICLR).
    - **When it stops.** A fifth of the patients decides after how many epochs, 0 included; then
      all training rows are trained on for that many. Copies of a patient in a bootstrap sample
      are one case, on one side.
    - **What it costs.** What the part that stays makes of each view is computed once and kept on
      disk, so that a fit costs the training of the rest alone.
    - **Augmentation.** The views of a case are drawn anew in each epoch, and may be mirrored left
      to right: both can be kept on disk. There is no other, since what is kept was computed from
      the views as they are.
    - Batch normalisation keeps the pretrained statistics; there is no dropout.

    Parameters
    ----------
    backbone
        timm model name.
    unfreeze
        What learns: ``"head"``, ``"last_stage"`` (default) or ``"adapters"``.
    store
        The :class:`~tumor_response.features.deep.view_store.ViewStore` of the keys, or its folder.
    column
        Key column; None (default): the only one there is.
    weights
        As for :class:`tumor_response.DeepFeatures`.
    n_stages
        How many last stages learn, or get adapters.
    adapter_rank
        Rank of the adapters.
    epochs, patience
        Most epochs; epochs without improvement after which it stops.
    batch_size
        Cases a step.
    views_per_case
        Views of a case in a step; None: all. Scoring always takes all, and their mean.
    mirror
        Whether half of the cases in a step are mirrored left to right.
    learning_rate
        Below the head; None (default): 3e-5, for adapters 3e-4.
    head_learning_rate, weight_decay
        Of the head; of both (AdamW).
    stopping_fraction
        Share of the training patients that decides when to stop.
    class_weight
        None, ``"balanced"``, or a number for each class.
    device
        ``"auto"``: CUDA, with bfloat16 in the training; else MPS, else the processor, on one
        thread. Or a torch device name.
    activations_dir
        Where activations are kept; None: in ``<store>_activations``.
    checkpoint_dir
        A folder in which each fit keeps how far it is, under a hash of all that decides it. The
        same fit, started again after it was killed, goes on there; a finished one is read.
    verbose
        Whether to draw a progress bar with the time left.
    random_state
        Seed. The same seed gives the same bytes on one kind of processor, whatever ``n_jobs`` is.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
    key_column_ : str
    n_epochs_ : int
        Epochs that early stopping chose; 0: the start, which is the frozen embedding's table
        model unless ``unfreeze="head"``.
    history_ : list of dict
        Losses of each epoch, in both passes.
    stopping_rows_ : ndarray of bool
        Rows of the fit that decided when to stop.
    state_ : dict of str to ndarray
        What was learned.
    weights_sha256_, weights_source_ : str
        Of the pretrained network.

    Raises
    ------
    SettingsError
        A parameter out of range.
    ModelError
        Codes ``key_column``, ``view_store``, ``view_key_missing``, ``view_values``, ``view_size``,
        ``one_class``, ``too_few_patients``, ``not_a_chain``, ``peft_missing``, ``no_adapters``,
        ``diverged``, ``checkpoint_unusable``, ``sample_weight``, ``class_weight``.
    FeatureError
        Codes ``view_missing``, ``view_damaged``, ``view_key``, ``device``, ``unknown_backbone``.
    WeightsError
        Of the backbone's weights.

    Examples
    --------
    >>> import tempfile, numpy as np, pandas as pd, tumor_response as tr
    >>> from tumor_response.models.learned import FineTuned
    >>> store, rng = tr.ViewStore(tempfile.mkdtemp()), np.random.default_rng(0)
    >>> keys = [f"{i:064x}" for i in range(16)]
    >>> for i, key in enumerate(keys):
    ...     views = rng.random((2, 1, 32, 32)) * (0.2 + 0.8 * (i % 2))
    ...     store.put(key, views.astype(np.float32))
    >>> X = pd.DataFrame({"views__axial__key": keys},
    ...                  index=pd.Index([f"P{i}" for i in range(16)], name="patient_id"))
    >>> model = FineTuned(store=store, epochs=2).fit(X, np.arange(16) % 2)
    >>> model.predict_proba(X).shape, model.transform(X).shape
    ((16, 2), (16, 1280))
    """

    def __init__(
        self,
        backbone: str = "tf_efficientnet_lite0",
        unfreeze: Literal["head", "last_stage", "adapters"] = "last_stage",
        *,
        store: ViewStore | str | Path = "views",
        column: str | None = None,
        weights: str | Path = "packaged",
        n_stages: int = 1,
        adapter_rank: int = 4,
        epochs: int = 20,
        patience: int = 4,
        batch_size: int = 16,
        views_per_case: int | None = 1,
        mirror: bool = True,
        learning_rate: float | None = None,
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
        self.unfreeze = unfreeze
        self.store = store
        self.column = column
        self.weights = weights
        self.n_stages = n_stages
        self.adapter_rank = adapter_rank
        self.epochs = epochs
        self.patience = patience
        self.batch_size = batch_size
        self.views_per_case = views_per_case
        self.mirror = mirror
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

    def _settings(self) -> FineTuneSettings:
        rate = self.learning_rate
        return FineTuneSettings(
            unfreeze=self.unfreeze,
            n_stages=self.n_stages,
            adapter_rank=self.adapter_rank,
            epochs=self.epochs,
            patience=self.patience,
            batch_size=self.batch_size,
            views_per_case=self.views_per_case,
            mirror=self.mirror,
            learning_rate=_RATES.get(self.unfreeze, 3e-5) if rate is None else rate,
            head_learning_rate=self.head_learning_rate,
            weight_decay=self.weight_decay,
            stopping_fraction=self.stopping_fraction,
            random_state=self.random_state,
        )

    def _prepared(self, settings: TrainingSettings, key: str) -> Prepared:
        import torch

        from tumor_response.features.deep.networks.device import resolved_device
        from tumor_response.models.learned.activations import (
            ActivationStore,
            opened_store,
            views_of,
        )
        from tumor_response.models.learned.adapters import add_adapters
        from tumor_response.models.learned.modules import CaseModel, MeanPooling
        from tumor_response.models.learned.network import load_network, split

        views = opened_store(self.store)
        network = load_network(self.backbone, self.weights, resolved_device(self.device))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.random_state)
            cut, trunk = "pooled", network.module
            body: torch.nn.Module = torch.nn.Identity()
            if self.unfreeze != "head":
                cut = f"last {self.n_stages}"
                trunk, tail = split(network, self.n_stages, views_of(views, key).shape[-1])
                body = tail.requires_grad_(self.unfreeze == "last_stage")
                if self.unfreeze == "adapters":
                    add_adapters(tail.stages, self.adapter_rank)
            model = CaseModel(body, MeanPooling(), network.n_features).to(network.device)
        activations = ActivationStore(views, network, cut, trunk, self.activations_dir)
        return Prepared(network, activations, model, probe=self.unfreeze != "head")

    def _prefix(self) -> str:
        return f"finetuned__{self.backbone}"
