"""Guests in time: workloads run through the engine, once, compared, and over grids."""
