"""Figures that drivers answer with: planes, jobs and sources, of one run and of several."""
