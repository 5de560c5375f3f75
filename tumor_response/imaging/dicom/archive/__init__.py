"""A folder of DICOM: walked, indexed, and tied together by references."""
