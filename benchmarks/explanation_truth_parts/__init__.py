"""The parts of ``benchmarks/explanation_truth.py``."""
