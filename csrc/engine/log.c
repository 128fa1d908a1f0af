/* The log of steps: outcomes that are worth it, until there is no room left. */
#include "engine/parts.h"

void ps_engine_log_step(struct ps_engine *engine, uint32_t vcpu, unsigned event, unsigned plane,
                        struct ps_outcome out, uint8_t before)
{
    struct ps_outcome_record *record = engine->log.next++;
    engine->log.left--;
    memset(record, 0, sizeof *record);
    record->record = -1; /* of no array of events */
    record->time_ns = engine->guests[vcpu].now_ns;
    record->vcpu = vcpu;
    record->kind = (uint8_t)event;
    record->plane = ps_takes_plane(&engine->policy, event) ? (uint8_t)plane : PS_NO_PLANE;
    record->was = out.was;
    record->now = out.now;
    record->reason = out.reason;
    record->fault = out.fault;
    record->flags = out.flags;
    record->status = before;
    engine->log.costs = out.flags & PS_FLAG_SWITCHED || ps_exits(out) ? record : NULL;
}

void ps_engine_log_took(struct ps_engine *engine, int64_t took_ns)
{
    engine->log.costs->took_ns = took_ns > UINT32_MAX ? UINT32_MAX : (uint32_t)took_ns;
    engine->log.costs = NULL;
}

void ps_engine_log(struct ps_engine *engine, struct ps_outcome_record *records, uint64_t n)
{
    engine->log.next = records;
    engine->log.costs = NULL;
    engine->log.left = n;
}

uint64_t ps_engine_log_left(const struct ps_engine *engine)
{
    return engine->log.left;
}
