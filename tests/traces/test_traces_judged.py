"""C against regular expressions: the same records, counts and errors of lines that are damaged."""

import random
import re
from pathlib import Path

import numpy as np
import pytest
import slow_trace_lines
from slow_trace import Refused, SlowReader

from planesched import InputError, traces
from planesched.traces import decoder

DATA = Path(__file__).parents[1] / "data" / "traces"
SEED = 20261130

BODIES = [
    *(
        b"kvm_entry: vcpu 3, rip 0xfff0",
        b"kvm_entry: vcpu 0",
        b"kvm_entry:   vcpu 1 rip 0xf",
    ),
    b"kvm_entry: vcpu 1, rip 0x0 intr_info 0x0 error_code 0x0[immediate exit]",
    b"kvm_exit: vcpu 2 reason EPT_VIOLATION FAILED_VMENTRY rip 0xfff0 info1 0x0",
    b"kvm_exit: reason EXIT_HLT rip 0xfff0 info 0 0",
    b"kvm_exit: vcpu 0 reason UNKNOWN (166) rip 0x10 info1 0x0",
    b"kvm_exit: vcpu 0 reason APIC_WRITE rip 0x10 info1 0x0",
    b"kvm_exit: [FAILED TO PARSE] exit_reason=120 guest_rip=0xfff0 isa=2 info1=0 vcpu_id=1",
    b"kvm_apic_accept_irq: apicid 1f vec 32 (LowPrio|level) (coalesced)",
    b"kvm_apicv_accept_irq: apicid 2 vec 32 (Fixed|edge) ffffffffc0a1b2c3 kvm_set_irq+0x3",
    b"kvm_apic_accept_irq: apicid=0x1 (1) dm=0x0 (0) tm=0x0 (0) vec='('(40)",
    *(b"kvm_inj_virq: irq 236", b"kvm_inj_virq: irq 236", b"kvm_inj_virq: IRQ 0xec [reinjected]"),
    *(b"kvm_eoi: apicid 3 vector 236", b"kvm_pv_eoi: apicid a vector -1"),
    b"kvm_vcpu_wakeup: poll time 1500 ns, polling invalid",
    b"kvm_halt_poll_ns: vcpu 3: halt_poll_ns 0 (shrink 10000)",
    b"kvm_vmgexit_enter: vcpu 1, exit_reason 80000018, exit_info1 2, exit_info2 0",
    b"kvm_vmgexit_enter: vcpu 1, exit_reason 80000013, exit_info1 300020001, exit_info2 7f000",
    b"kvm_hv_hypercall: code 0x11 fast var_cnt 0x0 rep_cnt 0x0 idx 0x0 in 0x0",
    b"mshv_vtl_enter_vtl0: cpu_ctx=00000000a1b2c3d4",
    b"mshv_vtl_exit_vtl0: vtl2 entry reason 3, cpu_ctx=00000000a1b2c3d4",
    b"kvm_vcpu_select_plane: (kvm_arch+0x1a2/0x1c80 <- kvm_x) id=0x7 plane=0x1",
    b"kvm_vcpu_set_plane_stopped: (kvm_vcpu_set_plane_stopped+0x0/0x60) plane=2",
    *(b"kvm_mmio: mmio write", b"sched:sched_switch: a: b", b"kvm_avic_doorbell: vcpuid=0"),
]
PREFIXES = [
    b" qemu-system-x86-134     [001] d..1.    18.344982: ",
    b"       CPU 0/KVM-135     [000] ....    18.344982: ",
    b"    a-1 [0] .: b-134     (    130) [001] .....    18.344982: ",
    b"             kvm-134  [000] 18.344982: ",
    b" qemu-system-x86-134   [002]    18.344982000:  ",
    b"qemu-sys-134     1d..1.    18.344982: (+3557)  ",
    b" qemu-system-x86   134 [000]    18.344982:                 kvm:",
    b" CPU 0/KVM   130/134 [000] d..1. 18.344982000: kvm:",
    b"2021-12-12 16:11:10.214139           <...>    134 .N.. [017] 18.344982: kvm:",
    b" CPU 0/KVM  134    18.344982:          1 kvm:",
    b"  134/ 135 CPU 0/KVM [001]  18.344982:  kvm:",
    b"18.344982: CPU 0/KVM 134 [001] 77 kvm:",
]
OTHERS = [
    *(b"# tracer: nop", b"cpus=3", b"CPU:3 [LOST 123 EVENTS]", b"", b" => kvm_arch", b"junk"),
    b"\tffffffff81000000 vcpu_enter_guest+0x10 ([kernel.kallsyms])",
]
PIECES = [
    *(b"-", b"-1 ", b" ", b"  ", b"[", b"]", b"[0] ", b"0", b"9" * 11, b"9" * 21, b".", b":"),
    *(
        b": ",
        b"kvm:",
        b"\0",
        b"\t",
        b"\r",
        b"\xff",
        b"x",
        b"/",
        b"(",
        b")",
        b"(+1) ",
        b"1.000001: ",
    ),
    *(b"ffffffff81000000", b"-1", b"vcpu ", b"vcpu 99999", b" rip 0x1", b"256", b"plane=3", b"0x"),
    *(b"16384", b"d..1.", b"9223372036.854775807", b"9223372036.854775808:", b"\x1b[31m", b"\n"),
]


def mutated(chance, line):
    """Cut, double, exchange or insert something in some places."""
    for _ in range(chance.choice((0, 1, 1, 1, 2, 3))):
        at, length = chance.randrange(len(line) + 1), chance.randrange(6)
        piece = chance.choice((b"", line[at : at + length] * 2, chance.choice(PIECES)))
        line = line[:at] + piece + line[at + chance.choice((0, length)) :]
    return line


def a_file(chance):
    """Lines of one format with others between them, whose times mostly go on."""
    prefix, now, lines = chance.choice(PREFIXES), 18_000_000, []
    for _ in range(chance.randrange(1, 40)):
        if chance.random() < 0.1:
            prefix = chance.choice(PREFIXES)
        now += chance.choice((0, 0, 1, 3, 1_000_000, -1))
        start = prefix.replace(b"18.344982", b"%d.%06d" % divmod(now, 10**6))
        start = re.sub(rb"13\d", chance.choice((b"134", b"134", b"135", b"7")), start)
        line = chance.choice(OTHERS if chance.random() < 0.1 else BODIES)
        lines.append(start + line if line in BODIES else line)
        if chance.random() < 0.2:
            lines[-1] = mutated(chance, lines[-1])
    end = chance.choice((b"\n", b"\n", b"\r\n"))
    return end.join(lines) + chance.choice((end, b""))


FIELDS = (
    *("producer", "n_vcpus", "reinjected", "first_ns", "last_ns", "lost", "bad", "cut", "counts"),
    "malformed",
)


def told(path, **options):
    """All that the reader tells of a file; `list` of its error's parts if it raises one."""
    try:
        reader = traces.read(path, **options)
        chunks = list(reader)
    except InputError as error:
        return [error.line, error.found, error.expected]
    rows = np.concatenate(chunks) if chunks else np.zeros(0, traces.RECORD)
    return (
        {name: getattr(reader, name) for name in FIELDS}
        | {"kernel": set(reader.kernel), "hardware": reader.hardware},
        reader.bad_lines,
        rows.tolist(),
    )


def judged(path, **options):
    try:
        slow = SlowReader(path, **options)
    except Refused as error:
        return list(error.args)
    except InputError as error:  # it cannot be opened
        return [error.line, error.found, error.expected]
    rows = np.array(slow.rows, traces.RECORD)
    posted = bool((rows["kind"] == traces.Kind.POSTED).any())
    avic = any(name.startswith("kvm_avic_") for name in slow.counts)
    return (
        {name: getattr(slow, name) for name in FIELDS}
        | {"kernel": slow.kernel, "hardware": slow.exits_of_hardware or posted or avic},
        [str(InputError(str(path), *bad)) for bad in slow.bad_lines],
        rows.tolist(),
    )


def same_of_files(path, n, seed):
    chance = random.Random(seed)
    kinds = set()
    for _ in range(n):
        path.write_bytes(a_file(chance))
        vm = chance.choice((None, None, {134}, {130, 7}))
        for skip_bad in False, True:
            mine = told(path, skip_bad=skip_bad, vm=vm)
            assert mine == judged(path, skip_bad=skip_bad, vm=vm), path.read_bytes()
            kinds.add(type(mine))
    assert kinds == {list, tuple}


def same_of_lines(n, seed):
    chance = random.Random(seed)
    found = dict.fromkeys(slow_trace_lines.FORMATS, 0)
    for _ in range(n):
        line = mutated(chance, chance.choice(PREFIXES) + chance.choice(BODIES))
        line = line.replace(b"\n", b"")
        for name in same_match(line):
            found[name] += 1
    assert min(found.values()) > n / 100


LENGTHS = (0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 16, 17, 18, 19, 20, 21, 64, 65)


def of_other_lengths(line, lengths=LENGTHS):
    """The line, each of whose words in turn has as many letters as a limit, or one more."""
    for found in re.finditer(rb"\w+|[ -]{2,}", line):
        letter = b" " if b" " in found[0] else b"7" if found[0].isdigit() else b"a"
        for length in lengths:
            yield line[: found.start()] + letter * length + line[found.end() :]


def same_match(line):
    """Compare all formats on a line; give those that match."""
    for number, (name, pattern) in enumerate(slow_trace_lines.FORMATS.items()):
        assert number == getattr(decoder, name)
        mine, slow = decoder.match(number, line), pattern(line)
        expected = slow and (int(slow[1]), *slow.groups()[1:], slow.end())
        assert (mine and tuple(mine)) == expected, (name, line)
        if mine is not None:
            yield name


def test_lengths_have_the_same_limits():
    for prefix in [*PREFIXES, b"  qemu-134  (   130) [001] 1.000000: "]:
        for line in of_other_lengths(prefix + b"kvm_entry: vcpu 3, rip 0xfff0"):
            list(same_match(line))


@pytest.mark.exhaustive
def test_lengths_in_bodies_have_the_same_limits(tmp_path):
    path = tmp_path / "t"
    for body in BODIES:
        start = len(PREFIXES[0]) + body.index(b":") + 1
        for line in of_other_lengths(PREFIXES[0] + body, LENGTHS[3:17]):
            if line[:start] == (PREFIXES[0] + body)[:start]:
                path.write_bytes(line + b"\n")
                assert told(path) == judged(path), line


def test_every_format_matches_what_its_pattern_does():
    same_of_lines(10_000, SEED)


def test_readers_tell_the_same_of_damaged_files(tmp_path):
    same_of_files(tmp_path / "t", 200, SEED)


@pytest.mark.exhaustive
def test_readers_tell_the_same_of_many(tmp_path):
    same_of_lines(40_000, SEED + 1)
    same_of_files(tmp_path / "t", 1500, SEED + 1)


@pytest.mark.parametrize("path", sorted(DATA.glob("**/*.txt")), ids=lambda path: path.name)
def test_readers_tell_the_same_of_every_small_file(path):
    for skip_bad in False, True:
        assert told(path, skip_bad=skip_bad) == judged(path, skip_bad=skip_bad)
