"""What each kind of text that people have leads to: cases/ as they are, and variants of each.

Longer than 300 lines because it holds the variants themselves.
"""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from planesched import replay, traces
from planesched.cli import main
from planesched.traces.survey import survey

pytestmark = pytest.mark.python

CASES = Path(__file__).parents[1] / "data" / "traces" / "cases"
MAP = ["--map", "default=level0", "--map", "40=level1", "--policy", "vsm"]


@pytest.fixture(params=[(), ("--skip-bad",)], ids=["strict", "skip-bad"])
def planesched(request, capsys, tmp_path):
    """Replay bytes, strictly and skipping; give the exit status and all that was printed."""

    def run(data, *options):
        path = tmp_path / "trace"
        path.write_bytes(data)
        status = main(["replay", str(path), *MAP, *request.param, *options])
        out, err = capsys.readouterr()
        return status, " ".join((out + err).split())

    run.skips = bool(request.param)
    return run


def case(number):
    return next(CASES.glob(f"{number:02}-*")).read_bytes()


PLAIN = case(21).removeprefix(b"\xef\xbb\xbf")
TRACECMD = case(18).split(b"\n", 2)[2]
PERF = re.sub(rb" ffffffffc0a1b2c3(?=\n)", b"", case(27))


def sub(pattern, to, data, count=0):
    found = re.sub(pattern, to, data, count=count, flags=re.M)
    assert found != data
    return found


def counter(data):
    return sub(rb"(\d+)\.(\d{6}): ", rb"\1\g<2>000: ", data)


REFUSED = {
    # A counter has any number of digits, and tools print it with and without other columns.
    "01": (case(1), "no seconds|without seconds"),
    "01 few digits": (sub(rb"    50(\d{6})000: ", rb" \1: ", case(1)), "without seconds"),
    "01 four flags": (sub(rb"d\.\.\.\.", b"d...", case(1)), "without seconds"),
    "01 no flags": (sub(rb"d\.\.\.\. ", b"", case(1)), "without seconds"),
    "01 a header": (b"# tracer: nop\n#\n" + case(1), "without seconds"),
    "01 record-tgid": (sub(rb"-(\d{4}) ", rb"-\1 (   6100)", case(1)), "without seconds"),
    "01 perf": (counter(PERF), "without seconds"),
    "02": (case(2), "without seconds"),
    "02 glued": (sub(rb"\[002\]   ", b"[002]", case(2)), "without seconds"),
    "02 -l": (sub(rb"  \[002\]   ", b"     2d..1.  ", case(2)), "without seconds"),
    "02 no header": (case(2).split(b"\n", 1)[1], "without seconds"),
    "02 an instance": (sub(rb"^", b"vm1: ", case(2)), "without seconds"),
    "03": (case(3), "one time stamp"),
    "03 tracefs": (sub(rb"50\.\d{6}", b"0.000133", PLAIN), "one time stamp"),
    "03 perf": (sub(rb"50\.\d{6}", b"133.000000", PERF), "one time stamp"),
    "11": (case(11), "s390 host.*x86"),
    "11 other events": (sub(rb"kvm_s390_\w+: .*", b"sched_wakeup: comm=x pid=1", case(11)), "x86"),
    "11 ppc": (sub(rb"kvm_s390_\w+: .*", b"kvm_guest_enter: VCPU 0: trap=0x500", case(11)), "ppc"),
    "13": (case(13), "riscv host.*only x86"),
    "13 later kernel": (sub(rb"0x016f", b"0xf", case(13)), "riscv host.*only x86"),
    "13 exits alone": (sub(rb".*kvm_entry.*\n", b"", case(13)), "riscv host.*only x86"),
    "13 arm64": (
        sub(rb"kvm_(?:entry|exit): .*", b"kvm_entry: PC: 0xffff800010a1bc34", case(13)),
        "arm64.*only x86",
    ),
    "13 arm64 exits": (
        sub(rb"SEPC.*", b"TRAP: HSR_EC: 0x0001 (WFx), PC: 0xffff800010a1bc34", case(13)),
        "arm64.*only x86",
    ),
    "13 loongarch": (
        sub(rb"kvm_(?:entry|exit): .*", b"kvm_exit_idle: [IDLE]PC: 0x9000000000221ae4", case(13)),
        "loongarch.*only x86",
    ),
    "13 arm64 interrupts": (
        sub(rb"kvm_(?:entry|exit): .*", b"vgic_update_irq_pending: VCPU: 0, IRQ 27", case(13)),
        "arm64.*only x86",
    ),
    "14": (case(14), "two VMs.*--vm"),
    "14 PV EOI": (sub(rb"kvm_eoi", b"kvm_pv_eoi", case(14)), "two VMs.*--vm"),
    "14 polling": (
        sub(rb"kvm_eoi: .*", b"kvm_halt_poll_ns: vcpu 0: halt_poll_ns 0 (shrink 10000)", case(14)),
        "two VMs.*--vm",
    ),
    "15": (case(15), "two VMs.*--vm"),
    "15 perf": (sub(rb"-(\d{4}) +\[002\] d....", rb" \1 [002] ", case(15)), "two VMs.*--vm"),
    "15 entries alone": (sub(rb".*(?:kvm_exit|kvm_eoi).*\n", b"", case(15)), "two VMs.*--vm"),
    "20": (case(20), "UTF-16"),
    "20 other end": (case(20).decode("utf-16").encode("utf-16-be"), "UTF-16"),
    "20 no mark": (case(20)[2:], "UTF-16"),
    "24 zip": (b"PK\x03\x04" + bytes(90), "zip archive"),
    "24 tar": (PLAIN[:257].ljust(257) + b"ustar\x0000" + PLAIN, "tar archive"),
    "31": (case(31), "babeltrace.*perf script"),
    "31 a host": (case(31).split(b"\n")[2] + b"\n", "babeltrace.*perf script"),
    "31 seconds": (sub(rb"\[10:11:12", b"[1700000000", case(31)), "babeltrace.*perf script"),
    "32": (case(32), "perf trace.*perf record.*perf script"),
    "32 durations": (sub(rb"^(     \d\.\d{3})", rb"\1 (         ):", case(32)), "perf trace"),
    "34 prefixes": (sub(rb"(\.\d{3})\d{3}: (kvm_apic)", rb"\1: \2", PLAIN), "line of|malformed"),
    "34 EOIs": (sub(rb"apicid 0 vector 40", b"apicid 0 vector 400", PLAIN), "malformed|expected"),
    "34 one of two": (sub(rb"\(Fixed\|edge\)", b"(Fixed", PLAIN, 1), "malformed|expected"),
    "38": (case(38), "summary.*record"),
    "38 perf report": (b"# Overhead  Command\n# ........\n" + b"  90% qemu [k] x\n", "summary"),
    "38 bpftrace": (b"Attaching 1 probe...\n@[hlt]: 1203\n@[msr]: 117\n", "summary.*record"),
    "38 bpftrace maps": (b"\n@exits[hlt]: 1203\n@exits[msr]: 117\n", "summary.*record"),
    "38 perf stat": (b"\n Performance counter stats for 'system wide':\n\n 12 kvm\n", "summary"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(planesched, name):
    data, cause = REFUSED[name]
    status, text = planesched(data)
    assert status == 2, text
    assert text.startswith("planesched: error: ")
    assert re.search(cause, text), text
    assert len(text) < 500


LOST = b"  CPU 0/KVM  6101 [002]    50.001200: PERF_RECORD_LOST lost 17\n"
APICV = "APICv or AVIC is on.*enable_apicv=0"
NO_IRQ = "no kvm_apic_accept_irq.*record kvm_apic_accept_irq.*no table"
# What is printed, and how many interrupts there are.
TAKEN = {
    "05": (case(5), 2, "perf script,.*17 events lost"),
    "05 samples": (case(5).replace(b"RECORD_LOST", b"RECORD_LOST_SAMPLES"), 2, "17 events lost"),
    "05 twice": (PERF.replace(b"\n", b"\n" + LOST, 2), 2, "34 events lost"),
    "05 first": (LOST + PERF, 2, "17 events lost"),
    "06": (case(6), 2, "trace-cmd report,.*32 events lost"),
    "06 a path": (case(6).replace(b"vm1:", b"/var/vm 1.dat:"), 2, "32 events lost"),
    "06 tracefs": (case(6).replace(b"31 EVENTS DROPPED", b"LOST 31 EVENTS"), 2, "32 events lost"),
    "06 overwritten": (
        b"# tracer: nop\n#\n# entries-in-buffer/entries-written: 13/45   #P:4\n" + PLAIN,
        2,
        "32 events lost",
    ),
    "07": (case(7), 2, "trace-cmd report, 2.14 ms"),
    "07 one file": (sub(rb"guest-vm1\.dat.*\n", b"", case(7)), 2, "trace-cmd report"),
    "07 guest first": (
        b"".join(sorted(case(7).splitlines(True), key=lambda line: b"hrtimer" not in line)),
        2,
        "trace-cmd report",
    ),
    "09": (case(9), 0, NO_IRQ),
    "09 tracefs": (sub(rb".*(?:accept|inj|eoi|wakeup).*\n", b"", PLAIN), 0, NO_IRQ),
    "10": (case(10), 2, "no kvm_entry and kvm_exit.*busy time is 0"),
    "10 perf": (sub(rb".*kvm_(?:entry|exit).*\n", b"", PERF), 2, "no kvm_entry and kvm_exit"),
    "10 accepts": (sub(rb"^(?!.*kvm_apic_acc).*\n", b"", PLAIN), 2, "no kvm_entry and kvm_exit"),
    "21": (case(21), 2, "tracefs, 2.14 ms"),
    "21 before an event": (b"\xef\xbb\xbf" + PERF, 2, "perf script, 2.14 ms"),
    "21 before cpus=": (b"\xef\xbb\xbfcpus=4\n" + TRACECMD, 2, "trace-cmd report, 2.14 ms"),
    "22": (case(22), 2, "tracefs, 2.14 ms"),
    "22 tabs": (sub(rb"^ +#", b"\t#", case(22)), 2, "tracefs, 2.14 ms"),
    "22 cpus=": (b"    cpus=4\n" + sub(rb"^", b"    ", TRACECMD), 2, "trace-cmd report"),
    "24": (case(24), 2, "tracefs, 2.14 ms"),
    "25": (case(25), 1, "tracefs, 1.07 ms"),
    "25 a high vector": (case(25).replace(b"vec='('(40)", b"vec=(40)"), 1, "tracefs, 1.07 ms"),
    "27": (case(27), 2, "perf script, 2.14 ms"),
    "27 sym,symoff,dso": (
        sub(rb"ffffffffc0a1b2c3", b"ffffffffc0a1b2c3 kvm_set_irq+0x3 ([kvm])", case(27)),
        2,
        "perf script",
    ),
    "29": (case(29), 2, "perf script -F, 2.14 ms"),
    "29 period": (sub(rb"(\d{6}):  ", rb"\1:          1 ", case(29)), 2, "perf script -F"),
    "29 tid first": (sub(rb"^ +(\S.*?) +(\d{4}) ", rb" \2 \1 ", case(29)), 2, "perf script -F"),
    "29 no comm": (sub(rb"^ +\S.*? +(\d{4}) ", rb" \1 ", case(29)), 2, "perf script -F"),
    "29 no comm, CPU": (sub(rb"^ +\S.*? +(\d{4}) ", rb" \1 [002] ", case(29)), 2, "perf script -F"),
    "29 pid,tid": (sub(rb" (\d{4}) ", rb" 6090/\1 ", case(29)), 2, "perf script -F"),
    "29 CPU first": (sub(rb"^ +", b"[002] ", case(29)), 2, "perf script -F"),
    "29 time first": (
        sub(rb"^ *(\S.*?) +(\d{4}) +(\d+\.\d+:) +", rb"\3 \1 \2 ", case(29)),
        2,
        "perf script -F",
    ),
    "29 --ns": (sub(rb"(\d\.\d{6}):", rb"\g<1>000:", case(29)), 2, "perf script -F --ns"),
    "30": (case(30), 0, "perf-prof.*no kvm_apic_accept_irq"),
    "35": (case(35), 0, "no kvm_apic_accept_irq.*2 injections.*--arrivals injected"),
    "35 perf": (sub(rb".*accept.*\n", b"", PERF), 0, "--arrivals injected"),
    "37": (case(37), 2, APICV),
    "37 exits": (sub(rb"reason hlt", b"reason EOI_INDUCED", PLAIN, 1), 2, APICV),
    "37 AVIC exits": (sub(rb"reason hlt", b"reason avic_incomplete_ipi", PLAIN, 1), 2, APICV),
    "37 AVIC events": (
        sub(rb"kvm_eoi: .*", b"kvm_avic_doorbell: vcpuid=0, vmid=1, apicid=0", PLAIN, 1),
        2,
        APICV,
    ),
    "39": (case(39), 2, "tracefs, 2.14 ms"),
    "39 the whole line": (sub(rb"^(.*)$", b"\x1b[1;32m\\1\x1b[0m", PLAIN), 2, "tracefs, 2.14 ms"),
    "39 of 256": (PLAIN.replace(b"kvm_eoi", b"\x1b[38;5;9mkvm_eoi\x1b[0m"), 2, "tracefs, 2.14 ms"),
    "a cut last line": (PLAIN + PLAIN.splitlines()[-3][:60], 2, "the last line is cut"),
    "a cut body": (PLAIN.rstrip()[:-6], 2, "the last line is cut"),
    "a whole last line": (PLAIN.rstrip(), 2, "tracefs, 2.14 ms"),
    "SEV-ES": (PLAIN.replace(b"reason hlt", b"reason vmgexit"), 2, "halts are known by wake-ups"),
    "TDX": (PLAIN.replace(b"reason hlt", b"reason TDCALL"), 2, "halts are known by wake-ups"),
    "idle=poll": (
        sub(rb".*wakeup.*\n", b"", PLAIN.replace(b"reason hlt", b"reason msr")),
        2,
        "no halt is in the trace",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TAKEN)
def test_taken(planesched, name):
    data, interrupts, words = TAKEN[name]
    status, text = planesched(data)
    assert status == 0, text
    number = "1 interrupt" if interrupts == 1 else f"{interrupts} interrupts"
    assert re.search(rf"1 vCPU, {number}\b", text), text
    assert re.search(words, text), text
    assert "malformed" not in text


@pytest.mark.parametrize("reason", ["idle-halt", "0xa6", "EXIT_IDLE_HLT", "UNKNOWN (166)"])
def test_16_idle_halt_is_a_halt(tmp_path, reason):
    path = tmp_path / "trace"
    path.write_bytes(case(16).replace(b"idle-halt", reason.encode()))
    (result,) = replay(path, "vsm", plane_map=["40=level1"])
    assert result.trace.busy_ns == 260_000
    assert result.elapsed_ns == 2_140_000


@pytest.mark.parametrize(
    "event", ["kvm_apicv_accept_irq", "kvm_apic_accept_irq", "kvm_halt_poll_ns"]
)
@pytest.mark.parametrize("header", [b"cpus=4\n", b"  host.dat: cpus=4\n", b""])
def test_18_the_producer_is_not_told_by_a_names_length(planesched, event, header):
    first = case(18).splitlines(True)[1].replace(b"kvm_apicv_accept_irq:", event.encode() + b":")
    if event == "kvm_halt_poll_ns":
        first = first.split(b"apicid")[0] + b"     vcpu 0: halt_poll_ns 0 (shrink 10000)\n"
        first = first.replace(b"6095", b"6101")
    status, text = planesched(header + first + TRACECMD)
    assert status == 0
    assert " trace-cmd report, " in text
    # And a kernel's own text is not taken for trace-cmd's.
    long = sub(rb"^.*kvm_apic_accept.*\n", rb"\g<0>\g<0>", PLAIN).replace(
        b"kvm_apic_acc", b"kvm_apicv_acc"
    )
    assert " tracefs, " in planesched(long)[1]


def test_34_a_whole_kind_is_never_dropped(planesched):
    status, text = planesched(case(34))
    assert status == 2
    assert ("all 2 kvm_apic_accept_irq lines malformed" in text) == planesched.skips


def test_34_a_few_of_a_kind_are_named(planesched):
    # 40 more EOIs, so that one of 42 may be malformed.
    eoi = PLAIN.splitlines(True)[-1]
    status, text = planesched(PLAIN + eoi * 39 + eoi.replace(b"vector 40", b"vector 400"))
    assert status == (0 if planesched.skips else 2)
    assert ("1 of 42 kvm_eoi malformed" in text) == planesched.skips


def test_35_injections_may_be_the_arrivals(planesched):
    status, text = planesched(case(35), "--arrivals", "injected")
    assert status == 0
    assert "1 vCPU, 2 interrupts;" in text
    assert "injections (kvm_inj_virq) stand for the arrivals" in text


@pytest.mark.parametrize("vm", ["6101", "7202"])
def test_one_vm_of_two(planesched, vm):
    status, text = planesched(case(15), "--vm", vm)
    assert status == 0
    assert "1 vCPU, 2 interrupts;" in text
    assert "does not say for which VM" in text


def test_a_vm_that_is_not_there(planesched):
    status, text = planesched(case(15), "--vm", "5")
    assert status == 2
    assert "none of that VM, expected one of its process" in text
    assert "no kvm_entry" not in text


@pytest.mark.parametrize(
    "tgid",
    [
        (rb"-(6101|7202) +\[", rb"-\1 (   9\1) ["),
        (rb"-(6101|7202) +\[002\] d....", rb" 9\1/\1 [002] "),
    ],
)  # fmt: skip
def test_one_vm_by_its_process(planesched, tgid):
    data = sub(*tgid, case(15))
    if b"/6101 " in data:
        data = sub(rb"-(\d{4}) +\[002\] d....", rb" 6090/\1 [002] ", data).replace(
            b": kvm", b": kvm:kvm"
        )
    status, text = planesched(data, "--vm", "96101")
    assert status == 0, text
    assert "1 vCPU, 2 interrupts;" in text


@pytest.mark.parametrize("option", [["--map", "0x77=level1"], ["--map", "vcpu9:40=level1"]])
def test_a_rule_that_matches_nothing_is_refused_by_name(planesched, option):
    status, text = planesched(PLAIN, *option)
    assert status == 2
    assert option[1] in text
    assert "planesched trace" in text


def test_a_real_trace_without_entries():
    (path,) = CASES.parent.glob("partial/k618*")
    (result,) = replay(path, "vsm", plane_map=["0x26-0x27=level1"])
    assert (result.trace.arrivals, result.trace.vcpus, result.trace.busy_ns) == (43, 2, 0)
    assert "when a vCPU works is not known" in result.trace.notes[0]
    counts = survey(traces.read(path)).events
    assert sum(counts.values()) == 384
    named = [counts[f"kvm_{name}"] for name in ("apic_accept_irq", "eoi", "vcpu_wakeup")]
    assert named == [43, 84, 44]


def test_a_survey_of_the_demo(capsys):
    assert main(["trace", ":demo"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "10000 events, 416 halts, 396 wake-ups" in text
    assert "0x26 220 221 286 0 device" in text
    assert "0xec 398 399 518 0, 1 local timer" in text
    rules = text.partition("planesched replay ")[2].split()
    assert main(["replay", *rules]) == 0


def test_a_survey_says_what_is_missing(capsys, tmp_path):
    path = tmp_path / "trace"
    path.write_bytes(case(9))
    assert main(["trace", str(path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["vectors"] == found["rules"] == []
    assert "no kvm_apic_accept_irq" in found["evidence"]["notes"][0]
    path.write_bytes(case(11))
    assert main(["trace", str(path)]) == 2
    assert "s390" in capsys.readouterr().err


def records(*rows):
    return np.array([(*row, 0) for row in rows], traces.RECORD)


def test_records_from_python():
    kind = traces.Kind
    rows = records(
        (10, 0, 7, 0, -1, kind.RUN),
        (20, 0, 7, 0, -1, kind.HALT),
        (30, 0, 9, 0, 40, kind.ARRIVAL),
        (40, 5, 7, 0, -1, kind.WAKEUP),
        (50, 0, 7, 0, -1, kind.RUN),
        (90, 0, 7, 0, -1, kind.HALT),
    )
    for given in rows, [rows[:3], rows[3:]]:
        (result,) = replay(given, "vsm", plane_map=["41=level1"])
        assert result.trace.producer == "records"
        assert (result.trace.arrivals, result.trace.busy_ns) == (1, 60)
        assert result.trace.unmatched == ("41=level1",)
    for name, value, text in [
        ("time_ns", 5, "time_ns=5"),
        ("vcpu", 20_000, "vcpu=20000"),
        ("vector", -1, "vector=-1"),
        ("kind", 99, "kind=99"),
    ]:
        broken = rows.copy()
        broken[name][2] = value
        with pytest.raises(ValueError, match=rf"records\[2\]\.{text}, expected"):
            replay(broken, "vsm", plane_map=["40=level1"])
    with pytest.raises(TypeError, match="dtype RECORD"):
        replay(np.zeros(3), "vsm", plane_map=["40=level1"])
