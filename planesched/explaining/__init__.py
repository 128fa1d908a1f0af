"""Explain one decision in words: who could run, what kept the others out, what a field changes."""

from .asking import explain
from .explanation import Change, Explanation, Note, PlaneStory

__all__ = ["Change", "Explanation", "Note", "PlaneStory", "explain"]
