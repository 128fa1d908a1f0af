"""Replay a trace under policies, or hold policies against the switches that it recorded."""

from .vectors import TakenVectors, VectorCounts, verify_vectors
from .verify import Agreement, Disagreement, verify

__all__ = [
    "Agreement",
    "Disagreement",
    "TakenVectors",
    "VectorCounts",
    "verify",
    "verify_vectors",
]
