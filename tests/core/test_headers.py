"""Every installed header compiles alone, as C11 and as C++17, with no warning at all."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import planesched
from planesched import Event, Fault, Reason

pytestmark = pytest.mark.python  # what it compiles has nothing to do with the build under test

INCLUDE = Path(planesched.__file__).parent / "include"
HEADERS = sorted(path.relative_to(INCLUDE).as_posix() for path in INCLUDE.rglob("*.h"))
COMPILERS = [
    (cc, language, standard)
    for cc in ("gcc", "clang")
    if shutil.which(cc)
    for language, standard in (("c", "c11"), ("c++", "c++17"))
]
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror"]


def test_there_is_something_to_compile():
    assert {"planesched/bitmap.h", "planesched/policy.h", "planesched/step.h"} <= set(HEADERS)
    assert COMPILERS


@pytest.mark.parametrize("assertions", ["-UNDEBUG", "-DNDEBUG"])
@pytest.mark.parametrize(("cc", "language", "standard"), COMPILERS)
def test_every_header_alone(cc, language, standard, assertions, tmp_path, tool_env):
    """One compiler, and a file for each header that includes it twice: all they have to say."""
    sources = []
    for header in HEADERS:
        source = tmp_path / f"{Path(header).stem}.c"
        source.write_text(
            f"#include <{header}>\n#include <{header}>\nint main(void) {{ return 0; }}\n"
        )
        sources.append(source)
    done = subprocess.run(
        [
            *(cc, "-x", language, f"-std={standard}", "-O2", assertions, *WARNINGS),
            *(f"-I{INCLUDE}", "-c", *map(str, sources)),
        ],
        cwd=tmp_path,
        env=tool_env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_plane_that_is_none_is_told_what_to_say(tmp_path, tool_env):
    """Minus one where the event takes no plane is what people write first."""
    source, program = tmp_path / "none.c", tmp_path / "none"
    source.write_text(
        "#include <planesched/step.h>\nint main(void)\n{\n"
        "    struct ps_policy policy = ps_policy_default();\n"
        "    if (ps_policy_prepare(&policy)) return 1;\n"
        "    struct ps_state vcpu = ps_boot(&policy, 3);\n"
        "    return ps_step(&policy, &vcpu, PS_EVENT_HALT, (unsigned)-1).fault;\n}\n"
    )
    gcc = ["gcc", "-std=c11", "-UNDEBUG", *WARNINGS, f"-I{INCLUDE}", "-o", str(program)]
    subprocess.run([*gcc, str(source)], env=tool_env, check=True)
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    assert done.returncode < 0
    assert '"0 for an event that takes none"' in done.stderr


RULES = ["bitmap", "policy", "state", "pick", "algorithm", "step", "irqchip"]


@pytest.mark.parametrize("cc", [cc for cc in ("gcc", "clang") if shutil.which(cc)])
def test_the_rules_need_no_c_library(cc, tmp_path, tool_env):
    """`make freestanding` does so for other processors; here each header is alone."""
    sources = []
    for name in RULES:
        source = tmp_path / f"{name}.c"
        source.write_text(f"#include <planesched/{name}.h>\nint some_function(void);\n")
        sources.append(source)
    done = subprocess.run(
        [
            *(cc, "-std=gnu11", "-ffreestanding", "-nostdinc", "-O2", *WARNINGS),
            *(f"-I{INCLUDE}", "-c", *map(str, sources)),
        ],
        cwd=tmp_path,
        env=tool_env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_headers_know_no_python():
    names = [
        header for header in HEADERS if "Py" in (INCLUDE / header).read_text().replace("Python", "")
    ]
    assert not names


@pytest.mark.parametrize(
    ("function", "names"),
    [("ps_event_name", Event), ("ps_reason_name", Reason), ("ps_fault_name", Fault)],
)
def test_names_are_those_of_python(function, names):
    text = (INCLUDE / "planesched" / "names.h").read_text()
    body = text[text.index(f"{function}(") :]
    listed = re.findall(r'"(\w+)"', body[: body.index("};")])
    assert listed == [each.name.lower() for each in names]
