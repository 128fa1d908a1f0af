/* Posting, kick and look as separate acts around ps_step (docs/reference/kick.md): one vCPU, its
 * senders, and every act that can happen. Which plane runs is ps_step's alone; this decides when a
 * posted event becomes an irq or nmi of the rules.
 */
#ifndef PLANESCHED_CORE_KICK_H
#define PLANESCHED_CORE_KICK_H

#include "planesched/step.h"

#define PS_KICK_SENDS 8u   /* sends of a search at most */
#define PS_KICK_EVENTS 64u /* guest events of a search at most */
#define PS_KICK_WORDS 7u   /* 64-bit words of a packed state at most */

enum ps_kick_order { PS_POST_FIRST, PS_KICK_FIRST, PS_TEST_FIRST };
enum ps_kick_when { PS_WHEN_EVERY, PS_WHEN_FIRST, PS_WHEN_OTHER, PS_WHEN_RESTING };
enum ps_kick_book { PS_BOOK_TARGET, PS_BOOK_CURRENT, PS_BOOK_NONE };
enum ps_kick_scope { PS_SCOPE_PLANE, PS_SCOPE_VCPU, PS_SCOPE_SHARED };
enum ps_kick_suppress { PS_SUPPRESS_OFF, PS_SUPPRESS_LATCH, PS_SUPPRESS_CURRENT };
enum ps_kick_consume { PS_CONSUME_BEFORE, PS_CONSUME_AFTER, PS_CONSUME_NEVER };
enum ps_kick_signal { PS_SIGNAL_BOTH, PS_SIGNAL_EXIT, PS_SIGNAL_WAKE, PS_SIGNAL_NONE };
enum ps_kick_recheck { PS_RECHECK_LAST, PS_RECHECK_EARLY, PS_RECHECK_NO };
enum ps_kick_restore { PS_RESTORE_KEPT, PS_RESTORE_LOST };
enum ps_kick_poll { PS_POLL_OFF, PS_POLL_ASLEEP, PS_POLL_REST };

/* The fields (2), in their order; zero is the first value of each. */
struct ps_protocol {
    uint8_t looker; /* a plane, or PS_NO_PLANE: the vCPU's thread */
    uint8_t order, when, book, scope, suppress, consume, signal;
    uint8_t recheck_entry, recheck_sleep, restore, poll;
};

struct ps_send {
    uint8_t nmi, plane, kicks, posts;
};

enum ps_kick_phase {
    PS_PHASE_OUT, PS_PHASE_LOOKING, PS_PHASE_TAKEN, PS_PHASE_LOOKED, PS_PHASE_COMMITTED, PS_PHASE_IN
};

enum ps_kick_kind {
    PS_KICK_TEST, PS_KICK_POST, PS_KICK_KICK, /* `number`: the send */
    PS_KICK_LOOK, PS_KICK_TAKE, PS_KICK_END, PS_KICK_CHECK, PS_KICK_ENTER, PS_KICK_SLEEP,
    PS_KICK_ANSWER, PS_KICK_POLL, PS_KICK_RESTORE,
    PS_KICK_GUEST /* `event`; `number`: the plane that it names, PS_KICK_SELF for current */
};
#define PS_KICK_SELF 31u

struct ps_kick_act {
    uint8_t kind, number, event;
};

/* Where a sender stands: acts done, and what its test found. */
#define PS_PLACE_DONE 3u
#define PS_PLACE_TESTED 4u
#define PS_PLACE_KICK 8u
#define PS_PLACE_SIGNAL 16u

/* The state of section 1, beside the 32 bytes. */
struct ps_kicked {
    struct ps_state s;
    uint16_t posted, pnmi, kick, mute, look, seen;
    uint8_t phase, restored;
    uint8_t places[PS_KICK_SENDS];
};

struct ps_kick_system {
    struct ps_policy policy;
    struct ps_protocol protocol;
    struct ps_send sends[PS_KICK_SENDS];
    struct ps_kick_act events[PS_KICK_EVENTS];
    unsigned n_planes, n_sends, n_events;
    int repeat; /* a send that is over may begin again */
};

/* Properties, as bits (4). */
#define PS_BROKEN_LOST_ASLEEP 1u
#define PS_BROKEN_LOST_RUNNING 2u
#define PS_BROKEN_OWED 4u
#define PS_BROKEN_LOOP 8u
#define PS_BROKEN_TWICE 16u
#define PS_N_KICK_PROPERTIES 5u

/* The start: all masks empty, `out`, or `in` where the looker is a plane that is not current. */
struct ps_kicked ps_kick_start(const struct ps_kick_system *sys, const struct ps_state *s);

/* Do one act. Returns 0, or -1 where it cannot happen (then *k is not to be used); adds the
 * properties of acts that it breaks to *broken. */
int ps_kick_do(const struct ps_kick_system *sys, struct ps_kicked *k, struct ps_kick_act act,
               unsigned *broken);

/* The next act of a send, or -1 where it is over. */
int ps_kick_next(const struct ps_kick_system *sys, const struct ps_kicked *k, unsigned send);

/* The one act of the looker, `answer` among them, that can be possible in this phase; -1: none. */
int ps_kick_looker_next(const struct ps_kick_system *sys, const struct ps_kicked *k);

/* The properties of states that are broken here. */
unsigned ps_kick_broken(const struct ps_kick_system *sys, const struct ps_kicked *k);

/* The same after an act, where the looker came to rest from the state before it: so it does after
 * an act of its own, if it did not rest already. */
unsigned ps_kick_broken_after(const struct ps_kick_system *sys, const struct ps_kicked *k,
                              struct ps_kick_act act);

/* Whether one more complete send of any plane that waits is looked at: what is lost is late, not
 * lost for good. */
int ps_kick_heals(const struct ps_kick_system *sys, const struct ps_kicked *k);

#endif
