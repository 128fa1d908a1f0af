/* Records that an algorithm of one's own picks for (rules, 3.7). */
#include "core/run_records.h"

int ps_run_by(struct ps_run *run, uint64_t end)
{
    struct ps_algorithm algorithm = *run->algorithm;
    return ps_run_records(run, &algorithm, end);
}
