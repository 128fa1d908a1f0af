"""How many instructions a step takes at most: python benches/longest.py (x86-64, gcc, objdump).

For each preset its exported whole step (planesched export --whole-step) is compiled with gcc -O2,
and the longest way through its machine code is added up: every jump is taken both ways, so no input
takes more. Beside it stands the most that random states of 3 planes took, counted one by one with
the processor's trap flag, in that function and in the headers' own ps_step, which reads its policy.
Where valgrind is installed, callgrind counts the longest of them again, and has to agree.
"""

import functools
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import planesched
from planesched import Policy, presets
from planesched.exporting import export
from planesched.exporting.shape import policy_numbers, state_fields

FLAGS = ["-std=gnu11", "-O2", "-DNDEBUG", "-fno-jump-tables", "-mno-red-zone"]
START = re.compile(r"^([0-9a-f]+) <(\S+)>:$")
SAMPLE = 1500

COUNTER = """
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile unsigned long taken;

static void trapped(int signal)
{{
    (void)signal;
    taken++;
}}

static unsigned __attribute__((noinline)) nothing(void *s, unsigned event, unsigned plane)
{{
    __asm__ volatile("" ::: "memory");
    (void)s;
    return event + plane;
}}

typedef unsigned (*step_fn)(void *s, unsigned event, unsigned plane);

static unsigned long count(step_fn step, void *s, unsigned event, unsigned plane)
{{
    taken = 0;
    __asm__ volatile("pushfq; orl $0x100, (%%rsp); popfq" ::: "memory", "cc");
    step(s, event, plane);
    __asm__ volatile("pushfq; andl $0xfffffeff, (%%rsp); popfq" ::: "memory", "cc");
    return taken;
}}

/* The most, and which it was; with an argument, that one alone without counting. */
int main(int argc, char **argv)
{{
    unsigned long most = 0;
    unsigned x = 2463534242u;
    int which = 0;
    signal(SIGTRAP, trapped);
    for (int i = 0; i < {sample}; i++) {{
        struct {state} s;
        uint16_t words[16];
        for (int j = 0; j < 15; j++) {{
            x ^= x << 13, x ^= x >> 17, x ^= x << 5;
            words[j] = (uint16_t)(x >> 7 & 7u);
        }}
        words[0] = 7;
        memcpy(&s, words, 30);
        s.current = (int8_t)(x % 3u);
        s.status = (uint8_t)(x / 3u % 8u > 5u ? x % 2u + 1u : 0u);
        const unsigned event = x / 64u % 24u, plane = x / 4096u % 3u;
        char other[sizeof s];
        if (argc > 1) {{
            step_fn volatile step = (step_fn){name};
            if (i == atoi(argv[1]))
                step(&s, event, plane);
            continue;
        }}
        const unsigned long around = count(nothing, other, event, plane);
        const unsigned long all = count((step_fn){name}, &s, event, plane);
        if (all - around > most) {{
            most = all - around;
            which = i;
        }}
    }}
    printf("%lu %d\\n", most, which);
    return 0;
}}
"""


def functions(obj: Path) -> dict[str, dict[int, str]]:
    """Disassemble: each function's instructions by address."""
    command = ["objdump", "-d", "--no-show-raw-insn", str(obj)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found: dict[str, dict[int, str]] = {}
    name = ""
    for line in text.splitlines():
        start = START.match(line)
        if start:
            name = start[2]
            found[name] = {}
            continue
        where, tab, words = line.strip().partition(":\t")
        if tab and name:
            found[name][int(where, 16)] = words.strip()
    return found


def longest(obj: Path, name: str) -> int:
    """Add up the longest way from a function's begin to a return."""
    code = functions(obj)
    owner = {at: function for function, body in code.items() for at in body}
    after = {at: follows for body in code.values()
             for at, follows in zip(body, [*list(body)[1:], None], strict=True)}  # fmt: skip

    @functools.cache
    def from_here(at: int) -> int:
        words = code[owner[at]][at].split(" ", 1)
        kind, operand = words[0], words[1].strip() if len(words) > 1 else ""
        follows = after[at]
        if kind.startswith("ret"):
            return 1
        if kind == "jmp":
            return 1 + from_here(int(operand.split()[0], 16))
        if kind == "call":
            assert follows is not None
            return 1 + from_here(int(operand.split()[0], 16)) + from_here(follows)
        assert follows is not None, f"{name}: nothing follows {words}"
        if kind.startswith("j"):
            return 1 + max(from_here(follows), from_here(int(operand.split()[0], 16)))
        return 1 + from_here(follows)

    sys.setrecursionlimit(100_000)
    return from_here(next(iter(code[name])))


def compile_object(folder: Path, name: str, text: str, *more: str) -> Path:
    """Compile C to a linked shared object, so that jumps and calls have their targets."""
    source, obj = folder / f"{name}.c", folder / f"{name}.so"
    source.write_text(text, encoding="utf-8")
    command = ["gcc", *FLAGS, *more, "-Wl,-Bsymbolic", "-shared", "-fPIC", "-fvisibility=hidden"]
    subprocess.run([*command, "-o", str(obj), str(source)], check=True)
    return obj


def measured(folder: Path, name: str, text: str) -> int:
    """Count the instructions of random steps; return the most."""
    counter = COUNTER.format(sample=SAMPLE, state=f"{name}_state", name=name)
    source, program = folder / f"{name}_count.c", folder / f"{name}_count"
    source.write_text(text + counter, encoding="utf-8")
    include = f"-I{planesched.get_include()}"
    subprocess.run(["gcc", *FLAGS, include, "-no-pie", "-o", program, source], check=True)
    run = subprocess.run([program], capture_output=True, text=True, check=True)
    beyond, which = map(int, run.stdout.split())
    most = beyond + len(functions(program)["nothing"])  # that has no jump
    if shutil.which("valgrind"):
        again = counted(folder, program, name, which)
        assert again == most, f"{name}: {most} by traps, {again} by callgrind"
    return most


def counted(folder: Path, program: Path, name: str, which: int) -> int:
    """Let callgrind count one step."""
    out = folder / "callgrind.out"
    command = ["valgrind", "--tool=callgrind", f"--toggle-collect={name}"]
    command += [f"--callgrind-out-file={out}", str(program), str(which)]
    subprocess.run(command, capture_output=True, check=True)
    return int(re.findall(r"^(?:totals|summary): (\d+)", out.read_text(), re.MULTILINE)[-1])


def headers_text(policy: Policy, name: str) -> str:
    """Return the headers' step under a policy, as a function."""
    sets = "\n".join(
        f"    ps_policy_set(&policy, PS_FIELD_{field}, {value}u);"
        for field, value in policy_numbers(policy, 3).items()
        if field in policy.as_dict()
    )
    return f"""#include "planesched/step.h"
#define {name}_state ps_state
static struct ps_policy policy;
static void __attribute__((constructor)) set_up(void)
{{
    policy = ps_policy_default();
{sets}
    ps_policy_prepare(&policy);
}}
unsigned __attribute__((noinline)) {name}(struct ps_state *s, unsigned event, unsigned plane)
{{
    const struct ps_outcome out = ps_step(&policy, s, event, plane);
    return out.reason | (unsigned)out.fault << 8 | (unsigned)out.flags << 16;
}}
"""


def main() -> None:
    """Print the table."""
    assert state_fields()[-2:] == ["current", "status"]
    print("| policy | exported: at most | most seen | headers: most seen |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for preset in presets():
            made = export(preset, 3, whole_step=True)
            keep = '__attribute__((visibility("default"))) '
            text = made.text.replace(f"\nunsigned {made.name}(", f"\n{keep}unsigned {made.name}(")
            most = longest(compile_object(folder, made.name, text), made.name)
            seen = measured(folder, made.name, made.text)
            headers = headers_text(Policy.preset(preset, 3), f"{preset}_headers")
            other = measured(folder, f"{preset}_headers", headers)
            print(f"| `{preset}` | {most} | {seen} | {other} |", flush=True)


if __name__ == "__main__":
    main()
