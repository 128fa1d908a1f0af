#include "automaton.h"

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
        code = (uint16_t)(code + (takes ? a->n_planes : 1u));
    }
    a->width = code;
}

struct ps_automaton *ps_automaton_create(const struct ps_policy *policy, unsigned n_planes,
                                         uint64_t bytes)
{
    struct ps_automaton *a = (struct ps_automaton *)calloc(1, sizeof *a);
    if (!a)
        return NULL;
    a->policy = *policy;
    a->n_planes = n_planes;
    number_codes(a);
    const uint64_t row =
        sizeof *a->states + a->width * (sizeof *a->edges + sizeof *a->outcomes);
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
    free(a->outcomes);
    free(a->slots);
    free(a);
}

static void *copied(const void *from, size_t n, size_t size)
{
    void *to = malloc(n * size + !n);
    if (to && n)
        memcpy(to, from, n * size);
    return to;
}

struct ps_automaton *ps_automaton_clone(const struct ps_automaton *a)
{
    struct ps_automaton *copy = (struct ps_automaton *)copied(a, 1, sizeof *a);
    if (!copy)
        return NULL;
    const size_t edges = (size_t)a->room * a->width;
    copy->states = (struct ps_state *)copied(a->states, a->room, sizeof *a->states);
    copy->edges = (struct ps_edge *)copied(a->edges, edges, sizeof *a->edges);
    copy->outcomes = (struct ps_outcome *)copied(a->outcomes, edges, sizeof *a->outcomes);
    copy->slots = (uint32_t *)copied(a->slots, a->n_slots, sizeof *a->slots);
    if (copy->states && copy->edges && copy->outcomes && copy->slots)
        return copy;
    ps_automaton_destroy(copy);
    return NULL;
}

static int resize(void **array, size_t n, size_t size)
{
    void *moved = realloc(*array, n * size);
    if (!moved)
        return -1;
    *array = moved;
    return 0;
}

/* Make room for one more state. Returns -1 where there is none to be had. */
static int grow(struct ps_automaton *a)
{
    if (a->n_states < a->room)
        return 0;
    if (a->room == a->most)
        return -1;
    const uint32_t wanted = a->room ? 2 * a->room : 64;
    const uint32_t room = wanted < a->most ? wanted : a->most;
    const size_t edges = (size_t)room * a->width;
    if (resize((void **)&a->states, room, sizeof *a->states) ||
        resize((void **)&a->edges, edges, sizeof *a->edges) ||
        resize((void **)&a->outcomes, edges, sizeof *a->outcomes))
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
    if (grow(a))
        return PS_NO_STATE;
    const uint32_t number = a->n_states++;
    a->states[number] = copy;
    struct ps_edge *row = &a->edges[(size_t)number * a->width];
    memset(row, 0, a->width * sizeof *row);
    for (unsigned code = 0; code < a->width; code++)
        row[code].next = PS_NO_STATE;
    a->slots[slot] = number;
    return number * a->width;
}

struct ps_edge *ps_automaton_fill(struct ps_automaton *a, uint32_t row, unsigned event,
                                  unsigned plane)
{
    struct ps_state s = *ps_automaton_state(a, row);
    const struct ps_before before = ps_look(&s);
    const struct ps_outcome out = ps_step(&a->policy, &s, event, plane);
    const uint32_t next = ps_automaton_row(a, &s);
    if (next == PS_NO_STATE)
        return NULL;
    const uint8_t nowhere = (uint8_t)(PS_CLOCK_POSTED + a->n_planes);
    const int done = !out.fault;
    const size_t index = row + ps_automaton_code(a, event, plane);
    struct ps_edge *edge = &a->edges[index];
    a->outcomes[index] = out;
    edge->next = next;
    edge->post = done && ps_posted(&before, event, plane) ? (uint8_t)(PS_CLOCK_POSTED + plane)
                                                          : nowhere;
    edge->notify = done && ps_vina_posted(&before, out, event, plane)
                       ? (uint8_t)(PS_CLOCK_POSTED + out.now)
                       : nowhere;
    edge->planes = (uint8_t)(out.now | out.was << 4);
    edge->bits = (uint8_t)((out.flags & PS_FLAG_INJECTED ? PS_EDGE_INJECTED : 0u) |
                           (out.flags & PS_FLAG_SWITCHED ? PS_EDGE_SWITCHED : 0u) |
                           (ps_worth_logging(out) ? PS_EDGE_LOGGED : 0u) |
                           (out.fault ? PS_EDGE_FAULT : 0u) |
                           (ps_exits(out) ? PS_EDGE_EXIT : 0u) |
                           (unsigned)s.status << PS_EDGE_STATUS_SHIFT);
    a->n_filled++;
    return edge;
}

static void fold_time(const struct ps_state *s, uint64_t spent_ns, struct ps_figures *f)
{
    ps_wide_add(&f->time_ns[s->status][s->current], spent_ns);
    ps_count_suspended(f, (uint16_t)(s->runnable & ~ps_bit((unsigned)s->current)), 0, spent_ns);
}

static void fold_counts(struct ps_automaton *a, uint32_t row, struct ps_figures *f)
{
    const struct ps_before before = ps_look(ps_automaton_state(a, row));
    for (unsigned event = 0; event < PS_N_EVENTS; event++) {
        const unsigned planes = a->codes[event].takes ? a->n_planes : 1u;
        for (unsigned plane = 0; plane < planes; plane++) {
            const size_t index = row + ps_automaton_code(a, event, plane);
            struct ps_edge *edge = &a->edges[index];
            if (edge->count)
                ps_count_steps(f, &before, ps_automaton_state(a, edge->next), a->outcomes[index],
                               event, plane, edge->count);
            edge->count = 0;
        }
    }
}

void ps_automaton_fold(struct ps_automaton *a, struct ps_figures *f)
{
    for (uint32_t number = 0; number < a->n_states; number++) {
        const uint32_t row = number * a->width;
        fold_time(&a->states[number], a->edges[row].count, f);
        a->edges[row].count = 0;
        fold_counts(a, row, f);
    }
}
