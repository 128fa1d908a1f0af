"""Build the extension modules; the rest is in pyproject.toml.

csrc/ is compiled once, into a static library that every module is linked with. What was made stays
in a folder of this Python's with a note of how, and is used again until a file that it was made of
changes or the command does: by editable installs too, whose own folder is new each time.

PLANESCHED_DEBUG=1 makes a debug build: C asserts, Cython's bound checks, ASan and UBSan. It uses
its own build folder, and belongs into its own environment (`make debug`).
"""

import os
import platform
import shutil
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from sysconfig import get_config_var

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py
from setuptools.errors import CompileError

DEBUG = os.environ.get("PLANESCHED_DEBUG", "0") not in ("", "0")
BUILD = Path("build/debug" if DEBUG else "build")
MADE = BUILD / get_config_var("SOABI")

# The library knows nothing of Python. What draws with numpy's C functions is for one module alone.
CSRC = sorted(path for path in Path("csrc").glob("*/*.c") if path.parent.name != "tests")
DRAWS = sorted(Path("csrc/engine/draws").glob("*.c"))
DRAWING = "planesched.simulation.engine"
# Its ioctls are those of Linux on x86-64; elsewhere planesched.live says that it is not there.
LIVE = Path("planesched/live/machine.pyx")
LIVES = sys.platform == "linux" and platform.machine() == "x86_64"

DIRECTIVES = {
    "binding": True,
    "boundscheck": DEBUG,
    "cdivision": True,
    "embedsignature": True,
    "freethreading_compatible": True,
    "initializedcheck": DEBUG,
    "wraparound": False,
}
SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"] if DEBUG else []
# ISO mode (not gnu11) also keeps the compiler from fusing a*b+c: the same seed, the same bytes.
COMMON = ["-std=c11", "-fvisibility=hidden", "-Iplanesched/include", "-Icsrc"]
# Python's own -DNDEBUG is gone as soon as a packager sets CFLAGS; the asserts take half the speed.
# Python's own -g makes a module six times as large; a packager who asks for it shall have it.
SYMBOLS = "-g" if "-g" in os.environ.get("CFLAGS", "").split() else "-g0"
# -g1: what a sanitizer says has lines, and a module compiles in two thirds of the time.
CHECKED = ["-O1", "-g1", "-UNDEBUG", "-fno-omit-frame-pointer", *SANITIZE]
# What is hot is in csrc/; at -O3, what Cython writes takes twice as long to compile.
HOT = [*COMMON, *(CHECKED if DEBUG else ["-O3", "-DNDEBUG", SYMBOLS])]
WRAPPER = [*COMMON, *(CHECKED if DEBUG else ["-O2", "-DNDEBUG", SYMBOLS])]
# Whose calls take microseconds and loop in csrc/: a quarter less to compile, and as fast. `core`
# has calls of nanoseconds; at -O1 `VCPU.step` takes a tenth longer, `Engine.advance` a thirtieth.
PASSING = [*COMMON, *(CHECKED if DEBUG else ["-O1", "-DNDEBUG", SYMBOLS])]
PASSES = {"planesched.checking.search", "planesched.live.machine", "planesched.traces.decoder"}


def is_fresh(made: Path, command: str, sources: Iterable[str | Path]) -> bool:
    """Tell whether a file is what this command would make of these sources."""
    note = made.with_suffix(made.suffix + ".made-by")
    if not (made.exists() and note.exists() and note.read_text() == command):
        return False
    began = note.stat().st_mtime_ns
    files = [Path(source) for source in sources]
    return all(file.exists() and file.stat().st_mtime_ns <= began for file in files)


def note_down(made: Path, command: str, began: int) -> None:
    """Write what `is_fresh` reads: the command, and when it read its sources."""
    note = made.with_suffix(made.suffix + ".made-by")
    note.write_text(command)
    os.utime(note, ns=(began, began))


def included(depfile: Path) -> list[str]:
    """List a source and what it includes, as the compiler did when it last compiled it."""
    rule = depfile.read_text() if depfile.exists() else ""
    return rule.partition(": ")[2].replace("\\\n", " ").split()


class Build(build_ext):
    """Compile on all cores what is not there yet: the library once, and every module."""

    def finalize_options(self) -> None:
        """Use all cores, also where nobody could say so: an editable install takes no options."""
        super().finalize_options()
        self.parallel = self.parallel or len(os.sched_getaffinity(0))

    def build_extensions(self) -> None:
        """Make library and modules; what takes longest is begun first."""
        import numpy as np

        modules = sorted(self.extensions, key=lambda ext: -Path(ext.sources[0]).stat().st_size)
        # An isolated build has numpy elsewhere each time: the version says whether it is another.
        self.numpy = {f"-isystem{np.get_include()}": f"-isystem numpy {np.__version__}"}
        python = [*(f"-I{folder}" for folder in self.include_dirs), *self.numpy]
        with ThreadPoolExecutor(self.parallel) as pool:
            # Cython stays in this thread: it reads its own library once, and takes half the time.
            compiled = {
                ext.name: pool.submit(
                    self.compile,
                    self.translate(ext),
                    (PASSING if ext.name in PASSES else WRAPPER) + python,
                )
                for ext in modules
            }
            library = [pool.submit(self.compile, path, HOT) for path in CSRC]
            draws = [pool.submit(self.compile, path, HOT + python) for path in DRAWS]
        archive = Path(self.build_temp, "libplanesched.a")
        archive.unlink(missing_ok=True)
        self.compiler.create_static_lib(
            [future.result() for future in library], "planesched", self.build_temp
        )
        npyrandom = str(Path(np.random.__file__).parent / "lib")
        for ext in modules:
            drawing = ext.name == DRAWING
            own = [compiled[ext.name], *(draws if drawing else [])]
            self.compiler.link_shared_object(
                [future.result() for future in own],
                self.get_ext_fullpath(ext.name),
                libraries=["planesched", *(["npyrandom"] if drawing else []), "m"],
                library_dirs=[self.build_temp, npyrandom],
                extra_postargs=SANITIZE,
            )

    def translate(self, ext: Extension) -> Path:
        """Have Cython write a module's C file, and leave it as it is if that is the same."""
        import Cython
        from Cython.Compiler.Main import compile as cythonize

        pyx, began = Path(ext.sources[0]), time.time_ns()
        made = MADE / pyx.with_suffix(".c")
        command = f"Cython {Cython.__version__} {DIRECTIVES}"
        shared = [path for kind in ("*.pxd", "*.pxi") for path in Path("planesched").rglob(kind)]
        if is_fresh(made, command, [pyx, *shared]):
            return made
        made.parent.mkdir(parents=True, exist_ok=True)
        new = made.with_suffix(f".{os.getpid()}.c")
        self.announce(f"cython {pyx}", level=2)
        done = cythonize(
            str(pyx),
            compiler_directives=DIRECTIVES,
            full_module_name=ext.name,
            language_level=3,
            output_file=str(new),
        )
        if done.num_errors:
            raise CompileError(f"{pyx}: Cython found {done.num_errors} errors")
        if made.exists() and made.read_bytes() == new.read_bytes():
            new.unlink()
        else:
            new.replace(made)
        note_down(made, command, began)
        return made

    def compile(self, source: Path, flags: list[str]) -> str:
        """Compile a C file, and say where the object is."""
        began = time.time_ns()
        inside = source.relative_to(MADE) if source.is_relative_to(MADE) else source
        made = MADE / inside.with_suffix(".o")
        depfile = made.with_suffix(".d")
        command = [*self.compiler.compiler_so, *flags, "-c", str(source)]
        noted = " ".join(self.numpy.get(word, word) for word in command)
        if not is_fresh(made, noted, included(depfile) or [source]):
            made.parent.mkdir(parents=True, exist_ok=True)
            # Whoever builds in this folder at the same time sees whole files only.
            new = made.with_suffix(f".{os.getpid()}.o")
            self.spawn([*command, "-MMD", "-MF", f"{new}.d", "-o", str(new)])
            Path(f"{new}.d").replace(depfile)
            new.replace(made)
            note_down(made, noted, began)
        return str(made)


class Package(build_py):
    """Also write what CMake and pkg-config read, for the headers inside the package."""

    def run(self) -> None:
        """Fill in the templates; an editable install keeps what they make beside them."""
        if not self.editable_mode:
            # Of an earlier build: a module that is no more would be in the wheel.
            shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()
        words = {"@VERSION@": self.distribution.get_version(), "@PREFIX@": "..", "@LIBS@": ""}
        for template in Path("planesched").rglob("*.in"):
            text = template.read_text()
            for word, meaning in words.items():
                text = text.replace(word, meaning)
            out = template if self.editable_mode else Path(self.build_lib, template)
            out.parent.mkdir(parents=True, exist_ok=True)
            out.with_suffix("").write_text(text)


def extension(pyx: Path) -> Extension:
    """Describe the extension module of one .pyx."""
    return Extension(".".join(pyx.with_suffix("").parts), [str(pyx)])


setup(
    cmdclass={"build_ext": Build, "build_py": Package},
    ext_modules=[
        extension(pyx) for pyx in sorted(Path("planesched").rglob("*.pyx")) if LIVES or pyx != LIVE
    ],
    options={"build": {"build_base": str(BUILD)}},
)
