"""Tables in the formats of other programs; knows frames and labels, no features and no cases."""

from tumor_response.formats.sheet import Kind, Sheet, Variable

__all__ = ["Kind", "Sheet", "Variable"]
