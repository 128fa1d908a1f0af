/* The records that drivers read and write: timed events, and outcomes for a log. */
#ifndef PLANESCHED_RECORDS_H
#define PLANESCHED_RECORDS_H

#include <stdint.h>

/* planesched.EVENT: 16 bytes. */
struct ps_event_record {
    int64_t time_ns;
    uint32_t vcpu;
    uint8_t kind, plane;
    uint16_t arg;
};

/* planesched.OUTCOME: 32 bytes. */
struct ps_outcome_record {
    int64_t record, time_ns;
    uint32_t vcpu;
    uint8_t kind, plane;
    int8_t was, now;
    uint8_t reason, fault, flags;
    uint8_t status;   /* before the step, as in ps_state */
    uint32_t took_ns; /* that the switch or exit takes, where the driver gives it time */
};

#endif
