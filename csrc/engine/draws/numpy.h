/* Draws with numpy's distributions, for the Python package: the bytes that a seed gives there. */
#ifndef PLANESCHED_NUMPY_H
#define PLANESCHED_NUMPY_H

#include "planesched/workload.h"

extern const struct ps_draws ps_numpy_draws;
/* Makes exponential draws faster, and changes none. Once, before there are threads. */
void ps_numpy_prepare(void);

#endif
