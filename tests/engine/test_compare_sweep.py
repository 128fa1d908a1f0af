"""compare, sweep, and the tables that both give.

Longer than 300 lines, for what is common to both is tested once.
"""

import json
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from planesched import Policy, compare, simulate, sweep
from planesched.figures.arrow import arrow_table
from planesched.figures.interval import student
from planesched.workload import Constant, Exponential, Periodic, Poisson, Workload

WORK = Workload(
    [
        Poisson("level1", Exponential("10 us"), rate="4 kHz", name="middle"),
        Poisson("level0", Constant("20 us"), rate="4 kHz", name="guest"),
    ]
)
GRID = {"policy": ["vsm", "vsm_relay"], "workload.scale": [0.5, 1], "costs.call": ["1 us"]}
BASE = {"planes": 3, "workload": WORK, "duration": "50 ms", "seed": 3}


def test_relay_costs_one_switch_an_interrupt_more_and_its_time():
    # A vCPU that idles at plane 0, seldom two at once: vsm (ret resume) goes 0 -> 1 -> 0, relay
    # 0 -> 2 -> 1 -> 0, and the switch to plane 2 takes 3 us before plane 1 is entered.
    quiet = Workload([Poisson("level1", "1 us", rate="50 Hz", name="irq")])
    found = compare(
        {"direct": _vsm(), "relay": "vsm_relay"},
        3, 1, quiet, duration="200 s", costs={"any": "3 us"}, seed=1,
    )  # fmt: skip
    switches = found.difference("switches")
    assert switches.low <= switches.value <= switches.high
    assert switches.value == pytest.approx(1, abs=0.002)
    latency = found.difference("latency_mean", "irq")
    assert latency.value == pytest.approx(3000, abs=20)
    assert latency.half < 10
    back = found.difference("latency_mean", "irq", label="direct", against="relay")
    assert back.value == -latency.value


def _vsm():
    from planesched import Policy

    return Policy.preset("vsm", planes=3).replace(ret="resume")


def test_common_arrivals_make_differences_narrower():
    found = compare(["vsm", "vsm_relay"], 3, 2, WORK, duration="2 s", costs={"any": "2 us"})
    apart = found.difference("sojourn_mean", "guest")
    alone = [result.interval("sojourn_mean", "guest").half for result in found]
    assert apart.half < 0.7 * np.hypot(*alone)


def test_equal_policies_do_not_differ():
    found = compare({"a": "vsm", "b": "vsm"}, 3, 1, WORK, duration="100 ms")
    for metric in ("switches", "latency_p99", "sojourn_mean", "utilisation"):
        apart = found.difference(metric)
        assert (apart.value, apart.low, apart.high) == (0, 0, 0)
    assert "[same]" in str(found)


def test_in_userspace_exits_are_counted():
    found = compare(["kvm_planes"], 2, 1, WORK, duration="100 ms", in_userspace=True)
    assert found.labels == ("kvm_planes", "kvm_planes (userspace)")
    assert found.difference("exits").value > 0
    assert found.as_dict()["differences"][0]["policy"] == "kvm_planes (userspace)"


def test_sweep_has_a_row_for_each_point_and_plane_and_source():
    found = sweep(GRID, vcpus=1, **BASE)
    assert (len(found), found.ran, found.skipped) == (4 * (1 + 3 + 2), 4, 0)
    table = found.table()
    one = simulate("vsm", 3, 1, WORK.scaled(0.5), costs={"call": "1 us"}, duration="50 ms", seed=3)
    expected = one.table()["finished"]
    rows = [
        n for n, p, s in zip(table["finished"], table["policy_given"], table["scale"],
                             strict=True) if (p, s) == ("vsm", 0.5)
    ]  # fmt: skip
    assert rows == expected


@pytest.mark.parametrize("pool", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_sweep_gives_the_same_on_any_executor(pool):
    with pool(2) as executor:
        found = sweep(GRID, vcpus=1, executor=executor, **BASE)
    there = sweep(GRID, vcpus=1, **BASE)
    assert _sorted(found) == _sorted(there)


@pytest.mark.integration
@pytest.mark.filterwarnings("ignore")  # of dask and tornado, about their own events
@pytest.mark.parametrize("processes", [False, True])
def test_sweep_runs_on_a_dask_cluster(tmp_path, processes):
    from dask.distributed import Client, LocalCluster

    cluster = LocalCluster(
        n_workers=2, threads_per_worker=1, processes=processes, dashboard_address=None,
        local_directory=str(tmp_path),
    )  # fmt: skip
    with cluster, Client(cluster) as client:
        found = sweep(GRID, vcpus=1, executor=client.get_executor(), **BASE)
    assert _sorted(found) == _sorted(sweep(GRID, vcpus=1, **BASE))


def _sorted(found):
    # As text, for NaN is not equal to itself.
    table = pa.table(found.table()).sort_by([("point", "ascending"), ("name", "ascending")])
    return str(table.to_pylist())


def test_a_restarted_sweep_skips_what_it_has(tmp_path):
    out = tmp_path / "rows.parquet"
    told = []

    def stop(part, points):
        told.append((part, points))
        if points == 3:
            raise KeyboardInterrupt

    stopped = sweep(GRID, vcpus=1, out=out, progress=stop, **BASE)
    assert (stopped.partial, stopped.ran, len(stopped)) == (True, 3, 3 * 6)
    assert pq.read_table(out).num_rows == 3 * 6
    assert [path.name for path in tmp_path.iterdir()] == ["rows.parquet"]
    found = sweep(GRID, vcpus=1, out=out, **BASE)
    assert (found.ran, found.skipped, len(found)) == (1, 3, 24)
    again = sweep(GRID, vcpus=1, out=out, **BASE)
    assert (again.ran, again.skipped) == (0, 4)
    fresh = sweep(GRID, vcpus=1, out=tmp_path / "fresh.parquet", **BASE)
    assert fresh.ran == 4
    assert out.read_bytes() == (tmp_path / "fresh.parquet").read_bytes()


def test_a_sweep_that_is_stopped_keeps_what_was_done_without_a_file_too():
    def stop(part, points):
        if points == 2:
            raise KeyboardInterrupt

    found = sweep(GRID, vcpus=1, progress=stop, **BASE)
    assert (found.partial, found.ran, len(found)) == (True, 2, 2 * 6)
    assert "partial" in str(found)


def test_points_of_a_sweep_are_in_the_order_of_their_numbers(tmp_path):
    work = Workload([Poisson("level1", "1 us", rate="4 kHz", name="irq")])
    grid = {"policy.scheduler": ["kernel", "user"], "costs.exit": ["20 us", "5 us", "200 us"]}
    found = sweep(grid, "vsm", 2, 1, work, duration="20 ms", seed=1, out=tmp_path / "rows.parquet")
    rows = [row for row in found.rows() if row["kind"] == "policy"]
    expected = [(name, ns) for name in ("kernel", "user") for ns in (5_000, 20_000, 200_000)]
    assert [(row["policy_scheduler"], row["exit_cost_ns"]) for row in rows] == expected
    shares = ("running_share", "switching_share", "userspace_share", "blocked_share")
    for row in rows:
        assert sum(row[share] for share in shares) == pytest.approx(1)
    found.write(tmp_path / "rows.csv")
    assert (tmp_path / "rows.csv").read_text().startswith("policy_scheduler,exit_cost_ns,policy,")


def test_compare_takes_turns_so_that_all_policies_have_the_same_time_at_the_end():
    def stop(part, events):
        if part > 0.5:
            raise KeyboardInterrupt

    found = compare(
        ["vsm", "vsm_relay"], 3, 1, WORK, duration="2 s", threads=1, progress=stop, seed=3
    )
    assert found.partial
    assert found.labels == ("vsm", "vsm_relay")
    one, other = (result.elapsed_ns for result in found)
    assert abs(one - other) <= 300_000_000
    assert not np.isnan(found.difference("response_mean", "middle").value)


def test_who_stops_a_comparison_early_sees_all_policies():
    def stop(part, events):
        if part > 1.1 / 32:  # each had one batch, and the first has begun with more
            raise KeyboardInterrupt

    found = compare(["vsm", "vsm_relay"], 3, 1, WORK, duration="2 s", threads=1, progress=stop)
    assert found.labels == ("vsm", "vsm_relay")
    assert found.partial
    assert "with 95 % confidence: " in " ".join(str(found).split())
    assert "not known of so short a time" in " ".join(str(found).split())


def test_what_differs_between_policies_is_said_and_what_starves_too():
    work = Workload(
        [
            Poisson("level1", "50 us", rate="4 kHz", name="secure"),
            Poisson("level0", "1 us", rate="100 Hz", name="tick"),
        ],
        busy=["level0"],
    )
    found = compare(["vsm", "vsm_relay", "kvm_planes"], 3, 1, work, duration="200 ms", seed=1)
    text = str(found)
    assert "not like for like: vsm_relay differs from vsm in 2 fields" in text
    assert text.startswith("WARNING: kvm_planes: level1 (plane 1) never ran:")
    assert "starved: 0 of" in text
    assert max(map(len, text.splitlines())) <= 80
    one = compare(["vsm_relay", "vsm_relay:preempt=target"], 3, 1, work, duration="20 ms")
    assert "differs from vsm_relay in preempt relay -> target alone" in str(one)


def test_intervals_of_times_are_not_negative_and_differences_are_symmetric():
    rare = Workload([Poisson("level0", Exponential("1 ms"), rate="300 Hz", name="rare")])
    found = compare(["vsm", "vsm_relay"], 3, 1, rare, duration="1 s", costs="any=1us", seed=1)
    for metric in ("sojourn_mean", "sojourn_p99", "response_mean"):
        interval = found["vsm"].interval(metric, "rare", 0.999)
        assert 0 <= interval.low <= interval.value <= interval.high
    apart = found.difference("sojourn_mean", "rare")
    assert apart.high - apart.value == pytest.approx(apart.value - apart.low)


def test_answers_are_written_as_the_name_ends(tmp_path):
    result = compare(["vsm", "vsm_relay"], 3, 1, WORK, duration="20 ms", seed=1)
    for ending in ("csv", "json", "parquet", "arrow"):
        result.write(tmp_path / f"rows.{ending}")
    columns = result.table()
    assert pq.read_table(tmp_path / "rows.parquet")["name"].to_pylist() == columns["name"]
    assert pl.read_csv(tmp_path / "rows.csv")["finished"].to_list() == columns["finished"]
    assert pl.read_ipc(tmp_path / "rows.arrow")["finished"].to_list() == columns["finished"]
    document = json.loads((tmp_path / "rows.json").read_text())
    assert document["schema"] == "planesched.results/1"
    assert document["results"][0]["policy"] == result["vsm"].policy.as_dict()
    assert document["given"]["digest"]
    with pytest.raises(ValueError, match="a name that ends with"):
        result.write(tmp_path / "rows.txt")
    assert result._repr_html_().startswith("<table>")


def test_points_beside_an_unfinished_sweep_are_taken_up(tmp_path):
    out = tmp_path / "rows.parquet"
    sweep(GRID, vcpus=1, out=out, **BASE)
    parts = tmp_path / ".rows.parquet.parts"
    parts.mkdir()
    out.rename(parts / "killed.parquet")
    found = sweep(GRID, vcpus=1, out=out, **BASE)
    assert (found.ran, found.skipped) == (0, 4)
    assert not parts.exists()


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({"coffee": [1]}, "grid='coffee', expected one of policy"),
        ({"policy.ret": ["sideways"]}, "ret='sideways'"),
        ({"workload.middle.speed": [1]}, "workload.middle.speed='speed', expected one of"),
        ({"workload.nobody.rate": [1]}, "source='nobody', expected one of"),
        ({"costs.coffee": [1]}, "costs='coffee', expected one of"),
        ({"seed": []}, "no values, expected one or more"),
    ],
)
def test_a_wrong_setting_is_named_before_anything_runs(grid, message):
    with pytest.raises(ValueError, match=message):
        sweep({"policy": ["vsm"]} | grid, vcpus=1, **BASE)


def test_settings_change_sources_and_policies():
    grid = {"workload.middle.rate": ["1 kHz", "8 kHz"], "policy.ret": ["resume", "next_online"]}
    found = sweep(grid, policy="vsm", vcpus=1, **BASE).table()
    rows = zip(found["name"], found["middle_rate_hz"], found["arrived"], strict=True)
    counts = {rate: arrived for name, rate, arrived in rows if name == "middle"}
    assert 5 * counts[1000] < counts[8000] < 12 * counts[1000]


def test_tables_are_read_by_arrow_and_polars():
    result = simulate("vsm", 3, 1, WORK, duration="50 ms")
    table = pa.table(result)
    columns = result.table()
    assert table.column_names == list(columns)
    assert table["name"].to_pylist() == [
        "all", "plane 0", "plane 1", "plane 2", "middle", "guest"
    ]  # fmt: skip
    assert pl.DataFrame(result)["finished"].to_list() == columns["finished"]
    unknown = [value is None or value != value for value in columns["latency_p99_ns"]]
    assert table["latency_p99_ns"].is_null().to_pylist() == unknown
    assert any(unknown)
    known = [value for value, no in zip(columns["latency_p99_ns"], unknown, strict=True) if not no]
    assert table["latency_p99_ns"].drop_null().to_pylist() == known
    assert [field.name for field in table.schema if field.type == pa.string()] == [
        *("policy", "kind", "name", "level")
    ]
    schema = pa.RecordBatchReader.from_stream(result).schema
    assert schema == table.schema
    for stream in (result.__arrow_c_stream__(), result.__arrow_c_stream__()):
        del stream  # never taken: frees itself


def test_a_column_of_which_nothing_is_known_is_one_of_numbers():
    columns = {"name": ["a", "b"], "none": [None, None], "nan": [float("nan")] * 2, "n": [1, None]}
    table = arrow_table(columns)
    assert [str(kind) for kind in table.schema.types] == ["string", "double", "double", "int64"]
    assert table.to_pydict() == columns | {"nan": [None, None]}


def test_without_pyarrow_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"needs pyarrow: pip install 'planesched\[arrow\]'"):
        simulate("vsm", 3, 1, WORK, duration="1 ms").__arrow_c_stream__()


@pytest.mark.integration
def test_tables_are_read_by_duckdb_and_pandas():
    import duckdb
    import pandas as pd

    result = simulate("vsm", 3, 1, WORK, duration="50 ms")
    columns = result.table()
    frame = pd.DataFrame.from_arrow(result)
    assert list(frame.columns) == list(columns)
    assert frame["name"].tolist() == columns["name"]
    assert frame["finished"].tolist() == columns["finished"]
    both = compare(["vsm", "vsm_relay"], 3, 1, WORK, duration="50 ms")
    with duckdb.connect() as connection:
        connection.register("rows", both)
        found = connection.execute(
            "select policy, finished from rows where name = 'middle' order by policy"
        ).fetchall()
    assert found == [(one.label, int(one.rows["finished"][0])) for one in both]


@pytest.mark.parametrize(
    ("confidence", "freedom", "expected"),
    [(0.95, 1, 12.7062), (0.95, 2, 4.30265), (0.95, 9, 2.26216), (0.95, 31, 2.03951),
     (0.99, 31, 2.74404), (0.6827, 31, 1.01633), (0.95, 1000, 1.96234)],
)  # fmt: skip
def test_students_quantiles_are_those_of_tables(confidence, freedom, expected):
    assert student(confidence, freedom) == pytest.approx(expected, rel=1e-3)


def test_a_sweep_is_looked_up_and_differenced_by_policy():
    work = Workload([Periodic("level1", "2 us", period="1 ms", name="timer")])
    grid = {
        "policy": [Policy.preset("vsm", 2), "vsm:scheduler=user"],
        "costs.exit": ["1 us", "5 us"],
    }
    found = sweep(grid, None, 2, 1, work, duration="20 ms", costs="call=1us")
    assert found.labels == ("policy 1", "vsm:scheduler=user") == tuple(found.policies)
    assert max(len(line) for line in str(found).splitlines()) <= 80
    alone = sweep({"costs.exit": ["1 us", "5 us"]}, "vsm:scheduler=user", 2, 1, work,
                  duration="20 ms", costs="call=1us")  # fmt: skip
    mine = found["vsm:scheduler=user"]
    for name in ("exit_cost_ns", "name", "response_mean_ns", "running_share", "exits_hz"):
        assert mine.columns[name] == alone.columns[name]
    assert found.difference("exits_hz") == {
        "exit_cost_ns": [1000, 5000],
        "exits_hz": [row["exits_hz"] for row in alone.rows() if row["kind"] == "policy"],
    }
    later = found.difference("response_max_ns", "timer")
    assert later["response_max_ns"] == [1000, 5000]
    back = found.difference("response_max_ns", "timer", label="policy 1", against=found.labels[1])
    assert back["response_max_ns"] == [-1000, -5000]
    for wrong in (("exit",), ("exits_hz", "tmer")):
        with pytest.raises(ValueError, match="expected"):
            found.difference(*wrong)
    with pytest.raises(ValueError, match="label"):
        found["vsm"]
    with pytest.raises(ValueError, match="to compare with"):
        alone.difference("exits_hz")
