"""Who may import whom. One row a room; what a row does not name, the room may not import."""

import ast
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "planesched"

# Lowest first. A room imports from those below it, from its own and from its neighbours in a set.
LAYERS = [
    {"text", "errors", "files", "checks", "events", "layouts", "csched", "_clayouts"}
    | {"cfunctions", "markup"},
    {"algorithm", "policy", "presets", "policytext", "irqchip", "protocol", "protocols"},
    {"core", "_ckick", "_crun", "_cfigures", "capi", "reference"}
    | {"figures", "reference_irqchip", "reference_kick"},
    {"traces"},
    {"workload"},
    {"simulation", "replaying", "scenarios", "checking", "conformance", "live", "contrib"}
    | {"exporting", "explaining"},
    {"report"},
    {"commands", "cli", "__main__", "__init__"},
]
RANK = {room: rank for rank, layer in enumerate(LAYERS) for room in layer}
# They speak for the package as a whole: all public names.
TOP = {"__init__", "__main__", "cli", "commands"}

HEADERS = {
    "platform.h": {
        "asm/current.h",
        "linux/bug.h",
        "linux/stddef.h",
        "linux/string.h",
        "linux/types.h",
    },
    "bitmap.h": {"platform.h"},
    "policy.h": {"bitmap.h"},
    "state.h": {"policy.h"},
    "pick.h": {"state.h"},
    "names.h": {"state.h"},
    "algorithm.h": {"pick.h"},
    "step.h": {"algorithm.h"},
    "compiler.h": {"platform.h"},
    "histogram.h": set(),
    "figures.h": {"state.h"},
    "jobs.h": {"figures.h"},
    "records.h": set(),
    "engine.h": {"figures.h", "jobs.h", "records.h", "scheduler.h"},
    "workload.h": {"engine.h"},
    "irqchip.h": {"step.h"},
    "lookup.h": {"step.h"},
    "scheduler.h": {"step.h"},
}
C_LIBRARY = {"assert.h", "limits.h", "stddef.h", "stdint.h", "string.h", "immintrin.h"}

ELSEWHERE = sys.stdlib_module_names | {"numpy", "cython", "libc", "cpython"}
# `from x cimport y`, `import x`, `cdef extern from "x.h"`, as one line each.
CYTHON_IMPORT = re.compile(
    r"^\s*(?:from\s+(?P<origin>[\w.]+)\s+c?import\s+(?P<names>[^#\n]+)"
    r"|c?import\s+(?P<module>[\w.]+)"
    r"|(?:cdef\s+)?extern\s+from\s+[\"<](?P<header>[^\">]+))",
    re.MULTILINE,
)


def room(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0].partition(".")[0]
    # What core.pyx includes is core.
    return first.partition("_")[0] if path.suffix == ".pxi" else first


def absolute(path: Path, level: int, module: str | None) -> str:
    """Resolve the module part of `from ..x import y` in the file `path`."""
    if level == 0:
        return module or ""
    parts = ["planesched", *path.relative_to(PACKAGE).parent.parts]
    parts = parts[: len(parts) - (level - 1)]
    return ".".join([*parts, *([module] if module else [])])


def from_import(origin: str, names: list[str]) -> set[str]:
    """`from planesched import policy` names the room, `from planesched.policy import x` too."""
    return {f"planesched.{name}" for name in names} if origin == "planesched" else {origin}


def python_imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            origin = absolute(path, node.level, node.module)
            found |= from_import(origin, [alias.name for alias in node.names])
    return found


def cython_imports(path: Path) -> set[str]:
    found = set()
    text = re.sub(r"\(([^()]*)\)", lambda m: m[1].replace("\n", " "), path.read_text())
    for match in CYTHON_IMPORT.finditer(text):
        if match["origin"]:
            bare = match["origin"].lstrip(".")
            level = len(match["origin"]) - len(bare)
            names = [name.split()[0] for name in match["names"].split(",") if name.split()]
            found |= from_import(absolute(path, level, bare or None), names)
        else:
            found.add(match["module"] or match["header"])
    return found


def imports(path: Path) -> set[str]:
    """What a file of ours imports: rooms by name, headers by path, the rest left out."""
    found = python_imports(path) if path.suffix in (".py", ".pyi") else cython_imports(path)
    ours = {name.split(".")[1] for name in found if name.startswith("planesched.")}
    return ours | {name for name in found if name.endswith(".h") and name.startswith("planesched/")}


SOURCES = sorted(
    path
    for pattern in ("*.py", "*.pyi", "*.pyx", "*.pxd", "*.pxi")
    for path in PACKAGE.rglob(pattern)
    if room(path) not in TOP | {"_version"}
)


def test_the_parsers_see_what_they_should(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)
    (tmp_path / "traces").mkdir()
    module = tmp_path / "traces" / "x.py"
    module.write_text("import numpy\nfrom ..core import VM\ndef f():\n    from .. import stats\n")
    assert imports(module) == {"core", "stats"}
    module = tmp_path / "y.pyx"
    module.write_text(
        "from libc.stdint cimport uint8_t\nfrom . cimport (\n    csched,\n    core as c,\n)\n"
        "cdef extern from 'no' nogil:\n    pass\nfrom planesched.policy import Policy, Rank\n"
        'cdef extern from "planesched/step.h" nogil:\n    pass\n'
    )
    assert imports(module) == {"csched", "core", "policy", "planesched/step.h"}


def test_imports_go_downwards():
    new = {room(path) for path in SOURCES} - set(RANK)
    assert not new, "a new room: give it a place in LAYERS"
    wrong = []
    for path in SOURCES:
        own = room(path)
        found = {name for name in imports(path) if not name.endswith(".h")}
        above = {name for name in found if RANK[name] > RANK[own]}
        wrong += [f"{path.relative_to(PACKAGE)} imports {name}, above it" for name in above]
    assert not wrong, "\n".join(["", *wrong])


def test_rooms_form_no_circle():
    needs: dict[str, set[str]] = {}
    for path in SOURCES:
        found = {name for name in imports(path) if not name.endswith(".h")}
        needs.setdefault(room(path), set()).update(found - {room(path)})
    TopologicalSorter(needs).prepare()  # raises a CycleError, which names the circle


def needed_at_once(path: Path) -> set[str]:
    """What a file imports as soon as it is imported itself."""
    if path.suffix in (".pyx", ".pxd", ".pxi"):
        return {name for name in cython_imports(path) if not name.endswith((".h", ".c"))}
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(node.module)
    return found


def test_optional_packages_are_imported_where_they_are_used():
    wrong = []
    for path in SOURCES:
        if path.suffix == ".pyi":
            continue
        outside = {name.partition(".")[0] for name in needed_at_once(path)}
        outside -= ELSEWHERE | {"planesched", ""}
        # A module of contrib is for one package, has its name, and is imported by nobody else.
        outside -= {path.stem} if path.parent.name == "contrib" else set()
        if outside:
            wrong.append(f"{path.relative_to(PACKAGE)} needs {sorted(outside)} when it is imported")
    assert not wrong, "\n".join(["", *wrong])


def test_headers():
    wrong = []
    for path in sorted((PACKAGE / "include").rglob("*.h")):
        if path.name not in HEADERS:
            wrong.append(f"{path.name} is new: say in HEADERS what it may include")
            continue
        included = re.findall(r'^\s*#\s*include\s+[<"]([^>"]+)', path.read_text(), re.MULTILINE)
        extra = {name.removeprefix("planesched/") for name in included} - C_LIBRARY
        extra -= HEADERS[path.name]
        wrong += [f"{path.name} includes {name}, which HEADERS does not name" for name in extra]
    assert not wrong, "\n".join(["", *wrong])


HEAVY = {
    "argparse", "asyncio", "bz2", "concurrent", "email", "http", "lzma", "multiprocessing",
    "sqlite3", "tomllib", "unittest", "xml",
}  # fmt: skip


def test_import_planesched_imports_numpy_and_nothing_heavier(tmp_path):
    code = (
        "import sys, numpy; before = set(sys.modules); import planesched;"
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    new = set(done.stdout.split())
    assert "planesched" in new
    assert not new & HEAVY
    of_cython = {name for name in new if name.startswith(("_cython_", "cython_"))}
    assert not new - of_cython - ELSEWHERE - {"planesched"}


# Slow to import, and nothing that the demo does.
NOT_IN_THE_DEMO = {
    "email", "importlib.metadata", "subprocess", "tempfile", "tomllib", "planesched.checking",
    "planesched.conformance", "planesched.explaining", "planesched.report.page",
    "planesched.scenarios", "planesched.simulation.run", "planesched.workload.sources",
}  # fmt: skip


def test_the_demo_starts_fast(tmp_path):
    code = (
        "import sys; sys.argv = ['planesched', 'demo']; from planesched.cli import main; main();"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    found = set(done.stderr.split())
    assert "planesched.replaying.run" in found
    assert not found & NOT_IN_THE_DEMO
