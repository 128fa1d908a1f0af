"""Replay a trace under policies."""
