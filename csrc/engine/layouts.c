/* The structs and enums of the engine that Python reads too. */
#include "core/layouts.h"
#include "planesched/engine.h"
#include "planesched/jobs.h"
#include "planesched/workload.h"

#define F(name) PS_LAYOUT_FIELD(ps_job, name)
static const struct ps_layout_field job_fields[] = {
    F(time_ns), F(service_ns), F(vcpu), F(source), F(plane), F(kind), {0}
};
#undef F

#define F(name) PS_LAYOUT_FIELD(ps_totals, name)
static const struct ps_layout_field totals_fields[] = {
    F(arrived), F(finished), F(queued_before), F(queued), F(sojourn_ns), F(sojourn_min_ns),
    F(sojourn_max_ns), F(woken), F(forwarded), F(starved_ns), F(oldest_ns), F(load_ns), F(age_ns),
    F(age_before_ns), {0}
};
#undef F

#define F(name) PS_LAYOUT_FIELD(ps_row, name)
static const struct ps_layout_field row_fields[] = {
    F(arrived), F(finished), F(injected), F(queued_before), F(queued), F(latency_ns),
    F(response_ns), F(sojourn_ns), F(latency_min_ns), F(latency_max_ns), F(response_min_ns),
    F(response_max_ns), F(sojourn_min_ns), F(sojourn_max_ns), {0}
};
#undef F

#define F(name) PS_LAYOUT_FIELD(ps_vector_row, name)
static const struct ps_layout_field vector_row_fields[] = {
    F(posted), F(injected), F(coalesced), F(dropped), F(before), F(pending), F(latency_ns),
    F(response_ns), F(latency_min_ns), F(latency_max_ns), F(response_min_ns), F(response_max_ns),
    {0}
};
#undef F

const struct ps_layout ps_engine_layouts[] = {
    PS_LAYOUT(ps_job, job_fields),
    PS_LAYOUT(ps_totals, totals_fields),
    PS_LAYOUT(ps_row, row_fields),
    PS_LAYOUT(ps_vector_row, vector_row_fields),
    {0}
};

#define JOB(name) {"JobKind", #name, PS_JOB_##name}
#define MISTAKE(name) {"JobMistake", #name, PS_JOB_##name}
#define ARRIVALS(name) {"Arrivals", #name, PS_ARRIVALS_##name}
#define DRAW(name) {"Draw", #name, PS_SPREAD_##name}
const struct ps_number ps_engine_numbers[] = {
    JOB(INTERRUPT), JOB(CALL), JOB(FORWARD), JOB(TASK), JOB(TOLD),
    {"JobKind", NULL, PS_N_JOB_KINDS},
    MISTAKE(FINE), MISTAKE(BAD_VCPU), MISTAKE(BAD_TIME), MISTAKE(BAD_ORDER), MISTAKE(BAD_SERVICE),
    MISTAKE(BAD_PLANE), MISTAKE(BAD_KIND), MISTAKE(BAD_VECTOR),
    ARRIVALS(POISSON), ARRIVALS(PERIODIC), ARRIVALS(ONOFF), ARRIVALS(TIMES), ARRIVALS(CALLS),
    ARRIVALS(IPIS), {"Arrivals", NULL, PS_N_ARRIVALS},
    DRAW(CONSTANT), DRAW(UNIFORM), DRAW(EXPONENTIAL), DRAW(LOGNORMAL), DRAW(GAMMA),
    DRAW(EMPIRICAL), {"Draw", NULL, PS_N_SPREADS},
    {0}
};
#undef JOB
#undef MISTAKE
#undef ARRIVALS
#undef DRAW
