"""Extractors: stateless, each gets one baseline case and gives one block of columns."""
