"""An encoder's module on its device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from tumor_response.exceptions import FeatureError
from tumor_response.features.deep.encoders.encoder import Encoder
from tumor_response.features.deep.weights import state_sha256
from tumor_response.parallel.threads import held_threads

if TYPE_CHECKING:
    import torch

__all__ = ["EncoderNetwork"]


@dataclass(frozen=True)
class EncoderNetwork:
    """A module with its weights, ready to be used.

    Parameters
    ----------
    name
        The encoder's.
    module
        In ``eval`` mode, float32, without gradients.
    weights_sha256
        Over names, types, shapes and bytes of all tensors.
    weights_bytes
        What the tensors take.
    """

    name: str
    module: torch.nn.Module
    device: str
    weights_sha256: str
    weights_bytes: int

    @classmethod
    def load(cls, encoder: Encoder, device: str) -> EncoderNetwork:
        """Make the module and put it onto its device.

        Raises
        ------
        FeatureError
            Code ``encoder_output``: the encoder's function returns no module.
        """
        import torch

        with torch.random.fork_rng(devices=[]):  # creating layers draws random numbers
            module = encoder.module()
        if not isinstance(module, torch.nn.Module):
            raise FeatureError(
                f"Encoder {encoder.name!r}: its module() returned a {type(module).__name__}, "
                "expected a torch.nn.Module.",
                code="encoder_output",
            )
        module = module.eval().requires_grad_(False).float()
        state = module.state_dict()
        n_bytes = sum(tensor.nbytes for tensor in state.values())
        return cls(encoder.name, module.to(device), device, state_sha256(state), n_bytes)

    def features(self, shown: np.ndarray) -> np.ndarray:
        """Return the features of one input.

        Parameters
        ----------
        shown
            float32, channels first.

        Returns
        -------
        numpy.ndarray
            float64, shape (n_features,); of a map per feature, the mean over space.

        Raises
        ------
        FeatureError
            Code ``encoder_output``: the module fails, or returns something else.
        """
        import torch

        batch = torch.from_numpy(np.ascontiguousarray(shown, dtype=np.float32))[None]
        expected = "a tensor (n, n_features) or (n, n_features, ...)"
        try:
            with torch.inference_mode(), held_threads(1):
                out = self.module(batch.to(self.device))
        except (RuntimeError, ValueError, TypeError, IndexError, AttributeError) as error:
            self._refuse(batch, f"{type(error).__name__}: {error}")
        if not isinstance(out, torch.Tensor):
            self._refuse(batch, f"it returned a {type(out).__name__}, expected {expected}")
        if out.ndim < 2 or out.shape[0] != 1 or out.numel() == 0:
            self._refuse(batch, f"it returned the shape {tuple(out.shape)}, expected {expected}")
        maps = out.cpu().double().reshape(out.shape[1], -1)
        return np.asarray(maps.mean(dim=1).numpy())

    def _refuse(self, batch: torch.Tensor, what: str) -> NoReturn:
        raise FeatureError(
            f"Encoder {self.name!r}, given float32 {tuple(batch.shape)}: {what}",
            code="encoder_output",
        ) from None
