"""The columns of a deep block: layers, poolings, and their spread over augmentation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from tumor_response.features.base import FeatureSpec

__all__ = ["DeepColumns"]

_LAYERS = {"pooled": "the pooled penultimate layer", "logits": "the last fully connected layer"}
_POOLINGS = {
    "mean": "mean over views",
    "max": "maximum over views",
    "std": "standard deviation over views",
    "area_weighted": "mean over views weighted by the tumour's area",
}


@dataclass(frozen=True)
class DeepColumns:
    """What the columns are called, in their order, and what each is.

    By pooling, within it by layer, within it by channel; and the spreads after all others. A
    column is called ``<block>__<network>__0042`` for the pooled layer's mean over views, and says
    what else it is in front of the number: ``logits_0042``, ``max_0042``, ``stage3_std_0042``.

    Parameters
    ----------
    block, network
        First and second part of the names.
    layers
        Name and width of each layer.
    poolings
        Names of the poolings.
    n_draws
        Draws of test-time augmentation; 0: none, and no spreads.
    family
        What explanations are summed by, before layer and spread; ``None``: the network.

    Examples
    --------
    >>> columns = DeepColumns("deep", "net", (("pooled", 1), ("logits", 2)), ("mean", "max"), 0)
    >>> [name.removeprefix("deep__net__") for name in columns.names]
    ['0000', 'logits_0000', 'logits_0001', 'max_0000', 'logits_max_0000', 'logits_max_0001']
    """

    block: str
    network: str
    layers: tuple[tuple[str, int], ...]
    poolings: tuple[str, ...]
    n_draws: int
    family: str | None = None

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All column names."""
        return tuple(self._name(*one) for one in self._each())

    def specs(self, weights: str) -> list[FeatureSpec]:
        """Return the dictionary rows.

        Parameters
        ----------
        weights
            What is said of the weights in every description.
        """
        return [
            FeatureSpec(
                column=self._name(*one),
                block=self.block,
                family=self._family(one[1], one[3]),
                role="baseline",
                ibsi_code="",
                unit="",
                description=self._description(*one, weights),
            )
            for one in self._each()
        ]

    def _each(self) -> Iterator[tuple[str, str, int, bool]]:
        for spread in (False, True) if self.n_draws else (False,):
            for pooling in self.poolings:
                for layer, width in self.layers:
                    for channel in range(width):
                        yield pooling, layer, channel, spread

    def _name(self, pooling: str, layer: str, channel: int, spread: bool) -> str:
        parts: Sequence[str] = [
            *([] if layer == "pooled" else [layer]),
            *([] if pooling == "mean" else [pooling]),
            f"{channel:04d}",
            *(["spread"] if spread else []),
        ]
        return f"{self.block}__{self.network}__{'_'.join(parts)}"

    def _family(self, layer: str, spread: bool) -> str:
        network = self.family or self.network
        layered = network if layer == "pooled" else f"{network} {layer}"
        return f"{layered} spread" if spread else layered

    def _description(
        self, pooling: str, layer: str, channel: int, spread: bool, weights: str
    ) -> str:
        where = _LAYERS.get(layer, f"{layer}, averaged over its pixels or patches,")
        told = f"Channel {channel} of {where} of {self.network}, {_POOLINGS[pooling]}"
        if self.n_draws:
            over = "standard deviation" if spread else "mean"
            told += f", {over} over {self.n_draws} draws of augmentation"
        return f"{told} ({weights})."
