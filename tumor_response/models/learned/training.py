"""The training of a :class:`CaseModel`: twice from the same start, once to learn when to stop.

First the stopping patients are held back, and the epoch with the least loss on them is found; the
start itself counts as epoch 0. Then the model is trained on all cases for that many epochs. So no
patient is lost to early stopping, and the patients it watched are trained on only after they have
decided.

Layers that behave otherwise in training stay in evaluation mode. A batch of some sixteen cases,
whose views resemble each other, says too little about means and variances for a batch
normalisation to be trusted, and predictions would depend on which cases shared a batch; its
running statistics are those of the pretrained network, while its scales and offsets learn. There
is no dropout; what holds a model back is early stopping, and weight decay.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import nn

from tumor_response.exceptions import ModelError
from tumor_response.models.learned.cases import BoolArray, Cases
from tumor_response.models.learned.checkpoint import Checkpoint
from tumor_response.models.learned.modules import CaseModel
from tumor_response.models.learned.scaling import Scaling
from tumor_response.models.learned.settings import TrainingSettings
from tumor_response.models.learned.tensors import (
    is_of_optimizer,
    learned_tensors,
    load_optimizer,
    load_tensors,
    optimizer_tensors,
)
from tumor_response.models.ridge import RidgeLogistic
from tumor_response.progress import track

__all__ = ["Trainer", "reproducible"]

Read = Callable[[str, bool], np.ndarray]
FloatArray = npt.NDArray[np.float64]


@contextlib.contextmanager
def reproducible() -> Iterator[None]:
    """Let convolutions of a GPU choose algorithms that give the same bytes every time."""
    with torch.backends.cudnn.flags(deterministic=True, benchmark=False):
        yield


@dataclass
class Trainer:
    """One fit.

    Parameters
    ----------
    model
        As it was made; its learned tensors are the start.
    read
        From a key, and whether mirrored, to the activations of its views.
    settings
        How it is trained.
    device
        A torch device name.
    probe
        Whether the head starts as a ridge classifier of the embeddings (as Kumar et al. 2022,
        ICLR, advise: from a head that knows nothing, the first steps spoil what the network
        knew), or at zero.
    describe
        Words for the progress bar; None: no bar.
    history
        A row for each epoch: phase, epoch, mean training loss, loss on the stopping patients.
    """

    model: CaseModel
    read: Read
    settings: TrainingSettings
    device: str
    probe: bool
    describe: str | None = None
    history: list[dict[str, Any]] = field(default_factory=list)

    def fit(self, cases: Cases, stopping: BoolArray, checkpoint: Checkpoint) -> int:
        """Choose the number of epochs, train on all cases, and return the number."""
        untrained = learned_tensors(self.model)
        embeddings = self._embeddings(cases)
        kept = checkpoint.load()
        header: dict[str, Any] = {"phase": "choose", "epoch": 0, "history": []}
        if kept is not None:
            header = kept[1]
        self.history = list(header["history"])
        if header["phase"] == "choose":
            self._start(untrained, cases, embeddings, ~stopping)
            self._choose(cases, stopping, checkpoint, kept)
            kept, header = None, {"phase": "final", "epoch": 0}
        n_epochs = best_epoch(self.history)
        self._start(untrained, cases, embeddings, np.ones(len(cases), dtype=bool))
        self._finish(cases, n_epochs, checkpoint, kept)
        return n_epochs

    def step_seconds(self, cases: Cases) -> tuple[float, float]:
        """Measure one training step and the scoring of one case, in seconds; nothing is kept."""
        from time import perf_counter

        untrained = learned_tensors(self.model)
        optimizer = self._optimizer()
        batch = np.arange(min(len(cases), self.settings.batch_size))
        times = []
        for _ in range(2):  # the first one sets things up
            begun = perf_counter()
            self._step(optimizer, cases, batch, np.random.default_rng(0))
            times.append(perf_counter() - begun)
        begun = perf_counter()
        self._logit(cases.keys[0])
        scored = perf_counter() - begun
        load_tensors(self.model, untrained)
        return times[-1], scored

    def _start(
        self,
        untrained: dict[str, np.ndarray],
        cases: Cases,
        embeddings: FloatArray,
        used: BoolArray,
    ) -> None:
        """Set the model to where training begins, by the cases that are used alone."""
        load_tensors(self.model, untrained)
        seen, weight = embeddings[used], cases.weight[used]
        scaling = Scaling.of(seen, weight)
        positive = float(np.average(cases.label[used], weights=weight))
        tensors = {
            "centre": scaling.centre,
            "scale": scaling.scale,
            "head.weight": np.zeros((1, seen.shape[1])),
            "head.bias": np.array([np.log(positive / (1 - positive))]),
        }
        if self.probe:
            # names that sort as the patients do: the folds of a table model of the same rows
            patients = pd.Index([f"{n:09d}" for n in cases.patients[used]], name="patient_id")
            frame = pd.DataFrame(scaling.scaled(seen), index=patients)
            ridge = RidgeLogistic(random_state=self.settings.random_state)
            ridge.fit(frame, cases.label[used], sample_weight=weight)
            tensors |= {"head.weight": ridge.coef_, "head.bias": ridge.intercept_}
        load_tensors(self.model, {k: v.astype(np.float32) for k, v in tensors.items()})

    def _choose(
        self,
        cases: Cases,
        stopping: BoolArray,
        checkpoint: Checkpoint,
        kept: tuple[dict[str, np.ndarray], dict[str, Any]] | None,
    ) -> None:
        watched = cases.take(stopping)
        optimizer = self._optimizer()
        first = self._resume(optimizer, kept)
        if not self.history:
            self._note("choose", 0, None, self._loss(watched))
        learning = cases.take(~stopping)
        for epoch in self._epochs(first, self.settings.epochs, "choosing epochs"):
            if self.history[-1]["epoch"] - best_epoch(self.history) >= self.settings.patience:
                break
            loss = self._epoch(optimizer, learning, epoch, "choose")
            self._note("choose", epoch, loss, self._loss(watched))
            self._keep(checkpoint, optimizer, "choose", epoch)

    def _finish(
        self,
        cases: Cases,
        n_epochs: int,
        checkpoint: Checkpoint,
        kept: tuple[dict[str, np.ndarray], dict[str, Any]] | None,
    ) -> None:
        optimizer = self._optimizer()
        first = self._resume(optimizer, kept)
        for epoch in self._epochs(first, n_epochs, "training"):
            self._note("final", epoch, self._epoch(optimizer, cases, epoch, "final"), None)
            self._keep(checkpoint, optimizer, "final", epoch)
        if n_epochs == 0:
            self._keep(checkpoint, optimizer, "final", 0)

    def _epochs(self, first: int, last: int, what: str) -> Iterator[int]:
        epochs = range(first, last + 1)
        return track(epochs, f"{self.describe}, {what}") if self.describe else iter(epochs)

    def _note(
        self, phase: str, epoch: int, loss: float | None, stopping_loss: float | None
    ) -> None:
        measured = [value for value in (loss, stopping_loss) if value is not None]
        if not np.isfinite(measured).all():
            raise ModelError(
                f"The training diverged in epoch {epoch} (loss {measured[0]}). Lower learning_rate "
                f"({self.settings.learning_rate:g}) or head_learning_rate "
                f"({self.settings.head_learning_rate:g}).",
                code="diverged",
            )
        self.history.append(
            {"phase": phase, "epoch": epoch, "loss": loss, "stopping_loss": stopping_loss}
        )

    def _epoch(
        self, optimizer: torch.optim.Optimizer, cases: Cases, epoch: int, phase: str
    ) -> float:
        # a generator for each epoch: one that is resumed needs no state of it
        seeds = [self.settings.random_state, ("choose", "final").index(phase), epoch]
        rng = np.random.default_rng(seeds)
        n_batches = -(-len(cases) // self.settings.batch_size)
        order = rng.permutation(len(cases))
        losses = [
            self._step(optimizer, cases, batch, rng) for batch in np.array_split(order, n_batches)
        ]
        return float(np.sum(losses) / len(cases))

    def _step(
        self,
        optimizer: torch.optim.Optimizer,
        cases: Cases,
        batch: npt.NDArray[np.int64],
        rng: np.random.Generator,
    ) -> float:
        drawn = [self._drawn(cases.keys[i], rng) for i in batch]
        activations = torch.from_numpy(np.concatenate(drawn)).to(self.device)
        case = np.repeat(np.arange(len(batch)), [len(views) for views in drawn])
        label = torch.tensor(cases.label[batch], dtype=torch.float32, device=self.device)
        weight = torch.tensor(cases.weight[batch], dtype=torch.float32, device=self.device)
        with self._precision():
            logits = self.model(activations, torch.from_numpy(case).to(self.device))
        losses = nn.functional.binary_cross_entropy_with_logits(logits.float(), label, weight)
        optimizer.zero_grad(set_to_none=True)
        losses.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return float(losses.detach()) * len(batch)

    def _drawn(self, key: str, rng: np.random.Generator) -> np.ndarray:
        mirrored = self.settings.mirror and bool(rng.random() < 0.5)
        views = self.read(key, mirrored)
        wanted = self.settings.views_per_case
        if wanted is None or wanted >= len(views):
            return np.array(views)
        return np.array(views[np.sort(rng.permutation(len(views))[:wanted])])

    def _precision(self) -> contextlib.AbstractContextManager[Any]:
        # bfloat16 has float32's range, so that losses need no scaling; on processors it is slower
        if self.device.startswith("cuda"):
            return torch.autocast("cuda", dtype=torch.bfloat16)
        return contextlib.nullcontext()

    def _loss(self, cases: Cases) -> float:
        """Return the weighted mean loss, each case with all its views."""
        logits = np.array([self._logit(key) for key in cases.keys])
        with np.errstate(invalid="ignore"):  # what diverged is told where the loss is noted
            losses = np.logaddexp(0.0, logits) - cases.label * logits
        return float(np.average(losses, weights=cases.weight))

    def _logit(self, key: str) -> float:
        with torch.inference_mode():
            return float(self.model.logits(self.embedding(key)[0])[0])

    def embedding(self, key: str) -> tuple[torch.Tensor, torch.Tensor]:
        """Return a case's embedding (1, n_features) and its views' weights (1, n_views).

        Cases go through alone, so that the bytes do not depend on which others there are.
        """
        with torch.inference_mode(), self._precision():
            activations = torch.from_numpy(np.array(self.read(key, False))).to(self.device)
            case = torch.zeros(len(activations), dtype=torch.int64, device=self.device)
            return self.model.pooled(activations, case)

    def _embeddings(self, cases: Cases) -> FloatArray:
        return np.vstack([self.embedding(key)[0].cpu().double().numpy() for key in cases.keys])

    def _optimizer(self) -> torch.optim.AdamW:
        head = list(self.model.head.parameters())
        others = [
            value
            for name, value in self.model.named_parameters()
            if value.requires_grad and not name.startswith("head.")
        ]
        groups = [{"params": head, "lr": self.settings.head_learning_rate}]
        if others:
            groups.append({"params": others, "lr": self.settings.learning_rate})
        return torch.optim.AdamW(groups, weight_decay=self.settings.weight_decay)

    def _keep(
        self, checkpoint: Checkpoint, optimizer: torch.optim.Optimizer, phase: str, epoch: int
    ) -> None:
        header = {"phase": phase, "epoch": epoch, "history": self.history}
        checkpoint.save(learned_tensors(self.model) | optimizer_tensors(optimizer), header)

    def _resume(
        self,
        optimizer: torch.optim.Optimizer,
        kept: tuple[dict[str, np.ndarray], dict[str, Any]] | None,
    ) -> int:
        """Put model and optimizer where a checkpoint left them; return the next epoch."""
        if kept is None:
            return 1
        tensors, header = kept
        load_tensors(self.model, {k: v for k, v in tensors.items() if not is_of_optimizer(k)})
        load_optimizer(optimizer, tensors)
        return int(header["epoch"]) + 1


def best_epoch(history: list[dict[str, Any]]) -> int:
    """Return the first epoch with the least loss on the stopping patients; 0 is the start.

    Examples
    --------
    >>> best_epoch([{"phase": "choose", "epoch": e, "stopping_loss": s}
    ...             for e, s in enumerate([0.7, 0.6, 0.6])])
    1
    """
    chosen = [row for row in history if row["phase"] == "choose"]
    return int(min(chosen, key=lambda row: (row["stopping_loss"], row["epoch"]))["epoch"])
