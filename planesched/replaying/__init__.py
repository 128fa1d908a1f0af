"""Replay a trace under policies, or hold policies against the switches that it recorded."""

from .verify import Agreement, Disagreement, verify

__all__ = ["Agreement", "Disagreement", "verify"]
