"""Planes that run are held against the core; and what is wrong on either side is found."""

import contextlib
import dataclasses
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from planesched import Policy, presets
from planesched.cli import main
from planesched.conformance import conform, load, run
from planesched.live import LiveError, host, verify, verifying

# One field changed of a preset each, in every way in which a plane is brought in or left.
MISTAKES = [
    ("vsm", {"preempt": "none"}),
    ("vsm", {"ret": "resume"}),
    ("vsm", {"direction": "lowest_first"}),
    ("openhcl", {"unhalt": "injectable"}),
    ("whp", {"gate": "priority"}),
    ("kvm_planes", {"ret": "resume"}),
    ("kvm_vsm", {"rearm": False}),
    ("vsm", {"nmi": "waits"}),
    ("snp", {"refuse_pending": False}),
    ("tdx", {"idle": "keep"}),
]


@pytest.fixture
def verified(kvm):
    """A function that verifies, where that can be done; elsewhere the refusal is looked at."""
    if not kvm:
        with pytest.raises(LiveError, match="/dev/kvm"):
            verify("vsm", 2, 1)
        return None
    return verify


@pytest.mark.parametrize("preset", sorted(presets()))
def test_machine_and_core_are_equal(verified, preset):
    if verified is None:
        return
    for planes in (2, 3):
        found = verified(preset, planes, 200, seed=7)
        assert found.difference is None, str(found)
        assert (found.status, found.acts, found.partial) == (0, 200, False)
        assert found.vectors > 5


@pytest.mark.parametrize(("preset", "fields"), MISTAKES)
def test_a_mistake_in_a_field_is_found(verified, preset, fields, tmp_path):
    """The case that is given fails as the core is, and holds as it should be."""
    if verified is None:
        return
    wrong = Policy.preset(preset, 3).replace(**fields)
    found = verified(wrong, 3, 4000, scheduled=preset)
    assert found.status == 1
    assert found.difference is not None
    assert len(found.difference.case.steps) <= 12
    path = tmp_path / "case.toml"
    found.save(path)
    assert conform([path]).status == 1
    [case] = load(path)
    assert case.make_policy() == wrong
    right = dataclasses.replace(case, preset=preset, policy={})
    assert (run(right), run(right, "reference")) == ([], [])


def test_a_wrong_model_of_the_apic_is_found(verified, monkeypatch):
    """What is in service is read from KVM: a model that has it otherwise does not pass."""
    if verified is None:
        return
    here = host.probe()
    other = "full" if here.auto_eoi else "auto-eoi"
    monkeypatch.setattr(verifying, "probe", lambda: dataclasses.replace(here, lapic=other))
    found = verified("vsm", 2, 1000)
    assert found.difference is not None
    assert "isr" in found.difference.keys
    assert len(found.difference.case.steps) == 1


def test_ctrl_c_gives_what_was_done(verified):
    if verified is None:
        return

    def stop(part, done):
        raise KeyboardInterrupt

    found = verified("vsm", 2, 100_000, progress=stop)
    assert (found.partial, found.status) == (True, 0)
    assert found.acts == 8 * verifying.WALK
    assert "stopped before its end" in str(found)


def test_the_command(kvm, tmp_path, capsys):
    words = ["live", "verify", "--policy", "vsm", "--planes", "2"]
    assert main([*words, "--acts", "150"]) == (0 if kvm else 2)
    said = capsys.readouterr()
    if not kvm:
        assert "/dev/kvm" in said.err
        return
    assert "machine and core are equal" in " ".join(said.out.split())
    path = tmp_path / "case.toml"
    more = ["--json", "--acts", "3000", "--scheduled", "vsm:preempt=none", "--save", str(path)]
    assert main([*words, *more]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["schema"], found["status"]) == ("planesched.verified/1", 1)
    assert found["case"] == path.read_text()
    assert main(["conform", str(path)]) == 1


def test_bad_input(kvm, capsys):
    for words, said in [
        (["--planes", "17"], "in 1..16"),
        (["--policy", "vms"], "did you mean vsm"),
        (["--policy", "vsm", "--scheduled", "kvm_planes"], "calls name a plane"),
        (["--acts", "0"], "expected 1 or more"),
        (["--save", "nowhere/x.toml"], "there is no folder nowhere"),
    ]:
        try:
            status = main(["live", "verify", *words])
        except SystemExit as end:
            status = end.code
        assert status == 2
        assert said in capsys.readouterr().err


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_ended_from_outside_ends_at_once(kvm, how):
    """With what it did so far, where it can say so."""
    command = [sys.executable, "-m", "planesched", "live", "verify", "--acts", "1000000000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    opened = Path(f"/proc/{process.pid}/fd")
    while kvm and process.poll() is None and not has_vm(opened):
        time.sleep(0.01)
    time.sleep(0.2)
    process.send_signal(how)
    began = time.monotonic()
    said, error = process.communicate()
    # The interpreter's own end takes most of it.
    assert time.monotonic() - began < 1
    if not kvm:
        assert "/dev/kvm" in error
    elif how == signal.SIGINT:
        assert process.returncode == 130
        assert "stopped before its end" in " ".join(said.split())
    assert error == "" or not kvm


def has_vm(opened):
    """Whether a process has a VM with vCPUs: it is about to verify, or does."""
    with contextlib.suppress(OSError):
        return any("kvm-vcpu" in str(path.readlink()) for path in opened.iterdir())
    return False
