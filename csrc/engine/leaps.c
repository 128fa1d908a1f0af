/* The table of leaps: how one is made, found, counted and checked. */
#include "engine/leaps.h"

#include <stdlib.h>

struct ps_leaps *ps_leaps_create(unsigned n_planes, uint32_t n_rows, uint64_t bytes)
{
    struct ps_leaps *leaps = (struct ps_leaps *)calloc(1, sizeof *leaps);
    if (!leaps)
        return NULL;
    leaps->width = n_planes + 2u;
    leaps->n_rows = n_rows;
    leaps->most = (uint32_t)(bytes / (leaps->width * sizeof *leaps->leaps));
    for (leaps->n_slots = 2; leaps->n_slots < 2u * leaps->most; leaps->n_slots *= 2)
        ;
    const size_t line = sizeof *leaps->leaps;
    /* Zeroed pages cost nothing until there are places. */
    leaps->memory = calloc((size_t)leaps->most * leaps->width + 1u, line);
    leaps->places = (struct ps_place *)calloc(leaps->most, sizeof *leaps->places);
    leaps->slots = (uint32_t *)calloc(leaps->n_slots, sizeof *leaps->slots);
    leaps->leapt = (struct ps_leapt *)calloc(n_rows, sizeof *leaps->leapt);
    if (!leaps->memory || !leaps->places || !leaps->slots || !leaps->leapt) {
        ps_leaps_destroy(leaps);
        return NULL;
    }
    char *memory = (char *)leaps->memory;
    leaps->leaps = (struct ps_leap *)(void *)(memory + (line - (uintptr_t)memory % line));
    leaps->longest_ns[PS_LEAP_NOWHERE] = leaps->starved_ns[PS_LEAP_NOWHERE] = UINT64_MAX;
    return leaps;
}

void ps_leaps_destroy(struct ps_leaps *leaps)
{
    if (!leaps)
        return;
    free(leaps->memory);
    free(leaps->places);
    free(leaps->slots);
    free(leaps->leapt);
    free(leaps);
}

static uint64_t place_key(struct ps_place place)
{
    uint64_t key;
    memcpy(&key, &place, sizeof key);
    return key;
}

uint32_t ps_leaps_from(struct ps_leaps *leaps, struct ps_place place)
{
    const uint64_t key = place_key(place), hash = key * UINT64_C(0x9e3779b97f4a7c15);
    uint32_t slot = (uint32_t)(hash >> 32) & (leaps->n_slots - 1u);
    for (; leaps->slots[slot]; slot = (slot + 1u) & (leaps->n_slots - 1u))
        if (place_key(leaps->places[leaps->slots[slot] - 1u]) == key)
            return (leaps->slots[slot] - 1u) * leaps->width;
    if (leaps->n_places == leaps->most)
        return PS_NO_LEAP;
    const uint32_t from = leaps->n_places * leaps->width;
    leaps->places[leaps->n_places++] = place;
    leaps->slots[slot] = leaps->n_places;
    for (unsigned event = 0; event < leaps->width; event++)
        leaps->leaps[from + event].next = PS_NO_LEAP;
    return from;
}

/* ---- What was counted ---- */

static void give_tally(const struct ps_leap *leap, struct ps_automaton *automaton)
{
    for (unsigned step = 0; step < leap->n_steps; step++) {
        automaton->tallies[leap->at[step]].count += leap->tally.count;
        automaton->tallies[leap->at[step]].time_ns += leap->tally.time_ns;
    }
}

void ps_leaps_give(const struct ps_leaps *leaps, struct ps_automaton *automaton)
{
    for (uint32_t i = 0; i < leaps->n_places * leaps->width; i++)
        if (leaps->leaps[i].tally.count)
            give_tally(&leaps->leaps[i], automaton);
}

void ps_leaps_forget(struct ps_leaps *leaps)
{
    for (uint32_t i = 0; i < leaps->n_places * leaps->width; i++)
        leaps->leaps[i].tally.count = leaps->leaps[i].tally.time_ns = 0;
    memset(leaps->leapt, 0, leaps->n_rows * sizeof *leaps->leapt);
    for (unsigned plane = 0; plane < PS_LEAP_PLANES; plane++)
        leaps->longest_ns[plane] = leaps->starved_ns[plane] = 0;
}

/* ---- A leap is made ---- */

void ps_leap_begin(struct ps_leaps *leaps, unsigned status)
{
    struct ps_leap *leap = &leaps->made;
    memset(leap, 0, sizeof *leap);
    leap->next = PS_NO_LEAP;
    leap->post = leap->notify = leap->inject = leap->entered = PS_CLOCK_NOWHERE;
    leap->works = leap->begins = leap->queued = leap->stops = leap->was = PS_LEAP_NOWHERE;
    leaps->began = status;
    leaps->ends = leaps->fails = 0;
}

/* What a leap says once, and in an order: the event's irq, VINA's, the injection. */
static void note_slots(struct ps_leaps *leaps, struct ps_mark mark, unsigned event)
{
    struct ps_leap *leap = &leaps->made;
    const int injected = leap->inject != PS_CLOCK_NOWHERE;
    if (event == PS_EVENT_IRQ && mark.post != PS_CLOCK_NOWHERE) {
        leaps->fails |= leap->n_steps > 1;
        leap->post = mark.post;
    }
    if (mark.notify != PS_CLOCK_NOWHERE) {
        leaps->fails |= injected || leap->notify != PS_CLOCK_NOWHERE;
        leap->notify = mark.notify;
    }
    leap->bits = (uint8_t)(leap->bits & ~PS_LEAP_PAID);
    if (mark.bits & PS_MARK_INJECTED) {
        leaps->fails |= injected;
        leap->inject = (uint8_t)(PS_CLOCK_POSTED + ps_mark_now(mark));
        leap->bits |= PS_LEAP_INJECTS | PS_LEAP_PAID;
    }
}

/* Other planes run, or none. One that has work begins to wait; it alone, and once, can do so. */
static void note_change(struct ps_leaps *leaps, struct ps_mark mark, unsigned status,
                        uint16_t work)
{
    struct ps_leap *leap = &leaps->made;
    const unsigned was = ps_mark_was(mark), now = ps_mark_now(mark);
    if (mark.bits & PS_MARK_SWITCHED && leap->was == PS_LEAP_NOWHERE) {
        leap->was = (uint8_t)was; /* intervals of those that follow end as they begin */
        leap->entered = PS_CLOCK_ENTERED;
    }
    if (!(mark.bits & PS_MARK_CHANGED))
        return;
    if (!status && ps_has(work, was)) {
        leaps->fails |= leap->stops != PS_LEAP_NOWHERE;
        leap->stops = (uint8_t)was;
    }
    leaps->fails |= leap->begins != PS_LEAP_NOWHERE;
    if (!(mark.bits >> PS_MARK_STATUS_SHIFT) && ps_has(work, now))
        leap->begins = (uint8_t)now;
}

void ps_leap_note(struct ps_leaps *leaps, const struct ps_automaton *automaton, uint32_t row,
                  unsigned event, unsigned plane, unsigned status, uint16_t work, int64_t cost_ns)
{
    struct ps_leap *leap = &leaps->made;
    if (leaps->ends)
        return;
    if (leaps->fails || row == PS_NO_STATE || leap->n_steps == PS_LEAP_STEPS) {
        leaps->fails = 1;
        return;
    }
    const uint32_t at = ps_automaton_at(automaton, row, event, plane);
    const struct ps_mark mark = automaton->edges[at].mark;
    leap->at[leap->n_steps++] = at;
    leaps->fails |= automaton->edges[at].next == PS_NO_STATE || mark.bits & PS_MARK_EXIT ||
                    (leap->bits & PS_LEAP_PAYS) != 0;
    note_slots(leaps, mark, event);
    note_change(leaps, mark, status, work);
    if (cost_ns) {
        leap->bits |= PS_LEAP_PAYS;
        leap->cost_ns = cost_ns;
    }
}

void ps_leap_end(struct ps_leaps *leaps, struct ps_place place, unsigned current, unsigned status,
                 uint16_t able)
{
    struct ps_leap *leap = &leaps->made;
    if (leaps->ends)
        return;
    leaps->ends = 1;
    leaps->fails |= place.row == PS_NO_STATE || status == PS_STATUS_USER;
    if (leaps->fails)
        return;
    leap->next = ps_leaps_from(leaps, place);
    leap->current = (uint8_t)current;
    leap->status = (uint8_t)status;
    if (status != leaps->began)
        leap->turn = status ? PS_LEAP_HALTS : PS_LEAP_WAKES;
    if (leap->bits & PS_LEAP_INJECTS && leap->inject == leap->post &&
        leap->notify == PS_CLOCK_NOWHERE)
        leap->bits = (uint8_t)(leap->bits ^ (PS_LEAP_INJECTS | PS_LEAP_AT_ONCE));
    if (!status && ps_has(able, current) && !(leap->bits & PS_LEAP_PAYS))
        leap->works = (uint8_t)current;
}

void ps_leap_keep(struct ps_leaps *leaps, uint32_t at)
{
    struct ps_leap *kept = &leaps->leaps[at];
    assert(leaps->ends);
    if (leaps->fails || leaps->made.next == PS_NO_LEAP) {
        kept->bits = PS_LEAP_NEVER;
        return;
    }
    leaps->made.tally = kept->tally;
    assert(kept->next == PS_NO_LEAP || memcmp(kept, &leaps->made, sizeof *kept) == 0);
    *kept = leaps->made;
}

/* ---- A leap is checked ---- */

/* The event behind a pair: that of which it is the edge in its row. */
static int step_agrees(const struct ps_automaton *automaton, uint32_t row, uint32_t at)
{
    for (unsigned event = 0; event < PS_N_EVENTS; event++) {
        const struct ps_code code = automaton->codes[event];
        const unsigned planes = code.takes ? automaton->n_planes : 1u;
        if (ps_among(automaton->events, event) && at >= row + code.code &&
            at < row + code.code + planes)
            return ps_automaton_agrees(automaton, row, event, at - row - code.code);
    }
    return 0;
}

int ps_leap_agrees(const struct ps_leaps *leaps, const struct ps_automaton *automaton,
                   const struct ps_leap *from, const struct ps_leap *leap)
{
    uint32_t row = ps_leaps_place(leaps, from)->row;
    for (unsigned step = 0; step < leap->n_steps; step++) {
        if (!step_agrees(automaton, row, leap->at[step]))
            return 0;
        row = automaton->edges[leap->at[step]].next;
    }
    const struct ps_state *s = ps_automaton_state(automaton, row);
    const struct ps_place *next = ps_leaps_place(leaps, &leaps->leaps[leap->next]);
    return row == next->row && s->current == leap->current && s->status == leap->status;
}
