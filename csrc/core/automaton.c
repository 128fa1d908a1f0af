#include "core/automaton.h"

#include <stdlib.h>

/* States are never removed, so a slot that was filled stays. */
static uint32_t hash_state(const struct ps_state *state)
{
    uint64_t words[4];
    memcpy(words, state, sizeof words);
    uint64_t hash = 0;
    for (unsigned i = 0; i < 4; i++) {
        hash = (hash ^ words[i]) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 32;
    }
    return (uint32_t)hash;
}

static void number_codes(struct ps_automaton *a)
{
    uint16_t code = 1;
    for (unsigned event = 0; event < PS_N_EVENTS; event++) {
        const unsigned takes = ps_takes_plane(&a->policy, event);
        a->codes[event].code = code;
        a->codes[event].takes = ps_when((int)takes);
        if (ps_among(a->events, event))
            code = (uint16_t)(code + (takes ? a->n_planes : 1u));
    }
    a->width = code;
}

struct ps_automaton *ps_automaton_create(const struct ps_policy *policy,
                                         const struct ps_algorithm *algorithm, unsigned n_planes,
                                         uint32_t events, uint64_t bytes)
{
    assert(!algorithm || !algorithm->pick || algorithm->pure);
    struct ps_automaton *a = (struct ps_automaton *)calloc(1, sizeof *a);
    if (!a)
        return NULL;
    a->policy = *policy;
    if (algorithm)
        a->algorithm = *algorithm;
    a->n_planes = n_planes;
    a->events = events;
    number_codes(a);
    const uint64_t edge = sizeof *a->edges + sizeof *a->tallies + sizeof *a->outcomes;
    const uint64_t row = sizeof *a->states + a->width * edge;
    a->most = (uint32_t)(bytes / row < 65536 ? bytes / row : 65536);
    for (a->n_slots = 2; a->n_slots < 2u * a->most; a->n_slots *= 2)
        ;
    a->slots = (uint32_t *)malloc(a->n_slots * sizeof *a->slots);
    if (!a->slots) {
        ps_automaton_destroy(a);
        return NULL;
    }
    memset(a->slots, 0xff, a->n_slots * sizeof *a->slots);
    return a;
}

void ps_automaton_destroy(struct ps_automaton *a)
{
    if (!a)
        return;
    free(a->states);
    free(a->edges);
    free(a->tallies);
    free(a->outcomes);
    free(a->slots);
    free(a);
}

void *ps_copied(const void *from, size_t n, size_t size)
{
    void *to = malloc(n * size + !n);
    if (to && n)
        memcpy(to, from, n * size);
    return to;
}

struct ps_automaton *ps_automaton_clone(const struct ps_automaton *a)
{
    struct ps_automaton *copy = (struct ps_automaton *)ps_copied(a, 1, sizeof *a);
    if (!copy)
        return NULL;
    const size_t edges = (size_t)a->room * a->width;
    copy->states = (struct ps_state *)ps_copied(a->states, a->room, sizeof *a->states);
    copy->edges = (struct ps_edge *)ps_copied(a->edges, edges, sizeof *a->edges);
    copy->tallies = (struct ps_tally *)ps_copied(a->tallies, edges, sizeof *a->tallies);
    copy->outcomes = (struct ps_outcome *)ps_copied(a->outcomes, edges, sizeof *a->outcomes);
    copy->slots = (uint32_t *)ps_copied(a->slots, a->n_slots, sizeof *a->slots);
    if (copy->states && copy->edges && copy->tallies && copy->outcomes && copy->slots)
        return copy;
    ps_automaton_destroy(copy);
    return NULL;
}

static int resize_array(void **array, size_t n, size_t size)
{
    void *moved = realloc(*array, n * size);
    if (!moved)
        return -1;
    *array = moved;
    return 0;
}

/* Make room for one more state. Returns -1 where there is none to be had. */
static int grow_table(struct ps_automaton *a)
{
    if (a->n_states < a->room)
        return 0;
    if (a->room == a->most)
        return -1;
    const uint32_t wanted = a->room ? 2 * a->room : 64;
    const uint32_t room = wanted < a->most ? wanted : a->most;
    const size_t edges = (size_t)room * a->width;
    if (resize_array((void **)&a->states, room, sizeof *a->states) ||
        resize_array((void **)&a->edges, edges, sizeof *a->edges) ||
        resize_array((void **)&a->tallies, edges, sizeof *a->tallies) ||
        resize_array((void **)&a->outcomes, edges, sizeof *a->outcomes))
        return -1;
    a->room = room;
    return 0;
}

uint32_t ps_automaton_row(struct ps_automaton *a, const struct ps_state *state)
{
    uint32_t slot = hash_state(state) & (a->n_slots - 1);
    for (; a->slots[slot] != PS_NO_STATE; slot = (slot + 1) & (a->n_slots - 1))
        if (memcmp(&a->states[a->slots[slot]], state, sizeof *state) == 0)
            return a->slots[slot] * a->width;
    const struct ps_state copy = *state; /* it may stand in the array that is about to move */
    if (grow_table(a))
        return PS_NO_STATE;
    const uint32_t number = a->n_states++;
    a->states[number] = copy;
    const uint32_t row = number * a->width;
    memset(&a->tallies[row], 0, a->width * sizeof *a->tallies);
    memset(&a->edges[row], 0, a->width * sizeof *a->edges);
    a->edges[row].next = number;
    for (unsigned code = 1; code < a->width; code++)
        a->edges[row + code].next = PS_NO_STATE;
    a->slots[slot] = number;
    return row;
}

/* In the mark of an edge that was not worked out: the table is full, and it leads out of it. */
#define PS_LEADS_OUT PS_MARK_ALL

int ps_automaton_fill(struct ps_automaton *a, uint32_t row, unsigned event, unsigned plane)
{
    plane &= a->codes[event].takes;
    const uint32_t at = ps_automaton_at(a, row, event, plane);
    if (a->edges[at].mark.bits == PS_LEADS_OUT)
        return -1;
    struct ps_state s = *ps_automaton_state(a, row);
    const struct ps_before before = ps_look(&s);
    const struct ps_outcome out = ps_step_with(&a->policy, &a->algorithm, &s, event, plane);
    if (out.fault == PS_NO_ANSWER)
        return -1;
    const uint32_t next = ps_automaton_row(a, &s);
    if (next == PS_NO_STATE) {
        a->edges[at].mark.bits = a->n_states == a->most ? PS_LEADS_OUT : 0;
        return -1;
    }
    a->outcomes[at] = out;
    a->edges[at].next = next;
    a->edges[at].mark = ps_mark_of(&before, &s, out, event, plane, PS_MARK_ALL);
    a->n_filled++;
    return 0;
}

static void fold_time(const struct ps_state *s, uint64_t spent_ns, struct ps_figures *f)
{
    ps_wide_add(&f->time_ns[s->status][s->current], spent_ns);
    ps_count_suspended(f, (uint16_t)(s->runnable & ~ps_bit((unsigned)s->current)), 0, spent_ns);
}

/* Times are sums modulo 2^64 until every state has all that is its own. */
static void fold_tally(struct ps_automaton *a, uint32_t row, unsigned event, unsigned plane,
                       struct ps_figures *f)
{
    const uint32_t at = ps_automaton_at(a, row, event, plane);
    struct ps_tally *tally = &a->tallies[at];
    if (!tally->count)
        return;
    const struct ps_before before = ps_look(ps_automaton_state(a, row));
    const struct ps_edge *edge = &a->edges[at];
    ps_count_steps(f, &before, ps_automaton_state(a, edge->next), a->outcomes[at], edge->mark,
                   event, plane, tally->count);
    a->tallies[row].count -= tally->count;
    a->tallies[row].time_ns += tally->time_ns;
    a->tallies[edge->next].count += tally->count;
    a->tallies[edge->next].time_ns -= tally->time_ns;
    tally->count = tally->time_ns = 0;
}

void ps_automaton_fold(struct ps_automaton *a, struct ps_figures *f, uint64_t now_ns)
{
    for (uint32_t row = 0; row < a->n_states * a->width; row += a->width)
        for (unsigned event = 0; event < PS_N_EVENTS; event++) {
            if (!ps_among(a->events, event))
                continue;
            const unsigned planes = a->codes[event].takes ? a->n_planes : 1u;
            for (unsigned plane = 0; plane < planes; plane++)
                fold_tally(a, row, event, plane, f);
        }
    for (uint32_t row = 0; row < a->n_states * a->width; row += a->width) {
        struct ps_tally *here = &a->tallies[row];
        fold_time(ps_automaton_state(a, row), here->time_ns + here->count * now_ns, f);
        here->time_ns = UINT64_C(0) - here->count * now_ns;
    }
}
