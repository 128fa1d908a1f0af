"""What every format is turned into: one record layout, and the names of its kinds."""

from enum import IntEnum

from ..layouts import RECORD

__all__ = ["MAX_VCPUS", "NO_VCPU", "RECORD", "Kind"]

MAX_VCPUS = 16384
"""vCPU ids lie below this: KVM_MAX_VCPUS (4096) times KVM_VCPU_ID_RATIO (4), asm/kvm_host.h."""

NO_VCPU = 0xFFFFFFFF
"""The vCPU of a record whose thread has not shown yet which vCPU it runs."""


class Kind(IntEnum):
    """What one record of a trace says."""

    ARRIVAL = 0
    """An APIC took a vector (Fixed, LowPrio) for a vCPU: an interrupt arrives."""
    POSTED = 1
    """The same through APICv or AVIC: no injection, and often no EOI, will be seen."""
    KICK = 2
    """Something that is no vector came (PV kick, SMI, NMI, INIT, SIPI, ExtINT): at most a wake."""
    INJECT = 3
    """The vCPU's thread injected a vector."""
    REINJECT = 4
    """It injected the same vector again, because the first attempt was cut short."""
    EOI = 5
    """The guest ended the interrupt."""
    HALT = 6
    """The vCPU left the guest because it executed HLT."""
    WAKEUP = 7
    """The host woke the vCPU's thread; ``arg`` is how long it had waited, in ns."""
    RUN = 8
    """The vCPU runs, seen for the first time or for the first time after a halt."""
    CALL = 9
    """The guest asked for another plane; ``vector`` is that plane, -1 for the next above."""
    RETURN = 10
    """The guest gave the vCPU back to a lower plane; ``vector`` is that plane, -1 if not said."""
    PREEMPT = 11
    """Plane ``vector`` was brought in by an interrupt."""
    INTERCEPT = 12
    """Plane ``vector`` was brought in by an intercept."""
    PICK = 13
    """The host picked plane ``vector``."""
    START = 14
    """The host made plane ``vector`` runnable."""
    STOP = 15
    """The host stopped plane ``vector``."""
