// SPDX-License-Identifier: MIT
/*
 * A table of vCPUs whose planes are scheduled by planesched's headers, inside Linux.
 *
 * Parameters: `policy`, as field=value,...; `vcpus`; `planes`. In debugfs, planesched/: write
 * "VCPU EVENT PLANE" (an event's number) into `step`; read `state` and `stats`.
 *
 * In KVM, kvm_vcpu_select_plane() of the planes series (June 2026) would build a struct ps_state of
 * a vCPU's planes, call ps_step() with what happened, and make `current` the plane that it enters;
 * README.md has which of its fields is which mask.
 */
#include <linux/debugfs.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "planesched_module.h"

#define MOST_VCPUS 1024u

static char *policy_words = "";
module_param_named(policy, policy_words, charp, 0444);
MODULE_PARM_DESC(policy, "fields of the rules that are not at their first value: field=value,...");
static unsigned int n_vcpus = 1;
module_param_named(vcpus, n_vcpus, uint, 0444);
MODULE_PARM_DESC(vcpus, "how many vCPUs, 1..1024");
static unsigned int n_planes = 2;
module_param_named(planes, n_planes, uint, 0444);
MODULE_PARM_DESC(planes, "how many planes each has, 1..16");

struct counters {
	u64 steps, switches, injected, nmis, exits, faults;
};

static DEFINE_PER_CPU(struct counters, counted);
static DEFINE_MUTEX(vcpus_lock);
static struct ps_state *vcpus;
static struct ps_policy policy;
static struct dentry *folder;

/* ---- The policy's words ---- */

/* The number of a name in "one two three ", or -1. */
static int number_of(const char *names, const char *word)
{
	size_t length = strlen(word);
	int number = 0;

	while (*names) {
		size_t here = strcspn(names, " ");

		if (here == length && !strncmp(names, word, length))
			return number;
		names += here + (names[here] == ' ');
		number++;
	}
	return -1;
}

static int set_field(char *words)
{
	char *value = strchr(words, '=');
	unsigned int field, number;

	if (!value)
		return -EINVAL;
	*value++ = '\0';
	for (field = 0; field < PS_N_POLICY_FIELDS; field++) {
		const char *names = ps_policy_value_names(field);
		int named;

		if (strcmp(ps_policy_field_name(field), words))
			continue;
		named = names[0] == ':' ? -1 : number_of(names, value);
		if (named < 0 && kstrtouint(value, 0, &number))
			return -EINVAL;
		return ps_policy_set(&policy, field, named < 0 ? number : named) ? -EINVAL : 0;
	}
	return -EINVAL;
}

static int set_policy(void)
{
	char *copy = kstrdup(policy_words, GFP_KERNEL), *rest = copy, *words;
	int error = copy ? 0 : -ENOMEM;

	policy = ps_policy_default();
	while (!error && (words = strsep(&rest, ",")) != NULL)
		if (*words) {
			error = set_field(words);
			if (error)
				pr_err("planesched: policy: %s: not a field and its value\n",
				       words);
		}
	kfree(copy);
	if (!error && (ps_policy_prepare(&policy) || policy.boot >= n_planes))
		error = -EINVAL;
	return error;
}

/* ---- Steps ---- */

static struct ps_outcome step_vcpu(unsigned int vcpu, unsigned int event, unsigned int plane)
{
	struct ps_outcome out;

	mutex_lock(&vcpus_lock);
	out = ps_step(&policy, &vcpus[vcpu], event, plane);
	mutex_unlock(&vcpus_lock);
	this_cpu_inc(counted.steps);
	if (out.flags & PS_FLAG_SWITCHED)
		this_cpu_inc(counted.switches);
	if (out.flags & PS_FLAG_INJECTED)
		this_cpu_inc(counted.injected);
	if (out.flags & PS_FLAG_NMI)
		this_cpu_inc(counted.nmis);
	if (ps_exits(out))
		this_cpu_inc(counted.exits);
	if (out.fault != PS_FAULT_NONE)
		this_cpu_inc(counted.faults);
	return out;
}

static ssize_t step_write(struct file *file, const char __user *from, size_t size, loff_t *at)
{
	unsigned int vcpu, event, plane = 0;
	struct ps_outcome out;
	char words[64];
	int given;

	if (size >= sizeof(words))
		return -EINVAL;
	if (copy_from_user(words, from, size))
		return -EFAULT;
	words[size] = '\0';
	given = sscanf(words, "%u %u %u", &vcpu, &event, &plane);
	if (given < 2 || vcpu >= n_vcpus || event >= PS_N_EVENTS || plane >= n_planes)
		return -EINVAL;
	out = step_vcpu(vcpu, event, plane);
	pr_info("planesched: vcpu %u: event %u: plane %d -> %d, reason %u, fault %u, flags 0x%x\n",
		vcpu, event, out.was, out.now, out.reason, out.fault, out.flags);
	return size;
}

static const struct file_operations step_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = step_write,
	.llseek = no_llseek,
};

static int state_show(struct seq_file *out, void *unused)
{
	unsigned int i;

	mutex_lock(&vcpus_lock);
	for (i = 0; i < n_vcpus; i++)
		seq_printf(out, "vcpu %u: current %d status %u online 0x%x runnable 0x%x halted 0x%x irq 0x%x\n",
			   i, vcpus[i].current, vcpus[i].status, vcpus[i].online,
			   vcpus[i].runnable, vcpus[i].halted, vcpus[i].irq);
	mutex_unlock(&vcpus_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(state);

static int stats_show(struct seq_file *out, void *unused)
{
	struct counters all = {};
	int cpu;

	for_each_possible_cpu(cpu) {
		const struct counters *one = per_cpu_ptr(&counted, cpu);

		all.steps += one->steps;
		all.switches += one->switches;
		all.injected += one->injected;
		all.nmis += one->nmis;
		all.exits += one->exits;
		all.faults += one->faults;
	}
	seq_printf(out, "steps %llu\nswitches %llu\ninjected %llu\nnmis %llu\nexits %llu\nfaults %llu\n",
		   all.steps, all.switches, all.injected, all.nmis, all.exits, all.faults);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(stats);

/* ---- The module ---- */

static int __init planesched_init(void)
{
	unsigned int i;
	int error;

	if (!n_vcpus || n_vcpus > MOST_VCPUS || !n_planes || n_planes > PS_MAX_PLANES)
		return -EINVAL;
	error = set_policy();
	if (error)
		return error;
	if (planesched_conform())
		return -EINVAL; /* compiled so, the rules would not be the rules */
	vcpus = kcalloc(n_vcpus, sizeof(*vcpus), GFP_KERNEL);
	if (!vcpus)
		return -ENOMEM;
	for (i = 0; i < n_vcpus; i++)
		vcpus[i] = ps_boot(&policy, (u16)((1u << n_planes) - 1u));
	folder = debugfs_create_dir("planesched", NULL);
	debugfs_create_file("step", 0200, folder, NULL, &step_fops);
	debugfs_create_file("state", 0444, folder, NULL, &state_fops);
	debugfs_create_file("stats", 0444, folder, NULL, &stats_fops);
	pr_info("planesched: %u vCPUs of %u planes, ABI %d\n", n_vcpus, n_planes, PS_ABI_VERSION);
	return 0;
}

static void __exit planesched_exit(void)
{
	debugfs_remove(folder);
	kfree(vcpus);
	pr_info("planesched: removed\n");
}

module_init(planesched_init);
module_exit(planesched_exit);
MODULE_DESCRIPTION("Scheduling of a vCPU's planes");
MODULE_LICENSE("Dual MIT/GPL");
