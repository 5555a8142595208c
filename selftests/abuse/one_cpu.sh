#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: on one CPU all scenarios get on, and end
# timeout: 240
# smp: 1
# append: slub_debug=FZPU kfence.sample_interval=10
#
# What is written to after it was freed, or behind its end, is a line on the console:
# objects of all slabs are poisoned, with red zones, and KFENCE has one every 10 ms.
# ABUSE=N: N times as long.

# shellcheck source=selftests/lib_abuse.sh
. "${0%/*}/../lib_abuse.sh"

# works PARAM=VALUE...
works()
{
	loaded_with "$@" && keeps_on 2 && ends && unload && nothing_left
}

removed_in_mid_run()
{
	loaded_with "$@" && removed_at_work
}

# Without these the other results say less than they seem to.
slabs_watched()
{
	for what in sanity_checks red_zone poison store_user; do
		for cache in vm_area_struct maple_node mm_struct kmalloc-64; do
			[ "$(cat "/sys/kernel/slab/$cache/$what")" = 1 ] ||
				no "$cache has no $what" || return
		done
	done
	# Debian's 6.1 was built without KFENCE.
	! grep -q ' __kfence_alloc$' /proc/kallsyms ||
		[ "$(cat /sys/module/kfence/parameters/sample_interval)" = 10 ] ||
		no "KFENCE does not watch"
}

[ "$(nproc)" = 1 ] || skip_all "needs a machine with one CPU"
abuse 6

if [ -e /sys/kernel/slab/vm_area_struct/poison ]; then
	check "slabs are watched" slabs_watched
else
	skip "slabs are watched" "no CONFIG_SLUB_DEBUG"
fi
check "as it chooses" works
check "a few threads each" works nreaders=4 nwriters=4 nmms=4
check "locks held for long" works nreaders=4 hold_us=20000
check "hotplug of no CPU, shuffled" works onoff_interval=1 shuffle_interval=1
check "rmmod in mid-run" removed_in_mid_run nreaders=4 nwriters=4 hold_us=20000
abuse_ends
