/* Names are those of their numbers; what is no number has none. */
#include "planesched/names.h"

#include "check.h"

int main(void)
{
    CHECK(strcmp(ps_event_name(PS_EVENT_VINA_CLEAR), "vina_clear") == 0);
    CHECK(strcmp(ps_event_name(PS_EVENT_INIT), "init") == 0);
    CHECK(strcmp(ps_reason_name(PS_REASON_RESCHED), "resched") == 0);
    CHECK(strcmp(ps_fault_name(PS_FAULT_BLOCKED), "blocked") == 0);
    CHECK(strcmp(ps_event_name(PS_N_EVENTS), "?") == 0);
    CHECK(strcmp(ps_reason_name(PS_N_REASONS), "?") == 0);
    CHECK(strcmp(ps_fault_name(PS_N_FAULTS), "?") == 0);
    return 0;
}
