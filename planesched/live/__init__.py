"""Planes on a real KVM: one KVM vCPU for each, scheduled from userspace (rules, section 9).

On Linux on x86-64, where /dev/kvm opens; elsewhere each call says what is missing.
"""

from .faults import LiveError
from .host import Host, probe
from .measured import Measured, Sampled
from .measuring import measure

__all__ = ["Host", "LiveError", "Measured", "Sampled", "measure", "probe"]
