"""Studies with one planted fault each, and clean ones, for the leakage trace to judge.

``planted("scaling", seed)`` gives a :class:`Study`, ``clean("table", seed)`` one without a fault.
The same seed gives the same study. Which class of the trace a fault belongs to was decided when
the fault was written, before the trace was ever run on it: :data:`FAULTS` holds the reasons.
"""

from tests.planted_faults.registry import FAULTS, ISSUE_FAULTS, OWN_FAULTS, clean, planted
from tests.planted_faults.study import Form, Study

__all__ = ["FAULTS", "ISSUE_FAULTS", "OWN_FAULTS", "Form", "Study", "clean", "planted"]
