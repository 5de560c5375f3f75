"""The report and the patient page: self-contained HTML files; and figures as files.

The package is not called ``report`` because ``tr.report`` is its function, and a subpackage of the
same name would take that name's place as soon as anybody imports it.
"""

from tumor_response.reporting.build import report
from tumor_response.reporting.figures import write_figure, write_figures
from tumor_response.reporting.patient import PatientPages, patient_page

__all__ = ["PatientPages", "patient_page", "report", "write_figure", "write_figures"]
