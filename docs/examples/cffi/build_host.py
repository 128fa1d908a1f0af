"""Compiles the headers into a module of cffi's: the core for CPython and PyPy alike."""

from cffi import FFI

import planesched

ffi = FFI()
ffi.cdef("""
    struct ps_outcome { int8_t was, now; uint8_t reason, fault, flags; ...; };
    struct ps_state { uint16_t irq, runnable; int8_t current; uint8_t status; ...; };
    struct ps_policy { uint8_t direction, ret; ...; };
    #define PS_HIGHEST_FIRST ...
    #define PS_RET_NEXT_ONLINE ...
    #define PS_EVENT_IRQ ...
    struct ps_policy ps_policy_default(void);
    int ps_policy_prepare(struct ps_policy *policy);
    struct ps_state ps_boot(const struct ps_policy *policy, uint16_t online);
    struct ps_outcome ps_step(const struct ps_policy *policy, struct ps_state *s,
                              unsigned event, unsigned plane);
""")
ffi.set_source("_host", "#include <planesched/step.h>", include_dirs=[planesched.get_include()])

if __name__ == "__main__":
    ffi.compile()
