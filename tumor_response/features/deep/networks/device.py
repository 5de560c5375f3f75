"""Which device a network runs on."""

from __future__ import annotations

from tumor_response.exceptions import FeatureError

__all__ = ["resolved_device"]


def resolved_device(device: str = "auto") -> str:
    """Return the device that a network runs on: CUDA, else Apple's MPS, else the processor.

    Parameters
    ----------
    device
        ``"auto"``, or a torch device name, which has to be usable here.

    Raises
    ------
    FeatureError
        Code ``device``.

    Examples
    --------
    >>> resolved_device("cpu")
    'cpu'
    """
    import torch

    if device != "auto":
        try:
            torch.empty(0, device=device)
        except (RuntimeError, AssertionError, NotImplementedError) as error:
            reason = str(error).splitlines()[0]
            raise FeatureError(
                f"device={device!r} cannot be used here ({reason}); try 'auto' or 'cpu'.",
                code="device",
            ) from None
        return str(torch.device(device))
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
