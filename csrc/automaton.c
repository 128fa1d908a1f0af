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
    unsigned code = 0;
    for (unsigned event = 0; event < PS_N_EVENTS; event++) {
        a->bare[event] = !ps_takes_plane(&a->policy, event);
        a->codes[event] = (uint16_t)code;
        code += a->bare[event] ? 1u : a->n_planes;
    }
    a->n_codes = code;
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
    const uint64_t row = sizeof *a->states + sizeof *a->spent_ns +
                         a->n_codes * (sizeof *a->edges + sizeof *a->outcomes);
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
    free(a->spent_ns);
    free(a->edges);
    free(a->outcomes);
    free(a->slots);
    free(a);
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
    const size_t edges = (size_t)room * a->n_codes;
    if (resize((void **)&a->states, room, sizeof *a->states) ||
        resize((void **)&a->spent_ns, room, sizeof *a->spent_ns) ||
        resize((void **)&a->edges, edges, sizeof *a->edges) ||
        resize((void **)&a->outcomes, edges, sizeof *a->outcomes))
        return -1;
    a->room = room;
    return 0;
}

uint32_t ps_automaton_number(struct ps_automaton *a, const struct ps_state *state)
{
    uint32_t slot = hash_state(state) & (a->n_slots - 1);
    for (; a->slots[slot] != PS_NO_STATE; slot = (slot + 1) & (a->n_slots - 1))
        if (memcmp(&a->states[a->slots[slot]], state, sizeof *state) == 0)
            return a->slots[slot];
    const struct ps_state copy = *state; /* it may stand in the array that is about to move */
    if (grow(a))
        return PS_NO_STATE;
    const uint32_t number = a->n_states++;
    a->states[number] = copy;
    memset(&a->spent_ns[number], 0, sizeof *a->spent_ns);
    struct ps_edge *row = &a->edges[(size_t)number * a->n_codes];
    memset(row, 0, a->n_codes * sizeof *row);
    for (unsigned code = 0; code < a->n_codes; code++)
        row[code].next = PS_NO_STATE;
    a->slots[slot] = number;
    return number;
}

static unsigned event_of(const struct ps_automaton *a, unsigned code)
{
    unsigned event = 0;
    while (event + 1 < PS_N_EVENTS && a->codes[event + 1] <= code)
        event++;
    return event;
}

struct ps_edge *ps_automaton_fill(struct ps_automaton *a, uint32_t number, unsigned code)
{
    const unsigned event = event_of(a, code);
    const unsigned plane = code - a->codes[event];
    struct ps_state s = a->states[number];
    const struct ps_before before = ps_look(&s);
    const struct ps_outcome out = ps_step(&a->policy, &s, event, plane);
    const uint32_t next = ps_automaton_number(a, &s);
    if (next == PS_NO_STATE)
        return NULL;
    const uint8_t nowhere = (uint8_t)(1u + a->n_planes);
    const int done = !out.fault;
    const size_t index = (size_t)number * a->n_codes + code;
    struct ps_edge *edge = &a->edges[index];
    a->outcomes[index] = out;
    edge->next = next;
    edge->post = done && ps_posted(&before, event, plane) ? (uint8_t)(1u + plane) : nowhere;
    edge->notify = done && ps_vina_posted(&before, out, event, plane) ? (uint8_t)(1 + out.now)
                                                                      : nowhere;
    edge->plane = (uint8_t)out.now;
    edge->bits = (uint8_t)((out.flags & PS_FLAG_INJECTED ? PS_EDGE_INJECTED : 0u) |
                           (out.flags & PS_FLAG_SWITCHED ? PS_EDGE_SWITCHED : 0u) |
                           (ps_worth_logging(out) ? PS_EDGE_LOGGED : 0u));
    a->n_filled++;
    return edge;
}

static void fold_state(struct ps_automaton *a, uint32_t number, struct ps_figures *f)
{
    const struct ps_state *s = &a->states[number];
    const struct ps_wide spent = a->spent_ns[number];
    ps_wide_add_wide(&f->time_ns[s->status][s->current], spent);
    uint16_t waiting = (uint16_t)(s->runnable & ~ps_bit((unsigned)s->current));
    for (; waiting; waiting = (uint16_t)(waiting & (waiting - 1u)))
        ps_wide_add_wide(&f->suspended_ns[ps_lowest(waiting)], spent);
    memset(&a->spent_ns[number], 0, sizeof spent);
}

void ps_automaton_fold(struct ps_automaton *a, struct ps_figures *f)
{
    for (uint32_t number = 0; number < a->n_states; number++) {
        fold_state(a, number, f);
        const struct ps_before before = ps_look(&a->states[number]);
        for (unsigned event = 0; event < PS_N_EVENTS; event++) {
            const unsigned planes = a->bare[event] ? 1u : a->n_planes;
            for (unsigned plane = 0; plane < planes; plane++) {
                const size_t index = (size_t)number * a->n_codes + a->codes[event] + plane;
                struct ps_edge *edge = &a->edges[index];
                if (edge->count)
                    ps_count_steps(f, &before, &a->states[edge->next], a->outcomes[index], event,
                                   plane, edge->count);
                edge->count = 0;
            }
        }
    }
}
