"""Probing and measuring this host: what the figures rest on, and that every driver takes them."""

import json

import pytest

from planesched import Costs, simulate
from planesched.cli import main
from planesched.live import LiveError, measure, probe
from planesched.workload import Poisson, Workload

NAMES = {
    "exit", "switch", "switch_ioctls", "switch_shared", "cold_ioctls", "cold_shared", "post",
    "post_halted", "running", "wakeup",
}  # fmt: skip


def test_probe_says_what_the_host_is(kvm, capsys):
    host = probe()
    assert (not host.lacks) == kvm
    assert host.can == dict.fromkeys(("verify", "measure", "run"), kvm)
    assert host.lapic in (("full", "auto-eoi") if kvm else ("",))
    assert main(["live", "probe", "--json"]) == (0 if kvm else 2)
    found = json.loads(capsys.readouterr().out)
    assert (found["schema"], found["kernel"]) == ("planesched.host/1", host.kernel)
    assert main(["live", "probe"]) == (0 if kvm else 2)
    said = capsys.readouterr().out
    assert said.startswith("Planes can run here" if kvm else "Planes cannot run here: ")
    assert host.cpu.split()[0] in said


@pytest.fixture(scope="module")
def measured(kvm):
    """A short measurement; None where there is no KVM, which has said so."""
    if not kvm:
        with pytest.raises(LiveError, match="/dev/kvm"):
            measure(20)
        return None
    return measure(20)


def test_measured_quantiles_are_in_order(measured):
    if measured is None:
        return
    names = NAMES if measured.host.sync_regs else NAMES - {"switch_shared", "cold_shared"}
    assert set(measured.samples) == names
    table = measured.table()
    for p50, p90, p99, most in zip(
        *(table[f"{q}_ns"] for q in ("p50", "p90", "p99", "max")), strict=True
    ):
        assert 0 < p50 <= p90 <= p99 <= most
    half = {name: sampled.quantile_ns(0.5) for name, sampled in measured.samples.items()}
    assert half["switch"] < half["switch_ioctls"]
    assert f"pinned to core {measured.core}" in str(measured)
    assert max(map(len, str(measured).splitlines())) <= 80


def test_every_driver_takes_the_cost_set(measured, tmp_path, capsys):
    if measured is None:
        return
    path = tmp_path / "costs.toml"
    measured.write(path)
    costs = measured.costs()
    assert Costs.of(path) == costs
    exit_ns = measured.samples["exit"].quantile_ns(0.5)
    assert costs.exit.mean_ns == exit_ns
    switch_ns = measured.samples[measured.copied].quantile_ns(0.5)
    assert costs.reasons["any"].mean_ns + exit_ns == switch_ns
    load = Workload([Poisson(1, "5 us", rate="1 kHz")], busy=[0])
    spent = simulate("vsm:scheduler=user", 2, workload=load, duration="20 ms", costs=path).stats
    assert spent.switches > 10
    # All of the cost set is in the simulation's time, but for a switch that its end cut.
    whole_ns = exit_ns + costs.reasons["any"].mean_ns
    counted_ns = sum(spent.transition_ns) + sum(spent.userspace_ns)
    assert abs(counted_ns - spent.switches * whole_ns) <= whole_ns
    words = ["--map", "default=level1", "--policy", "vsm:scheduler=user", "--cost", str(path)]
    assert main(["replay", ":demo", *words]) == 0
    assert "costs: any" in capsys.readouterr().out


@pytest.mark.parametrize("part", ["probe", "verify", "measure", "run"])
def test_what_is_no_result_is_not_cited(part, capsys):
    words = ["live", part, *(["vsm-boot"] if part == "run" else []), "--cite"]
    with pytest.raises(SystemExit, match="2"):
        main(words)
    assert "unrecognized arguments: --cite" in capsys.readouterr().err


def test_bad_input(kvm, tmp_path, capsys):
    for words, said in [
        (["--out", str(tmp_path / "x.txt")], "ends with .toml"),
        (["--samples", "0"], "expected 1 or more"),
        (["--samples", "3"], "--samples=3, expected a whole number in 10.."),
        (["--core", "99"], "--core=99, expected one of"),
    ]:
        try:
            status = main(["live", "measure", *words])
        except SystemExit as end:
            status = end.code
        error = capsys.readouterr().err
        assert status == 2
        assert said in error
        assert len(error.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_ctrl_c_gives_what_was_measured(kvm, monkeypatch, capsys):
    if not kvm:
        assert main(["live", "measure"]) == 2
        assert "/dev/kvm" in capsys.readouterr().err
        return

    def stop(part, done):
        raise KeyboardInterrupt

    found = measure(20, progress=stop)
    assert found.partial
    assert set(found.samples) == {"exit"}
    assert str(found).startswith("stopped before its end; nothing that makes a cost set")
    with pytest.raises(ValueError, match="an exit and a switch with registers"):
        found.costs()
