"""Make ``tutorial.ipynb`` of ``notebook.md``: each Python block is a cell, the text between too.

    python docs/_tutorial/notebook.py

One source for both, so that the page shows what the notebook runs.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

TUTORIAL = Path(__file__).resolve().parents[1] / "tutorial"
PAGE, NOTEBOOK = TUTORIAL / "notebook.md", TUTORIAL / "tutorial.ipynb"


def cells_of(page: str) -> list[dict[str, Any]]:
    """Return the notebook's cells: text, code, text, ..."""
    cells = []
    for i, part in enumerate(re.split(r"^```python\n(.*?)^```\n", page, flags=re.M | re.S)):
        text = part.strip()
        if not text:
            continue
        code: dict[str, Any] = {"execution_count": None, "outputs": []} if i % 2 else {}
        cells.append(
            {
                "cell_type": "code" if i % 2 else "markdown",
                "id": f"cell-{len(cells):02d}",
                "metadata": {},
                "source": text.splitlines(keepends=True),
            }
            | code
        )
    return cells


def notebook_text(page: str) -> str:
    """Return the notebook as the JSON of its format 4.5, without outputs."""
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    # roles and links of the documentation mean nothing in a notebook
    plain = re.sub(r"\{download\}`([^`]+)`", r"`\1`", page)
    plain = re.sub(r"\[([^\]]+)\]\([a-z_]+\.md\)", r"\1", plain)
    book = {
        "cells": cells_of(plain),
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(book, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    NOTEBOOK.write_text(notebook_text(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
