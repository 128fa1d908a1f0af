"""The fast core: VMs that own their vCPUs' states, and one step of one vCPU.

Which plane runs is decided by ps_step alone. Its parts are the files that are included at the end,
each one idea: a module each would be 12,000 lines more for the C compiler.
"""

from sys import intern
from time import perf_counter

import numpy as np

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int8_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from planesched cimport _ckick as kick
from planesched cimport _crun as loop
from planesched cimport _cfigures as figures
from planesched._clayouts cimport hold_enums, hold_layouts, ps_core_layouts, ps_core_numbers
from planesched.csched cimport *

from .cfunctions import address_of, function_address, kind_of
from .checks import (
    log_array,
    online_mask,
    plane_count,
    plane_id,
    planes_of,
    record_array,
    spread_over,
    vcpu_count,
    whole,
)
from .errors import Mistake, TypeMistake, Words
from .events import NO_PLANE, ChipEvent, Event, Fault, Flags, Notes, Reason
from .events import chip_event_number, event_number, set_names
from .figures.planes import Stats
from .irqchip import DISABLED, MASK_BY, NMI_BLOCKED, RESCANS, Chip, as_controller
from .layouts import APIC, EVENT, FIGURES, STATE
from .policy import Policy, field_names, hold_fields
from .policytext import as_policy
from .text import counted

__all__ = ["VCPU", "VM", "Outcome", "UserScheduler", "pick_many"]

ABI_VERSION = PS_ABI_VERSION

hold_layouts(ps_core_layouts)
hold_enums(ps_core_numbers)


cdef int abi_version() noexcept nogil:
    return PS_ABI_VERSION


include "core_outcome.pxi"
include "core_policy.pxi"
include "core_algorithm.pxi"
include "core_userspace.pxi"
include "core_vm.pxi"
include "core_vcpu.pxi"
include "core_step.pxi"
include "core_chip.pxi"
include "core_run.pxi"
include "core_kick.pxi"
include "core_pick.pxi"
