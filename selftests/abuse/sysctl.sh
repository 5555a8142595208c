#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: limits and huge pages that change in mid-run cost progress, and are no race
# timeout: 240
# guest: own
#
# ABUSE=N: N times as many changes.

# shellcheck source=selftests/lib_abuse.sh
. "${0%/*}/../lib_abuse.sh"

vm=/proc/sys/vm
knobs="overcommit_memory overcommit_ratio max_map_count nr_hugepages nr_overcommit_hugepages"

remember()
{
	for k in $knobs; do
		# A shell reads byte by byte, which sysctls do not bear.
		eval "was_$k=$(cat $vm/"$k" 2> /dev/null)"
	done
	threads_max=$(cat /proc/sys/kernel/threads-max)
}

# set KNOB VALUE. Where nothing may be committed no shell can fork: from a change
# to put_back all is done by this one.
set_to()
{
	{ echo "$2" > $vm/"$1"; } 2> /dev/null
}

put_back()
{
	for k in $knobs; do
		eval "[ -z \"\$was_$k\" ] || set_to $k \$was_$k"
	done
	echo "$threads_max" > /proc/sys/kernel/threads-max
}

# Huge pages that were free for a moment may have been used for something else.
pages_back()
{
	# shellcheck disable=SC2154  # by eval
	[ "$(cat $vm/nr_hugepages)" = "$was_nr_hugepages" ] && return
	echo 3 > $vm/drop_caches
	echo 1 > $vm/compact_memory
	set_to nr_hugepages "$was_nr_hugepages"
	return 1
}

all_back()
{
	put_back
	wait_for "$patience" pages_back || no "$(cat $vm/nr_hugepages) huge pages"
}

put_back_at_end()
{
	put_back
	finish
}

# moment: a fifth of a second, without a fork.
moment()
{
	now
	end=$((now + 20))
	while [ "$now" -lt $end ]; do
		now
	done
}

change()
{
	below 9
	case $drawn in
	0) set_to nr_hugepages 0 ;;
	[12])
		below 33
		set_to nr_hugepages $drawn
		;;
	3)
		below 3
		set_to overcommit_memory $drawn
		;;
	4)
		set_to overcommit_memory 2
		below 101
		set_to overcommit_ratio $drawn
		;;
	5)
		below 300
		set_to max_map_count $((10 + drawn))
		;;
	6)
		below 9
		set_to nr_overcommit_hugepages $drawn
		;;
	7) set_to compact_memory 1 ;;
	8) set_to drop_caches 3 ;;
	esac
	did="$did $drawn"
}

# Several changes hold at once; now and then all is as it was, and work goes on.
changes()
{
	loaded_with nreaders=2 nwriters=2 "$@" || return
	i=0
	while [ $i -lt $((4 * factor)) ]; do
		i=$((i + 1))
		for _ in 1 2 3 4 5; do
			change
			moment
		done
		all_back && goes_on || return
	done
	note "$((i * 5)) changes"
	ends && unload
}

# started KNOB VALUE: a test that begins with it begins or says why not; with all
# as it was the next one works.
started()
{
	set_to "$1" "$2"
	if control start; then
		moment
		control stop
		all_back || return
		note "$1=$2: $(awk '$2 == "done" { print $1 }' "$D/summary" | tr '\n' ' ')"
	else
		all_back || return
		note "$1=$2: $(cat "$tmp/control")"
		grep -q 'Cannot allocate memory' "$tmp/control" || return
	fi
	[ -z "$(threads)" ] && no_new_race || return
	control start && goes_on && control stop
}

starts()
{
	loaded_with autostart=0 || return
	for s in nr_hugepages=0 nr_hugepages=1 max_map_count=0 max_map_count=40 \
		overcommit_memory=1 overcommit_memory=2; do
		started "${s%=*}" "${s#*=}" || no "with $s" || return
	done
	unload
}

# Huge pages that are all there, and none of them free, to and fro.
pages_come_and_go()
{
	loaded_with scenarios=hugetlb_walk nwriters=2 || return
	i=0
	while [ $i -lt $((5 * factor)) ]; do
		i=$((i + 1))
		set_to nr_hugepages 0
		moment
		set_to nr_hugepages 8
		moment
		all_back || return
	done
	get hugetlb_walk/ops
	wait_for "$patience" above hugetlb_walk/ops "$value" || no "nothing goes on" || return
	ends && unload
}

# No more threads than there are and a few: insmod is told so, nothing is left.
no_threads()
{
	loaded_with nreaders=16 nwriters=16 nmms=2 scenarios=map_fixed || return
	n=$(threads | wc -l)
	[ "$n" -ge 32 ] || no "only $n threads" || return
	unload
	read -r _ _ _ all_threads _ < /proc/loadavg
	echo $((${all_threads#*/} + 16)) > /proc/sys/kernel/threads-max
	load nreaders=16 nwriters=16 nmms=2
	rc=$?
	put_back
	[ $rc != 0 ] || no "it was loaded" || return
	grep -q 'Resource temporarily unavailable' "$tmp/insmod" ||
		no "$(cat "$tmp/insmod")" || return
	[ "$(own_log | grep -c 'map_fixed could not be set up: -11$')" = 1 ] ||
		no "$(own_log | tail -n 3)" || return
	nothing_left
}

# In some kernels (docs/findings.md) a huge page that cannot be had stays in
# the books of a mount with a limit. Such a mount is what hugetlb_walk keeps its own
# by, and here pages run out: what it then says is true. Seen without the module.
books_are_wrong()
{
	free=$(awk '/^HugePages_Free:/ { print $2 }' /proc/meminfo)
	mkdir "$tmp/huge"
	mount -t hugetlbfs -o "pagesize=2M,size=$((free * 2 + 8))M" none "$tmp/huge" || return
	fallocate -l $((free * 2 + 4))M "$tmp/huge/file" 2> /dev/null
	rm -f "$tmp/huge/file"
	used=$(df -k "$tmp/huge" | awk '{ used = $3 } END { print used }')
	umount "$tmp/huge"
	[ "$used" != 0 ]
}

# In some kernels (docs/findings.md) a fault that meets a truncation of its file leaves a
# page behind, and HugePages_Rsvd at -1: for good if there is no free huge page when that
# page goes. hugetlb_walk does the one, the test the other. Seen without the module too.
reserve_is_wrong()
{
	hugetlb_reserve keep > "$tmp/reserve" 2>&1
	grep -q '^a page past the end' "$tmp/reserve"
}

wrong_books=
wrong_reserve=
look_at_books()
{
	[ -n "$was_nr_hugepages" ] || return 0
	! books_are_wrong || wrong_books=hugetlb_walk/page_leak
	! reserve_is_wrong || wrong_reserve=1
	[ -z "$wrong_books" ] || note "this kernel loses count of huge pages that it does not have"
	[ -z "$wrong_reserve" ] || note "this kernel loses count of reservations: $(head -n 1 "$tmp/reserve")"
}

remember
abuse 6 look_at_books
trap put_back_at_end EXIT

check "limits change in mid-run" changes
check "limits change in mid-run, with more threads and pauses" changes nmms=4 stutter=1
check "tests that begin with other limits" starts
case " $able " in
*hugetlb_walk*) check "huge pages taken away and given back" pages_come_and_go ;;
*) skip "huge pages taken away and given back" "there are none" ;;
esac
check "no more threads than there are" no_threads
check "all as it was" all_back
note "$(grep '^HugePages_Rsvd:' /proc/meminfo)"
abuse_ends
