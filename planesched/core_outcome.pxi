# What one step did.

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
