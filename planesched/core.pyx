"""The fast core: VMs that own their vCPUs' states, and one step of one vCPU.

Which plane runs is decided by ps_step alone. Longer than 300 lines because every event of the
rules is a documented method of a vCPU. The loop of `VM.run`, `pick_many` and algorithms of one's
own stand in files of their own that are included at the end: a module each would be 12,000 lines
more for the C compiler.
"""

from time import perf_counter

import numpy as np

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.exc cimport PyErr_CheckSignals
from cpython.long cimport PyLong_AsLongAndOverflow
from libc.stdint cimport int8_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from planesched cimport _crun as loop
from planesched cimport _cfigures as figures
from planesched._clayouts cimport hold_enums, hold_layouts, ps_core_layouts, ps_core_numbers
from planesched.csched cimport (
    PS_ABI_VERSION,
    PS_APIC_NMI,
    PS_APIC_NMI_KEPT,
    PS_APIC_OFF,
    PS_CHIP_EOI,
    PS_EVENT_CALL,
    PS_EVENT_CLI,
    PS_EVENT_DISABLE,
    PS_EVENT_ENABLE,
    PS_EVENT_ENTER,
    PS_EVENT_FORCE,
    PS_EVENT_HALT,
    PS_EVENT_HOLD,
    PS_EVENT_INIT,
    PS_EVENT_INTERCEPT,
    PS_EVENT_IRQ,
    PS_EVENT_LOCK,
    PS_EVENT_MASK,
    PS_EVENT_NMI,
    PS_EVENT_RELEASE,
    PS_EVENT_RESCHED,
    PS_EVENT_RETURN,
    PS_EVENT_START,
    PS_EVENT_STI,
    PS_EVENT_STOP,
    PS_EVENT_UNMASK,
    PS_EVENT_VINA_CLEAR,
    PS_EVENT_VINA_OFF,
    PS_EVENT_VINA_ON,
    PS_MAX_PLANES,
    PS_N_EVENTS,
    PS_N_SLOTS,
    PS_N_VECTORS,
    PS_NO_ANSWER,
    PS_NO_PLANE,
    PS_N_POLICY_FIELDS,
    PS_STATUS_BLOCKED,
    PS_STATUS_USER,
    ps_algorithm,
    ps_algorithm_fn,
    ps_apic,
    ps_apic_ppr,
    ps_apic_serves,
    ps_boot,
    ps_chip_agrees,
    ps_chip_policy_default,
    ps_chip_policy_valid,
    ps_chip_step,
    ps_chip_step_by,
    ps_default_pick,
    ps_first,
    ps_memory_of,
    ps_outcome,
    ps_pick_round_robin,
    ps_policy,
    ps_policy_default,
    ps_policy_field_name,
    ps_policy_get,
    ps_policy_prepare,
    ps_policy_set,
    ps_policy_value_names,
    ps_requests,
    ps_state,
    ps_step,
    ps_takes_plane,
    ps_vectors_have,
)

from .cfunctions import address_of, function_address
from .checks import (
    log_array,
    online_mask,
    plane_count,
    plane_id,
    planes_of,
    record_array,
    vcpu_count,
    whole,
)
from .errors import Mistake, TypeMistake
from .events import MASKS, NO_PLANE, ChipEvent, Event, Fault, Flags, Notes, Reason
from .events import chip_event_number, event_number, set_names
from .figures.planes import Stats
from .irqchip import DISABLED, MASK_BY, NMI_BLOCKED, RESCANS, Chip, as_controller
from .layouts import APIC, EVENT, FIGURES, STATE
from .policy import ENUMS, Policy, field_names
from .policytext import as_policy
from .text import counted

__all__ = ["VCPU", "VM", "Outcome", "pick_many"]

ABI_VERSION = PS_ABI_VERSION

hold_layouts(ps_core_layouts)
hold_enums(ps_core_numbers)

cdef dict EVENT_NUMBERS = {event.name.lower(): int(event) for event in Event}


@cython.freelist(64)
cdef class Outcome:
    """What one step did: plane before, plane now, reason, fault, flags.

    Attributes
    ----------
    was, now : int
        The current plane before and after.
    reason : Reason
        Why a plane was entered, or why the vCPU left for userspace.
    fault : Fault
        Why the event was refused; ``Fault.NONE`` where it was not.
    flags : Flags
        What happened, and the state that was left.
    vector, ended : int
        Of a VM with controllers: the vector injected, and the one that an EOI ended; or 0.
    notes : Notes
        Of a VM with controllers: what became of a vector beside that.

    Examples
    --------
    >>> from planesched import VM
    >>> VM("vsm").vcpus[0].irq(1)
    Outcome(was=0, now=1, reason=interrupt, fault=none, flags=switched|injected)
    """

    def __init__(
        self, int was, int now, int reason=0, int fault=0, int flags=0, int vector=0,
        int ended=0, int notes=0,
    ):
        self.c.was = <int8_t>was
        self.c.now = <int8_t>now
        self.c.reason = <uint8_t>int(Reason(reason))
        self.c.fault = <uint8_t>int(Fault(fault))
        self.c.flags = <uint8_t>int(Flags(flags))
        self.c.vector, self.c.ended = <uint8_t>vector, <uint8_t>ended
        self.c.notes = <uint8_t>int(Notes(notes))

    @property
    def was(self):
        return self.c.was

    @property
    def now(self):
        return self.c.now

    @property
    def reason(self):
        return Reason(self.c.reason)

    @property
    def fault(self):
        return Fault(self.c.fault)

    @property
    def flags(self):
        return Flags(self.c.flags)

    @property
    def vector(self):
        return self.c.vector

    @property
    def ended(self):
        return self.c.ended

    @property
    def notes(self):
        return Notes(self.c.notes)

    def __iter__(self):
        return iter((self.was, self.now, self.reason, self.fault, self.flags))

    def __eq__(self, other):
        try:
            return tuple(self) == tuple(other)
        except TypeError:
            return NotImplemented

    def __hash__(self):
        return hash(tuple(self))

    def __reduce__(self):
        c = self.c
        return Outcome, (c.was, c.now, c.reason, c.fault, c.flags, c.vector, c.ended, c.notes)

    def __repr__(self):
        return (
            f"Outcome(was={self.was}, now={self.now}, reason={self.reason.name.lower()}, "
            f"fault={self.fault.name.lower()}, flags={flag_names(self.flags)})"
        )

    def _repr_html_(self):
        from .markup import html_table

        values = (str(self.was), str(self.now), self.reason.name.lower(), self.fault.name.lower())
        return html_table(("was", "now", "reason", "fault", "flags"), [
            (*values, flag_names(self.flags).replace("|", ", ")),
        ])


def flag_names(flags):
    """Give the names of some flags, ``switched|injected``, or ``none``."""
    return "|".join(set_names(Flags, flags)) or "none"


cdef int abi_version() noexcept nogil:
    return PS_ABI_VERSION


cdef int fill_policy(ps_policy *out, object policy) except -1:
    """Translate a Policy that goes where no algorithm of one's own is asked."""
    if policy.has_algorithm:
        expected = "rank: another one is not asked here"
        raise Mistake("algorithm", policy.algorithm, expected)
    return fill_fields(out, policy)


cdef int fill_fields(ps_policy *out, object policy) except -1:
    """Translate the fields of a Policy; they were validated when it was made."""
    out[0] = ps_policy_default()
    for field, name in enumerate(POLICY_FIELDS):
        if ps_policy_set(out, field, as_number(getattr(policy, name))):
            raise Mistake("policy", policy, f"one whose {name} the core takes")
    if ps_policy_prepare(out):
        raise Mistake("policy", policy, "one that the core takes")
    return 0


cdef unsigned as_number(object value) except? 0xffffffff:
    if value is None:
        return PS_NO_PLANE
    if isinstance(value, frozenset):
        return sum([1 << reason for reason in value])
    return value


def policy_table():
    """Give the fields of a C policy: name, the names of its values, its standard as a number."""
    cdef ps_policy standard = ps_policy_default()
    return [
        (
            ps_policy_field_name(field).decode(),
            ps_policy_value_names(field).decode(),
            ps_policy_get(&standard, field),
        )
        for field in range(PS_N_POLICY_FIELDS)
    ]


def check_policy_fields(table):
    """Raise ImportError unless Policy has the fields, values and standards of a C policy."""
    standard = Policy()
    for name in POLICY_FIELDS:
        if name not in [row[0] for row in table]:
            raise ImportError(f"Policy.{name} is no field of struct ps_policy (policy.h)")
    for place, (name, values, number) in enumerate(table):
        if place >= len(POLICY_FIELDS) or POLICY_FIELDS[place] != name:
            raise ImportError(f"ps_policy.{name} is not field {place} of Policy (policy.py)")
        value = getattr(standard, name)
        enum = ENUMS.get(name)
        found = " ".join(enum.__members__) if enum else "false true"
        if (enum or isinstance(value, bool)) and found != values.strip():
            raise ImportError(f"{name} has the values {values} in policy.h, {found} in policy.py")
        if as_number(value) != number:
            raise ImportError(f"{name} is {number} by default in policy.h, {value} in policy.py")


POLICY_FIELDS = tuple([name for name in field_names() if name != "algorithm"])
check_policy_fields(policy_table())


def _aligned_zeros(n, dtype):
    """Give `n` zeroed records on a cache line, as a view, so that numpy cannot move them."""
    size = n * dtype.itemsize
    memory = np.zeros(size + 64, dtype=np.uint8)
    shift = -memory.ctypes.data % 64
    return memory[shift : shift + size].view(dtype)


cdef class VM:
    """A virtual machine: some vCPUs that have the same planes and policy.

    Parameters
    ----------
    policy : Policy, str or path-like
        How planes are scheduled; as `policytext.as_policy` takes it: ``"vsm:ret=resume"``.
    planes : int
        How many planes each vCPU has, 1..16.
    vcpus : int
        How many vCPUs, 1 to 2**32 - 1.
    online : iterable of int, optional
        The planes that exist at boot; all by default. Holds the policy's boot plane.
    controller : Controller or str, optional
        ``"lapic"``, or how it is set up: each plane has an interrupt controller, and interrupts
        have vectors. By default a plane knows only that it has an interrupt.

    Raises
    ------
    ValueError
        If a number is out of range or the policy names a plane that the VM does not have.
    TypeError
        If an argument is of the wrong type.

    Examples
    --------
    >>> vm = VM("vsm", planes=3)
    >>> vm.vcpus[0].step("irq", 1).now
    1
    """

    def __init__(self, policy="vsm", planes=2, vcpus=1, online=None, controller=None):
        planes = plane_count(planes)
        policy = as_policy(policy, planes)
        vcpus = vcpu_count(vcpus)
        self.planes = planes
        self._policy = policy
        self.picker = fill_algorithm(&self.c_policy, policy)
        self.algorithm = self.picker.c
        self._memory = copies(self.picker, vcpus)
        if self._memory is not None:
            self.algorithm.memory = <void *><size_t>self._memory.ctypes.data
        cdef ps_state boot = ps_boot(
            &self.c_policy, <uint16_t>online_mask(online, planes, policy.boot)
        )
        self.n_vcpus = vcpus
        self._state = _aligned_zeros(vcpus, STATE)
        self._clock = _aligned_zeros(vcpus * figures.PS_CLOCK_SLOTS(planes), np.dtype(np.int64))
        self._clock[:] = figures.PS_UNKNOWN_NS
        self.states = <ps_state *><size_t>self._state.ctypes.data
        self.clocks = <int64_t *><size_t>self._clock.ctypes.data
        self.clock_ns = figures.PS_UNKNOWN_NS
        self._last_run = None
        self.automaton = NULL
        self.looking_up_is_slow = False
        self.states[0] = boot
        self._state[:] = self._state[0]
        self._controller = as_controller(controller)
        self.apics = NULL
        self.posted = NULL
        if self._controller is not None:
            fill_chips(self)

    def __dealloc__(self):
        loop.ps_automaton_destroy(<loop.ps_automaton *>self.automaton)

    @property
    def policy(self):
        """The policy that the VM was made with."""
        return self._policy

    @property
    def controller(self):
        """How the interrupt controllers are set up; None where there are none."""
        return self._controller

    @property
    def state(self):
        """The states of all vCPUs: a writable structured array, shape (vcpus,), dtype STATE.

        It is the memory that the core works on, so a snapshot is ``vm.state.copy()`` and
        restoring one is ``vm.state[:] = snapshot``.
        """
        return self._state

    @state.setter
    def state(self, value):
        self._state[:] = np.asarray(value, dtype=STATE)

    @property
    def vcpus(self):
        """The vCPUs as a sequence of light views."""
        return VCPUs(self)

    @property
    def now_ns(self):
        """The time of the last event that was run, in nanoseconds; None before any."""
        return None if self.clock_ns == figures.PS_UNKNOWN_NS else self.clock_ns

    @property
    def last_run(self):
        """The figures of the last `run`, also of one that was interrupted; None before any."""
        return self._last_run

    def __reduce__(self):
        fields = (self._state.copy(), self._clock.copy(), self.clock_ns)
        head = HEAD if self._policy.has_algorithm and self.algorithm.pick is ask_python else 0
        memory = None
        if self._memory is not None:
            memory = self._memory.reshape(self.n_vcpus, -1)[:, head:].copy()
        chips = ()
        if self._controller is not None:
            chips = (self._controller, self._apics.copy(), self._posted.copy())
        return _rebuild, (self.planes, int(self.n_vcpus), self._policy, *fields, memory, *chips)

    def __copy__(self):
        rebuild, args = self.__reduce__()
        return rebuild(*args)

    def __deepcopy__(self, memo):
        return self.__copy__()

    def __repr__(self):
        return f"<VM of {counted(self.n_vcpus, 'vCPU')} with {self.planes} planes>"

    def _repr_html_(self):
        from .markup import states_table

        return states_table(self.vcpus)

    cdef ps_outcome step_vcpu(self, uint64_t vcpu, unsigned event, unsigned plane) noexcept nogil:
        """Step one vCPU at the VM's present time; the arguments are in range."""
        cdef ps_state *s = &self.states[vcpu]
        cdef uint16_t irq = s.irq
        cdef ps_outcome out
        if self.apics is not NULL:
            return self.step_chip(vcpu, event, plane, 0)
        if self.algorithm.pick is NULL:
            out = ps_step(&self.c_policy, s, event, plane)
        else:
            out = step_by(self, vcpu, event, plane)
        note_times(self, vcpu, irq, out)
        return out

    cdef ps_outcome step_chip(
        self, uint64_t vcpu, unsigned event, unsigned plane, unsigned arg
    ) noexcept nogil:
        """Step one vCPU whose planes have controllers; `arg` is a vector or the value of TPR."""
        cdef ps_state *s = &self.states[vcpu]
        cdef uint16_t irq = s.irq
        cdef ps_apic *apics = &self.apics[vcpu * self.planes]
        cdef ps_outcome out
        if self.algorithm.pick is NULL:
            out = ps_chip_step(&self.c_policy, &self.c_chip, s, apics, event, plane, arg)
        else:
            out = step_chip_by(self, vcpu, event, plane, arg)
            if out.fault == PS_NO_ANSWER:
                return out
        note_times(self, vcpu, irq, out)
        loop.ps_chip_note_posted(
            &self.c_chip, self.posted + vcpu * self.planes * PS_N_VECTORS, out, event, plane, arg,
            self.clock_ns,
        )
        return out

    def run(self, events, log=None, progress=None):
        """Run timed events through the vCPUs and count what happens.

        Parameters
        ----------
        events : ndarray, shape (n,), dtype EVENT
            In order of time, not before the last event of an earlier run. Where there are
            controllers, ``arg`` is the vector of an irq or a line, or the value of TPR, and
            ``kind`` may be a `ChipEvent`.
        log : ndarray, shape (m,), dtype OUTCOME, optional
            Filled with the outcomes that entered a plane, exited, blocked, woke, faulted or
            notified (VINA), in order: from one to the next of a vCPU it does one thing;
            `Stats.logged` says how many there were, also of those beyond m.
        progress : callable, optional
            Called some times a second, and at the end, with the part that is done, 0..1, and the
            events so far.

        Returns
        -------
        Stats
            The figures of this run: from the last event of the run before (or this run's
            first) to this run's last. After Ctrl-C those of the events until then, of which
            `Stats.events` says how many, marked ``partial``.

        Raises
        ------
        ValueError
            If a time goes back, a vCPU or plane is out of range or a kind unknown; it says in
            which record, and nothing has changed. Likewise if a state that was written by hand
            is not one that a vCPU can have.
        TypeError
            If an array is of another dtype, or `log` cannot be written.
        RuntimeError
            If another thread is running this VM.
        """
        with cython.critical_section(self):
            check_idle(self)
            self.busy = True
        try:
            return run_events(self, events, log, progress)
        finally:
            self.busy = False


cdef ps_outcome step_by(
    VM vm, uint64_t vcpu, unsigned event, unsigned plane
) noexcept nogil:
    """Step one vCPU with the algorithm, which has a memory for each."""
    cdef ps_state before = vm.states[vcpu]
    cdef ps_algorithm algorithm = vm.algorithm
    cdef ps_outcome out
    algorithm.memory = ps_memory_of(&vm.algorithm, vcpu)
    out = loop.ps_step_with(&vm.c_policy, &algorithm, &vm.states[vcpu], event, plane)
    if out.fault == PS_NO_ANSWER:
        vm.states[vcpu] = before
    return out


cdef void note_times(VM vm, uint64_t vcpu, uint16_t irq, ps_outcome out) noexcept nogil:
    """Note when a plane was entered, and when what is pending now and was not was posted."""
    cdef ps_state *s = &vm.states[vcpu]
    cdef unsigned plane
    cdef int64_t *clock = vm.clocks + vcpu * figures.PS_CLOCK_SLOTS(vm.planes)
    if out.was != out.now:
        clock[figures.PS_CLOCK_ENTERED] = vm.clock_ns
    cdef uint16_t fresh = s.irq & ~irq
    while fresh:
        plane = ps_first(&vm.c_policy, s.locked, fresh)
        clock[figures.PS_CLOCK_POSTED + plane] = vm.clock_ns
        fresh &= <uint16_t>~(1 << plane)


def _rebuild(planes, vcpus, policy, state, clock, clock_ns, memory=None, controller=None, *chips):
    cdef VM vm = VM(policy, planes, vcpus, controller=controller)
    vm._state[:] = state
    vm._clock[:] = clock
    vm.clock_ns = clock_ns
    if memory is not None:
        vm._memory.reshape(vcpus, -1)[:, -memory.shape[1]:] = memory
    if chips:
        vm._apics[:], vm._posted[:] = chips
    return vm


class VCPUs:
    """The vCPUs of a VM, by index: a sequence that makes its views when asked."""

    def __init__(self, vm):
        self._vm = vm

    def __len__(self):
        return (<VM>self._vm).n_vcpus

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return VCPU(self._vm, index)

    def __iter__(self):
        return (VCPU(self._vm, index) for index in range(len(self)))

    def __repr__(self):
        shown = [repr(vcpu) for vcpu in self[:8]]
        more = len(self) - len(shown)
        return f"[{', '.join(shown)}{f', and {more} more' if more else ''}]"


cdef class VCPU:
    """A light view of one vCPU of a VM.

    Examples
    --------
    >>> from planesched import VM
    >>> vcpu = VM("vsm", planes=3).vcpus[0]
    >>> vcpu.irq(2).now, vcpu.step("return").now, vcpu.current
    (2, 1, 1)
    """

    def __init__(self, VM vm not None, index):
        cdef int64_t n = <int64_t>vm.n_vcpus
        index = whole("vcpu", index)
        if not -n <= index < n:
            raise IndexError(f"vcpu={index} is not in 0..{n - 1}")
        self.vm = vm
        self.index = index + n if index < 0 else index

    @property
    def current(self):
        """The plane that runs, or that ran last where the vCPU is blocked or in userspace."""
        return self.vm.states[self.index].current

    @property
    def blocked(self):
        """Whether the current plane is halted, or nothing can run."""
        return bool(self.vm.states[self.index].status & PS_STATUS_BLOCKED)

    @property
    def user(self):
        """Whether the vCPU is in userspace."""
        return bool(self.vm.states[self.index].status & PS_STATUS_USER)

    @property
    def state(self):
        """The 32 bytes: a writable record of dtype STATE that shares the VM's memory."""
        return self.vm._state[self.index : self.index + 1].reshape(())

    @state.setter
    def state(self, value):
        self.vm._state[self.index] = value

    def step(self, event, plane=None, arg=None):
        """Let one event happen.

        Parameters
        ----------
        event : str or int
            By name or number.
        plane : int, optional
            The plane that the event names; some take none.
        arg : int, optional
            The vector of an irq or a line, or the value of TPR, where there are controllers.

        Returns
        -------
        Outcome
            A guest's mistake is a fault in it, not an exception.

        Raises
        ------
        Mistake
            A ValueError, if there is no such event, a plane is missing or superfluous, or the VM
            has no such plane, or the state was written by hand and is not one of a vCPU; a
            TypeError too if the event is neither a name nor a number, or the plane no whole number.
        RuntimeError
            If another thread is running the VM.
        """
        cdef unsigned number
        cdef VM vm = self.vm
        check_idle(vm)
        if vm.apics is not NULL or arg is not None:
            return step_with_vector(self, event, plane, arg)
        if type(event) is str:
            found = EVENT_NUMBERS.get(event)
            number = event_number(event) if found is None else found
        else:
            number = event_number(event)
        return step_numbered(self, number, plane)

    def default_pick(self):
        """Give the plane that the default userspace scheduler would enter; None to wait."""
        cdef unsigned plane = ps_default_pick(&self.vm.c_policy, &self.vm.states[self.index])
        return None if plane == PS_NO_PLANE else plane

    def answer(self, plane=None):
        """Answer an exit as the default userspace scheduler does (rules, 3.5).

        Parameters
        ----------
        plane : int, optional
            Enter this plane instead of its pick, asking to be told of what it would ask for then.

        Returns
        -------
        Outcome or None
            Of the ``enter``; None where there is no plane to enter, and userspace waits.
        """
        cdef ps_state *s = &self.vm.states[self.index]
        cdef unsigned target
        if plane is None:
            plane = self.default_pick()
            if plane is None:
                return None
        target = target_of(self.vm, PS_EVENT_ENTER, plane)
        s.req_exit = ps_requests(&self.vm.c_policy, s, target)
        return self.step(PS_EVENT_ENTER, target)

    def resched(self):
        """Look again at which plane runs."""
        return step_numbered(self, PS_EVENT_RESCHED, None)

    def irq(self, plane, vector=None):
        """Deliver an interrupt to a plane; with its vector where there are controllers."""
        if vector is None:
            return step_numbered(self, PS_EVENT_IRQ, plane)
        return self.step("irq", plane, vector)

    def eoi(self, plane):
        """A plane ends the highest vector that it has in service."""
        return self.step("eoi", plane)

    def tpr(self, plane, value):
        """A plane writes its task priority."""
        return self.step("tpr", plane, value)

    def iret(self, plane):
        """A plane's NMI handler returns."""
        return self.step("iret", plane)

    def line(self, plane, vector, up):
        """A level-triggered line goes up or down."""
        return self.step("line_up" if up else "line_down", plane, vector)

    def chip(self, plane):
        """Return what the controller of a plane holds.

        Raises
        ------
        ValueError
            If the VM has no controllers, or no such plane.
        """
        return read_chip(self, plane)

    def nmi(self, plane):
        """Deliver an NMI to a plane."""
        return step_numbered(self, PS_EVENT_NMI, plane)

    def intercept(self, plane):
        """Queue an intercept to a plane."""
        return step_numbered(self, PS_EVENT_INTERCEPT, plane)

    def mask(self, plane):
        """Hold back a plane's interrupt by priority (TPR/CR8, PPR, GIC priority mask)."""
        return step_numbered(self, PS_EVENT_MASK, plane)

    def unmask(self, plane):
        """No longer hold back a plane's interrupt by priority."""
        return step_numbered(self, PS_EVENT_UNMASK, plane)

    def cli(self, plane):
        """Disable a plane's interrupts."""
        return step_numbered(self, PS_EVENT_CLI, plane)

    def sti(self, plane):
        """Enable a plane's interrupts."""
        return step_numbered(self, PS_EVENT_STI, plane)

    def halt(self):
        """The current plane executes HLT or WFI."""
        return step_numbered(self, PS_EVENT_HALT, None)

    def call(self, plane=None):
        """The current plane asks for a switch; names the plane where the policy hands over."""
        return step_numbered(self, PS_EVENT_CALL, plane)

    def return_(self):
        """The current plane returns."""
        return step_numbered(self, PS_EVENT_RETURN, None)

    def start(self, plane):
        """Make a plane runnable and not halted."""
        return step_numbered(self, PS_EVENT_START, plane)

    def stop(self, plane):
        """Make a plane not runnable."""
        return step_numbered(self, PS_EVENT_STOP, plane)

    def enable(self, plane):
        """Bring a plane into existence on this vCPU."""
        return step_numbered(self, PS_EVENT_ENABLE, plane)

    def init(self, plane):
        """Let a plane wait for its start, without what it had pending (INIT, wait-for-SIPI)."""
        return step_numbered(self, PS_EVENT_INIT, plane)

    def disable(self, plane):
        """Take a plane off this vCPU, with everything that it had pending."""
        return step_numbered(self, PS_EVENT_DISABLE, plane)

    def lock(self, plane):
        """Lock a plane in: from now its privilege counts (``rank="locked"``)."""
        return step_numbered(self, PS_EVENT_LOCK, plane)

    def force(self, plane):
        """The host forces a plane in."""
        return step_numbered(self, PS_EVENT_FORCE, plane)

    def hold(self, plane):
        """Userspace holds a plane back."""
        return step_numbered(self, PS_EVENT_HOLD, plane)

    def release(self, plane):
        """Userspace no longer holds a plane back."""
        return step_numbered(self, PS_EVENT_RELEASE, plane)

    def enter(self, plane):
        """Userspace picks a plane and enters the vCPU."""
        return step_numbered(self, PS_EVENT_ENTER, plane)

    def vina_on(self, plane):
        """A plane wants to be told of interrupts for less privileged planes."""
        return step_numbered(self, PS_EVENT_VINA_ON, plane)

    def vina_off(self, plane):
        """A plane no longer wants to be told."""
        return step_numbered(self, PS_EVENT_VINA_OFF, plane)

    def vina_clear(self, plane):
        """A plane clears the assertion of its notification."""
        return step_numbered(self, PS_EVENT_VINA_CLEAR, plane)

    def __reduce__(self):
        return VCPU, (self.vm, self.index)

    def __repr__(self):
        s = self.state
        how = "in userspace" if self.user else "blocked" if self.blocked else "running"
        parts = [f"plane {self.current} {how}"]
        masks = {name: planes_of(s[name]) for name in MASKS}
        waiting = [p for p in masks.pop("runnable") if p != self.current]
        if waiting:
            parts.append(f"{_listed(waiting)} suspended")
        del masks["online"]
        parts += [f"{name}: {_listed(planes)}" for name, planes in masks.items() if planes]
        return f"<vCPU {self.index}: {', '.join(parts)}>"

    def _repr_html_(self):
        from .markup import state_table

        return state_table(self.state, self.vm.planes)


cdef Outcome step_numbered(VCPU vcpu, unsigned number, object plane):
    """Let one event happen that is known by its number: what `VCPU.irq` and the others do."""
    cdef VM vm = vcpu.vm
    cdef unsigned target = 0
    check_idle(vm)
    if vm.apics is not NULL:
        return step_with_vector(vcpu, Event(number).name.lower(), plane, None)
    if ps_takes_plane(&vm.c_policy, number):
        target = target_of(vm, number, plane)
    elif plane is not None:
        raise Mistake("plane", plane, f"None: {Event(number).name.lower()} takes no plane here")
    if figures.ps_states_check(&vm.states[vcpu.index], 1, vm.planes) == 0:
        raise Mistake("state", vcpu.state, f"one of a vCPU with {vm.planes} planes")
    cdef Outcome outcome = Outcome.__new__(Outcome)
    outcome.c = vm.step_vcpu(vcpu.index, number, target)
    if outcome.c.fault == PS_NO_ANSWER:
        vm.picker.raise_wrong()
    return outcome


cdef int check_idle(VM vm) except -1:
    if vm.busy:
        raise RuntimeError(f"{vm!r} is being run already, by another thread")
    return 0


cdef unsigned target_of(VM vm, unsigned event, object plane) except? 255:
    if plane is None:
        name = Event(event).name.lower()
        raise Mistake("plane", None, f"a plane in 0..{vm.planes - 1}: {name} needs one")
    if type(plane) is not int:
        plane = plane_id("plane", plane, vm.planes)
    cdef int overflow
    cdef int64_t target = PyLong_AsLongAndOverflow(plane, &overflow)
    if overflow or not 0 <= target < vm.planes:
        plane_id("plane", plane, vm.planes)
    return <unsigned>target


def _listed(planes):
    return ",".join(map(str, planes))


include "core_algorithm.pxi"
include "core_chip.pxi"
include "core_run.pxi"
include "core_pick.pxi"
