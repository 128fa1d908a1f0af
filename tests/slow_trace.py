"""The slow reader of traces, line by line and by regular expressions: the judge of csrc/traces/.

Longer than 300 lines because it is all that a trace may say, a second time.

It shares with the reader how a file is opened, how a format is chosen among those that match, and
what is said of lines that are no events; not what a line says, nor what is made of it.
"""

import re
from collections import Counter

import slow_trace_lines as lines

from planesched.traces import Kind, kvm_events, switches
from planesched.traces.foreign import X86, architecture_of_body, host, what_else
from planesched.traces.formats.tracefs import flags_of
from planesched.traces.onevm import is_of
from planesched.traces.recognise import is_other, lost_events, recognise
from planesched.traces.text import MAX_LINE, Unended, line_blocks

NO_VCPU, MAX_VCPUS, MAX_NS = 0xFFFFFFFF, 16384, 2**63 - 1
FORMATS = list(lines.FORMATS)
EXPECTED = kvm_events.EXPECTED | switches.EXPECTED


class BadBody(Exception):
    """What is wrong with a body: found and expected, or nothing where it has no known form."""


class Unusable(BadBody):
    """What no skipping of lines mends."""


class Refused(Exception):
    """The line, what was found, what is expected."""


class SlowReader:
    """Reads all of a trace at once; `rows` are its records, the rest as `Reader` has it."""

    def __init__(self, path, skip_bad=False, vm=None):
        self.skip_bad, self.vm, self.known = skip_bad, vm, {}
        self.rows, self.counts, self.malformed, self.bad_lines = [], Counter(), Counter(), []
        self.bad = self.lost = self.first_ns = self.last_ns = self.n_vcpus = self.reinjected = 0
        self.cut = self.exits_of_hardware = False
        self.producer, self.kernel, self.family, self.foreign = "", set(), None, None
        self.previous = self.used = -1
        self.vcpus, self.shown, self.owners = {}, {}, {}
        self.waiting, self.in_service = set(), set()
        self.handlers = {
            b"kvm_entry": self.entry,
            b"kvm_exit": self.exit,
            b"kvm_apic_accept_irq": lambda *line: self.accept(Kind.ARRIVAL, *line),
            b"kvm_apicv_accept_irq": lambda *line: self.accept(Kind.POSTED, *line),
            b"kvm_inj_virq": self.inject,
            b"kvm_eoi": self.eoi,
            b"kvm_pv_eoi": self.pv_eoi,
            b"kvm_vcpu_wakeup": self.wakeup,
            **dict.fromkeys(lines.OF_VCPU, self.of_vcpu),
            b"kvm_vmgexit_enter": self.vmgexit,
            b"kvm_hv_hypercall": self.hypercall,
            b"mshv_vtl_enter_vtl0": self.enter_vtl0,
            b"mshv_vtl_exit_vtl0": self.exit_vtl0,
            b"kvm_vcpu_select_plane": lambda *line: self.probe(Kind.PICK, *line),
            b"kvm_vcpu_set_plane_runnable": lambda *line: self.probe(Kind.START, *line),
            b"kvm_vcpu_set_plane_stopped": lambda *line: self.probe(Kind.STOP, *line),
        }
        read = 0
        for block in line_blocks(str(path)):
            self.unended = isinstance(block, Unended)
            some = block.removesuffix(b"\n").split(b"\n")
            if self.family is None:
                self.choose(some)
            for number, line in enumerate(some, read + 1):
                self.line(number, line)
            read += len(some)
        if self.family is None:
            expected = "events of tracefs, trace-cmd report or perf script"
            raise Refused(*(self.foreign or (read, "the end without an event", expected)))

    def choose(self, some):
        found = recognise(some)
        if found is not None:
            self.family, self.producer, line = found
            flags = len(flags_of(line))
            if self.producer == "tracefs" and flags:
                age = "< 5.17" if flags == 4 else ">= 5.17"
                self.kernel.add(f"{flags} flags a line: {age}")

    def line(self, number, line):
        before = self.previous
        found = self.family and lines.FORMATS[FORMATS[self.family.format]](line)
        if found is None or len(line) > MAX_LINE:
            self.no_event(number, line, self.unended and before >= 0)
            return
        thread, seconds, fraction, event = found.groups()
        now = int(seconds) * 10**9 + int(fraction.ljust(9, b"0"))
        if not before <= now <= MAX_NS:
            if now > MAX_NS or (event in self.handlers and now < self.used):
                self.wrong_time(number, now, event)
                return
            if event not in self.handlers:
                self.counts[event.decode()] += 1
                return
            self.first_ns = min(self.first_ns, now)
        if before < 0:
            self.first_ns = now
        self.previous = self.last_ns = now
        if event in self.handlers:
            self.used = now
            thread = int(thread)
            if self.is_read(event, thread, line[: found.end()]):
                try:
                    self.handlers[event](line, found.end(), now, thread)
                except BadBody as bad:
                    cut = self.unended and before >= 0
                    if not self.raw(bad, number, line, found, now, thread, cut):
                        return
        self.counts[event.decode()] += 1

    def is_read(self, event, thread, start):
        if self.vm is None or event.startswith(b"mshv"):
            return True
        if event in (b"kvm_apic_accept_irq", b"kvm_apicv_accept_irq"):
            return False
        if thread not in self.known:
            self.known[thread] = is_of(self.vm, thread, start)
        return self.known[thread]

    def raw(self, bad, number, line, found, now, thread, cut):
        event, body = found[4], line[found.end() :]
        text = kvm_events.kernel_text(event, body)
        if text is not None:
            try:
                self.handlers[event](text, 0, now, thread)
                return True
            except BadBody as again:
                bad = again
        if isinstance(bad, Unusable):
            raise Refused(number, *bad.args)
        if cut:
            self.cut = True
            return False
        found, expected = bad.args or (f"{shown(event)}: {quote(body.strip())}", EXPECTED[event])
        self.report(number, found, expected, event)
        return False

    def no_event(self, number, line, cut):
        if len(line) > MAX_LINE:
            self.report(number, f"a line of over {MAX_LINE} bytes", "a line of a trace")
        elif (lost := lost_events(line)) is not None:
            self.lost += lost
        elif not is_other(line, self.family):
            if cut:
                self.cut = True
            elif self.family is None and (foreign := what_else(line)):
                self.foreign = self.foreign or (number, *foreign)
                self.report(number, *foreign)
            else:
                expected = self.producer or "tracefs, trace-cmd report or perf script"
                self.report(number, quote(line), f"a line of {expected}", used_in(line))

    def wrong_time(self, number, now, event):
        found = f"time {in_seconds(now)} s"
        if now > MAX_NS:
            self.report(number, found, "a time below 2^63 ns", event)
        else:
            found += f" after {in_seconds(self.previous)} s"
            self.report(number, found, "times that do not go back", event)

    def report(self, number, found, expected, event=None):
        if not self.skip_bad:
            raise Refused(number, found, expected)
        self.bad += 1
        if event in kvm_events.USED:
            self.malformed[event.decode()] += 1
        if len(self.bad_lines) < 8:
            self.bad_lines.append((number, found, expected))

    def emit(self, kind, now, thread, vcpu, vector=-1, arg=0):
        self.rows.append((now, arg, thread, vcpu, vector, kind, 0))

    # ---- What is known of threads and vCPUs ----

    def vcpu(self, vcpu):
        if vcpu >= MAX_VCPUS:
            raise BadBody(f"vCPU {vcpu}", f"a vCPU below {MAX_VCPUS}")
        self.n_vcpus = max(self.n_vcpus, vcpu + 1)
        return vcpu

    def own(self, vcpu, thread):
        owner = self.owners.setdefault(self.vcpu(vcpu), thread)
        if owner != thread:
            found = f"vCPU {vcpu} run by thread {thread} and by {owner}: two VMs, of which --vm "
            raise Unusable(found + "takes one", "one VM in a trace")

    def own_of(self, vcpu, thread):
        self.own(vcpu, thread)
        self.vcpus.setdefault(thread, vcpu)
        return vcpu

    def learn(self, thread, text):
        if text is not None and self.shown.get(thread) != int(text):
            self.own(int(text), thread)
            self.vcpus[thread] = self.shown[thread] = int(text)

    def runs(self, text, now, thread):
        if text is not None and self.shown.get(thread) != int(text):
            self.learn(thread, text)
        elif thread not in self.waiting:
            return
        self.waiting.discard(thread)
        self.emit(Kind.RUN, now, thread, self.vcpus[thread])

    # ---- The events ----

    def entry(self, line, at, now, thread):
        found = matched(lines.ENTRY, line, at, other=True)
        self.runs(found[1], now, thread)

    def exit(self, line, at, now, thread):
        text, reason = matched(lines.EXIT, line, at, other=True).groups()
        if reason in lines.HARDWARE:
            self.exits_of_hardware = True
        if reason in lines.HALTS or (reason == b"UNKNOWN" and b" UNKNOWN (166) " in line):
            self.learn(thread, text)
            self.waiting.add(thread)
            if b" info1 " in line:
                self.kernel.add("kvm_exit with info1: >= 5.10")
            elif b"EXIT_HLT" in line:
                self.kernel.add("kvm_exit decoded by trace-cmd: any kernel")
            self.emit(Kind.HALT, now, thread, self.vcpus.get(thread, NO_VCPU))
        elif text is not None or thread in self.vcpus:
            self.runs(text, now, thread)

    def accept(self, kind, line, at, now, thread):
        found = matched(lines.ACCEPT, line, at)
        vector = a_vector(found[2])
        kind = kind if found[3] in (b"Fixed", b"LowPrio") else Kind.KICK
        self.emit(kind, now, thread, self.vcpu(int(found[1], 16)), vector)

    def inject(self, line, at, now, thread):
        decimal, hexadecimal, again = matched(lines.INJECT, line, at).groups()
        vector = int(hexadecimal, 16) if hexadecimal else a_vector(decimal)
        if decimal:
            again = (thread, vector) in self.in_service
            self.in_service.add((thread, vector))
            self.kernel.add("kvm_inj_virq in decimal: <= 5.19")
        else:
            self.kernel.add("kvm_inj_virq in hexadecimal: >= 6.0")
        self.reinjected += bool(again)
        kind = Kind.REINJECT if again else Kind.INJECT
        self.emit(kind, now, thread, self.vcpus.get(thread, NO_VCPU), vector)

    def eoi(self, line, at, now, thread):
        found = matched(lines.EOI, line, at)
        vector = -1 if found[2] == b"-1" else a_vector(found[2])
        self.in_service.discard((thread, vector))
        self.emit(Kind.EOI, now, thread, self.own_of(int(found[1], 16), thread), vector)

    def pv_eoi(self, line, at, now, thread):
        self.own_of(int(matched(lines.EOI, line, at)[1], 16), thread)

    def wakeup(self, line, at, now, thread):
        found = matched(lines.WAKEUP, line, at)
        self.waiting.add(thread)
        vcpu = self.vcpus.get(thread, NO_VCPU)
        self.emit(Kind.WAKEUP, now, thread, vcpu, arg=int(found[1]))

    def of_vcpu(self, line, at, now, thread):
        found = lines.OWN_VCPU(line, at)
        if found is not None:
            self.own_of(int(found[1]), thread)

    def vmgexit(self, line, at, now, thread):
        found = matched(lines.VMGEXIT, line, at)
        reason, info = int(found[2], 16), int(found[3], 16)
        vcpu = self.own_of(int(found[1]), thread)
        if reason == 0x80000018:
            self.emit(Kind.CALL, now, thread, vcpu, a_plane(info))
        elif reason == 0x80000013:
            kind = Kind.STOP if info & 0xFFFF == 2 else Kind.START
            self.emit(kind, now, thread, self.vcpu(info >> 32), info >> 16 & 15)

    def hypercall(self, line, at, now, thread):
        code = int(matched(lines.HYPERCALL, line, at)[1], 16)
        if code in (0x11, 0x12):
            kind = Kind.CALL if code == 0x11 else Kind.RETURN
            self.emit(kind, now, thread, self.vcpus.get(thread, NO_VCPU))

    def enter_vtl0(self, line, at, now, thread):
        matched(lines.ENTER_VTL0, line, at)
        self.emit(Kind.RETURN, now, thread, self.cpu(line, at), 0)

    def exit_vtl0(self, line, at, now, thread):
        why = matched(lines.EXIT_VTL0, line, at)[1]
        kind = {b"1": Kind.CALL, b"2": Kind.PREEMPT, b"3": Kind.INTERCEPT}[why]
        self.emit(kind, now, thread, self.cpu(line, at), 2)

    def cpu(self, line, at):
        found = matched(lambda line, at: lines.CPU(line, 0, at), line, at)
        if int(found[1]) >= MAX_VCPUS:
            raise BadBody
        return self.vcpu(int(found[1]))

    def probe(self, kind, line, at, now, thread):
        text = matched(lines.PROBE, line, at)[1]
        plane = a_plane(int(text, 16 if text.startswith(b"0x") else 10))
        self.emit(kind, now, thread, self.vcpus.get(thread, NO_VCPU), plane)


def matched(pattern, line, at, other=False):
    found = pattern(line, at)
    if found is None:
        name = architecture_of_body(line[at:]) if other else None
        raise BadBody if name is None else Unusable(host(name), X86)
    return found


def a_vector(text):
    if int(text) > 255:
        raise BadBody
    return int(text)


def a_plane(number):
    if number >= 16:
        raise BadBody
    return number


def used_in(line):
    found = re.search(rb"\b(" + rb"|".join(sorted(kvm_events.USED)) + rb"): ", line)
    return found and found[1]


def shown(data):
    return data.decode("ascii", "backslashreplace")


def quote(data):
    return repr(shown(data[:100])) + (" ..." if len(data) > 100 else "")


def in_seconds(ns):
    return f"{ns // 10**9}.{ns % 10**9:09d}"
