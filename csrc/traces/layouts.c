/* The struct and the enum of records that Python reads too. */
#include "core/layouts.h"
#include "traces/record.h"

#define F(name) PS_LAYOUT_FIELD(ps_trace_record, name)
static const struct ps_layout_field trace_record_fields[] = {
    F(time_ns), F(arg), F(thread), F(vcpu), F(vector), F(kind), F(pad), {0}
};
#undef F

const struct ps_layout ps_trace_layouts[] = {
    PS_LAYOUT(ps_trace_record, trace_record_fields),
    {0}
};

#define KIND(name) {"Kind", #name, PS_KIND_##name},
const struct ps_number ps_trace_numbers[] = {
    PS_TRACE_KINDS(KIND) {"Kind", NULL, PS_N_KINDS}, {0}
};
#undef KIND
