"""The patient page: one lesion, one predictor, one side of A4."""

from tumor_response.reporting.patient.page import PatientPages, patient_page

__all__ = ["PatientPages", "patient_page"]
