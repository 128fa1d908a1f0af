"""Planes on a real KVM: one KVM vCPU for each, scheduled from userspace (rules, section 9).

On Linux on x86-64, where /dev/kvm opens; elsewhere each call says what is missing.
"""

from .faults import LiveError
from .host import Host, probe
from .measured import Measured, Sampled
from .measuring import measure
from .ran import Ran
from .running import run
from .verified import Difference, Verified
from .verifying import verify

__all__ = [
    "Difference",
    "Host",
    "LiveError",
    "Measured",
    "Ran",
    "Sampled",
    "Verified",
    "measure",
    "probe",
    "run",
    "verify",
]
