# Posting, kick and look in C (csrc/core/kick.h).

from libc.stdint cimport uint8_t, uint16_t

from planesched.csched cimport ps_policy, ps_state

cdef extern from "core/kick.h" nogil:
    enum:
        PS_KICK_SENDS
        PS_KICK_EVENTS
        PS_KICK_SELF
        PS_N_KICK_PROPERTIES

    enum ps_kick_kind:
        PS_KICK_TEST
        PS_KICK_POST
        PS_KICK_KICK
        PS_KICK_LOOK
        PS_KICK_TAKE
        PS_KICK_END
        PS_KICK_CHECK
        PS_KICK_ENTER
        PS_KICK_SLEEP
        PS_KICK_ANSWER
        PS_KICK_POLL
        PS_KICK_RESTORE
        PS_KICK_GUEST

    struct ps_protocol:
        uint8_t looker, order, when, book, scope, suppress, consume, signal
        uint8_t recheck_entry, recheck_sleep, restore, poll

    struct ps_send:
        uint8_t nmi, plane, kicks, posts

    struct ps_kick_act:
        uint8_t kind, number, event

    struct ps_kicked:
        ps_state s
        uint16_t posted, pnmi, kick, mute, look, seen
        uint8_t phase, restored
        uint8_t places[8]

    struct ps_kick_system:
        ps_policy policy
        ps_protocol protocol
        ps_send sends[8]
        ps_kick_act events[64]
        unsigned n_planes, n_sends, n_events
        int repeat

    ps_kicked ps_kick_start(const ps_kick_system *sys, const ps_state *s)
    int ps_kick_do(const ps_kick_system *sys, ps_kicked *k, ps_kick_act act, unsigned *broken)
    unsigned ps_kick_broken(const ps_kick_system *sys, const ps_kicked *k)
    int ps_kick_heals(const ps_kick_system *sys, const ps_kicked *k)
