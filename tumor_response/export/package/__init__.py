"""The folder as others' programs read it: Frictionless, RO-Crate, SHA-256."""

from tumor_response.export.package.contents import SUMS
from tumor_response.export.package.facts import PackageFacts
from tumor_response.export.package.writing import write_package

__all__ = ["SUMS", "PackageFacts", "write_package"]
