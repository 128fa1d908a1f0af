/* Names of events, reasons and faults, as Python and the commands write them: for logs. A number
 * that is none has the name "?". */
#ifndef PLANESCHED_NAMES_H
#define PLANESCHED_NAMES_H

#include "state.h"

static inline const char *ps_event_name(unsigned event)
{
    static const char *const names[PS_N_EVENTS] = {
        "resched", "irq",   "nmi",    "intercept", "mask",    "unmask",  "cli",      "sti",
        "halt",    "call",  "return", "start",     "stop",    "enable",  "disable",  "lock",
        "force",   "hold",  "release", "enter",    "vina_on", "vina_off", "vina_clear", "init"};
    return event < PS_N_EVENTS ? names[event] : "?";
}

/* Why a plane was entered, or why the vCPU left for userspace: struct ps_outcome.reason. */
static inline const char *ps_reason_name(unsigned reason)
{
    static const char *const names[PS_N_REASONS] = {
        "none", "call",  "interrupt", "intercept", "return", "halt",
        "stop", "start", "force",     "user",      "relay",  "resched"};
    return reason < PS_N_REASONS ? names[reason] : "?";
}

/* Why an event was refused: struct ps_outcome.fault. */
static inline const char *ps_fault_name(unsigned fault)
{
    static const char *const names[PS_N_FAULTS] = {"none",    "ud",     "inval", "perm", "pending",
                                                   "offline", "exists", "busy",  "user", "blocked"};
    return fault < PS_N_FAULTS ? names[fault] : "?";
}

#endif
