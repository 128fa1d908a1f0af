"""Exports: what is written compiles without a warning and gives what ps_step gives."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import planesched
from planesched import Policy, presets
from planesched.cli import main
from planesched.conformance import load
from planesched.conformance.kick import KickCase
from planesched.errors import Mistake
from planesched.exporting import STYLES, export

INCLUDE = Path(planesched.__file__).parent / "include"
COMPILE = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-DNDEBUG", f"-I{INCLUDE}"]
RUSTC = [found for found in (shutil.which("rustc"),) if found]
SHORT = 60  # lines that are read in a mail


def prove(made, folder, most, env, library=()):
    """Compile the proof and run it; return its lines."""
    source, program = folder / f"{made.name}_proof.c", folder / made.name
    source.write_text(made.proof)
    # At -O3 a state takes half as long, and the program twice as long to compile.
    level = "-O3" if most > 1_000_000 else "-O1"
    command = ["gcc", *COMPILE, level, "-o", str(program), str(source), *library]
    built = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert (built.returncode, built.stderr) == (0, "")
    run = subprocess.run([program, str(most)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout
    return run.stdout.splitlines()


@pytest.mark.parametrize("name", presets())
def test_a_pick_is_that_of_ps_step(name, tmp_path, tool_env):
    said = prove(export(name, 3, style="kernel"), tmp_path, 200_000, tool_env)
    assert said[0].startswith("1 planes: equal on all")
    assert said[1].startswith("2 planes: equal on all")
    assert said[3] == "3 planes: equal on 1000000 random states"


@pytest.mark.parametrize("name", ["kvm_planes", "tdx"])
def test_a_whole_step_is_ps_step(name, tmp_path, tool_env):
    said = prove(export(name, 16, whole_step=True), tmp_path, 50_000, tool_env)
    assert said[0].startswith("1 planes: equal on all 49155 states")
    assert said[3] == "16 planes: equal on 1000000 random states"


@pytest.mark.exhaustive
@pytest.mark.parametrize("style", ["c", "kernel"])
@pytest.mark.parametrize("name", presets())
def test_every_state_of_three_planes(name, style, tmp_path, tool_env):
    # The two differ in how they are written alone: of one a sample of three planes does.
    most, n_whole = (100_000_000, 3) if style == "kernel" else (200_000, 2)
    said = prove(export(name, 3, style=style), tmp_path, most, tool_env)
    assert all("equal on all" in line for line in said[:n_whole])
    prove(export(name, 16, style=style), tmp_path, 1, tool_env)
    prove(export(name, 3, style=style, whole_step=True), tmp_path, 100_000, tool_env)
    prove(export(name, 16, style=style, whole_step=True), tmp_path, 1, tool_env)


@pytest.mark.exhaustive
@pytest.mark.parametrize("rustc", RUSTC)
@pytest.mark.parametrize("whole_step", [False, True])
@pytest.mark.parametrize("name", presets())
def test_rust_is_ps_step(name, whole_step, rustc, tmp_path, tool_env):
    made = export(name, 3, style="rust", whole_step=whole_step)
    source, library = tmp_path / "made.rs", tmp_path / "libmade.a"
    source.write_text(made.text)
    command = [rustc, "-O", "-Dwarnings", "--edition", "2021", "--crate-type", "staticlib"]
    built = subprocess.run(
        [*command, "-o", str(library), str(source)], capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    prove(made, tmp_path, 100_000, tool_env, [str(library), "-lpthread", "-ldl", "-lm"])


def test_a_policy_of_fields_that_no_preset_has(tmp_path, tool_env):
    fields = "kvm_vsm:rank=locked,trigger=edge,preempt=nearest,empty=user,unhalt=any,nmi=waits"
    prove(export(fields, 3), tmp_path, 300_000, tool_env)
    prove(export(fields, 3, whole_step=True), tmp_path, 20_000, tool_env)


def test_a_wrong_export_is_found(tmp_path):
    made = export("vsm", 2)
    program = tmp_path / "wrong"
    wrong = made.proof.replace("base | found", "found | 0", 1)
    assert wrong != made.proof
    (tmp_path / "wrong.c").write_text(wrong)
    subprocess.run(["gcc", *COMPILE, "-O1", "-o", program, tmp_path / "wrong.c"], check=True)
    run = subprocess.run([program], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "and ps_step gives" in run.stdout


def test_the_page_says_how_long_each_pick_is(root):
    page = (root / "docs" / "how-to" / "in-a-hypervisor.md").read_text(encoding="utf-8")
    order = ("c", "kernel", "rust")
    for name in presets():
        lines = [export(name, 3, style=style).n_lines for style in order]
        assert f"| `{name}` | " + " | ".join(map(str, lines)) + " | " in page
        assert lines[0] < SHORT


def test_the_crate_of_the_docs_has_what_is_exported_now(root):
    """`make rust` runs its tests."""
    kept = root / "docs" / "examples" / "rust" / "src" / "vsm_pick.rs"
    assert kept.read_text(encoding="utf-8") == export("vsm", 3, style="rust").text


def test_a_policy_made_in_python_or_a_file_has_a_name_too(tmp_path):
    made = export(Policy.preset("vsm", 3).replace(vina="off"), 3)
    assert made.name == "policy_pick"
    assert "under this policy" in made.text
    (tmp_path / "mine.toml").write_text('preset = "vsm"\n')
    assert export(tmp_path / "mine.toml").name == "mine_pick"


@pytest.mark.parametrize("style", STYLES)
def test_a_file_says_what_it_is(style):
    text = export("vsm", 3, style=style).text
    assert "SPDX-License-Identifier: MIT" in text
    assert "3.3" in text
    assert all(len(line.expandtabs(8)) <= 100 for line in text.splitlines())


def test_the_command_writes_both_files(tmp_path, capsys):
    out = tmp_path / "pick.c"
    assert main(["export", "whp", "--planes", "3", "--proof", "-o", str(out)]) == 0
    assert capsys.readouterr().out.splitlines()[:2] == [
        f"written: {out}", f"written: {tmp_path / 'pick_proof.c'}",
    ]  # fmt: skip
    assert re.search(r"^unsigned whp_pick\(", out.read_text(), re.MULTILINE)
    assert main(["export", "whp", "--planes", "3"]) == 0
    assert capsys.readouterr().out == out.read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--style", "ada"], "style='ada', expected one of kernel, c, rust"),
        (["--name", "two words"], "name='two words', expected letters"),
        (["--proof"], "--proof=True, expected -o FILE"),
    ],
)
def test_wrong_words(words, said, capsys):
    assert main(["export", "vsm", *words]) == 2
    assert said in capsys.readouterr().err


# What the kernel's module takes from Linux, for a program.
LINUX = """\
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
typedef uint16_t u16;
#define pr_err printf
#define pr_info printf
#define kmalloc(size, how) malloc(size)
#define kfree free
"""
KERNEL = Path(__file__).parents[2] / "docs" / "examples" / "kernel"
CASES = Path(__file__).parents[1] / "data" / "conformance"


def run_table(tmp_path, files):
    """Run cases as the kernel's module does, from their table, in a program."""
    table = tmp_path / "cases.h"
    assert main(["conform", *map(str, files), "--c-table", str(table)]) in (0, 1)
    (tmp_path / "linux").mkdir(exist_ok=True)
    (tmp_path / "linux" / "printk.h").write_text(LINUX)
    (tmp_path / "linux" / "slab.h").write_text("")
    source = tmp_path / "user.c"
    source.write_text(
        '#include "conform.c"\nint main(void)\n{\n    return planesched_conform() != 0;\n}\n'
    )
    program = tmp_path / "user"
    gcc = ["gcc", "-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", f"-I{tmp_path}"]
    gcc += [f"-I{KERNEL}", f"-I{planesched.get_include()}", "-o", str(program), str(source)]
    subprocess.run(gcc, check=True)
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_the_table_of_cases_agrees_in_c(tmp_path, capsys):
    """As the module runs it in a kernel (make kernel-qemu)."""
    files = sorted(CASES.glob("*.toml"))
    cases = [case for file in files for case in load(file) if not isinstance(case, KickCase)]
    steps = sum(len(case.steps) for case in cases)
    status, said = run_table(tmp_path, files)
    assert said == f"planesched: {len(cases)} cases, {steps} steps: 0 differ\n"
    assert status == 0
    assert {case.controller is None for case in cases} == {True, False}
    assert any(case.make_policy().has_algorithm for case in cases)


# What a step wrongly expects, and what is said of it.
WRONG = {
    "irr = [[], [0x52]]": "key 25: expected 338, found 65535",
    "isr = [[], []]": "key 28: expected 256, found 257",
    "ppr = [0, 0x60]": "key 34: expected 352, found 336",
    "vector = 0x51": "key 22: expected 81, found 82",
    "run = 0": "key 15: expected 0, found 1",
}


def test_the_table_tells_what_differs(tmp_path, capsys):
    case = tmp_path / "case.toml"
    case.write_text(
        "".join(
            f'[[case]]\nid = "{number}"\npreset = "vsm"\nplanes = 2\ncontroller = "lapic"\n'
            f'steps = [{{ do = "irq 1 0x52", {want} }}]\nbasis = "model"\nsource = "this test"\n'
            for number, want in enumerate(WRONG)
        )
    )
    status, told = run_table(tmp_path, [case])
    assert status == 1
    *lines, total = told.splitlines()
    for number, said in enumerate(WRONG.values()):
        assert f"planesched: {number}: step 1: {said}" in lines
    assert total == "planesched: 5 cases, 5 steps: 5 differ"


def test_no_compiler(monkeypatch):
    from planesched.exporting import source

    monkeypatch.setenv("PATH", "")
    with pytest.raises(Mistake, match="there is no C compiler"):
        source.compiler()
