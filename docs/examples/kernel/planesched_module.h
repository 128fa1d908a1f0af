/* SPDX-License-Identifier: MIT */
#ifndef PLANESCHED_MODULE_H
#define PLANESCHED_MODULE_H

#include <planesched/step.h>

/* Run every case; returns how many differ, and says so. */
unsigned int planesched_conform(void);

#endif
