"""What people read: text tables, progress on a terminal, plots, timelines."""
