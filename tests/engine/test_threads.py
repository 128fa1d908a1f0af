"""Threads: one object each works side by side; two in one object are told apart, not harmed."""

import pkgutil
import subprocess
import sys
import sysconfig
import threading

import numpy as np
import pytest
from engine_by_hand import COSTS, make_jobs

import planesched
from planesched import EVENT, VM, Engine, Event, Policy, UserScheduler, capi

THREADS = 4


def in_parallel(work):
    """Call work(0), work(1) ... at the same time; give what they return."""
    out = [None] * THREADS
    start = threading.Barrier(THREADS)

    def go(number):
        start.wait()
        out[number] = work(number)

    threads = [threading.Thread(target=go, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return out


def events(seed, n=20_000):
    rng = np.random.default_rng(seed)
    out = np.zeros(n, dtype=EVENT)
    out["time_ns"] = np.arange(n) * 10
    out["vcpu"] = rng.integers(8, size=n)
    out["kind"] = rng.choice([Event.IRQ, Event.RETURN, Event.HALT, Event.NMI], size=n)
    out["plane"] = np.where(
        np.isin(out["kind"], [Event.IRQ, Event.NMI]), rng.integers(3, size=n), 0
    )
    return out


def run_vm(number):
    vm = VM("vsm", planes=3, vcpus=8)
    stats = vm.run(events(number))
    for vcpu in vm.vcpus:
        for _ in range(50):
            vcpu.step("irq", number % 3)
            vcpu.step("halt")
    return stats.figures.tobytes(), vm.state.tobytes()


def run_engine(number):
    def highest(state, now_ns, vcpu, reason):
        return (int(state["runnable"]) | int(state["irq"])).bit_length() - 1

    policy = Policy.preset("vsm", planes=3).replace(scheduler="user")
    engine = Engine(policy, 3, costs=COSTS, userspace=UserScheduler(highest))
    engine.feed(make_jobs(*[(i * 90, (i + number) % 3, 40) for i in range(150)]))
    while engine.next_event_ns is not None:
        engine.advance(engine.next_event_ns)
        engine = engine.copy()
    return engine.stats().as_dict(), engine.jobs().as_dict(), engine.state.tobytes()


@pytest.mark.parametrize("work", [run_vm, run_engine])
def test_objects_of_their_own_side_by_side(work):
    assert in_parallel(work) == [work(number) for number in range(THREADS)]


def test_vcpus_of_one_vm_are_stepped_by_different_threads():
    def step_one(vm, number):
        for i in range(2000):
            vm.vcpus[number].step("irq", i % 3)
            vm.vcpus[number].step("return" if i % 5 else "halt")

    vm, alone = (VM("vsm", planes=3, vcpus=THREADS) for _ in range(2))
    in_parallel(lambda number: step_one(vm, number))
    for number in range(THREADS):
        step_one(alone, number)
    assert vm.state.tobytes() == alone.state.tobytes()


def endless():
    """An engine that has work for hours: out to userspace and in again, a nanosecond each."""
    words = capi.policy_words("kvm_planes", 3)
    userspace = UserScheduler(capi.__pyx_capi__["ps_api_scheduler"], user=words)
    engine = Engine("vsm:scheduler=user", 3, costs={"exit": 1}, userspace=userspace)
    engine.feed(make_jobs((100, 2, 50), (120, 1, 10)))
    return engine


CALLS = {
    "advance": lambda engine: engine.advance(2000),
    "feed": lambda engine: engine.feed(make_jobs((2000, 0, 1))),
    "grow": lambda engine: engine.grow(9),
    "restart": lambda engine: engine.restart(),
    "read": lambda engine: engine.stats(),
    "copy": lambda engine: engine.copy(),
    "restore": lambda engine: engine.restore(Engine("vsm")),
    "restore another": lambda engine: Engine("vsm").restore(engine),
    "log_to": lambda engine: engine.log_to(None),
}


@pytest.mark.parametrize("call", CALLS)
def test_an_engine_that_is_at_work_refuses_another_thread(call):
    engine = endless()
    working, enough = threading.Event(), threading.Event()

    def stop():
        working.set()
        return enough.is_set()

    thread = threading.Thread(target=engine.advance, args=(10**15, stop))
    thread.start()
    working.wait()
    with pytest.raises(RuntimeError, match=r"<Engine of .* is at work already, for one"):
        CALLS[call](engine)
    enough.set()
    thread.join()
    assert engine.stats().exits > 0


@pytest.mark.parametrize("call", CALLS)
def test_a_scheduler_that_calls_back_into_its_engine_is_refused(call):
    def calls_back(state, now_ns, vcpu, reason):
        CALLS[call](engine)
        return 0

    policy = Policy.preset("vsm", planes=3).replace(scheduler="user")
    engine = Engine(policy, 3, userspace=calls_back)
    engine.feed(make_jobs((100, 1, 50)))
    with pytest.raises(RuntimeError, match="is at work already"):
        engine.advance(1000)
    engine.restart()


def test_a_vm_that_is_run_refuses_another_thread():
    vm = VM("vsm", planes=2, vcpus=8)
    records = np.zeros(1 << 20, dtype=EVENT)
    records["kind"], records["plane"] = Event.IRQ, 1
    refused = []

    def work(*calls):
        while not refused:
            for call in calls:
                try:
                    call()
                except RuntimeError as error:
                    refused.append(str(error))

    thread = threading.Thread(target=work, args=(lambda: vm.run(records),))
    thread.start()
    work(lambda: vm.run(records[:1]), lambda: vm.vcpus[0].step("halt"))
    thread.join()
    assert refused[0] == "<VM of 8 vCPUs with 2 planes> is being run already, by another thread"
    vm.vcpus[0].step("halt")


def test_no_module_turns_the_gil_on():
    """Without a GIL (3.13t and later) none comes back; with one, this is how modules are found."""
    names = [
        module.name
        for module in pkgutil.walk_packages(planesched.__path__, "planesched.")
        if module.name not in ("planesched.__main__", "planesched.contrib.simpy")
    ]
    code = (
        f"import importlib, sys\nfor name in {names}: importlib.import_module(name)\n"
        "print(getattr(sys, '_is_gil_enabled', lambda: True)())"
    )
    said = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    free = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
    assert said.stdout.strip() == str(not free)
    assert "planesched.simulation" in names
