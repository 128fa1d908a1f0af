"""``planesched check``: search every reachable state for what goes wrong."""

from ..checking.command import add_check_arguments as add_arguments
from ..checking.command import run_check as run

__all__ = ["DESCRIPTION", "EXAMPLE", "add_arguments", "run"]

DESCRIPTION = """\
Search every state that is reachable from boot, and print for each property that it holds, or the
shortest way to break it. The exit status is 0 if all hold, 1 if one is broken, 2 if the search
could not tell."""
EXAMPLE = "planesched check vsm --planes 3 --property nothing_lost --property feasible"
