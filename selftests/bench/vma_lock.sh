#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: what the oracles of vma_lock cost, and how readers scale
# timeout: 180
#
# A reader's burst of judged reads beside its burst of bare lock_vma_under_rcu()
# and vma_end_read(), in the same run and at the same addresses; and locked reads
# a second of 4 readers beside those of 1, with nothing held.

# shellcheck source=selftests/lib.sh
. "${0%/*}/../lib.sh"

secs=${BENCH_SECS:-20}

# counter NAME: its value, of this run.
counter()
{
	get "vma_lock/$1" && echo "$value"
}

# run READERS: their locked reads in hundredths of a second, into $reads, $took.
run()
{
	loaded_with scenarios=vma_lock "nreaders=$1" nwriters=1 nmms=2 \
		hold_us=0 seed=1 || exit 1
	# What came before the first second is warming up.
	sleep 1
	reads=$(counter lock_hit)
	now
	took=$now
	sleep "$secs"
	reads=$(($(counter lock_hit) - reads))
	now
	took=$((now - took))
	control stop
}

begin 0 > /dev/null
"$INSMOD" "$MODULE" autostart=0 scenarios=vma_lock || exit 1
get vma_lock/state
unload
case $value in
skipped*)
	note "vma_lock $value"
	exit 4
	;;
esac

run 1
one=$((reads * 1000 / took))
awk -v bare="$(counter bare)" -v bare_ns="$(counter bare_ns)" \
	-v checked="$(counter checked)" -v checked_ns="$(counter checked_ns)" '
BEGIN {
	if (!bare || !checked)
		exit 1
	printf "bench vma_lock_judged %.2f ratio >=0.5 judged reads/s per bare lock and release/s (%d and %d ns each)\n",
		bare_ns / bare / (checked_ns / checked),
		checked_ns / checked, bare_ns / bare
}' || exit 1
unload
run 4
four=$((reads * 1000 / took))
unload
awk -v one="$one" -v four="$four" -v cpus="$(nproc)" 'BEGIN {
	printf "bench vma_lock_1_reader %d 1/s - locked reads, faults included\n", one / 10
	printf "bench vma_lock_4_readers %.2f ratio - beside 1 reader, %d CPUs, a writer among them\n",
		four / one, cpus
}'
