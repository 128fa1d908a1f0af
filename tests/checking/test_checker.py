"""The checker's answers, its bounds, and what it says of wrong input."""

import inspect
import re
import runpy
import signal
import threading
import time

import numpy as np
import pytest

import planesched
from planesched import STATE, VM, Policy, check, conformance, diff
from planesched.checking import ALPHABETS, PROPERTIES, matrix

LARGE = "hostile,nmi,intercept,hold,release"


def test_the_documentation_defines_every_property(root):
    page = (root / "docs" / "reference" / "checker.md").read_text(encoding="utf-8")
    flat = " ".join(page.split())
    for item in PROPERTIES.values():
        assert f"### `{item.name}` {item.sentence} {item.formula}" in flat
    for alphabet in ALPHABETS.values():
        assert f"`{alphabet.name}` | {alphabet.question} | `{', '.join(alphabet.events)}`" in flat


def test_the_gallery_is_what_the_tool_prints(root):
    made = runpy.run_path(str(root / "docs" / "gallery.py"))["gallery"]()
    assert (root / "docs" / "why" / "gallery.md").read_text(encoding="utf-8") == made


# What the rules make sure of by themselves: only a fault in the core could break it.
KEPT = ("forced", "started", "settles")


@pytest.mark.parametrize("name", KEPT)
def test_what_the_rules_themselves_keep(name):
    for preset in ("kvm_user", "vsm", "tdx"):
        assert check(preset, 3, events="host,init,start", properties=name).holds


@pytest.mark.parametrize("name", [name for name in PROPERTIES if name not in (*KEPT, "eoi_owed")])
def test_each_property_holds_somewhere_and_breaks_somewhere(name):
    """But `nothing_lost`, which the rules never break: it is there for those who change them."""
    assert check("vsm", 3, events="irq,call,return", properties=name).holds
    if name == "nothing_lost":
        return
    broken = {
        "priority": ("kvm_planes", "hostile"),
        "wakeup": ("vsm", "hostile"),
        "work_conserving": ("vsm", "hostile"),
        "delivery": ("vsm", "hostile"),
        "progress": ("vsm", "hostile"),
        "unaided": (Policy.preset("kvm_vsm", 3).replace(rearm=False), "irq,call,return,cli,sti"),
        "spurious": ("kvm_vsm", "irq,call,return,cli,sti"),
        "feasible": (Policy.preset("tdx", 3).replace(scheduler="user"), "+enter"),
    }
    policy, events = broken[name]
    report = check(policy, 3, events=events, properties=name)
    assert report.status == 1
    assert report.verdicts[name].trace is not None


def test_answers_do_not_depend_on_threads():
    reports = [check("kvm_user", 3, events=LARGE, threads=n, max_states=150_000) for n in (1, 3)]
    texts = [re.sub(r"; .*", "", report.text) for report in reports]
    assert texts[0] == texts[1]
    assert [r.coverage.states for r in reports] == [reports[0].coverage.states] * 2


def test_memory_is_bounded_and_the_report_says_so():
    report = check("vsm", 4, events=LARGE, max_states=100_000)
    coverage = report.coverage
    assert 100_000 <= coverage.states < 110_000
    assert not coverage.exhausted
    assert coverage.nbytes / coverage.states <= 64
    assert "not exhausted" in report.text
    assert report.verdicts["priority"].holds is None
    assert report.verdicts["delivery"].holds is False
    only = check("vsm", 4, events=LARGE, max_states=100_000, properties="priority")
    assert only.status == 2


@pytest.mark.parametrize(("planes", "vcpus"), [(16, 1), (8, 2), (4, 5)])
def test_wide_states(planes, vcpus):
    report = check("kvm_planes", planes, vcpus, max_states=150_000, properties="nothing_lost")
    assert report.coverage.nbytes / report.coverage.states <= 64
    assert report.verdicts["nothing_lost"].holds is None


def test_a_search_ends_when_all_that_is_asked_is_broken():
    report = check("vsm", 3, events="hostile", properties="work_conserving")
    assert report.verdicts["work_conserving"].holds is False
    assert report.coverage.states < check("vsm", 3, events="hostile").coverage.states


def test_predicates():
    def one_at_a_time(state):
        return bin(int(state["irq"])).count("1") < 2

    def sane(state):
        return state["status"] < 3

    report = check("vsm", 2, properties=[one_at_a_time, sane])
    assert report.verdicts["sane"].holds
    trace = report.verdicts["one_at_a_time"].trace
    assert int(trace.steps[-1].states[0]["irq"]) == 3
    assert len(trace) == 4


def test_an_entry_that_is_taken_back_is_no_progress():
    """Userspace that enters another plane than the one that it was told of is asked for ever."""
    policy = Policy.preset("kvm_planes", 3).replace(scheduler="user")
    verdict = check(policy, 3, events="irq,call,answer,enter 2", properties="progress")
    verdict = verdict.verdicts["progress"]
    assert (verdict.kind, verdict.trace.steps[-1].do) == ("livelock", "enter 2")
    assert int(verdict.trace.steps[-1].states[0]["status"]) == 1
    assert check(policy, 3, events="irq,call,answer", properties="progress").holds


def test_two_vcpus_talk():
    alone, both = (check("vsm", 2, n, events="call,return,safe_halt").coverage for n in (1, 2))
    assert both.states == alone.states**2

    def nothing_sent(states):
        return not states["irq"].any()

    report = check("vsm", 2, 2, events="cli,ipi", properties=[nothing_sent])
    trace = report.verdicts["nothing_sent"].trace
    assert [step.do for step in trace.steps] == ["cli 0", "irq 0"]
    assert "sent by that plane of another vCPU" in trace.text


def test_a_circular_wait_is_a_deadlock(tmp_path):
    events = "call,return,tlb_lock,tlb_unlock,tlb_flush"
    verdict = check("kvm_planes", 2, 2, events=events, properties="delivery").verdicts["delivery"]
    assert (verdict.kind, len(verdict.trace)) == ("deadlock", 6)
    assert verdict.what.count("waits for ever for a TLB lock") == 2
    verdict.trace.save(tmp_path / "circle.toml", "circle")
    report = conformance.conform([tmp_path / "circle.toml"], "core")
    assert (report.n_cases, report.n_steps, report.differences) == (2, 2, ())


def test_a_holder_that_sleeps_is_a_deadlock(tmp_path):
    events = "call,return,halt,tlb_lock,tlb_unlock,tlb_flush"
    verdict = check("vsm", 2, 2, events=events, properties="delivery").verdicts["delivery"]
    assert (verdict.holds, verdict.kind) == (False, "deadlock")
    assert "waits for ever for a TLB lock" in verdict.what
    verdict.trace.save(tmp_path / "lock.toml", "lock")
    for model in ("core", "reference"):
        report = conformance.conform([tmp_path / "lock.toml"], model)
        assert report.n_cases >= 1
        assert not report.differences
    awake = events.replace("halt,", "")
    assert check("vsm", 2, 2, events=awake, properties="delivery").holds


def test_from_states():
    vm = VM("vsm", planes=2, vcpus=1)
    vm.vcpus[0].step("irq", 1)
    report = check("vsm", 2, events="hostile", from_states=vm.state, properties="work_conserving")
    assert len(report.verdicts["work_conserving"].trace) == 1
    with pytest.raises(ValueError, match="expected one of a vCPU"):
        check("vsm", 2, from_states=np.array([(3,) * 15 + (5, 0)], STATE))
    with pytest.raises(ValueError, match=r"expected \(n, 2\)"):
        check("vsm", 2, 2, from_states=vm.state)


def test_diff():
    vsm = Policy.preset("vsm", 3)
    report = diff(vsm, vsm.replace(ret="resume"), 3)
    assert [step.do for step in report.trace.steps[::2]] == ["irq 2", "return"]
    first, second = report.trace.steps[-2:]
    assert (first.outcome.now, second.outcome.now) == (1, 0)
    assert 0 < report.differing < report.coverage.states
    assert report.fields == {"ret": ("next_online", "resume")}
    assert report.status == 1
    same = diff(vsm, vsm.replace(force_self="ignore"), 3)
    assert (same.same, same.status, same.differing) == (True, 0, 0)
    assert same.coverage.states == check(vsm, 3, events="hostile").coverage.states
    assert diff(vsm, vsm.replace(force_self="ignore"), 3, max_states=100).same is None


def test_a_matrix_is_asked_as_a_check():
    asked = [[*map(str, inspect.signature(each).parameters.values())] for each in (check, matrix)]
    assert asked[0][1:] == asked[1][1:]


def test_matrix():
    table = matrix(["vsm", "tdx"], planes=2, properties=["priority", "feasible"])
    found, _, head, _, row, *_ = table.text.splitlines()
    assert found == "everything that was asked holds under 2 of 2 policies"
    assert head.split() == ["priority", "feasible", "states"]
    assert row.split()[:3] == ["vsm", "holds", "holds"]
    assert table.status == 0
    with pytest.raises(ValueError, match="policies: none, expected one or more"):
        matrix([])
    with pytest.raises(TypeError, match=r"threads=1\.5, expected a whole number"):
        matrix(["vsm"], threads=1.5)


def test_a_matrix_names_the_policies_that_ctrl_c_came_before():
    told = []

    def stop(*now):
        told.append(now)
        if len(told) == 1:
            signal.raise_signal(signal.SIGINT)

    names = ["vsm", "tdx", "cca"]
    table = matrix(names, 6, events=LARGE, properties="priority", progress=stop)
    assert (list(table.reports), table.unreached) == (["vsm"], ("tdx", "cca"))
    assert table.text.splitlines()[-1] == "not reached: tdx, cca"
    assert table.partial
    assert not check("vsm").partial
    assert table.as_dict()["policies"]["cca"] is None
    assert table.status == 2


def test_progress_is_told():
    seen = []
    report = check(
        "vsm", 4, events=LARGE, max_states=400_000, properties="priority",
        progress=lambda part, states: seen.append((part, states)),
    )  # fmt: skip
    assert seen == sorted(seen)
    assert seen[-1][1] == report.coverage.states >= 400_000
    assert 0 < seen[-1][0] <= 1


def test_ctrl_c_gives_what_was_found():
    main = threading.main_thread().ident
    timer = threading.Timer(0.5, lambda: signal.pthread_kill(main, signal.SIGINT))
    timer.start()
    began = time.monotonic()
    report = check("vsm", 6, events=LARGE, max_states=1 << 30)
    timer.join()
    assert time.monotonic() - began < 20
    assert report.coverage.interrupted
    assert not report.coverage.exhausted
    assert "interrupted" in report.text
    assert report.verdicts["feasible"].holds is None


def test_ctrl_c_in_a_predicate():
    def never_ends(state):
        signal.raise_signal(signal.SIGINT)

    def fine(state):
        return True

    report = check("vsm", 2, properties=["feasible", fine, never_ends, "priority"])
    holds = {name: verdict.holds for name, verdict in report.verdicts.items()}
    assert holds == {"feasible": True, "priority": True, "fine": True, "never_ends": None}
    assert report.coverage.interrupted
    assert "(interrupted, all states)" in report.text
    assert report.status == 2


WRONG = [
    ({"policy": "vms"}, "policy='vms', expected one of kvm_planes"),
    ({"planes": 17}, "planes=17, expected"),
    ({"vcpus": 6}, "vcpus=6, expected a whole number in 1..5"),
    ({"planes": 16, "vcpus": 2}, "vcpus=2, expected fewer: a state of planes=16 has 64 > 40 bytes"),
    ({"events": "irk"}, "events='irk', expected one of"),
    ({"events": "irq 5"}, "expected a plane below planes=2"),
    ({"events": "halt 7"}, "expected a plane below planes=2"),
    ({"events": "return 1 2"}, "events='return 1 2', expected one of"),
    ({"assume": "only=0:force"}, "expected an event of the alphabet"),
    ({"assume": "0:halt"}, "expected only=PLANE:EVENT"),
    ({"events": ""}, "expected one event or more"),
    ({"events": "lock"}, "events: lock, expected one that can happen"),
    ({"events": "ipi"}, "expected vcpus=2 or more"),
    ({"properties": "prioritty"}, "did you mean priority?"),
    ({"properties": []}, "properties: none, expected one or more"),
    ({"max_states": 0}, "max_states=0"),
    ({"threads": 0}, "threads=0, expected a whole number, 1 or more"),
]


@pytest.mark.parametrize(("change", "message"), WRONG)
def test_wrong_input_is_named(change, message):
    arguments = {"policy": "vsm", "planes": 2, **change}
    with pytest.raises(ValueError, match=re.escape(message)):
        check(**arguments)


def test_wrong_types():
    with pytest.raises(TypeError, match="policy=3, expected a Policy"):
        check(3)
    for name, wrong in {"events": ["irq", 5], "properties": [3]}.items():
        for given in (5, wrong):
            with pytest.raises(TypeError, match=f"{name}.*, expected "):
                check("vsm", **{name: given})


def test_public_names():
    assert planesched.check is check
