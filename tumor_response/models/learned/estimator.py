"""What the classifiers that learn from views share: scikit-learn's interface around a fit."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from tumor_response.exceptions import BundleError, ModelError, WeightsError
from tumor_response.models.learned.cases import checked_keys, stopping_cases, training_cases
from tumor_response.models.learned.checkpoint import Checkpoint, packed, unpacked
from tumor_response.models.learned.prepared import FitEstimate, Prepared
from tumor_response.models.learned.settings import TrainingSettings
from tumor_response.parallel.threads import held_threads
from tumor_response.settings import sha256_of_json
from tumor_response.transformers import chosen_key_column

if TYPE_CHECKING:
    from tumor_response.models.learned.training import Trainer

__all__ = ["ViewClassifier"]

FloatArray = npt.NDArray[np.float64]

_WHERE = ("store", "activations_dir", "checkpoint_dir", "verbose", "weights")
"""Parameters that say where things lie or what is shown, not what is learned."""


class ViewClassifier(ClassifierMixin, TransformerMixin, BaseEstimator):
    """Base of :class:`FineTuned` and :class:`AttentionPooling`."""

    column: str | None
    class_weight: Any
    checkpoint_dir: Any
    verbose: bool

    @abstractmethod
    def _settings(self) -> TrainingSettings:
        """Return the validated settings."""

    @abstractmethod
    def _prepared(self, settings: TrainingSettings, key: str) -> Prepared:
        """Load the network and cut it, for views like those of a key."""

    @abstractmethod
    def _prefix(self) -> str:
        """Return what the embedding's columns are named by."""

    def key_column_in(self, columns: Iterable[str]) -> str:
        """Return the key column that this estimator reads, of the columns of a table.

        Raises
        ------
        ModelError
            Code ``key_column``.
        """
        return chosen_key_column(type(self).__name__, self.column, columns)

    def fit(
        self, X: pd.DataFrame, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None
    ) -> Self:
        """Train on the rows of ``X``, and on nothing else.

        Parameters
        ----------
        X : DataFrame
            With a key column; other columns are not looked at. The index level ``patient_id``
            names the patients.
        y : array of shape (n_rows,)
            Two classes; the larger label is the positive one.
        sample_weight : array of shape (n_rows,), optional
            A weight of 2 is the same as a repeated row, 0 the same as none.

        Raises
        ------
        SettingsError, ModelError, FeatureError, WeightsError
            See the class.
        """
        settings = self._settings()
        name = type(self).__name__
        column = self.key_column_in(_columns(name, X))
        cases, classes, case_of = training_cases(
            name, X, y, column, sample_weight, self.class_weight
        )
        stopping = stopping_cases(name, cases, settings.stopping_fraction, settings.random_state)
        from tumor_response.models.learned.tensors import learned_tensors
        from tumor_response.models.learned.training import reproducible

        with held_threads(1), reproducible():
            prepared = self._prepared(settings, cases.keys[0])
            trainer = self._trainer(prepared, settings)
            identity = [
                name,
                self._what_is_learned(),
                prepared.activations.identity(),
                [list(map(str, cases.keys)), cases.patients.tolist(), cases.label.tolist()],
                cases.weight.tolist(),
            ]
            checkpoint = Checkpoint(self.checkpoint_dir, sha256_of_json(identity))
            n_epochs = trainer.fit(cases, stopping, checkpoint)
        self.key_column_ = column
        self.classes_ = classes
        self.n_epochs_ = n_epochs
        self.history_ = trainer.history
        self.stopping_rows_ = np.where(case_of < 0, False, stopping[case_of])
        self.weights_sha256_ = prepared.network.weights_sha256
        self.weights_source_ = prepared.network.weights_source
        self.n_features_out_ = prepared.network.n_features
        self.state_ = learned_tensors(prepared.model)
        self._ready = trainer
        return self

    def decision_function(self, X: pd.DataFrame) -> FloatArray:
        """Return the log-odds of the positive class, shape (n_rows,)."""
        return self._scored(X)[0]

    def predict_proba(self, X: pd.DataFrame) -> FloatArray:
        """Return the probabilities of both classes, shape (n_rows, 2)."""
        positive = expit(self.decision_function(X))
        return np.column_stack([1.0 - positive, positive])

    def predict(self, X: pd.DataFrame) -> npt.NDArray[Any]:
        """Return the likelier class of each row."""
        chosen: npt.NDArray[Any] = self.classes_[(self.decision_function(X) > 0).astype(np.int64)]
        return chosen

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the embedding of each row.

        Embeddings of rows that were in the fit know their labels: what is fitted on them next has
        to be judged on other rows.
        """
        embeddings = self._scored(X)[1]
        return pd.DataFrame(embeddings, index=X.index, columns=self.get_feature_names_out())

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:  # noqa: ARG002
        """Return the names of the embedding's columns."""
        check_is_fitted(self)
        names = [f"{self._prefix()}__{i:04d}" for i in range(self.n_features_out_)]
        return np.asarray(names, dtype=object)

    def estimate(
        self, X: pd.DataFrame, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None
    ) -> FitEstimate:
        """Measure one training step here, and say how long a fit takes at most.

        Parameters
        ----------
        X, y, sample_weight
            As for :meth:`fit`. Nothing is fitted; the activations of a batch are kept.
        """
        settings = self._settings()
        name = type(self).__name__
        column = self.key_column_in(_columns(name, X))
        cases, _, _ = training_cases(name, X, y, column, sample_weight, self.class_weight)
        stopping = stopping_cases(name, cases, settings.stopping_fraction, settings.random_state)
        from time import perf_counter

        with held_threads(1):
            prepared = self._prepared(settings, cases.keys[0])
            kinds = (False, True) if settings.mirror else (False,)
            lacking = [
                (key, kind)
                for key in sorted(set(map(str, cases.keys)))
                for kind in kinds
                if not prepared.activations.holds(key, kind)
            ]
            begun = perf_counter()
            for key, kind in lacking[:4]:
                prepared.activations.get(key, kind)
            per_case = (perf_counter() - begun) / max(1, len(lacking[:4]))
            step, scored = self._trainer(prepared, settings).step_seconds(cases)
        n_steps = -(-len(cases) // settings.batch_size)
        scorings = len(cases) + settings.epochs * int(stopping.sum())
        return FitEstimate(
            n_cases=len(cases),
            n_to_compute=len({key for key, _ in lacking}),
            activations_seconds=per_case * len(lacking),
            fit_seconds_at_most=2 * settings.epochs * n_steps * step + scorings * scored,
        )

    def state_bytes(self) -> bytes:
        """Return the fitted state as a safetensors file: tensors and a JSON header, no pickle.

        It holds what was learned, not the pretrained network, whose SHA-256 it names.
        """
        check_is_fitted(self)
        header = {
            "estimator": type(self).__name__,
            "parameters": self._what_is_learned(),
            "classes": [value.item() for value in self.classes_],
            "classes_dtype": self.classes_.dtype.str,
            "key_column": self.key_column_,
            "n_epochs": self.n_epochs_,
            "n_features_out": self.n_features_out_,
            "history": self.history_,
            "weights_sha256": self.weights_sha256_,
            "weights_source": self.weights_source_,
        }
        return packed(self.state_, header)

    @classmethod
    def from_state_bytes(cls, content: bytes, **where: Any) -> Self:
        """Rebuild a fitted estimator from :meth:`state_bytes`.

        Parameters
        ----------
        content
            The bytes.
        **where
            Where things lie on this machine: ``store``, ``weights``, ``activations_dir``,
            ``checkpoint_dir``, ``verbose``.

        Raises
        ------
        BundleError
            If the bytes are damaged, or of another estimator.
        """
        tensors, header = unpacked(content)
        if header.get("estimator") != cls.__name__:
            raise BundleError(
                f"The saved state is of {header.get('estimator')!r}, not of {cls.__name__}."
            )
        if unknown := sorted(set(where) - set(_WHERE)):
            raise ModelError(f"{cls.__name__}: {', '.join(unknown)} cannot be changed any more.")
        parameters = dict(header["parameters"])
        if isinstance(parameters["class_weight"], list):
            parameters["class_weight"] = dict(parameters["class_weight"])
        fitted = cls(**parameters, **where)
        fitted.classes_ = np.array(header["classes"], dtype=np.dtype(header["classes_dtype"]))
        fitted.key_column_ = header["key_column"]
        fitted.n_epochs_ = header["n_epochs"]
        fitted.n_features_out_ = header["n_features_out"]
        fitted.history_ = header["history"]
        fitted.weights_sha256_ = header["weights_sha256"]
        fitted.weights_source_ = header["weights_source"]
        fitted.state_ = tensors
        return fitted

    def _what_is_learned(self) -> dict[str, Any]:
        learned = {k: v for k, v in self.get_params(deep=False).items() if k not in _WHERE}
        if isinstance(self.class_weight, Mapping):  # JSON would make text of the labels
            learned["class_weight"] = sorted([k, float(v)] for k, v in self.class_weight.items())
        return learned

    def _trainer(self, prepared: Prepared, settings: TrainingSettings) -> Trainer:
        from tumor_response.models.learned.training import Trainer

        return Trainer(
            model=prepared.model,
            read=prepared.activations.get,
            settings=settings,
            device=prepared.network.device,
            probe=prepared.probe,
            describe=type(self).__name__ if self.verbose else None,
        )

    def _scored(self, X: pd.DataFrame) -> tuple[FloatArray, FloatArray, list[FloatArray]]:
        """Return log-odds, embeddings, and the weight of each view of each row."""
        check_is_fitted(self)
        keys = checked_keys(type(self).__name__, X, self.key_column_)
        import torch

        from tumor_response.models.learned.training import reproducible

        logits = np.zeros(len(keys))
        embeddings = np.zeros((len(keys), self.n_features_out_))
        shares = []
        with held_threads(1), reproducible(), torch.inference_mode():
            trainer = self._fitted(keys[0]) if len(keys) else None
            for row, key in enumerate(keys):
                embedding, share = trainer.embedding(key)  # type: ignore[union-attr]
                logits[row] = float(trainer.model.logits(embedding)[0])  # type: ignore[union-attr]
                embeddings[row] = embedding[0].cpu().double().numpy()
                shares.append(share[0].cpu().double().numpy())
        return logits, embeddings, shares

    def _fitted(self, key: str) -> Trainer:
        """Return what scores, made again in another process."""
        ready: Trainer | None = getattr(self, "_ready", None)
        if ready is None:
            from tumor_response.models.learned.tensors import load_tensors

            settings = self._settings()
            prepared = self._prepared(settings, key)
            if prepared.network.weights_sha256 != self.weights_sha256_:
                raise WeightsError(
                    f"{type(self).__name__} was trained on weights of SHA-256 "
                    f"{self.weights_sha256_[:12]}... ({self.weights_source_}); these have "
                    f"{prepared.network.weights_sha256[:12]}...",
                    code="weights_changed",
                )
            load_tensors(prepared.model, self.state_)
            ready = self._trainer(prepared, settings)
            self._ready = ready
        return ready

    def __getstate__(self) -> dict[str, Any]:
        # the network is loaded again where it is needed
        state: dict[str, Any] = super().__getstate__()
        return {k: v for k, v in state.items() if k != "_ready"}

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.string = True
        return tags


def _columns(name: str, X: object) -> list[str]:
    if not isinstance(X, pd.DataFrame):
        raise ModelError(
            f"{name} works on a pandas DataFrame, received {type(X).__name__}; the key column is "
            "found by name, and rows know their patient by the index.",
            code="not_a_frame",
        )
    return [str(column) for column in X.columns]
