# A vCPU of an engine in real time (csrc/live/run.h), for planesched.live.machine only.

from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t

from planesched.live._cmachine cimport ps_machine
from planesched.simulation._cengine cimport ps_engine

cdef extern from "live/run.h" nogil:
    struct ps_live_vcpu:
        ps_machine *machine
        int first_seat, n_planes, keeps_isr, copy
        double turns_per_ns
        int64_t exit_ns
        int last
        uint64_t switches, exits

    struct ps_live_sender:
        uint16_t source, origin
        double chance
        const uint32_t *targets
        uint32_t n_targets

    void ps_live_vcpu_init(ps_live_vcpu *live) noexcept
    int ps_live_talk(
        ps_live_vcpu *live, ps_live_vcpu **vcpus, const ps_live_sender *senders, unsigned n_senders
    ) noexcept
    int ps_live_advance(ps_live_vcpu *live, ps_engine *engine, int64_t until_ns) noexcept
    void ps_live_vcpu_close(ps_live_vcpu *live) noexcept
