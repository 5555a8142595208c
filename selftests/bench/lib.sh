# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# What the benchmarks share: results, a stopwatch, and the middle of several
# measurements, for a guest's host has other things to do as well.

# shellcheck source=selftests/lib.sh
. "$SELFTESTS/lib.sh"

# What a benchmark runs is measured and not judged, and its output is figures.
tell()
{
	:
}

# start_bench: as begin, without results of a test.
start_bench()
{
	tmp=$(mktemp -d) || exit 1
	trap finish EXIT
	trap 'exit 1' HUP INT TERM
	[ ! -d /sys/module/vma_torture ] || "$RMMOD" vma_torture
}

# result NAME VALUE UNIT LIMIT REMARK...
result()
{
	echo "bench $*"
}

give_up()
{
	echo "$*" >&2
	exit 1
}

# clock NAME: the time, in the kernel log, which counts microseconds.
clock()
{
	echo "bench: $1 $$" > /dev/kmsg
}

# between A B: ms from the last clock A to the last clock B.
between()
{
	dmesg | awk -v a="bench: $1 $$" -v b="bench: $2 $$" '
	function stamp() {
		sub(/^[^[]*\[ */, "")
		return $0 + 0
	}
	index($0, a) { from = stamp() }
	index($0, b) { to = stamp() }
	END { printf "%.1f\n", (to - from) * 1000 }'
}

# median: of the numbers on stdin, one a line.
median()
{
	sort -n | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

# ratio A B: A / B, two decimals.
ratio()
{
	awk -v a="$1" -v b="$2" 'BEGIN { if (b > 0) printf "%.2f\n", a / b; else print 0 }'
}

# rate N NS: N a second.
rate()
{
	awk -v n="$1" -v ns="$2" 'BEGIN { if (ns > 0) printf "%.0f\n", n * 1e9 / ns; else print 0 }'
}

cpus()
{
	grep -c '^processor' /proc/cpuinfo
}

# per_second COUNTER SECONDS: how fast it grows meanwhile, by the clock.
per_second()
{
	get "$1"
	_from=$value
	clock from
	sleep "$2"
	get "$1"
	clock to
	awk -v n=$((value - _from)) -v ms="$(between from to)" \
		'BEGIN { printf "%.0f\n", (ms > 0 ? n * 1000 / ms : 0) }'
}

# scaling NAME WHAT COMMAND: results for COMMAND with 1, 2 and 4 as its argument,
# which prints a number. In turns, so that a busy moment of the host is everybody's.
scaling()
{
	for _ in 1 2 3 4 5; do
		for _n in 1 2 4; do
			"$3" $_n >> "$tmp/$_n" || give_up "cannot measure"
		done
	done
	_one=$(median < "$tmp/1")
	result "$1_1" "$_one" 1/s - "$2"
	result "$1_2" "$(ratio "$(median < "$tmp/2")" "$_one")" ratio - \
		"2 readers per 1, on $(cpus) vCPUs"
	result "$1_4" "$(ratio "$(median < "$tmp/4")" "$_one")" ratio - \
		"4 readers per 1, on $(cpus) vCPUs and no more than the host has"
}
