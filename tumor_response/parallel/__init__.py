"""Work spread over processes and machines."""

from tumor_response.parallel.spreading import spread

__all__ = ["spread"]
