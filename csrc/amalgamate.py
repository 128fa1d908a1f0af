"""Write the C library as one header and one C file, for those who build it with their own code.

    python csrc/amalgamate.py FOLDER

FOLDER/planesched.h holds the public headers, FOLDER/planesched.c all of csrc/ that knows no Python,
but for csrc/live/, which needs Linux on x86-64.
Both begin with what they are. Every name of C stands once in the tree, which makes this possible.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PUBLIC = ROOT / "planesched" / "include" / "planesched"
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+"([^"]+)".*\n', re.MULTILINE)


def find(name: str, beside: Path) -> Path:
    """Say which file of the tree an #include "..." of another one means."""
    for folder in (beside.parent, ROOT / "planesched" / "include", ROOT / "csrc"):
        if (folder / name).is_file():
            return (folder / name).resolve()
    raise FileNotFoundError(f'{beside}: #include "{name}" is no file of the tree')


def inlined(path: Path, done: set[Path]) -> str:
    """Return a file with the files that it includes in their places, each only once."""
    if path.resolve() in done:
        return ""
    done.add(path.resolve())
    shown = path.relative_to(ROOT).as_posix()
    text = INCLUDE.sub(lambda found: inlined(find(found[1], path), done), path.read_text())
    return f"/* ---- {shown} ---- */\n{text}\n"


def library() -> tuple[str, str]:
    """Return the text of the header and of the C file."""
    done: set[Path] = set()
    notice = "/* planesched in one {}: written by csrc/amalgamate.py. {} */\n"
    licence = "SPDX-License-Identifier: MIT"
    header = notice.format("header", licence)
    header += "".join(inlined(path, done) for path in sorted(PUBLIC.glob("*.h")))
    every = (ROOT / "csrc").glob("*/*.c")
    sources = [path for path in every if path.parent.name not in ("tests", "live")]
    source = notice.format("C file", licence) + '#include "planesched.h"\n\n'
    return header, source + "".join(inlined(path, done) for path in sorted(sources))


def main() -> None:
    """Write both files into the folder that is named."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in zip(("planesched.h", "planesched.c"), library(), strict=True):
        new = folder / f"{name}.new"
        new.write_text(text)
        new.replace(folder / name)


if __name__ == "__main__":
    main()
