"""Low-rank adapters: small matrices beside frozen layers (Hu et al. 2022, ICLR), made by peft."""

from __future__ import annotations

from torch import nn

from tumor_response.exceptions import ModelError

__all__ = ["add_adapters"]


def add_adapters(stages: nn.Module, rank: int) -> None:
    """Put adapters beside every linear layer and every 1 x 1 convolution, in place.

    All that was there is frozen. The second matrix of each starts at zero, so that nothing changes
    before anything is learned. The first is drawn from torch's generator.

    Parameters
    ----------
    stages
        The part of the network that may learn.
    rank
        Of the product that is added to a layer's matrix; weighted with 1.

    Raises
    ------
    ModelError
        Codes ``peft_missing``, and ``no_adapters`` where there is no such layer.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError:
        raise ModelError(
            "unfreeze='adapters' needs peft: pip install 'tumor-response[adapters]'",
            code="peft_missing",
        ) from None
    names = [name for name, module in stages.named_modules() if _takes_one(module)]
    if not names:
        raise ModelError(
            "unfreeze='adapters': the stages have neither linear layers nor 1 x 1 convolutions; "
            "unfreeze='last_stage' trains all they have.",
            code="no_adapters",
        )
    stages.requires_grad_(False)
    config = LoraConfig(r=rank, lora_alpha=rank, lora_dropout=0.0, target_modules=names)
    inject_adapter_in_model(config, stages)
    stages.eval()


def _takes_one(module: nn.Module) -> bool:
    if isinstance(module, nn.Conv2d):
        return module.kernel_size == (1, 1) and module.groups == 1
    return isinstance(module, nn.Linear)
