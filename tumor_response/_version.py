"""The version, in the one place that the build, the caches and the reports read."""

from functools import cache

__all__ = ["__version__", "library_version"]

__version__ = "0.1.0"


@cache
def library_version(distribution: str) -> str:
    """Return the version of an installed package; looking it up takes 2 ms, once.

    Examples
    --------
    >>> library_version("numpy")[0].isdigit()
    True
    """
    from importlib import metadata  # a tenth of a second that few need

    return metadata.version(distribution)
