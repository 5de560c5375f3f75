"""Where a model looked: attention maps of its prediction, in the patient's space."""
