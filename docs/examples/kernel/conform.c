// SPDX-License-Identifier: MIT
/* Every conformance case of the project, on the headers as this kernel compiled them. */
#include <linux/printk.h>

#include "planesched_module.h"

#include "cases.h"

static unsigned int found(const struct ps_case_want *want, struct ps_outcome out,
			  const struct ps_state *s)
{
	u16 mask;

	switch (want->key) {
	case PS_CASE_RUN:
		return out.now;
	case PS_CASE_REASON:
		return out.reason;
	case PS_CASE_FAULT:
		return out.fault;
	case PS_CASE_FLAGS:
		return out.flags & want->value;
	case PS_CASE_NOT_FLAGS:
		return want->value & ~(unsigned int)out.flags;
	case PS_CASE_BLOCKED:
		return !!(s->status & PS_STATUS_BLOCKED);
	case PS_CASE_USER:
		return !!(s->status & PS_STATUS_USER);
	default:
		memcpy(&mask, (const char *)s + want->key * sizeof(mask), sizeof(mask));
		return mask;
	}
}

/* Userspace enters what the default scheduler picks; where it waits, nothing happens. */
static struct ps_outcome answer(const struct ps_policy *policy, struct ps_state *s)
{
	unsigned int plane = ps_default_pick(policy, s);

	if (plane == PS_NO_PLANE)
		return ps_step(policy, s, PS_EVENT_RESCHED, 0);
	if (policy->scheduler == PS_SCHEDULER_USER)
		s->req_exit = ps_requests(policy, s, plane);
	return ps_step(policy, s, PS_EVENT_ENTER, plane);
}

static unsigned int run_case(const struct ps_case *test)
{
	struct ps_policy policy = ps_policy_default();
	struct ps_state s = test->start;
	unsigned int field, i, k, wrong = 0;

	for (field = 0; field < PS_N_POLICY_FIELDS; field++)
		if (ps_policy_set(&policy, field, test->fields[field]))
			return 1;
	if (ps_policy_prepare(&policy))
		return 1;
	for (i = 0; i < test->n_steps; i++) {
		const struct ps_case_step *step = &ps_case_steps[test->step + i];
		struct ps_outcome out;

		out = step->event == 255 ? answer(&policy, &s)
					 : ps_step(&policy, &s, step->event, step->plane);
		for (k = 0; k < step->n_wants; k++) {
			const struct ps_case_want *want = &ps_case_wants[step->want + k];

			if (found(want, out, &s) == want->value)
				continue;
			pr_err("planesched: %s: step %u: key %u: expected %u, found %u\n",
			       test->id, i + 1, want->key, want->value, found(want, out, &s));
			wrong++;
		}
	}
	return wrong;
}

unsigned int planesched_conform(void)
{
	unsigned int i, steps = 0, differ = 0;

	for (i = 0; i < PS_N_CASES; i++) {
		differ += run_case(&ps_cases[i]) != 0;
		steps += ps_cases[i].n_steps;
	}
	pr_info("planesched: %u cases, %u steps: %u differ\n", PS_N_CASES, steps, differ);
	return differ;
}
