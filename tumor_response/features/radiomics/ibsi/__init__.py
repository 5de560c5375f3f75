"""The Image Biomarker Standardisation Initiative's own image processing and features."""
