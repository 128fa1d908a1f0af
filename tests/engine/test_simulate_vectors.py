"""Simulation with interrupt controllers: vectors of sources, nested handlers, figures by vector."""

import numpy as np
import pytest

from planesched import JOB, Controller, Result, Workload, compare, simulate
from planesched.cli import main
from planesched.errors import InputError
from planesched.layouts import EVENT
from planesched.scenarios import load_scenario
from planesched.simulation.engine import Engine
from planesched.workload import Calls, Exponential, Periodic, Poisson, Recorded

SERVICE_NS = 10_000
LOW, HIGH = 0x31, 0x51


def adds_up(vectors):
    came = vectors["posted"] + vectors["before"]
    gone = sum(vectors[name] for name in ("injected", "coalesced", "dropped", "pending"))
    return bool((came == gone).all())


def two_classes(low_hz, high_hz):
    return Workload(
        [
            Poisson("level1", Exponential(SERVICE_NS), rate=low_hz, name="low", vector=LOW),
            Poisson("level1", Exponential(SERVICE_NS), rate=high_hz, name="high", vector=HIGH),
        ]
    )


def test_nested_handlers_are_a_preemptive_priority_queue():
    """M/M/1 with preemptive resume: a class waits for its own and higher ones alone."""
    low, high = 0.3, 0.4
    load = two_classes(low * 1e9 / SERVICE_NS, high * 1e9 / SERVICE_NS)
    result = simulate("vsm", 2, 8, load, duration="2 s", seed=3, controller="lapic")
    theory = {
        "high": SERVICE_NS / (1 - high),
        "low": SERVICE_NS / ((1 - high) * (1 - high - low)),
    }
    for name, mean_ns in theory.items():
        found = result.interval("sojourn_mean", name, 0.999)
        assert abs(found.value - mean_ns) < found.half + 0.01 * mean_ns, name
    assert adds_up(result.vectors)
    assert (result.vectors["posted"] > 0).nonzero()[1].tolist() == [LOW, HIGH]
    # The higher class is taken at once but for what of its own is in service.
    means = {row["vector"]: row["latency_mean_ns"] for row in result.as_dict()["vectors"]}
    assert means[HIGH] < means[LOW]


def test_one_vector_is_a_queue_as_without_controllers():
    """Jobs of one vector wait for each other: the same sojourn, job for job; fewer injections."""
    load = Workload([Poisson("level1", Exponential(SERVICE_NS), rate="60 kHz", name="timer")])
    given = {"duration": "100 ms", "seed": 5}
    plain = simulate("vsm", 2, 2, load, **given)
    vectors = simulate("vsm", 2, 2, load, controller="lapic", **given)
    assert vectors.histograms["sojourn"].tobytes() == plain.histograms["sojourn"].tobytes()
    row = vectors.vectors[1, 0x31]  # 0x30 and the plane, where none is named
    assert row["injected"] + row["coalesced"] + row["pending"] == row["posted"]
    assert 0 < int(row["coalesced"]) < int(row["posted"])
    assert plain.vectors is None


def test_results_do_not_depend_on_the_number_of_threads_and_merge():
    load = two_classes("30 kHz", "20 kHz")
    given = {"duration": "20 ms", "seed": 1, "controller": "lapic", "costs": "any=1us"}
    one = simulate("openhcl", 2, 4, load, threads=1, **given)
    two = simulate("openhcl", 2, 4, load, threads=2, **given)
    assert one.vectors.tobytes() == two.vectors.tobytes()
    halves = [simulate("openhcl", 2, ids, load, **given) for ids in (range(2), range(2, 4))]
    merged = halves[0].merge(halves[1])
    assert merged.vectors.tobytes() == one.vectors.tobytes()
    assert merged.vector_times == one.vector_times == two.vector_times


def test_times_of_a_vector_are_those_of_the_sources_that_bring_it(tmp_path):
    """By the sources' own histograms; where the marker forwards, by plane: all of it counts."""
    both = Poisson("level1", Exponential(SERVICE_NS), rate="9 kHz", name="third", vector=HIGH)
    load = Workload([*two_classes("30 kHz", "20 kHz").sources, both])
    result = simulate("vsm", 2, 2, load, duration="20 ms", controller="lapic", costs="any=1us")
    for timed in (result.latency, result.response):
        for names, vector in ((("low",), LOW), (("high", "third"), HIGH)):
            found, sources = timed.vector("level1", vector), [timed[name] for name in names]
            assert found.count == sum(it.count for it in sources) > 100
            assert found.sum_ns == sum(it.sum_ns for it in sources)
            assert found.buckets.tolist() == sum(it.buckets for it in sources).tolist()
            assert found.max_ns == max(it.max_ns for it in sources)
            assert found.min_ns <= found.quantile_ns(0.5) < found.quantile_ns(0.99) <= found.max_ns
    assert timed.vector("level0", HIGH).count == 0
    assert timed.vector("level0", HIGH).quantile_ns(0.5) is None
    result.save(tmp_path / "result.npz")
    assert Result.load(tmp_path / "result.npz") == result
    rows = dict(zip(result.table()["name"], result.table()["response_p99_ns"], strict=True))
    assert rows["0x31"] == result.response.vector("level1", LOW).quantile_ns(0.99)
    forwarded = simulate("cca", 2, 2, load, duration="20 ms", controller="lapic", costs="any=1us")
    for what in ("latency", "response"):
        counted = getattr(forwarded.vector_times, what).sum(axis=1)
        injected = forwarded.vectors["injected"]
        assert counted.tolist() == injected[injected > 0].tolist()


@pytest.mark.parametrize("given", [{"where": 2}, {"vector": 256}, {"what": "sojourn"}])
def test_times_of_no_vector(given):
    load = two_classes("30 kHz", "20 kHz")
    result = simulate("vsm", 2, 1, load, duration="1 ms", controller="lapic")
    asked = {"what": "latency", "where": 1, "vector": HIGH} | given
    with pytest.raises(ValueError, match=r"where|vector"):
        getattr(result, asked["what"]).vector(asked["where"], asked["vector"])


def test_warm_up_leaves_what_is_pending_to_be_counted_once():
    load = two_classes("60 kHz", "30 kHz")
    given = {"duration": "10 ms", "seed": 2, "controller": "lapic"}
    result = simulate("vsm", 2, 16, load, warmup="1 ms", **given)
    assert result.vectors["before"].sum() > 0
    assert adds_up(result.vectors)
    assert result.stats.injected.sum() == result.vectors["injected"].sum()
    assert result.stats.pending.sum() == result.vectors["pending"].sum()


def test_an_engine_s_copy_goes_on_with_its_controllers():
    jobs = np.array([(t, 30, 0, (LOW, HIGH)[t % 2], 1, 0) for t in range(0, 400, 7)], JOB)
    engine = Engine("vsm", controller="lapic")
    engine.feed(jobs)
    engine.advance(150)
    copy = engine.copy()
    logs = [np.zeros(200, EVENT) for _ in range(2)]
    for each, log in zip((engine, copy), logs, strict=True):
        each.log_vectors_to(log)
        each.advance(5000)
    assert engine.vectors_logged == copy.vectors_logged > 5
    assert logs[0].tobytes() == logs[1].tobytes()
    assert engine.vectors().tobytes() == copy.vectors().tobytes()
    copy.restore(engine)
    assert copy.vectors().tobytes() == engine.vectors().tobytes()


def taken(controller, jobs, told=()):
    """Give what is injected, as (time, vector), of some jobs and events that are told."""
    engine = Engine("vsm", controller=controller)
    log = np.zeros(8, EVENT)
    engine.log_vectors_to(log)
    engine.feed(np.array(jobs, JOB))
    for event in told:
        engine.at(*event)
    engine.advance(1000)
    rows = log[: engine.vectors_logged].tolist()
    return [(time, vector) for time, _, kind, _, vector in rows if kind == 1]


def test_auto_eoi_vectors_hold_nothing_back():
    jobs = [(10, 50, 0, HIGH, 1, 0), (20, 5, 0, LOW, 1, 0)]
    assert taken("lapic", jobs) == [(10, HIGH), (60, LOW)]
    assert taken("lapic:auto_eoi=0x51", jobs) == [(10, HIGH), (20, LOW)]


def test_what_waited_behind_a_cli_is_taken_at_the_sti():
    """One after the other where each needs its EOI; all at once where none does."""
    jobs = [(10, 50, 0, LOW, 1, 0), (10, 50, 0, HIGH, 1, 0)]
    told = [(5, 0, "cli", 1), (30, 0, "sti", 1)]
    assert taken("lapic", jobs, told) == [(30, HIGH), (80, LOW)]
    assert taken("lapic:auto_eoi=0x31+0x51", jobs, told) == [(30, HIGH), (30, LOW)]


SCENARIO = """
title = "two vectors of one plane"
duration = "5 ms"
policies = ["vsm", "kvm_planes"]
controller = "lapic"
[[source]]
kind = "periodic"
plane = "level1"
period = "100 us"
service = "20 us"
vector = 0x31
name = "slow"
[[source]]
kind = "periodic"
plane = "level1"
period = "37 us"
service = "3 us"
vector = 0x51
name = "fast"
"""


def test_a_scenario_names_vectors(tmp_path, capsys):
    path = tmp_path / "vectors.toml"
    path.write_text(SCENARIO)
    results = compare(load_scenario(path))
    assert [adds_up(result.vectors) for result in results] == [True, True]
    assert results[0].sojourn["fast"].max_ns == 3000
    assert main(["simulate", str(path)]) == 0
    assert "0x51, level1 (plane 1)" in capsys.readouterr().out
    assert main(["compare", str(path)]) == 0
    assert "0x51, level1" in capsys.readouterr().out
    for found, line in (("0x31", "vector = 8"), ('"lapic"', 'controller = "pic"')):
        wrong = tmp_path / "wrong.toml"
        key = "vector" if found == "0x31" else "controller"
        wrong.write_text(SCENARIO.replace(f"{key} = {found}", line))
        with pytest.raises(InputError, match=key):
            load_scenario(wrong)


def test_what_has_no_vector_is_refused(tmp_path):
    with pytest.raises(ValueError, match="a call is no interrupt"):
        Calls("level0", "1 us", rate="1 kHz", to="level1", vector=0x31)
    with pytest.raises(ValueError, match="vector=12"):
        Periodic("level1", "1 us", period="1 ms", vector=12)
    trace = tmp_path / "trace.txt"
    trace.write_text("")
    recorded = Workload([Recorded(trace, "default=level0")])
    with pytest.raises(ValueError, match="replay takes the vectors of a trace"):
        simulate("vsm", 2, 1, recorded, duration="1 ms", controller="lapic")
    with pytest.raises(ValueError, match="none with messages"):
        Engine("vsm", controller=Controller(messages=[0x31]))
    engine = Engine("vsm", controller="lapic")
    with pytest.raises(ValueError, match="the mask is the controller's own"):
        engine.at(5, 0, "mask", 1)
    with pytest.raises(ValueError, match=r"jobs\[0\]\.source=3"):
        engine.feed(np.array([(10, 50, 0, 3, 1, 0)], JOB))
    with pytest.raises(ValueError, match="without, nothing is counted by vector"):
        Engine("vsm").vectors()
