"""``python -m planesched``: the command, or what a build asks of an installed package."""

import shlex
import sys
from pathlib import Path

from . import get_include


def main() -> int:
    """Answer the flags of a build, one line each; anything else is for the command."""
    package = Path(__file__).parent
    answers = {
        "--cflags": f"-I{shlex.quote(get_include())}",
        "--cmake-dir": str(package / "cmake"),
        "--pkg-config-dir": str(package / "pkgconfig"),
    }
    asked = sys.argv[1:]
    if asked and set(asked) <= set(answers):
        print(*(answers[flag] for flag in asked), sep="\n")
        return 0
    from .cli import main as command

    return command()


if __name__ == "__main__":
    sys.exit(main())
