"""Build one extension module for every .pyx of the package; the rest is in pyproject.toml.

PLANESCHED_DEBUG=1 makes a debug build: C asserts, Cython's bound checks, ASan and UBSan. It uses
its own build folder, and belongs into its own environment (`make debug`).
"""

import os
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

# The files of csrc/ that a module is linked with. A module that needs none has no row.
CSRC: dict[str, list[str]] = {
    "planesched._running": ["core/automaton.c", "core/figures.c", "core/records.c", "core/run.c"],
    "planesched._scan": ["core/scan.c"],
    "planesched.checking.search": sorted(
        path.relative_to("csrc").as_posix() for path in Path("csrc/checker").glob("*.c")
    ),
    "planesched.core": ["core/automaton.c", "core/figures.c", "core/records.c"],
    "planesched.simulation.guests": ["engine/draws/draws.c"],
    "planesched.simulation.engine": [
        "core/automaton.c",
        "core/figures.c",
        "core/records.c",
        *sorted(path.relative_to("csrc").as_posix() for path in Path("csrc/engine").glob("*.c")),
    ],
}
# The modules that use numpy's distributions (numpy/random/*.h, libnpyrandom).
USES_NUMPY = {"planesched.simulation.guests"}

DEBUG = os.environ.get("PLANESCHED_DEBUG", "0") not in ("", "0")
BUILD = "build/debug" if DEBUG else "build"
HEADERS = [*Path("planesched/include").rglob("*.h"), *Path("csrc").rglob("*.h")]

DIRECTIVES = {
    "language_level": 3,
    "binding": True,
    "boundscheck": DEBUG,
    "cdivision": True,
    "embedsignature": True,
    "freethreading_compatible": True,
    "initializedcheck": DEBUG,
    "wraparound": False,
}
# ISO mode (not gnu11) also keeps the compiler from fusing a*b+c: the same seed, the same bytes.
# Python's own -DNDEBUG is gone as soon as a packager sets CFLAGS; the asserts take half the speed.
UNIX_FLAGS = ["-std=c11", "-O3", "-g", "-fvisibility=hidden", "-DNDEBUG"]
DEBUG_FLAGS = ["-std=c11", "-O1", "-g", "-UNDEBUG", "-fno-omit-frame-pointer"]
SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
MSVC_FLAGS = ["/std:c11", "/O2", "/DNDEBUG"]


class Build(build_ext):
    """Choose the flags once the compiler is known."""

    def build_extensions(self) -> None:
        """Give every extension the flags of this compiler and this kind of build."""
        msvc = self.compiler.compiler_type == "msvc"
        if DEBUG and msvc:
            sys.exit("PLANESCHED_DEBUG=1 needs GCC or Clang: found MSVC")
        for ext in self.extensions:
            if msvc:
                ext.extra_compile_args = MSVC_FLAGS
            elif DEBUG:
                ext.extra_compile_args = DEBUG_FLAGS + SANITIZE
                ext.extra_link_args = SANITIZE
            else:
                ext.extra_compile_args = UNIX_FLAGS
        super().build_extensions()


class Package(build_py):
    """Also write what CMake and pkg-config read, for the headers inside the package."""

    def run(self) -> None:
        """Fill in the templates; an editable install keeps what they make beside them."""
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
    name = ".".join(pyx.with_suffix("").parts)
    include_dirs = ["planesched/include", "csrc"]
    libraries, library_dirs = [], []
    if name in USES_NUMPY:
        import numpy as np

        include_dirs.append(np.get_include())
        libraries = ["npyrandom"] + ([] if os.name == "nt" else ["m"])
        library_dirs = [str(Path(np.random.__file__).parent / "lib")]
    return Extension(
        name,
        libraries=libraries,
        library_dirs=library_dirs,
        sources=[str(pyx), *(f"csrc/{source}" for source in CSRC.get(name, []))],
        include_dirs=include_dirs,
        depends=[str(header) for header in HEADERS],
    )


setup(
    cmdclass={"build_ext": Build, "build_py": Package},
    ext_modules=cythonize(
        [extension(pyx) for pyx in sorted(Path("planesched").rglob("*.pyx"))],
        build_dir=f"{BUILD}/cython",
        compiler_directives=DIRECTIVES,
    ),
    options={"build": {"build_base": BUILD}, "build_ext": {"parallel": os.cpu_count()}},
)
