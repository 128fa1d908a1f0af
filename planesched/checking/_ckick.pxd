# The search over posting, kick and look in C, for planesched.checking.search only.

from libc.stdint cimport uint32_t, uint64_t

from planesched._ckick cimport ps_kick_act, ps_kick_system, ps_kicked
from planesched.csched cimport ps_state

cdef extern from "checker/kick_search.h" nogil:
    enum:
        PS_KICK_NOWHERE

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

    int ps_kick_open(ps_kick_search *search)
    void ps_kick_close(ps_kick_search *search)
    int ps_kick_root(ps_kick_search *search, const ps_kicked *k)
    int ps_kick_expand(ps_kick_search *search, uint32_t count, uint32_t most, int early)
    ps_kicked ps_kick_state(const ps_kick_search *search, uint32_t number)
    uint32_t ps_kick_at_rest(const ps_kick_search *search, ps_state *out, uint32_t room)
