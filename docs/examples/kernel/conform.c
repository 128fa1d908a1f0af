// SPDX-License-Identifier: MIT
/* Every conformance case of the project, on the headers as this kernel compiled them. */
#include <linux/printk.h>
#include <linux/slab.h>

#include "planesched_module.h"

#include "cases.h"

/* The vCPU of a case: what its policy, its algorithm and its controllers are, and where it is. */
struct tested {
	struct ps_policy policy;
	struct ps_algorithm algorithm;
	const struct ps_chip_policy *chip;
	struct ps_state s;
	struct ps_apic apics[PS_MAX_PLANES];
};

static struct ps_outcome do_event(struct tested *t, unsigned int event, unsigned int plane,
				  unsigned int arg)
{
	const struct ps_algorithm *algorithm = t->algorithm.pick ? &t->algorithm : NULL;

	if (t->chip)
		return ps_chip_step_by(&t->policy, algorithm, t->chip, &t->s, t->apics, event,
				       plane, arg);
	return ps_step_by(&t->policy, algorithm, &t->s, event, plane);
}

/* Userspace enters what the default scheduler picks; where it waits, nothing happens. */
static struct ps_outcome answer(struct tested *t)
{
	unsigned int plane = ps_default_pick(&t->policy, &t->s);

	if (plane == PS_NO_PLANE)
		return do_event(t, PS_EVENT_RESCHED, 0, 0);
	if (t->policy.scheduler == PS_SCHEDULER_USER)
		t->s.req_exit = ps_requests(&t->policy, &t->s, plane);
	return do_event(t, PS_EVENT_ENTER, plane, 0);
}

/* Whether a plane's controller holds a vector in one of the four ways. */
static unsigned int holds(const struct tested *t, unsigned int key, unsigned int plane,
			  unsigned int vector)
{
	const struct ps_apic *apic = &t->apics[plane];
	unsigned int slot = ps_chip_slot(t->chip, plane, vector);

	switch (key) {
	case PS_CASE_IRR:
		return ps_vectors_have(apic->irr, vector);
	case PS_CASE_ISR:
		return ps_apic_serves(apic, vector);
	case PS_CASE_SLOTS:
		return (apic->slots & slot) != 0;
	default:
		return (apic->queued & slot) != 0;
	}
}

/* What stands for a plane in its controller, with the plane above bit 7 as in what is wanted. */
static unsigned int found_of_plane(const struct tested *t, const struct ps_case_want *want)
{
	unsigned int plane = want->value >> 8, vector, n = 0;

	switch (want->key) {
	case PS_CASE_TPR:
		return plane << 8 | (t->apics[plane].tpr & 0xf0);
	case PS_CASE_PPR:
		return plane << 8 | (ps_apic_ppr(&t->apics[plane]) & 0xf0);
	case PS_CASE_N_IRR:
	case PS_CASE_N_ISR:
	case PS_CASE_N_SLOTS:
	case PS_CASE_N_QUEUED:
		for (vector = 0; vector < PS_N_VECTORS; vector++)
			n += holds(t, want->key - 1, plane, vector);
		return plane << 8 | n;
	default:
		return holds(t, want->key, plane, want->value & 0xff) ? want->value : 0xffff;
	}
}

static unsigned int found(const struct tested *t, const struct ps_case_want *want,
			  struct ps_outcome out)
{
	u16 mask;

	if (want->key >= PS_CASE_IRR)
		return found_of_plane(t, want);
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
		return !!(t->s.status & PS_STATUS_BLOCKED);
	case PS_CASE_USER:
		return !!(t->s.status & PS_STATUS_USER);
	case PS_CASE_VECTOR:
		return out.vector;
	case PS_CASE_ENDED:
		return out.ended;
	case PS_CASE_NOTES:
		return out.notes;
	default:
		memcpy(&mask, (const char *)&t->s + want->key * sizeof(mask), sizeof(mask));
		return mask;
	}
}

static int set_up(struct tested *t, const struct ps_case *test)
{
	static const ps_algorithm_fn picks[] = { NULL, ps_pick_rank, ps_pick_round_robin };
	unsigned int field;

	memset(t, 0, sizeof(*t));
	t->policy = ps_policy_default();
	t->s = test->start;
	t->algorithm.pick = picks[test->algorithm];
	if (test->controller != 255)
		t->chip = &ps_case_controllers[test->controller];
	for (field = 0; field < PS_N_POLICY_FIELDS; field++)
		if (ps_policy_set(&t->policy, field, test->fields[field]))
			return -EINVAL;
	return ps_policy_prepare(&t->policy);
}

static unsigned int run_case(struct tested *t, const struct ps_case *test)
{
	unsigned int i, k, wrong = 0;

	if (set_up(t, test))
		return 1;
	for (i = 0; i < test->n_steps; i++) {
		const struct ps_case_step *step = &ps_case_steps[test->step + i];
		struct ps_outcome out;

		out = step->event == 255 ? answer(t)
					 : do_event(t, step->event, step->plane, step->arg);
		for (k = 0; k < step->n_wants; k++) {
			const struct ps_case_want *want = &ps_case_wants[step->want + k];
			unsigned int seen = found(t, want, out);

			if (seen == want->value)
				continue;
			pr_err("planesched: %s: step %u: key %u: expected %u, found %u\n",
			       test->id, i + 1, want->key, want->value, seen);
			wrong++;
		}
	}
	return wrong;
}

unsigned int planesched_conform(void)
{
	struct tested *t = kmalloc(sizeof(*t), GFP_KERNEL); /* 1.3 KiB: much for a kernel's stack */
	unsigned int i, steps = 0, differ = 0;

	for (i = 0; t && i < PS_N_CASES; i++) {
		differ += run_case(t, &ps_cases[i]) != 0;
		steps += ps_cases[i].n_steps;
	}
	if (!t)
		return PS_N_CASES;
	kfree(t);
	pr_info("planesched: %u cases, %u steps: %u differ\n", PS_N_CASES, steps, differ);
	return differ;
}
