/* What an engine can be made with. */
#include "engine/parts.h"

#include "core/record_checks.h"

int ps_config_costly(const struct ps_engine_config *config)
{
    const struct ps_costs *costs = config->costs;
    int64_t least = costs ? costs->exit_ns : 0;
    int costly = least != 0;
    for (unsigned i = 0; costs && i < PS_N_REASONS * PS_MAX_PLANES; i++)
        for (unsigned to = 0; to < PS_MAX_PLANES; to++) {
            const int64_t ns = costs->switch_ns[i / PS_MAX_PLANES][i % PS_MAX_PLANES][to];
            least = ns < least ? ns : least;
            costly |= ns != 0;
        }
    return least < (costs && config->workload ? -(int64_t)costs->n_spreads : 0) ? -1 : costly;
}

/* With controllers, what interrupts has a vector. */
static int vectors_valid(const struct ps_engine_config *config)
{
    const struct ps_workload *workload = config->workload;
    if (!config->controller)
        return 1;
    for (uint32_t i = 0; workload && i < workload->n_sources; i++)
        if (workload->sources[i].arrivals != PS_ARRIVALS_CALLS &&
            workload->sources[i].vector < PS_FIRST_VECTOR)
            return 0;
    const struct ps_apic after_reset[PS_MAX_PLANES] = {{0}};
    return ps_chip_policy_valid(config->controller) &&
           (!config->initial ||
            ps_chip_agrees(config->controller, config->initial, after_reset, config->n_planes));
}

int ps_config_valid(const struct ps_engine_config *config)
{
    const struct ps_policy *policy = config->policy;
    if (!policy || !ps_policy_valid(policy) || config->n_planes < 1 ||
        config->n_planes > PS_MAX_PLANES || config->n_vcpus < 1 || config->start_ns < 0 ||
        config->start_ns == PS_NEVER_NS || config->forward_ns < 0 || config->slice_ns < 0 ||
        ps_config_costly(config) < 0 || !vectors_valid(config))
        return 0;
    const uint32_t all = (2u << (config->n_planes - 1u)) - 1u;
    const uint16_t online = config->initial ? config->initial->online : config->online;
    if (online & ~all || config->busy & ~all || !ps_has(online, policy->boot) ||
        (policy->marker_bit & ~all) ||
        (config->initial && ps_states_check(config->initial, 1, config->n_planes) != 1))
        return 0;
    if (config->main_plane != PS_NO_PLANE &&
        (config->main_plane >= config->n_planes || !ps_has(online, config->main_plane)))
        return 0;
    /* The marker calls the plane it forwards to: it needs to exist, and a call to name a plane. */
    return config->route == PS_ROUTE_OWN ||
           (config->route == PS_ROUTE_MARKER && policy->marker_bit & online &&
            policy->call != PS_CALL_NEXT);
}
