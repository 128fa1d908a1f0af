# Posting, kick and look in C (csrc/checker/kick*.h), for planesched.checking.search only.

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from planesched.csched cimport ps_policy, ps_state

cdef extern from "checker/kick_search.h" nogil:
    enum:
        PS_KICK_SENDS
        PS_KICK_EVENTS
        PS_KICK_SELF
        PS_KICK_NOWHERE
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

    struct ps_kick_find:
        uint32_t state
        int by_act
        ps_kick_act act
        int for_good

    struct ps_kick_search:
        ps_kick_system sys
        unsigned words
        uint32_t n, room, expanded, mask
        uint64_t transitions
        unsigned wanted, broken
        int failed
        ps_kick_find finds[5]
        uint32_t *parents
        ps_kick_act *acts

    ps_kicked ps_kick_start(const ps_kick_system *sys, const ps_state *s)
    int ps_kick_do(const ps_kick_system *sys, ps_kicked *k, ps_kick_act act, unsigned *broken)
    unsigned ps_kick_broken(const ps_kick_system *sys, const ps_kicked *k)
    int ps_kick_heals(const ps_kick_system *sys, const ps_kicked *k)
    int ps_kick_open(ps_kick_search *search)
    void ps_kick_close(ps_kick_search *search)
    int ps_kick_root(ps_kick_search *search, const ps_kicked *k)
    int ps_kick_expand(ps_kick_search *search, uint32_t count, uint32_t most, int early)
    ps_kicked ps_kick_state(const ps_kick_search *search, uint32_t number)
    uint32_t ps_kick_at_rest(const ps_kick_search *search, ps_state *out, uint32_t room)
