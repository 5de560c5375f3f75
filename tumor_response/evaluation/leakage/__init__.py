"""Leakage trace: what a model may have learned of the patients it is judged on."""

from tumor_response.evaluation.leakage.result import LeakageTrace
from tumor_response.evaluation.leakage.tracing import leakage_trace, trace_of_result

__all__ = ["LeakageTrace", "leakage_trace", "trace_of_result"]
