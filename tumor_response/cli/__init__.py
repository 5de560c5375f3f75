"""The command line: ``tumor-response demo | check | extract | evaluate | explain | ...``."""

from tumor_response.cli.app import app, main

__all__ = ["app", "main"]
