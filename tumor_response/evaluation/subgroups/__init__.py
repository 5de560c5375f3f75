"""The AUC of a model in parts of a cohort."""
