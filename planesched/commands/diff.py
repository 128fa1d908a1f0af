"""``planesched diff``: the shortest way to where two policies choose differently."""

from ..checking.command import add_diff_arguments as add_arguments
from ..checking.command import run_diff as run

__all__ = ["DESCRIPTION", "EXAMPLE", "add_arguments", "run"]

DESCRIPTION = """\
Search for the shortest sequence of events after which two policies choose differently, and count
the states in which they do. The exit status is 0 if they never do, 1 if they do, 2 if the search
could not tell."""
EXAMPLE = "planesched diff vsm vsm_relay --planes 2"
