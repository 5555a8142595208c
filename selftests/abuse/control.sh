#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: eight shells start, stop, reset, load and remove at once, 2000 times
# timeout: 600
# guest: own
#
# None waits for another: each must do what it was asked for, or say that another
# was first. ABUSE=N: N times 2000.

# shellcheck source=selftests/lib_abuse.sh
. "${0%/*}/../lib_abuse.sh"

shells=8
total=$((2000 * factor))
# fork_fail takes its time to end.
choices="map_fixed map_fixed vma_lock vma_lock hugetlb_walk hugetlb_walk fork_fail all"

# result WORD: how the operation $op went, for the sum.
result()
{
	echo "$op $1" >&5
}

# In the words of the shell and of kmod, who says nothing if the module is just
# going: another was first, ...
busy='resource busy|Resource temporarily unavailable|is in use|File exists|^$'
# ... or the module is not there, coming or going.
away="nonexistent directory|No such file|No such device|Permission denied|Input/output error"
# The last is rmmod's word for a module that went while it looked at it.
away="$away|not currently loaded|Module unloading is not supported"

# try BUSY-ERE COMMAND...: done, or not for one of these reasons, or for one that
# is wrong.
try()
{
	others=$1
	shift
	if "$@" 2> "$mine/err"; then
		result ok
		return
	fi
	read -r why < "$mine/err"
	if echo "$why" | grep -qE "$others"; then
		result other
	elif echo "$why" | grep -qE "$away"; then
		result away
	else
		result wrong
		echo "$op: $why" >> "$mine/wrong"
	fi
}

write()
{
	echo "$*" > "$D/control"
}

# While others have its files open it is in use: ask them for a lull, which some
# of them grant.
remove()
{
	: > "$tmp/lull"
	rc=1
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		"$RMMOD" vma_torture 2> "$mine/err" && rc=0 && break
		grep -q 'in use' "$mine/err" || break
	done
	rm -f "$tmp/lull"
	return $rc
}

one()
{
	for _ in 1 2 3 4 5; do
		[ -e "$tmp/lull" ] || break
		below 8
		[ "$drawn" != 0 ] || break
		sleep 0.02
	done
	below 25
	what=$drawn
	# While it is not there, somebody loads it and most others wait for that.
	if ! [ -e "$D/control" ]; then
		below 8
		case $drawn in
		0) ;;
		[12]) what=3 ;;
		*) wait_for 1 [ -e "$D/control" ] ;;
		esac
	fi
	case $what in
	[01])
		op=remove
		try "$busy" remove
		;;
	[23])
		op=load
		some_params
		# shellcheck disable=SC2086  # a list
		try "$busy" "$INSMOD" "$MODULE" $params
		;;
	[4-9] | 1[01])
		op=start
		pick
		try 'resource busy' write "start $picked"
		;;
	1[2-8])
		op=stop
		try '^$' write stop
		;;
	*)
		op=reset
		try '^$' write reset
		;;
	esac
}

# shell N: its part of all of it.
shell()
{
	seed=$((first_seed + $1))
	mine=$tmp/$1
	mkdir -p "$mine"
	exec 5> "$mine/results"
	i=0
	while [ $i -lt $((total / shells)) ]; do
		i=$((i + 1))
		one
	done
}

all_at_once()
{
	pids=
	n=0
	while [ $n -lt $shells ]; do
		n=$((n + 1))
		shell $n &
		pids="$pids $!"
	done
	# shellcheck disable=SC2086  # a list
	wait $pids
	cat "$tmp"/*/results | sort | uniq -c | awk '{ print "#", $2, $3, $1 }'
	[ "$(cat "$tmp"/*/results | wc -l)" = $((total / shells * shells)) ] ||
		no "not all were done"
}

nothing_wrong()
{
	! cat "$tmp"/*/wrong 2> /dev/null | head -n 5 | sed 's/^/# /' | grep .
}

sum()
{
	cat "$tmp"/*/results | grep -c "^$1\$"
}

# Each of them had its turn, and was in another's way.
had_turns()
{
	for op in remove load start stop reset; do
		[ "$(sum "$op ok")" -ge $((total / 200 / slow)) ] || no "too few: $op" || return
	done
	for op in remove load start; do
		[ "$(sum "$op other")" -gt 0 ] || no "$op was always alone" || return
	done
}

# Whoever got it in or out did so once; since 6.5 those who load the same file at
# once are told so together.
adds_up()
{
	there=0
	[ ! -d /sys/module/vma_torture ] || there=1
	more=$(($(sum "load ok") - $(sum "remove ok") - there))
	[ $more = 0 ] || { [ $more -gt 0 ] && ! kernel_below 6 5; } ||
		no "loaded $(sum "load ok") times, removed $(sum "remove ok") times, there: $there"
}

works()
{
	load || no "$(cat "$tmp/insmod")" || return
	goes_on && no_new_race && control stop && unload
}

ended_in_turns()
{
	[ ! -d /sys/module/vma_torture ] || unload
	in_turns
}

abuse 6

check "$total operations of $shells shells" all_at_once
check "each was done, or refused for a good reason" nothing_wrong
check "each had its turn" had_turns
check "loads and removals add up" adds_up
check "starts and ends take turns" ended_in_turns
check "it works after that" works
abuse_ends
