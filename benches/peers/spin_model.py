"""The checker's model as Promela: Spin's own search, around the same step in embedded C."""

import re
import subprocess
from pathlib import Path

import planesched
from planesched import Event
from planesched.checking.alphabet import OPEN, RUNS, SELF, USER, acts_of, parse_events

FLAGS = {
    "default": [],
    "best": ["-O3", "-DNDEBUG", "-DSAFETY", "-DNOREDUCE", "-DNOFAIR", "-DNOBOUNDCHECK"],
}
"""What `pan.c` is compiled with: as Spin's manual has it for a start, and for speed."""


def promela(policy, planes, events):
    """Write the model: one process whose every step is one act."""
    acts, *_ = acts_of(parse_events(events), [policy], planes, 1)
    fields = policy.as_dict().keys() - {"accelerated", "algorithm"}
    values = {key: getattr(policy, key) for key in fields}
    values["marker"] = 255 if policy.marker is None else policy.marker
    lines = [f"    policy.{key} = {int(value)};" for key, value in values.items()]
    choices = [_choice(act) for act in acts if act["kind"] < len(Event)]
    return "\n".join(
        [
            'c_decl {\n\\#include "planesched/step.h"\nstatic struct ps_policy policy;\n}',
            'c_state "struct ps_state s" "Global"',
            "active proctype vcpu() {",
            "  d_step { c_code {",
            "    policy = ps_policy_default();",
            *lines,
            "    ps_policy_prepare(&policy);",
            f"    now.s = ps_boot(&policy, {(1 << planes) - 1});",
            "  } }",
            "  do",
            *choices,
            "  od\n}\n",
        ]
    )


def _choice(act):
    how, plane = int(act["how"]), int(act["plane"])
    guards = ["1"]
    if how & RUNS:
        guards.append("!now.s.status")
    if how & USER:
        guards.append("(now.s.status & PS_STATUS_USER)")
    if how & OPEN:
        guards.append("!((now.s.masked | now.s.noint) & (1 << now.s.current))")
    named = "(unsigned)now.s.current" if how & SELF else str(plane)
    step = f"ps_step(&policy, &now.s, {int(act['kind'])}, {named});"
    return f"  :: d_step {{ c_expr {{ {' && '.join(guards)} }}; c_code {{ {step} }} }}"


def build(folder: Path, policy, planes, events, flags):
    """Generate and compile `pan`, and give its path."""
    (folder / "model.pml").write_text(promela(policy, planes, events))
    run = {"cwd": folder, "check": True, "capture_output": True}
    subprocess.run(["spin", "-a", "model.pml"], **run)
    include = f"-I{planesched.get_include()}"
    subprocess.run(["gcc", *FLAGS[flags], include, "-w", "-o", "pan", "pan.c"], **run)
    return folder / "pan"


def search(pan: Path):
    """Run `pan` to the end, and give how many states it stored."""
    words = ["./pan", "-m5000000", "-w24"]
    done = subprocess.run(words, cwd=pan.parent, check=True, capture_output=True, text=True)
    assert "errors: 0" in done.stdout, done.stdout
    assert "Warning: Search not completed" not in done.stdout, done.stdout
    found = re.search(r"(\S+) states, stored", done.stdout)
    return int(float(found[1]))
