// SPDX-License-Identifier: GPL-2.0-only
/*
 * vma_torture: torture test of the kernel's virtual memory areas.
 *
 * The module: its parameters, the table of its scenarios, load and unload.
 */
#include <linux/cpumask.h>
#include <linux/kstrtox.h>
#include <linux/limits.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "debugfs.h"
#include "engine.h"
#include "scenarios.h"
#include "session.h"
#include "symbols.h"
#include "version.h"
#include "watch.h"

/* All that can be busted; the last, the watch, is not started by a test. */
static const struct vt_scenario *const vt_scenarios[] = {
#define X(name) &name##_torture,
	VT_SCENARIOS(X)
#undef X
	&watch_torture,
};

#define VT_OPS_NAMES	512	/* for those of a scenario */
#define VT_WATCH	(ARRAY_SIZE(vt_scenarios) - 1)
#define VT_NR_SCENARIOS	VT_WATCH

static_assert(ARRAY_SIZE(vt_scenarios) <= VT_MAX_SCENARIOS);

/*
 * Numbers: X(name, default, least, largest, description with unit).
 */
#define VT_PARAMS(X)							\
	X(duration, 0, 0, 31536000,					\
	  "how long a test runs, in s; 0: until it is stopped")		\
	X(nreaders, 0, 0, 1024,						\
	  "reader threads per scenario; 0: chosen from online CPUs")	\
	X(nwriters, 0, 0, 1024,						\
	  "writer threads per scenario; 0: chosen from online CPUs")	\
	X(nmms, 0, 0, 256,						\
	  "private address spaces per scenario; 0: chosen from online CPUs") \
	X(stat_interval, 0, 0, 86400,					\
	  "time between lines of progress in the log, in s; 0: none")	\
	X(stutter, 0, 0, 3600,						\
	  "run this long, pause this long, and so on, in s; 0: no pauses") \
	X(shuffle_interval, 0, 0, 3600,					\
	  "time between changes of the threads' CPUs, in s; 0: none")	\
	X(onoff_interval, 0, 0, 3600,					\
	  "time between CPU hotplugs, in s; 0: none")			\
	X(hold_us, 20, 0, 100000,					\
	  "longest time a reader holds what it locked, in us; 0: none")	\
	X(seed, 0, 0, U64_MAX,						\
	  "seed of all random streams; 0: a random one, which is printed") \
	X(stop_on_race, 0, 0, 1,					\
	  "end the test with the first race")				\
	X(panic_on_race, 0, 0, 1,					\
	  "panic with the first race, for a crash dump")		\
	X(stall_secs, 30, 1, 3600,					\
	  "a thread without progress for this long is a race, in s")	\
	X(delay_interval_us, 0, 0, 1000000,				\
	  "longest time between interruptions of each CPU by a timer, in us; 0: none") \
	X(delay_us, 0, 0, 10000,					\
	  "longest time such an interruption holds a thread of the test, in us; 0: it only interrupts") \
	X(autostart, 1, 0, 1,						\
	  "start a test when the module is loaded")			\
	X(verbose, 0, 0, 1,						\
	  "say at the end of a test how hard each oracle looked")

struct vt_params vt_params = {
#define X(name, def, least, largest, text) .name = (def),
	VT_PARAMS(X)
#undef X
};

/**
 * struct vt_number - a parameter that is a number
 * @name: of the parameter
 * @val: where its value belongs
 * @least: smallest value that is allowed
 * @largest: largest value that is allowed
 * @rubbish: what was given instead of a number, or NULL
 *
 * A bad value is remembered and refused at load, where it can be said once and
 * in full what is wrong with it.
 */
struct vt_number {
	const char *name;
	u64 *val;
	u64 least;
	u64 largest;
	char *rubbish;
};

static int vt_number_set(const char *text, const struct kernel_param *kp)
{
	struct vt_number *number = kp->arg;

	kfree(number->rubbish);
	number->rubbish = NULL;
	/* A bare name means yes, as with every switch of the kernel. */
	if (!text)
		text = number->largest == 1 ? "1" : "";
	if (number->largest == 1) {
		bool yes;

		if (!kstrtobool(text, &yes)) {
			*number->val = yes;
			return 0;
		}
	} else if (!kstrtou64(text, 0, number->val)) {
		if (*number->val >= number->least &&
		    *number->val <= number->largest)
			return 0;
	}
	number->rubbish = kstrdup(text, GFP_KERNEL);
	return number->rubbish ? 0 : -ENOMEM;
}

static int vt_number_get(char *buf, const struct kernel_param *kp)
{
	const struct vt_number *number = kp->arg;

	return scnprintf(buf, PAGE_SIZE, "%llu\n", *number->val);
}

static void vt_number_free(void *arg)
{
	struct vt_number *number = arg;

	kfree(number->rubbish);
	number->rubbish = NULL;
}

static const struct kernel_param_ops vt_number_ops = {
	.flags = KERNEL_PARAM_OPS_FL_NOARG,
	.set = vt_number_set,
	.get = vt_number_get,
	.free = vt_number_free,
};

#define X(param, def, lo, hi, text)					\
	static struct vt_number vt_number_##param = {			\
		.name = #param, .val = &vt_params.param,		\
		.least = (lo), .largest = (hi),				\
	};								\
	module_param_cb(param, &vt_number_ops, &vt_number_##param, 0444); \
	MODULE_PARM_DESC(param, text " (default " #def ", " #lo " to " #hi ")");
VT_PARAMS(X)
#undef X

static struct vt_number *const vt_numbers[] = {
#define X(name, def, least, largest, text) &vt_number_##name,
	VT_PARAMS(X)
#undef X
};

static char *scenarios = "";
module_param(scenarios, charp, 0444);
#define X(name) " " #name
MODULE_PARM_DESC(scenarios, "comma list of the scenarios to run (default all:" VT_SCENARIOS(X) ")");
#undef X

static char *busted = "";
module_param(busted, charp, 0444);
MODULE_PARM_DESC(busted, "comma list of scenarios, or scenario/kind, run in their busted flavour (default none)");

static char *ops = "";
module_param(ops, charp, 0444);
MODULE_PARM_DESC(ops, "comma list of scenario/operation, only these; scenario/operation:N, N times as often (1 to 1000); scenario/-operation, all but that (default all, as often as they are)");

static char vt_echo[1024];

static int vt_check_numbers(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vt_numbers); i++) {
		const struct vt_number *number = vt_numbers[i];

		if (!number->rubbish)
			continue;
		vt_err("bad parameter %s=" VT_WORDS ": allowed are %llu to %llu\n",
		       number->name,
		       VT_WORDS_ARGS(number->rubbish, strlen(number->rubbish)),
		       number->least, number->largest);
		return -EINVAL;
	}
	return 0;
}

/* What may follow the name of a scenario in a list. */
enum vt_bad { VT_BAD_SCENARIOS, VT_BAD_KINDS, VT_BAD_OPS };

static void vt_bad_list(const char *param, const char *value, enum vt_bad with)
{
	static const char *const behind[] = {
		[VT_BAD_SCENARIOS] = "",
		[VT_BAD_KINDS] = ", each with /kind or without",
		[VT_BAD_OPS] = ", each with /operation, /operation:weight or /-operation",
	};
	unsigned int nr = with == VT_BAD_KINDS ? ARRAY_SIZE(vt_scenarios) :
						 VT_NR_SCENARIOS;
	char all[160];
	size_t n = 0;
	unsigned int i;

	all[0] = '\0';
	for (i = 0; i < nr; i++)
		n += scnprintf(all + n, sizeof(all) - n, "%s%s", i ? "," : "",
			       vt_scenarios[i]->name);
	vt_err("bad parameter %s=" VT_WORDS ": allowed are %s%s\n", param,
	       VT_WORDS_ARGS(value, strlen(value)), all, behind[with]);
}

static const char *const vt_ops_faults[] = {
	[VT_OPS_NAME]	= "no such operation",
	[VT_OPS_WEIGHT]	= "no weight from 1 to 1000",
	[VT_OPS_NOTHING] = "nothing is left to do",
};

static int vt_check_ops(void)
{
	struct vt_draws draws[VT_NR_SCENARIOS];
	enum vt_ops_fault fault;
	struct vt_ops_at at;
	unsigned int i;
	char *names;

	for (i = 0; i < VT_NR_SCENARIOS; i++)
		draws[i] = (struct vt_draws){
			.name = vt_scenarios[i]->name,
			.draws = vt_scenarios[i]->draws,
			.nr = vt_scenarios[i]->nr_draws,
		};
	fault = vt_ops_apply(draws, VT_NR_SCENARIOS, ops, &at);
	if (fault == VT_OPS_FINE)
		return 0;
	if (fault == VT_OPS_SCENARIO) {
		vt_bad_list("ops", ops, VT_BAD_OPS);
		return -EINVAL;
	}
	names = kmalloc(VT_OPS_NAMES, GFP_KERNEL);
	if (names)
		vt_ops_list(&draws[at.scenario], names, VT_OPS_NAMES);
	vt_err("bad parameter ops=" VT_WORDS ": %s; allowed for %s are %s\n",
	       VT_WORDS_ARGS(at.word, at.len), vt_ops_faults[fault],
	       draws[at.scenario].name, names ?: "its operations");
	kfree(names);
	return -EINVAL;
}

/* The kinds that "/kind" behind a scenario's name stands for; none: all. */
static u32 vt_kind_mask(const struct vt_scenario *sc, const char *kind,
			size_t len)
{
	unsigned int i;

	if (!len)
		return BIT(vt_stall_kind(sc) + !sc->by_itself) - 1;
	if (len == 5 && !strncmp(kind, "stall", len) && !sc->by_itself)
		return BIT(vt_stall_kind(sc));
	for (i = 0; i < sc->nr_kinds; i++)
		if (strlen(sc->kinds[i].name) == len &&
		    !strncmp(sc->kinds[i].name, kind, len))
			return BIT(i);
	return 0;
}

/**
 * vt_parse_list() - parse a comma list of scenario[/kind]
 * @param: parameter's name, for the complaint
 * @list: its value
 * @kinds: may kinds be named?
 * @masks: per scenario, the kinds named
 *
 * Return: 0 or -EINVAL.
 */
static int vt_parse_list(const char *param, const char *list, bool kinds,
			 u32 *masks)
{
	unsigned int nr = kinds ? ARRAY_SIZE(vt_scenarios) : VT_NR_SCENARIOS;
	const char *value = list;

	while (*list) {
		size_t len = strcspn(list, ","), name = strcspn(list, ",/");
		u32 mask = 0;
		unsigned int i;

		for (i = 0; i < nr; i++)
			if (strlen(vt_scenarios[i]->name) == name &&
			    !strncmp(vt_scenarios[i]->name, list, name))
				break;
		if (i < nr && (kinds || name == len) &&
		    (name == len || len > name + 1))
			mask = vt_kind_mask(vt_scenarios[i], list + name + 1,
					    name == len ? 0 : len - name - 1);
		if (!mask || (list[len] && !list[len + 1])) {
			vt_bad_list(param, value, kinds ? VT_BAD_KINDS : VT_BAD_SCENARIOS);
			return -EINVAL;
		}
		masks[i] |= mask;
		list += len + !!list[len];
	}
	return 0;
}

static void vt_choose_defaults(void)
{
	unsigned int cpus = num_online_cpus();

	/* As many threads as CPUs, if only one scenario runs: writers need time too. */
	if (!vt_params.nreaders)
		vt_params.nreaders = clamp(cpus - cpus / 2, 1U, 64U);
	if (!vt_params.nwriters)
		vt_params.nwriters = clamp(cpus / 2, 1U, 64U);
	if (!vt_params.nmms)
		vt_params.nmms = clamp(cpus / 2, 2U, 16U);
	while (!vt_params.seed)
		vt_params.seed = get_random_u64();
}

static void vt_make_echo(void)
{
	size_t n = scnprintf(vt_echo, sizeof(vt_echo), "scenarios=%.80s busted=%.80s ops=%.240s",
			     *scenarios ? scenarios : "all",
			     *busted ? busted : "none", *ops ? ops : "all");
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vt_numbers); i++)
		n += scnprintf(vt_echo + n, sizeof(vt_echo) - n, " %s=%llu",
			       vt_numbers[i]->name, *vt_numbers[i]->val);
}

static int __init vt_init(void)
{
	u32 chosen[ARRAY_SIZE(vt_scenarios)] = {};
	u32 broken[ARRAY_SIZE(vt_scenarios)] = {};
	u32 mask = 0;
	unsigned int i;
	int ret;

	ret = vt_check_numbers();
	if (!ret)
		ret = vt_parse_list("scenarios", scenarios, false, chosen);
	if (!ret)
		ret = vt_parse_list("busted", busted, true, broken);
	if (!ret)
		ret = vt_check_ops();
	if (ret)
		return ret;

	vt_choose_defaults();
	vt_make_echo();
	for (i = 0; i < VT_NR_SCENARIOS; i++)
		if (!*scenarios || chosen[i])
			mask |= BIT(i);

	ret = vt_symbols_init();
	if (ret == -ENOMEM) {
		vt_err("no memory to set up: %d\n", ret);
		return ret;
	}
	if (ret)
		vt_info("no way to find unexported functions: %d\n", ret);
	for (i = 0; i < VT_NR_SCENARIOS; i++)
		if (vt_scenarios[i]->symbols)
			vt_symbols_find(vt_scenarios[i]->symbols);
	ret = vt_session_init(vt_scenarios, ARRAY_SIZE(vt_scenarios), broken, vt_echo);
	if (ret) {
		vt_err("no memory to set up: %d\n", ret);
		return ret;
	}
	/* Before the files are there: a quick "start" would make it -EBUSY. */
	if (vt_params.autostart)
		ret = vt_session_start(mask);
	if (!ret) {
		vt_debugfs_init(mask);
		vt_watch_files();
		ret = vt_debugfs_complete();
		if (ret)
			vt_err("no memory for the files of debugfs: %d\n", ret);
	}
	if (ret) {
		vt_debugfs_exit();
		vt_watch_exit();
		vt_session_exit();
	}

	return ret;
}
module_init(vt_init);

static void __exit vt_exit(void)
{
	vt_debugfs_exit();
	vt_watch_exit();
	vt_session_exit();
}
module_exit(vt_exit);

MODULE_DESCRIPTION("Torture test of virtual memory areas");
MODULE_AUTHOR("The vma_torture developers");
MODULE_LICENSE("GPL");
MODULE_VERSION(VT_VERSION);
MODULE_INFO(test, "Y");
