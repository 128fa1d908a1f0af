/* Threads that go through the phases of a search together.
 *
 * They meet between phases, in C: a phase lasts milliseconds, and waking a thread through the
 * system (or handing on Python's lock) would cost a good part of that. Who comes last does alone
 * what has to be done alone, and has the others go on.
 */
#include <sched.h>

#include "checker/atomics.h"
#include "checker/search.h"

#define PS_SPINS 4000u /* looks before the core is offered to others: a few microseconds */

/* What can be asked while the search goes on. */
static void publish_seen(struct ps_search *search)
{
    uint64_t n_slots = 0;
/* Unrolled, these few lines take gcc 12 two seconds. */
#pragma GCC unroll 1
    for (unsigned i = 0; i < PS_SHARDS; i++)
        n_slots += search->shards[i].n_slots;
    ps_store_64(&search->seen.states, search->n_states);
    ps_store_64(&search->seen.transitions, search->transitions);
    ps_store_64(&search->seen.slots, n_slots);
    ps_store(&search->seen.depth, ps_search_deepest(search));
    ps_store(&search->seen.sweeping, search->phase >= PS_LIGHT);
}

static int all_broken(const struct ps_search *search)
{
    for (unsigned i = 0; i < PS_N_PROPERTIES; i++)
        if (search->wanted >> i & 1u &&
            (i >= PS_N_LOCAL || search->finds[i].id == PS_NO_ID))
            return 0;
    return 1;
}

/* What comes after a round, or at the beginning. */
static int phase_after_round(struct ps_search *search)
{
    if (search->failed || ps_load(&search->stop) || (search->early && all_broken(search)))
        return PS_END;
    if (ps_search_plan(search, search->most))
        return PS_EXPAND;
    return search->wanted >> PS_N_LOCAL && !search->failed ? PS_LIGHT : PS_END;
}

static int phase_after_sweep(struct ps_search *search)
{
    uint64_t changes = 0;
    for (unsigned i = 0; i < PS_SHARDS; i++)
        changes += search->changes[i];
    if (ps_load(&search->stop))
        return PS_END;
    search->swept = !changes;
    return changes ? PS_SWEEP : PS_END;
}

static int next_phase(struct ps_search *search)
{
    switch (search->phase) {
    case PS_EXPAND:
        return PS_INSERT;
    case PS_INSERT:
        ps_search_end_round(search);
        return phase_after_round(search);
    case PS_LIGHT:
    case PS_SWEEP:
        return phase_after_sweep(search);
    default:
        return phase_after_round(search);
    }
}

/* Do what is left of the phase. */
static void work_on_phase(struct ps_search *search)
{
    const int phase = search->phase;
    const uint32_t end = phase == PS_EXPAND ? search->n_pieces : PS_SHARDS;
    for (;;) {
        /* A round that was begun is finished, or states would be missing. */
        if (phase > PS_INSERT && ps_load(&search->stop))
            return;
        const uint32_t i = ps_fetch_add(&search->taken);
        if (i >= end)
            return;
        if (phase == PS_EXPAND)
            ps_search_expand(search, i);
        else if (phase == PS_INSERT)
            ps_search_insert(search, i);
        else
            ps_search_sweep(search, i, phase == PS_LIGHT);
    }
}

/* All threads meet; the last to come turns to the next phase. */
static void meet_others(struct ps_search *search)
{
    const uint32_t turn = ps_load_acquire(&search->turn);
    if (ps_fetch_add(&search->met) + 1u == search->n_threads) {
        search->phase = next_phase(search);
        publish_seen(search);
        ps_store(&search->taken, 0);
        ps_store(&search->met, 0);
        ps_store_release(&search->turn, turn + 1u);
        return;
    }
    for (uint32_t looks = 0; ps_load_acquire(&search->turn) == turn; looks++)
        if (looks >= PS_SPINS)
            (void)sched_yield();
}

void ps_search_crew(struct ps_search *search, unsigned n_threads, uint64_t most, int early)
{
    search->n_threads = n_threads;
    search->most = most;
    search->early = early;
    search->phase = PS_BEGIN;
}

void ps_search_join(struct ps_search *search)
{
    for (;;) {
        meet_others(search);
        if (search->phase == PS_END)
            return;
        work_on_phase(search);
    }
}

void ps_search_stop(struct ps_search *search)
{
    ps_store(&search->stop, 1);
}

struct ps_seen ps_search_look(const struct ps_search *search)
{
    struct ps_seen seen;
    seen.states = ps_load_64(&search->seen.states);
    seen.transitions = ps_load_64(&search->seen.transitions);
    seen.slots = ps_load_64(&search->seen.slots);
    seen.depth = ps_load(&search->seen.depth);
    seen.sweeping = ps_load(&search->seen.sweeping);
    return seen;
}
