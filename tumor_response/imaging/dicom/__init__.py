"""DICOM: series, contours, segmentations, doses, and what references what."""
