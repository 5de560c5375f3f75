"""The report: one self-contained HTML file, and figures as files.

The package is not called ``report`` because ``tr.report`` is its function, and a subpackage of the
same name would take that name's place as soon as anybody imports it.
"""

from tumor_response.reporting.build import report
from tumor_response.reporting.figures import write_figure, write_figures

__all__ = ["report", "write_figure", "write_figures"]
