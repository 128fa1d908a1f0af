/* All figures of an engine, for tests that look at them or compare them. A test says before how
 * many ROWS its engine has. */
#ifndef PLANESCHED_TESTS_READING_H
#define PLANESCHED_TESTS_READING_H

#include <string.h>

#include "check.h"
#include "planesched/engine.h"
#include "planesched/histogram.h"

struct reading {
    struct ps_figures figures;
    struct ps_totals totals;
    struct ps_row rows[ROWS];
    uint64_t latency[ROWS * PS_N_BUCKETS], response[ROWS * PS_N_BUCKETS],
        sojourn[ROWS * PS_N_BUCKETS];
};

static inline void read_figures(struct ps_engine *engine, struct reading *out)
{
    const struct ps_reading into = {&out->figures, &out->totals,  out->rows,
                                    out->latency,  out->response, out->sojourn};
    memset(out, 0, sizeof *out);
    CHECK(ps_engine_n_rows(engine) == ROWS);
    ps_engine_read(engine, &into);
}

#endif
