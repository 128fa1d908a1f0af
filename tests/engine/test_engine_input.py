"""What an engine refuses, how it says so, and that nothing has changed then."""

import signal
import threading
import time

import numpy as np
import pytest
from engine_by_hand import make_jobs, timeline

from planesched import EVENT, JOB, STATE, Engine, UserScheduler, capi
from planesched.simulation.engine import Guests


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"policy": "vms"}, ValueError, "policy='vms'"),
        ({"planes": 17}, ValueError, "planes=17"),
        ({"vcpus": 0}, ValueError, "vcpus=0"),
        ({"vcpus": True}, TypeError, "vcpus=True"),
        ({"online": [1]}, ValueError, "boot plane 0"),
        ({"costs": {"interupt": 1}}, ValueError, "'interupt', expected one of call, interrupt"),
        ({"costs": {"call": -1}}, ValueError, r"costs\.call=-1"),
        ({"costs": {"call": 1.5}}, TypeError, r"costs\.call=1.5"),
        ({"route": "near"}, ValueError, "route='near', expected one of own, marker"),
        ({"route": "marker"}, ValueError, "marker=None, call='next'"),
        ({"policy": "vsm_relay", "route": "marker"}, ValueError, "call='next'"),
        ({"main": 2}, ValueError, "main=2"),
        ({"busy": [5]}, ValueError, "busy=5"),
        ({"start_ns": -1}, ValueError, "start_ns=-1"),
        ({"forward_ns": 2**63 - 1}, ValueError, "forward_ns"),
        ({"initial": np.zeros((), dtype=STATE)}, ValueError, "initial"),
        ({"initial": np.zeros(2, dtype=STATE)}, ValueError, "shape"),
    ],
)
def test_settings_that_cannot_be(settings, error, words):
    with pytest.raises(error, match=words):
        Engine(**{"policy": "vsm", "planes": 2} | settings)


GOOD = [(5, 0, 1), (7, 1, 1, 1, 3)]


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ((7, 0, 1, 2), "vcpu=2, expected the number of a vCPU"),
        ((6, 0, 1, 1), "time_ns=6, expected a time not before"),
        ((-1, 0, 1, 0), "time_ns=-1, expected a time not before"),
        ((2**63 - 1, 0, 1, 0), "time_ns=9223372036854775807"),
        ((7, 0, 1, 1), "plane=0, expected at equal times"),
        ((7, 1, 1, 1, 2), "plane=1, expected at equal times"),
        ((7, 0, -5, 0), "service_ns=-5, expected 0 or more"),
        ((7, 2, 1, 0), "plane=2, expected a plane that is online"),
        ((7, 9, 1, 0), "plane=9, expected a plane that is online"),
    ],
)
def test_a_wrong_job_is_named_and_none_is_taken_in(bad, words):
    engine = Engine("vsm", 3, 2, online=[0, 1])
    with pytest.raises(ValueError, match=rf"jobs\[2\]\.{words}"):
        engine.feed(make_jobs(*GOOD, bad))
    assert engine.next_event_ns is None
    engine.feed(make_jobs(*GOOD))
    assert engine.next_event_ns == 5
    with pytest.raises(ValueError, match=rf"jobs\[0\]\.{words}"):
        engine.feed(make_jobs(bad))
    engine.advance(100)
    assert engine.jobs().finished.tolist() == [1, 1, 0]


def test_a_job_of_another_kind():
    jobs = make_jobs((1, 0, 1))
    jobs["kind"] = 2
    with pytest.raises(ValueError, match="kind=2, expected 0"):
        Engine("vsm").feed(jobs)


def test_what_is_no_array_of_jobs():
    engine = Engine("vsm")
    with pytest.raises(TypeError, match="dtype JOB"):
        engine.feed([(1, 2, 3)])
    with pytest.raises(TypeError, match="dtype JOB"):
        engine.feed(np.zeros(3, dtype=EVENT))
    with pytest.raises(ValueError, match="2 dimensions"):
        engine.feed(np.zeros((2, 2), dtype=JOB))


def test_no_more_vcpus_than_there_are_guests():
    guests = Guests([], [1, 2, 3, 4], np.arange(3, dtype=np.uint32))
    assert guests.vcpus == 3
    engine = Engine("vsm", 2, 2, guests=guests)
    engine.grow(3)
    for more in (lambda: Engine("vsm", 2, 4, guests=guests), lambda: engine.grow(4)):
        with pytest.raises(ValueError, match="vcpus=4, expected at most 3"):
            more()
    assert engine.vcpus == 3


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"members": np.ones(2)}, "members: 2 items, expected one for each of 3 vCPUs"),
        ({"targets": np.array([1, 3])}, "targets=.*, expected some of the 3 vCPUs"),
        ({"targets": np.array([], int)}, "expected some of the 3 vCPUs"),
    ],
)
def test_guests_of_other_vcpus(fields, words):
    once = (0, 0.0, 0.0, 0, None)
    source = {"arrivals": 0, "plane": 0, "number": 0, "gap": once, "service": once} | fields
    with pytest.raises(ValueError, match=words):
        Guests([source], [1, 2, 3, 4], np.arange(3, dtype=np.uint32))


def test_time_does_not_go_back():
    engine = Engine("vsm", start_ns=50)
    engine.advance(100)
    with pytest.raises(ValueError, match="until_ns=99, expected now_ns=100 or later"):
        engine.advance(99)
    with pytest.raises(ValueError, match="until_ns=9223372036854775807"):
        engine.advance(2**63 - 1)
    with pytest.raises(ValueError, match="time_ns=99, expected"):
        engine.feed(make_jobs((99, 0, 1)))
    engine.feed(make_jobs((100, 0, 1)))
    engine.advance(100)
    assert engine.stats().elapsed_ns == 50
    assert repr(engine) == "<Engine of 1 vCPU with 2 planes at 100 ns>"


def test_strided_jobs_are_read_as_they_are():
    jobs = make_jobs((1, 0, 5), (2, 1, 9), (50, 0, 7), (51, 1, 3))
    engine = Engine("vsm")
    engine.feed(jobs[::2])
    assert timeline(engine, 60)[1:] == [(1, "run", 0), (6, "blocked", 0), (50, "run", 0),
                                        (57, "blocked", 0)]  # fmt: skip


def test_an_engine_is_made_once():
    engine = Engine("vsm")
    with pytest.raises(TypeError, match="once"):
        engine.__init__("vsm")


class Forgetful(Engine):
    def __init__(self):
        pass


@pytest.mark.parametrize("name", [name for name in dir(Engine) if not name.startswith("__")])
def test_a_subclass_that_forgets_to_initialise_is_told(name):
    of_itself = {"policy", "planes", "start_ns", "controller", "logged", "vectors_logged"}
    given = {
        "restore": [Engine("vsm")], "grow": [2], "feed": [make_jobs()], "at": [0, 0, "resched"],
        "advance": [1], "log_to": [None], "log_vectors_to": [None],
        "renew": [np.zeros(1, np.uint32)],
    }  # fmt: skip
    if name in of_itself:
        getattr(Forgetful(), name)
        return
    refused = r"not initialised|nothing is counted|has no guests"
    with pytest.raises((TypeError, ValueError), match=refused):
        getattr(Forgetful(), name)(*given.get(name, ()))


def test_ctrl_c_stops_soon_and_what_follows_goes_on():
    # For ever out to userspace and in again, a nanosecond each: it enters the lowest plane.
    words = capi.policy_words("kvm_planes", 3)
    userspace = UserScheduler(capi.__pyx_capi__["ps_api_scheduler"], user=words)
    engine = Engine("vsm:scheduler=user", 3, costs={"exit": 1}, userspace=userspace)
    engine.feed(make_jobs((100, 2, 50), (120, 1, 10)))
    main = threading.main_thread().ident
    timer = threading.Timer(0.2, signal.pthread_kill, (main, signal.SIGINT))
    timer.start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        engine.advance(10**15)
    assert time.monotonic() - began < 10
    timer.join()
    exits = engine.stats().exits
    reached = int(engine.time_ns().sum())
    assert exits > 1000
    assert engine.livelocks()
    engine.advance(reached + 1000)
    assert engine.stats().exits == exits + 1000
    assert engine.time_ns().sum() == engine.now_ns == reached + 1000


def test_a_reading_may_be_read_into_again():
    engine = Engine("vsm", 2)
    engine.feed(make_jobs((10, 1, 5), (20, 0, 5)))
    engine.advance(12)
    arrays = engine.read()
    engine.advance(100)
    again = engine.read(arrays)
    assert [array is old for array, old in zip(again, arrays, strict=True)] == [True] * 6
    for array, fresh in zip(again, engine.read(), strict=True):
        assert array.tobytes() == fresh.tobytes()


@pytest.mark.parametrize("place", range(6))
def test_a_reading_goes_into_nothing_else(place):
    engine = Engine("vsm", 2)
    arrays = list(engine.read())
    for wrong in (np.zeros(arrays[place].shape, "u4"), np.zeros(7, arrays[place].dtype)):
        with pytest.raises(ValueError, match="expected arrays of an earlier reading"):
            engine.read((*arrays[:place], wrong, *arrays[place + 1 :]))
    fixed = arrays[place].copy()
    fixed.flags.writeable = False
    with pytest.raises(ValueError, match="expected arrays of an earlier reading"):
        engine.read((*arrays[:place], fixed, *arrays[place + 1 :]))
