"""Tables in the formats of other programs; knows frames and labels, no features and no cases."""

from tumor_response.formats.names import NameRule, legal_names
from tumor_response.formats.sheet import Kind, Sheet, Variable
from tumor_response.formats.writing import FORMATS, Written, write_sheet

__all__ = [
    "FORMATS",
    "Kind",
    "NameRule",
    "Sheet",
    "Variable",
    "Written",
    "legal_names",
    "write_sheet",
]
