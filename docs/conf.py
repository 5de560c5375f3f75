"""Sphinx settings of the documentation."""

import re
import sys
from pathlib import Path

from tumor_response._version import __version__

project = "tumor_response"
author = "The tumor_response developers"
copyright = "2026, The tumor_response developers"
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
]
exclude_patterns = ["_build"]
sys.path.insert(0, str(Path(__file__).parent))  # for gallery.py
nitpicky = False  # base classes of other libraries are not in our inventory

myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"  # NumPy-style sections carry them in the reader's words
autodoc_member_order = "bysource"
napoleon_google_docstring = False

html_theme = "pydata_sphinx_theme"
html_title = "tumor_response"
html_show_sourcelink = False
html_theme_options = {
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
}


def without_foreign_labels(app, what, name, obj, options, lines):  # noqa: ARG001 - Sphinx's own
    """Docstrings inherited from scikit-learn refer to labels of its own documentation."""
    label = r":(?:ref|term):`([^`<]+?)(?: <[^`]*>)?`"
    if getattr(obj, "__module__", "").startswith("sklearn."):
        lines[:] = [re.sub(label, r"\1", line) for line in lines]


def draw_gallery(app):
    """Draw the figures of the guide's page on figures, so that they are what the library draws."""
    import matplotlib as mpl

    mpl.use("Agg")
    import gallery

    gallery.draw_all(Path(app.srcdir) / "_gallery")


def setup(app):
    """Called by Sphinx."""
    app.connect("builder-inited", draw_gallery)
    app.connect("autodoc-process-docstring", without_foreign_labels)
