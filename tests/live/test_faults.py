"""What KVM refuses, and guests that are left as they should not be: one sentence, nothing left.

A library that stands before libc (failing.c) has it so, in one process for all.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

# linux/kvm.h: extensions, exits, and ioctls, of which the number is in the low bits.
SPLIT_IRQCHIP, MAX_VCPUS = 121, 66
MMIO, SHUTDOWN, INTERNAL_ERROR = 6, 8, 17
CREATE_VM, CREATE_VCPU, RUN = 0xAE01, 0xAE41, 0xAE80

VERIFY = ["verify", "--policy", "vsm", "--acts", "200"]
MEASURE = ["measure", "--samples", "20"]
RUN_IT = ["run", "design-question", "--duration", "60s", "--cost", "exit=8us"]
CASES = [
    (VERIFY, {"LACKS": SPLIT_IRQCHIP}, "this KVM has no split irqchip"),
    (RUN_IT, {"LACKS": MAX_VCPUS, "HAS": 2}, "this KVM allows 2 vCPUs a VM, fewer than"),
    (MEASURE, {"REFUSES": CREATE_VM}, "KVM_CREATE_VM failed: Input/output error"),
    (VERIFY, {"REFUSES": CREATE_VCPU}, "KVM_CREATE_VCPU failed: Input/output error"),
    (MEASURE, {"REFUSES": RUN}, "KVM_RUN failed: Input/output error"),
    (VERIFY, {"EXIT": INTERNAL_ERROR, "AFTER": 50}, "KVM_EXIT_INTERNAL_ERROR, suberror 3"),
    (MEASURE, {"EXIT": SHUTDOWN, "AFTER": 300}, "KVM_EXIT_SHUTDOWN: a triple fault"),
    (RUN_IT, {"EXIT": INTERNAL_ERROR, "AFTER": 2000}, "KVM_EXIT_INTERNAL_ERROR, suberror 3"),
    ([*RUN_IT, "--vcpus", "2"], {"EXIT": SHUTDOWN, "AFTER": 3000}, "KVM_EXIT_SHUTDOWN"),
    (VERIFY, {"EXIT": MMIO, "AFTER": 80}, "the guest was left by exit reason 6"),
]
PROGRAM = """\
import contextlib, gc, io, json, os, sys
from planesched.cli import main

def left():
    gc.collect()
    return [len(os.listdir(f"/proc/self/{what}")) for what in ("fd", "task")]

found, before = [], left()
for words, environment in json.loads(sys.argv[1]):
    os.environ.update(environment)
    error = io.StringIO()
    with contextlib.redirect_stderr(error):
        status = main(["live", *words])
    for name in environment:
        del os.environ[name]
    found.append([status, error.getvalue(), left() == before])
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory, tool_env):
    """What the command said in each case: exit status, standard error, whether nothing was left."""
    library = tmp_path_factory.mktemp("failing") / "failing.so"
    flags = ["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    source = Path(__file__).with_name("failing.c")
    subprocess.run(["gcc", *flags, "-o", library, source], check=True, env=tool_env)
    asked = [(words, {k: str(v) for k, v in given.items()}) for words, given, _ in CASES]
    before = f"{os.environ.get('LD_PRELOAD', '')} {library}".strip()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(asked)],
        env=os.environ | {"LD_PRELOAD": before}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("number", range(len(CASES)))
def test_one_sentence_and_nothing_left(kvm, found, number):
    status, error, same = found[number]
    assert status == 2
    assert same
    assert len(error.splitlines()) == 1
    assert (CASES[number][2] if kvm else "/dev/kvm") in error
