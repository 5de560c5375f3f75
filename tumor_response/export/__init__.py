"""The statistician's folder: tables, codebook, what recomputes the headline, checksums."""

from tumor_response.export.bundle import FORMATS_OF_A_BUNDLE, ExportedBundle, export_bundle
from tumor_response.export.package import PackageFacts
from tumor_response.export.verifying import Verified, verify

__all__ = [
    "FORMATS_OF_A_BUNDLE",
    "ExportedBundle",
    "PackageFacts",
    "Verified",
    "export_bundle",
    "verify",
]
