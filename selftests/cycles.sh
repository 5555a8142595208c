#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: 1000 times start, stop, reset or rmmod at random moments leave nothing behind
# timeout: 900
#
# CYCLES_SEED= repeats the draws of another run, CYCLES= changes their number.

# shellcheck source=selftests/lib.sh
. "${0%/*}/lib.sh"

cycles=${CYCLES:-1000}
seed=${CYCLES_SEED:-$(od -An -N3 -tu4 /dev/urandom | tr -d ' ')}
caches="vm_area_struct vma_lock maple_node mm_struct files_cache filp task_struct"

# below N: a number below it, into $drawn.
below()
{
	seed=$(((seed * 1103515245 + 12345) & 0x7fffffff))
	drawn=$(((seed >> 8) % $1))
}

# pick: one of the scenarios, or an empty word for all of them, into $picked.
pick()
{
	# shellcheck disable=SC2086  # a list
	set -- $all
	below $(($# + 1))
	shift "$drawn" 2> /dev/null || shift $#
	picked=${1-}
}

# Others at the same files all the time, whatever comes of it. They begin
# nothing new when rmmod waits for them, but end what they began.
others()
{
	seed=$1
	while [ -e "$tmp/go" ]; do
		if [ -e "$tmp/wait" ]; then
			sleep 0.02
			continue
		fi
		below 4
		case $drawn in
		0) pick && echo "start $picked" > "$D/control" ;;
		1) echo stop > "$D/control" ;;
		2) echo reset > "$D/control" ;;
		3) cat "$D/summary" "$D/races" ;;
		esac
		below 3
		[ $drawn != 0 ] || sleep 0.01
	done > /dev/null 2>&1
}

# While others have a file open the module is in use.
gone()
{
	[ ! -d /sys/module/vma_torture ] || "$RMMOD" vma_torture 2> "$tmp/rmmod"
}

go_away()
{
	: > "$tmp/wait"
	wait_for 60 gone || no "rmmod found no moment in 60 s: $(cat "$tmp/rmmod")" ||
		return
	rm "$tmp/wait"
}

# A module with some parameters, half of the time at work at once.
come()
{
	below 6
	case $drawn in
	0) set -- autostart=1 ;;
	1) set -- autostart=1 duration=1 stall_secs=1 ;;
	2) set -- autostart=0 busted=map_fixed ;;
	3) set -- autostart=1 stutter=1 nreaders=4 nmms=3 nwriters=3 ;;
	4) set -- autostart=0 shuffle_interval=1 hold_us=2000 ;;
	5) set -- autostart=0 stop_on_race=1 busted=map_fixed/gap ;;
	esac
	pick
	set -- "$@" "scenarios=$picked"
	"$INSMOD" "$MODULE" "$@" 2> "$tmp/insmod" || no "insmod $*: $(cat "$tmp/insmod")"
}

cycle()
{
	below 25
	case $drawn in
	0)
		go_away && come || return
		;;
	[1-9])
		pick
		control "start $picked" || grep -q 'resource busy' "$tmp/control" ||
			no "start: $(cat "$tmp/control")" || return
		;;
	1[0-7]) control stop || no "stop: $(cat "$tmp/control")" || return ;;
	*) control reset || no "reset: $(cat "$tmp/control")" || return ;;
	esac
	below 4
	[ $drawn != 0 ] || sleep 0.01
}

# run N: that many cycles, in company.
run()
{
	come || return
	: > "$tmp/go"
	others $((seed + 1)) &
	a=$!
	others $((seed + 2)) &
	b=$!
	i=0
	rc=0
	while [ $i -lt "$1" ] && [ $rc = 0 ]; do
		i=$((i + 1))
		cycle || rc=1
	done
	rm "$tmp/go"
	wait $a $b
	[ $rc = 0 ] || no "in cycle $i, started with CYCLES_SEED=$first_seed"
	go_away && return $rc
}

# What there is of what could leak: objects of caches, kB of memory.
balance()
{
	for c in $caches; do
		# Spare objects of each CPU count as used, until there are none.
		{ echo 1 > /sys/kernel/slab/"$c"/shrink; } 2> /dev/null
	done
	awk -v caches=" $caches " 'index(caches, " " $1 " ") { print $1, $2 }' /proc/slabinfo
	sync
	echo 3 > /proc/sys/vm/drop_caches
	# What CPUs keep at hand of free pages is free as well.
	awk '
	FILENAME ~ /zoneinfo/ { if ($1 == "count:") free += 4 * $2; next }
	/^MemFree:/ { print "used", -$2 - free }
	/^(Percpu|VmallocUsed|Committed_AS|PageTables|KernelStack|SUnreclaim):/ {
		sub(/:/, "")
		print $1, $2
	}' /proc/zoneinfo /proc/meminfo
}

# Up by less than one for twenty cycles, or by 4 MB where others have a part in it.
balanced()
{
	balance > "$tmp/after"
	awk -v most=$((cycles / 20)) '
	NR == FNR { before[$1] = $2; next }
	{
		up = $2 - before[$1]
		limit = $1 ~ /^[A-Z]|^used$/ ? 4096 : most
		text = text " " $1 "=" up
		if (up > limit)
			bad = bad " " $1 " is up by " up
	}
	END {
		if (bad == "")
			print "# grown by:" text
		else
			print "#" bad > "/dev/stderr"
		exit bad != ""
	}' "$tmp/before" "$tmp/after" 2> "$tmp/grown"
}

# Some of it is freed later, by RCU and by work items.
settles()
{
	wait_for 15 balanced || { cat "$tmp/grown"; return 1; }
}

begin 4

load autostart=0 || ktap_exit_fail_msg "cannot load"
all=$(scenarios)
unload
first_seed=$seed
note "CYCLES_SEED=$seed"
# Once around, so that what is kept for the next time is there already.
run 20 || ktap_exit_fail_msg "cannot warm up"
balance > "$tmp/before"
mark
check "$cycles cycles" run "$cycles"
check "nothing is left" nothing_left
check "memory is as before" settles
# Starts and ends take turns, however they were asked for. The log may have
# forgotten how it began.
in_turns()
{
	own_log | awk '
	/--- Start of test: / { bad += running; running = 1; n++ }
	/--- End of test: / { bad += n && !running; running = 0; n++ }
	END {
		print "# " n " starts and ends are in the log"
		exit bad || running || n < 2
	}'
}

check "starts and ends take turns" in_turns

ktap_finished
