"""The search with algorithms of one's own: against the slow one, and what it refuses."""

import threading

import pytest
from slow_search import SlowSearch
from user_signatures import PICK_TYPE

from planesched import Algorithm, Policy, check, diff
from planesched.checking import PROPERTIES
from planesched.policy import Rank

SIBLINGS = Policy(rank="siblings", marker=0, preempt="marker", call="handover", ret="marker")
EVENTS = ("resched", "irq", "halt", "call", "return", "start")


def highest(state, base, pre, event):
    """Pick the plane with the highest number, but the one that an event brings in first."""
    return (pre or base).bit_length() - 1


def highest_in_c(memory, policy, state, base, pre, event):
    return (pre or base).bit_length() - 1


C_HIGHEST = PICK_TYPE(highest_in_c)
ALGORITHMS = {
    "round_robin": "round_robin",
    "python": Algorithm(highest, pure=True),
    "c": Algorithm(C_HIGHEST, pure=True),
}


def found(report):
    broken = {name for name, verdict in report.verdicts.items() if verdict.holds is False}
    coverage = report.coverage
    return broken, (coverage.states, coverage.transitions, coverage.depth)


@pytest.mark.parametrize("policy", [SIBLINGS, Policy.preset("kvm_planes", 3)], ids=["tdx", "kvm"])
@pytest.mark.parametrize("name", ["round_robin", "python"])
def test_as_the_slow_search(policy, name):
    policy = policy.replace(algorithm=ALGORITHMS[name])
    slow = SlowSearch(policy, 3, EVENTS).run()
    # One that always holds, so that the search does not end with the last that is broken.
    asked = [*PROPERTIES, lambda state: True]
    report = check(policy, 3, events=EVENTS, properties=asked, threads=2)
    broken, coverage = found(report)
    assert coverage == (slow.states, slow.transitions, slow.depth)
    assert broken == set(slow.broken)
    rank = check(policy.replace(algorithm="rank"), 3, events=EVENTS, properties=asked)
    # Where all have their rank, taking turns comes to the same.
    alike = policy.rank == Rank.fixed and name == "round_robin"
    assert (found(rank)[1] == coverage) == alike
    for name in set(slow.broken) - {"progress"}:
        assert len(report.verdicts[name].trace) == slow.broken[name]


def test_what_is_in_c_is_searched_as_what_is_in_python():
    reports = [
        check(SIBLINGS.replace(algorithm=ALGORITHMS[name]), 3, events=EVENTS, threads=2)
        for name in ("python", "c")
    ]
    assert found(reports[0]) == found(reports[1])


def test_several_vcpus():
    for algorithm in (ALGORITHMS["c"], "rank"):
        policy = SIBLINGS.replace(algorithm=algorithm)
        assert check(policy, 2, 2, events=("irq", "resched", "ipi")).coverage.exhausted


def test_a_difference_is_where_they_pick_otherwise():
    policy = SIBLINGS.replace(algorithm="round_robin")
    report = diff(SIBLINGS, policy, 3, events=("start", "resched", "call"))
    # By rank the first by number runs among siblings; taking turns, the current one goes on.
    assert [step.do for step in report.trace.steps[::2]] == ["call 2", "start 1"]
    assert report.fields == {"algorithm": ("rank", "round_robin")}
    same = diff(SIBLINGS, SIBLINGS.replace(algorithm=ALGORITHMS["c"]), 2, events=("irq", "call"))
    again = diff(SIBLINGS, SIBLINGS.replace(algorithm=ALGORITHMS["python"]), 2, events="irq,call")
    assert same.same == again.same


def test_rank_is_the_cure_of_an_algorithm():
    policy = Policy.preset("vsm", 2).replace(direction="lowest_first")
    policy = policy.replace(algorithm=ALGORITHMS["python"])
    report = check(policy, 2, properties="priority", cure=True)
    assert report.verdicts["priority"].holds is False
    assert "algorithm=rank" in report.verdicts["priority"].cures


def test_what_is_not_pure_is_refused_and_told_why():
    for ask in (check, lambda policy: diff(policy, policy), lambda policy: diff(SIBLINGS, policy)):
        with pytest.raises(ValueError, match=r"expected a pure one: a search asks .* pure=True"):
            ask(SIBLINGS.replace(algorithm=highest))


@pytest.mark.parametrize("threads", [1, 3])
def test_a_wrong_answer_is_named(threads):
    def wrong(state, base, pre, event):
        return 1 if state["masked"] & 2 else (base | pre).bit_length() - 1

    policy = Policy.preset("kvm_planes", 3).replace(
        algorithm=Algorithm(wrong, pure=True, name="mine")
    )
    with pytest.raises(ValueError, match=r"answer of algorithm mine=1, expected a plane of base="):
        check(policy, 3, events="hostile", threads=threads)
    assert threading.active_count() < 10


def test_what_it_raises_comes_out():
    def broken(state, base, pre, event):
        raise KeyError("mine")

    policy = SIBLINGS.replace(algorithm=Algorithm(broken, pure=True))
    with pytest.raises(KeyError, match="mine"):
        check(policy, 2)
