"""Small texts: every way to print a line, every pitfall, and errors with their place.

Longer than 300 lines because it holds the texts themselves.
"""

import numpy as np
import pytest

from planesched import InputError, traces
from planesched.traces import Kind, PlaneMap

PREFIXES = {
    "tracefs": [
        " qemu-system-x86-134     [001] .....    18.344982: {}",
        " qemu-system-x86-134     [001] dnh1.    18.344982: {}",
        " qemu-system-x86-134     [001] d..1    18.344982: {}",
        " qemu-system-x86-134     [001] d...2..    18.344982: {}",
        "             kvm-134  [000] 18.344982: {}",
        "       CPU 0/KVM-134     [000] ....    18.344982: {}",
        "       fc_vcpu 0-134     [000] .N..    18.344982: {}",
        "     kvm-pit/128-134     [000] D.h..    18.344982: {}",
        "           <...>-134     [000] .....    18.344982: {}",
        " kworker/5:2-eve-134     [000] .....    18.344982: {}",
        "    a-1 [0] .: b-134     [000] .....    18.344982: {}",
        " qemu-system-x86-134     (    130) [001] .....    18.344982: {}",
        " qemu-system-x86-134     (-------) [001] .....    18.344982: {}",
    ],
    "trace-cmd report": [
        " qemu-system-x86-134   [002]    18.344982: {padded}",
        " qemu-system-x86-134   [002] d..1    18.344982: {padded}",
    ],
    "trace-cmd report -t": [" qemu-system-x86-134   [002]    18.344982000: {padded}"],
    "trace-cmd report -l": ["qemu-sys-134     1d..1.    18.344982: {padded}"],
    "trace-cmd report --ts-diff": [
        " qemu-system-x86-134   [002]    18.344982: (+3557)  {padded}",
        " qemu-system-x86-134   [002]    18.344982:          {padded}",
    ],
    "perf script": [
        " qemu-system-x86   134 [000]    18.344982:                 kvm:{}",
        " CPU 0/KVM   134 [000]    18.344982:                 kvm:{}",
        " qemu-system-x86   130/134   [000]    18.344982:                 kvm:{}",
    ],
    "perf script --ns": [" qemu-system-x86   134 [000]    18.344982000:      kvm:{}"],
    "perf-prof": ["2021-12-12 16:11:10.214139           <...>    134 .N.. [017] 18.344982: kvm:{}"],
}


def read(tmp_path, lines, **options):
    path = tmp_path / "t.txt"
    path.write_text("".join(line + "\n" for line in lines))
    reader = traces.read(path, **options)
    chunks = list(reader)
    return reader, np.concatenate(chunks) if chunks else np.zeros(0, traces.RECORD)


def make_jobs(tmp_path, lines, rules=(), **options):
    path = tmp_path / "t.txt"
    path.write_text("".join(line + "\n" for line in lines))
    stream = traces.jobs(traces.read(path), PlaneMap.parse(rules), **options)
    rows = np.concatenate([chunk for chunk, _ in stream])
    fields = ["time_ns", "service_ns", "vcpu", "source", "plane"]
    return stream, rows[fields].tolist()


def kinds(records):
    return [Kind(kind).name for kind in records["kind"]]


def at(us, body, thread=134):
    return f" qemu-system-x86-{thread}     [001] .....    10.{us:06d}: {body}"


def entry(us, vcpu=0, thread=134):
    return at(us, f"kvm_entry: vcpu {vcpu}, rip 0xffff", thread)


def hlt(us, vcpu=0, thread=134):
    return at(us, f"kvm_exit: vcpu {vcpu} reason hlt rip 0xffff info1 0x0 info2 0x0", thread)


def wakeup(us, wait_us=1, thread=134):
    return at(us, f"kvm_vcpu_wakeup: wait time {wait_us * 1000} ns, polling valid", thread)


def accept(us, vector=236, apicid="0", mode="Fixed", thread=999):
    return at(us, f"kvm_apic_accept_irq: apicid {apicid} vec {vector} ({mode}|edge)", thread)


def inject(us, vector=236, thread=134):
    return at(us, f"kvm_inj_virq: IRQ 0x{vector:x}", thread)


@pytest.mark.parametrize(
    ("producer", "prefix"), [(name, line) for name, lines in PREFIXES.items() for line in lines]
)
def test_prefixes(tmp_path, producer, prefix):
    event, body = "kvm_entry", "vcpu 3, rip 0xfff0"
    line = prefix.format(f"{event}: {body}", padded=f"{event}:            {body}")
    reader, records = read(tmp_path, [line])
    assert reader.producer == producer
    assert records["time_ns"].tolist() == [18_344_982_000]
    assert records["thread"].tolist() == [134]
    assert records["vcpu"].tolist() == [3]
    assert reader.counts == {"kvm_entry": 1}


def test_times_are_exact(tmp_path):
    lines = [
        " q   134 [000] 9223372036.854775806:      kvm:kvm_entry: vcpu 0",
        " q   134 [000] 9223372036.854775807:      kvm:kvm_exit: vcpu 0 reason hlt rip 0x0",
    ]
    _, records = read(tmp_path, lines)
    assert records["time_ns"].tolist() == [2**63 - 2, 2**63 - 1]


@pytest.mark.parametrize(
    ("body", "vcpu", "kind"),
    [
        ("kvm_entry: vcpu 1", 1, "RUN"),
        ("kvm_entry: vcpu 1, rip 0xffffffffb9c17a0b", 1, "RUN"),
        ("kvm_entry: vcpu 1, rip 0xffffffffb9c17a0b[immediate exit]", 1, "RUN"),
        ("kvm_entry: vcpu 1, rip 0x0 intr_info 0x0 error_code 0x0[immediate exit]", 1, "RUN"),
        ("kvm_entry: vcpu 1 rip 0xfff0", 1, "RUN"),
        ("kvm_exit: reason HLT rip 0xfff0 info 0 0", 0xFFFFFFFF, "HALT"),
        ("kvm_exit: vcpu 2 reason HLT rip 0xfff0 info 0 0", 2, "HALT"),
        ("kvm_exit: reason EXIT_HLT rip 0xfff0 info 0 0", 0xFFFFFFFF, "HALT"),
        ("kvm_exit: vcpu 2 reason hlt rip 0xfff0 info1 0x0", 2, "HALT"),
        ("kvm_exit: vcpu 2 reason EPT_VIOLATION FAILED_VMENTRY rip 0xfff0 info1 0x0", 2, "RUN"),
        ("kvm_inj_virq: irq 236", 0xFFFFFFFF, "INJECT"),
        ("kvm_inj_virq: IRQ 0xec", 0xFFFFFFFF, "INJECT"),
        ("kvm_inj_virq: Soft/INTn 0x20", 0xFFFFFFFF, "INJECT"),
        ("kvm_inj_virq: IRQ 0xec [reinjected]", 0xFFFFFFFF, "REINJECT"),
        ("kvm_apic_accept_irq: apicid 1f vec 32 (LowPrio|level)", 31, "ARRIVAL"),
        ("kvm_apic_accept_irq: apicid 2 vec 32 (Fixed|edge) (coalesced)", 2, "ARRIVAL"),
        ("kvm_apicv_accept_irq: apicid 2 vec 32 (Fixed|edge)", 2, "POSTED"),
        ("kvm_eoi: apicid a vector 251", 10, "EOI"),
        ("kvm_eoi: apicid a vector -1", 10, "EOI"),
        ("kvm_vcpu_wakeup: poll time 1500 ns, polling invalid", 0xFFFFFFFF, "WAKEUP"),
    ],
)
def test_bodies_of_all_kernels(tmp_path, body, vcpu, kind):
    _, records = read(tmp_path, [at(0, body)])
    assert kinds(records) == [kind]
    assert records["vcpu"].tolist() == [vcpu]


def test_radices(tmp_path):
    lines = [accept(1, 39, "1"), inject(2, 0x27), at(3, "kvm_eoi: apicid 1 vector 39")]
    lines.append(at(4, "kvm_inj_virq: irq 39"))
    _, records = read(tmp_path, lines)
    assert records["vector"].tolist() == [39] * 4


def test_headers_lost_events_and_chains(tmp_path):
    lines = [
        "# tracer: nop",
        "#",
        "cpus=3",
        "version = 6",
        "CPU 2 is empty",
        "",
        entry(1),
        "CPU:3 [LOST 123 EVENTS]",
        "CPU:1 [7 EVENTS DROPPED]",
        "CPU:1 [EVENTS DROPPED]",
        "\tffffffff81000000 vcpu_enter_guest+0x10 ([kernel.kallsyms])",
        " => kvm_arch_vcpu_ioctl_run",
        hlt(2),
    ]
    reader, records = read(tmp_path, lines)
    assert kinds(records) == ["RUN", "HALT"]
    assert reader.lost == 131
    assert reader.bad == 0


def test_unknown_events_are_counted(tmp_path):
    lines = [entry(1), at(2, "kvm_mmio: mmio write"), at(3, "sched_switch: prev_comm=x: y")]
    lines.append(at(4, "kvm_hv_hypercall: code 0x11 fast var_cnt 0x0 rep_cnt 0x0 idx 0x0 in 0x0"))
    reader, _ = read(tmp_path, lines)
    assert reader.skipped == {"kvm_hv_hypercall": 1, "kvm_mmio": 1, "sched_switch": 1}


@pytest.mark.parametrize("mode", ["Res3", "INIT", "SIPI", "NMI", "SMI", "ExtINT"])
def test_pitfall_1_kicks_are_no_vectors(tmp_path, mode):
    lines = [entry(0), hlt(10), accept(20, 0, mode=mode), wakeup(30), entry(40), hlt(50)]
    stream, rows = make_jobs(tmp_path, lines)
    assert rows == [(0, 10_000, 0, 256, 0), (30_000, 20_000, 0, 256, 0)]
    assert stream.wakes == 2
    assert stream.arrivals == 0


def test_pitfall_2_coalesced_accepts_and_injections_without_accept(tmp_path):
    lines = [entry(0), accept(1, 35), accept(2, 35), inject(3, 35), inject(4, 8), hlt(10)]
    _, rows = make_jobs(tmp_path, lines)
    assert [row[:2] for row in rows] == [(0, 10_000), (1000, 0), (2000, 0)]


def test_pitfall_3_unmarked_reinjections(tmp_path):
    old = [at(us, "kvm_inj_virq: irq 236") for us in (1, 2)]
    other = at(3, "kvm_inj_virq: irq 236", thread=135)
    lines = [*old, other, at(4, "kvm_eoi: apicid 0 vector 236"), at(5, "kvm_inj_virq: irq 236")]
    reader, records = read(tmp_path, lines)
    assert kinds(records) == ["INJECT", "REINJECT", "INJECT", "EOI", "INJECT"]
    assert reader.reinjected == 1
    assert reader.kernel == ("5 flags a line: >= 5.17", "kvm_inj_virq in decimal: <= 5.19")
    # Since 6.0 the kernel marks them itself.
    reader, _ = read(tmp_path, [inject(1), inject(2)])
    assert reader.reinjected == 0


def test_pitfall_4_the_sender_does_not_name_the_target(tmp_path):
    lines = [entry(0, 0, 134), entry(1, 1, 135), accept(2, 251, "1", thread=134)]
    _, records = read(tmp_path, lines)
    assert records["vcpu"].tolist() == [0, 1, 1]


def test_pitfall_5_pv_eoi_is_no_second_eoi(tmp_path):
    pair = [at(1, "kvm_eoi: apicid 0 vector 251"), at(2, "kvm_pv_eoi: apicid 0 vector 251")]
    reader, records = read(tmp_path, pair)
    assert kinds(records) == ["EOI"]
    assert reader.counts == {"kvm_eoi": 1, "kvm_pv_eoi": 1}


def test_pitfall_6_a_pending_interrupt_ends_the_halt_at_once(tmp_path):
    lines = [entry(0), accept(5, 37), hlt(10), inject(11, 37), entry(12), hlt(30)]
    stream, rows = make_jobs(tmp_path, lines)
    assert rows == [(0, 10_000, 0, 256, 0), (5000, 18_000, 0, 37, 0)]
    assert stream.wakes == 1


def test_pitfall_7_the_own_timer_is_accepted_after_the_wakeup(tmp_path):
    lines = [entry(0), hlt(10), wakeup(20), accept(21, thread=134), inject(22), entry(23), hlt(50)]
    stream, rows = make_jobs(tmp_path, lines)
    assert rows == [(0, 10_000, 0, 256, 0), (21_000, 30_000, 0, 236, 0)]
    assert stream.wakes == 1


def test_pitfall_8_equal_stamps_keep_their_order(tmp_path):
    lines = [entry(0), hlt(10), accept(10, 40), accept(10, 39), wakeup(10), entry(10), hlt(10)]
    _, rows = make_jobs(tmp_path, lines)
    # The first accept (40) ended the halt; jobs of one instant are sorted by source.
    assert [row[3] for row in rows] == [256, 39, 40]
    _, records = read(tmp_path, lines)
    assert kinds(records)[1:4] == ["HALT", "ARRIVAL", "ARRIVAL"]
    assert records["vector"].tolist()[2:4] == [40, 39]


def test_pitfall_9_raw_bodies(tmp_path):
    raw = "[FAILED TO PARSE] "
    lines = [
        at(1, f"kvm_entry: {raw}vcpu_id=1 rip=0xfff0"),
        at(2, f"kvm_exit: {raw}exit_reason=120 guest_rip=0xfff0 isa=2 info1=0 info2=0 vcpu_id=1"),
        at(3, f"kvm_apic_accept_irq: {raw}apicid=1 dm=0 tm=0 vec=236"),
        at(4, f"kvm_apic_accept_irq: {raw}apicid=1 dm=768 tm=0 vec=0"),
        at(5, f"kvm_vcpu_wakeup: {raw}ns=1000 waited=1 valid=1"),
        at(6, f"kvm_inj_virq: {raw}vec=236 soft=0 reinjected=1"),
        at(7, f"kvm_eoi: {raw}apicid=1 vector=236"),
        at(8, f"kvm_exit: {raw}exit_reason=12 guest_rip=0xfff0 isa=1 vcpu_id=1"),
        at(9, f"kvm_inj_exception: {raw}exception=13 has_error=1 error_code=0 reinjected=0"),
    ]
    reader, records = read(tmp_path, lines)
    expected = "RUN HALT ARRIVAL KICK WAKEUP REINJECT EOI HALT"
    assert kinds(records) == expected.split()
    assert reader.skipped == {"kvm_inj_exception": 1}
    with pytest.raises(InputError, match=r"t.txt:1: found .*FAILED TO PARSE"):
        read(tmp_path, [at(1, f"kvm_eoi: {raw}apicid=1")])


def test_pitfall_9_plugin_exits_have_no_vcpu(tmp_path):
    halt = at(10, "kvm_exit:             reason EXIT_HLT rip 0xfff0 info 0 0")
    lines = [at(0, "kvm_entry:             vcpu 1 rip 0xfff0"), halt]
    reader, records = read(tmp_path, lines)
    assert kinds(records) == ["RUN", "HALT"]
    assert records["vcpu"].tolist() == [1, 1]
    assert reader.kernel == ("kvm_exit decoded by trace-cmd: any kernel",)


def test_pitfall_10_switched_on_midway(tmp_path):
    # An EOI without injection, a wake-up of a thread whose vCPU is not known yet; an open end.
    lines = [
        at(0, "kvm_eoi: apicid 0 vector 236"),
        accept(5, 38, "1"),
        wakeup(10, thread=135),
        entry(12, 1, thread=135),
        entry(20, 0),
        accept(30, 40),
    ]
    stream, rows = make_jobs(tmp_path, lines)
    assert rows == [(5000, 20_000, 1, 38, 0), (20_000, 10_000, 0, 256, 0), (30_000, 0, 0, 40, 0)]
    assert stream.busy_ns == 30_000


def test_pitfall_11_a_vector_is_a_device_of_one_vcpu(tmp_path):
    lines = [entry(0), entry(0, 1, 135), accept(1, 38, "0"), accept(2, 38, "1")]
    rules = ["vcpu1:38=level2", "0x20-0x2f=level1"]
    _, rows = make_jobs(tmp_path, lines, rules, service={"level1": 50, "level2": 7})
    assert rows[2:] == [(1000, 50, 0, 38, 1), (2000, 7, 1, 38, 2)]


def test_another_planes_vector_wakes(tmp_path):
    lines = [entry(0), hlt(10), accept(15, 38), wakeup(20), entry(22), hlt(50)]
    stream, rows = make_jobs(tmp_path, lines, ["38=level1"])
    assert rows == [(0, 10_000, 0, 256, 0), (15_000, 0, 0, 38, 1), (20_000, 30_000, 0, 256, 0)]
    assert stream.wakes == 2


def test_a_wakeup_for_nothing_goes_on_halting(tmp_path):
    lines = [entry(0), hlt(10), wakeup(20), wakeup(40), accept(41), entry(42), hlt(50)]
    stream, rows = make_jobs(tmp_path, lines)
    assert rows[1:] == [(41_000, 10_000, 0, 236, 0)]
    assert stream.busy_ns == 20_000


def test_a_lost_halt_is_known_by_its_wait(tmp_path):
    lines = [entry(0), wakeup(50, 30), accept(51), entry(52), hlt(60)]
    _, rows = make_jobs(tmp_path, lines)
    assert rows == [(0, 20_000, 0, 256, 0), (51_000, 10_000, 0, 236, 0)]


def test_posted_interrupts_are_never_left_pending(tmp_path):
    posted = at(5, "kvm_apicv_accept_irq: apicid 0 vec 37 (Fixed|edge)", 999)
    _, rows = make_jobs(tmp_path, [entry(0), posted, hlt(10), entry(12), hlt(30)])
    assert rows == [(0, 10_000, 0, 256, 0), (5000, 0, 0, 37, 0), (12_000, 18_000, 0, 256, 0)]


def test_a_stream_gives_what_is_settled(tmp_path):
    # vCPU 1 halts and works in short periods while vCPU 0 is busy: nothing after vCPU 0's begin
    # can be given out, until look_ahead cuts it.
    lines = [entry(0)]
    for us in range(10, 2000, 10):
        lines += [accept(us, 40, "1"), entry(us + 1, 1, 135), hlt(us + 5, 1, 135)]
    stream, rows = make_jobs(tmp_path, lines, look_ahead=20)
    assert stream.cuts > 5
    assert sum(row[1] for row in rows) == stream.busy_ns == 1_995_000 + 199 * 4000
    assert rows == sorted(rows, key=lambda row: (row[0], row[2], row[4], row[3]))


def test_memory_is_bounded(tmp_path):
    lines = [entry(0)]
    lines += [accept(us, 40, "1") for us in range(1, 5000)]
    path = tmp_path / "t.txt"
    path.write_text("".join(line + "\n" for line in lines))
    records = np.concatenate(list(traces.read(path)))
    stream = traces.jobs(traces.Records(np.split(records, 500)), PlaneMap(), look_ahead=50)
    jobs = held = 0
    for chunk, _ in stream:
        jobs += len(chunk)
        held = max(held, stream.n_held)
    assert jobs > 5000
    assert 40 < held <= 53


MALFORMED = [
    ("kvm_entry: vcpu x, rip 0x0", "vcpu N"),
    ("kvm_entry: vcpu 99999, rip 0x0", "a vCPU below 16384"),
    ("kvm_exit: vcpu 0 raeson hlt rip 0x0", "reason NAME"),
    ("kvm_apic_accept_irq: apicid 0 vec 256 (Fixed|edge)", "N below 256"),
    ("kvm_apic_accept_irq: apicid 0 vec 23", "N below 256"),
    ("kvm_apic_accept_irq: apicid ffffffff vec 23 (Fixed|edge)", "a vCPU below 16384"),
    ("kvm_inj_virq: IRQ 0xfff", "IRQ 0xN"),
    ("kvm_inj_virq: irq 256", "N below 256"),
    ("kvm_eoi: apicid 0 vector 300", "vector N"),
    ("kvm_pv_eoi: apicid 0", "vector N"),
    ("kvm_vcpu_wakeup: wait time -5 ns", "wait time N ns"),
]


@pytest.mark.parametrize(("body", "expected"), MALFORMED)
def test_malformed_bodies(tmp_path, body, expected):
    with pytest.raises(InputError) as caught:
        read(tmp_path, [entry(0), at(1, body)])
    assert caught.value.line == 2
    assert expected in caught.value.expected
    assert str(caught.value).startswith(f"{tmp_path / 't.txt'}:2: found ")
    reader, records = read(tmp_path, [entry(0), at(1, body), hlt(2)], skip_bad=True)
    assert kinds(records) == ["RUN", "HALT"]
    assert reader.bad == 1
    assert expected in reader.bad_lines[0]
    assert sum(reader.counts.values()) == 2


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("garbage", "a line of tracefs"),
        (" qemu-134 [001] ..... 10.0000: kvm_entry: vcpu 0", "a line of tracefs"),
        (" qemu-134 [001] ..... -10.000000: kvm_entry: vcpu 0", "a line of tracefs"),
        (" qemu-134 [001] ..... 9.999999: kvm_entry: vcpu 0", "times that do not go back"),
        (" qemu-134 [001] ..... 9223372036.854776: kvm_entry: vcpu 0", "a time below 2^63 ns"),
        (" qemu-134 [001] ..... 99999999999999999999.000000: x: y", "a time below 2^63 ns"),
        (" qe\0mu-134 [001] ..... 10.000001: kvm_entry: vcpu 0", "a line of tracefs"),
        (at(1, "kvm_mmio: " + "x" * 20_000), "a line of a trace"),
    ],
)
def test_malformed_lines(tmp_path, line, expected):
    with pytest.raises(InputError) as caught:
        read(tmp_path, ["# tracer: nop", entry(0), line])
    assert caught.value.line == 3
    assert caught.value.expected == expected
    assert len(str(caught.value)) < 400
    reader, records = read(tmp_path, [entry(0), line, hlt(2)], skip_bad=True)
    assert (reader.bad, kinds(records)) == (1, ["RUN", "HALT"])


def test_two_vms_are_never_skipped(tmp_path):
    eoi = at(1, "kvm_eoi: apicid 0 vector 32", 777)
    for line in entry(1, 0, 777), hlt(1, 0, 777), eoi, eoi.replace("eoi", "pv_eoi"):
        for skip_bad in False, True:
            with pytest.raises(InputError) as caught:
                read(tmp_path, [entry(0), line], skip_bad=skip_bad)
            assert (caught.value.line, caught.value.expected) == (2, "one VM in a trace")


@pytest.mark.parametrize("text", ["", "# tracer: nop\n", "\n\n", "hello\n" * 3])
def test_no_event(tmp_path, text):
    path = tmp_path / "t.txt"
    path.write_text(text)
    with pytest.raises(InputError, match="tracefs, trace-cmd report or perf script"):
        list(traces.read(path))
    with pytest.raises(InputError, match="the end without an event"):
        list(traces.read(path, skip_bad=True))


def test_a_comm_may_be_no_utf8(tmp_path):
    path = tmp_path / "t.txt"
    path.write_bytes(b" qe\xff\xfemu-134 [001] ..... 10.000000: kvm_entry: vcpu 0\r\n")
    assert kinds(np.concatenate(list(traces.read(path)))) == ["RUN"]
    path.write_bytes(b" qemu-134 [001] ..... 10.000000: kvm_\xff: vcpu 0\n")
    with pytest.raises(InputError, match=r"kvm_\\\\xff"):
        list(traces.read(path))


def test_service_times_are_checked(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text(entry(0) + "\n")
    for options, text in [
        ({"service": -1}, "service.level1=-1, expected ns, 0 or more"),
        ({"service": {"level7": 1}}, "level7"),
        ({"look_ahead": 0}, "look_ahead=0, expected 1 or more"),
    ]:
        with traces.read(path) as reader, pytest.raises(ValueError, match=text):
            traces.jobs(reader, PlaneMap.parse(["38=level1"]), **options)


def test_missing_file():
    with pytest.raises(FileNotFoundError):
        traces.read("there-is-no-such-trace.txt")
