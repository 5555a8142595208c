#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: 1000 times start, stop, reset or rmmod at random moments leave nothing behind
# timeout: 900
# guest: own
#
# CYCLES_SEED= repeats the draws of another run, CYCLES= changes their number.

# shellcheck source=selftests/lib.sh
. "${0%/*}/lib.sh"
# shellcheck source=selftests/lib_rest.sh
. "${0%/*}/lib_rest.sh"

cycles=${CYCLES:-1000}
seed=${CYCLES_SEED:-$(any_seed)}

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
		0) pick && echo "start $picked" > "$D/control" && started ;;
		1) echo stop > "$D/control" ;;
		2) echo reset > "$D/control" ;;
		3) cat "$D/summary" "$D/races" ;;
		esac
		below 3
		[ $drawn != 0 ] || sleep 0.01
	done > /dev/null 2>&1
}

# Each start that was taken is counted, whoever asked for it.
started()
{
	echo >> "$tmp/started"
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

come()
{
	some_params
	params="$params ops=$without"
	# shellcheck disable=SC2086  # a list
	"$INSMOD" "$MODULE" $params 2> "$tmp/insmod" || no "insmod $params: $(cat "$tmp/insmod")"
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
		if control "start $picked"; then
			started
		else
			grep -q 'resource busy' "$tmp/control" ||
				no "start: $(cat "$tmp/control")" || return
		fi
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

# In two halves, each with the state of the machine behind it.
both_halves()
{
	rests "$tmp/at_start"
	: > "$tmp/started"
	run $((cycles / 2)) || return
	rests "$tmp/at_half"
	first_starts=$(wc -l < "$tmp/started")
	: > "$tmp/started"
	run $((cycles - cycles / 2)) || return
	rests "$tmp/at_end"
	second_starts=$(wc -l < "$tmp/started")
}

no_leak()
{
	n=$first_starts
	[ "$second_starts" -ge "$n" ] || n=$second_starts
	[ "$n" -ge $((cycles / 20)) ] || no "only $n starts in $((cycles / 2)) cycles" || return
	! grows_with "$n" "$tmp/at_start" "$tmp/at_half" "$tmp/at_end" || { cat "$tmp/slope"; return 1; }
	cat "$tmp/slope"
}

begin 5

load autostart=0 || ktap_exit_fail_msg "cannot load"
choices="$(scenarios) all"
unload
first_seed=$seed
note "CYCLES_SEED=$seed"
# Committed memory has to be as before, too.
without_leaks
[ -z "$without" ] || note "without what leaks here: ops=$without"
# Once around, so that what is kept for the next time is there already.
run 20 || ktap_exit_fail_msg "cannot warm up"
at_rest
mark
check "$cycles cycles" both_halves
check "nothing is left" nothing_left
check "memory is as before" settles $((cycles / 20))
check "nothing grows with the starts" no_leak
check "starts and ends take turns" in_turns

ktap_finished
