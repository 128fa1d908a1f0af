"""What one may ask of a search: single planes' events, start states, cures, more than one way."""

import pytest

from planesched import Policy, check
from planesched.checking.alphabet import parse_events
from planesched.checking.start import start_state


def test_an_event_may_be_one_planes_alone():
    items = parse_events("irq 1, halt 0, 1:call 2, cli 1, tlb_lock 2 1, os:safe_halt")
    assert [str(item) for item in items] == [
        "irq 1", "0:halt", "1:call 2", "1:cli", "2:tlb_lock 1", "os:safe_halt",
    ]  # fmt: skip
    only = check("vsm", 3, events="irq, halt 0, return", properties="wakeup")
    assert only.holds
    assert not check("vsm", 3, events="irq, halt 2, return", properties="wakeup").holds
    same = check("vsm", 3, events="irq, halt, return", assume="only=0:halt", properties="wakeup")
    assert same.coverage.states == only.coverage.states


def test_whose_doing_and_what_cures_it():
    report = check("vsm", 2, events="hostile", properties="wakeup", cure=True)
    assert report.verdicts["wakeup"].whose == "guest"
    assert "idle=fall_through" in report.verdicts["wakeup"].cures
    report = check("kvm_planes", 2, properties="wakeup", cure=True)
    assert report.verdicts["wakeup"].whose == "policy"
    assert "wake=preemptors" in report.verdicts["wakeup"].cures
    for change in report.verdicts["wakeup"].cures:
        name, value = change.split("=")
        words = {"true": True, "false": False, "null": None}
        fields = {name: int(value) if value.isdecimal() else words.get(value, value)}
        cured = Policy.preset("kvm_planes", 2).replace(**fields)
        assert check(cured, 2, properties="wakeup").holds


def test_every_counterexample_ends_otherwise():
    report = check("vsm", 3, events="hostile", properties="wakeup", every=True)
    verdict = report.verdicts["wakeup"]
    ends = {(t.steps[-1].do, int(t.steps[-1].states[0]["current"])) for t in verdict.more}
    assert len(ends) == len(verdict.more) >= 1
    assert "way 2:" in verdict.text


def test_a_start_state_in_words_or_of_a_case(tmp_path):
    policy = Policy.preset("kvm_vsm", 2)
    state = start_state("current=1 irq=0,1 edge=1", policy, 2)
    assert (state["current"], state["runnable"], state["irq"], state["edge"]) == (1, 3, 3, 2)
    assert start_state("current=1 halted=1", policy, 2)["status"] == 2
    report = check("vsm", 2, events="hostile", properties="wakeup")
    path = tmp_path / "found.toml"
    report.verdicts["wakeup"].trace.save(path, "found")
    end = start_state(f"{path}:found@end", Policy.preset("vsm", 2), 2)
    assert end == report.verdicts["wakeup"].trace.steps[-1].states[0]
    for wrong in ("current=3", "irq", "nosuch.toml", f"{path}:other", f"{path}:found@99"):
        with pytest.raises(ValueError, match="expected"):
            start_state(wrong, policy, 2)


def test_a_restored_state_is_dispatched_before_it_is_judged():
    state = start_state("irq=1 edge=1", Policy.preset("kvm_vsm", 2), 2)
    report = check("kvm_vsm", 2, from_states=state.reshape(1), properties="priority")
    assert report.holds


def test_an_answer_that_never_comes():
    def ask(events, **options):
        return check("vsm", 2, 2, events=events, properties="delivery", **options)

    assert ask("call, ipi_wait, sti, safe_return").holds
    verdict = ask("call, return, cli, ipi_wait 0").verdicts["delivery"]
    assert verdict.holds is False
    assert "waits for ever for a TLB lock or an answer" in verdict.what
    assert "which waits for its answer" in verdict.trace.text


def test_a_lock_may_hold_one_lower_plane_off_alone():
    def blocked(events):
        verdict = check("vsm", 3, 2, events=events, properties="delivery").verdicts["delivery"]
        return verdict.holds is False

    moves = "call, return, halt 2"
    assert blocked(f"{moves}, tlb_lock 2 1, tlb_flush 1")
    assert not blocked(f"{moves}, tlb_lock 2 0, tlb_flush 1")
    assert blocked(f"{moves}, tlb_lock 2, tlb_flush 1")
