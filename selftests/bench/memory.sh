#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: memory that a test with default parameters on 2 CPUs takes
# timeout: 60

# shellcheck source=selftests/bench/lib.sh
. "$SELFTESTS/bench/lib.sh"

# kB in use, all of it, with what the kernel can drop dropped.
used()
{
	sync
	echo 3 > /proc/sys/vm/drop_caches
	awk '/^MemTotal:/ { total = $2 } /^MemFree:/ { print total - $2 }' /proc/meminfo
}

others()
{
	for f in /sys/devices/system/cpu/cpu[0-9]*/online; do
		case $f in */cpu1/online) continue ;; esac
		[ ! -w "$f" ] || echo "$1" > "$f"
	done
}

start_bench
trap 'finish; others 1' EXIT
others 0
before=$(used)
load || give_up "cannot load"
for _ in 1 2 3 4 5; do
	get map_fixed/ops
	wait_for 2 above map_fixed/ops $((value + 2000))
	echo $(($(used) - before)) >> "$tmp/used"
done
echo "kB in use, module included: $(tr '\n' ' ' < "$tmp/used")"
most=$(sort -n "$tmp/used" | tail -n 1)
result memory "$(awk -v kb="$most" 'BEGIN { printf "%.1f\n", kb / 1024 }')" MiB '<=64' the most of 5 looks, module and all the kernel keeps for it, default parameters, 2 CPUs
