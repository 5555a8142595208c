#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# description: live processes are watched, quietly, and what they break is seen
# timeout: 120

# shellcheck source=selftests/lib.sh
. "${0%/*}/lib.sh"
# shellcheck source=selftests/lib_watch.sh
. "${0%/*}/lib_watch.sh"

# refused ERROR-IN-LOG WORDS: an error, one line, and nothing is watched for it.
refused()
{
	_why=$1
	shift
	mark
	_lines=$(wc -l < "$D/watch")
	! watch "$*" || no "'$*' was taken" || return
	logged "watch: .*$_why" || no "'$*': no word of it in the log" || return
	[ "$(own_log | wc -l)" = 1 ] || no "'$*': more than a line" || return
	[ "$(wc -l < "$D/watch")" = "$_lines" ] || no "'$*': listed all the same"
}

bad_input()
{
	refused 'no process 4194303' 4194303 &&
		refused 'kernel thread' 2 &&
		refused 'no range' "$$ 1000-fffffffffffff000" &&
		refused 'not watched' stop 1 || return
	for words in '' x '1 x' '1 1000' '1 1000-' '1 -1000' '1 2000-1000' '1 1001-2000' \
		'1 1000-2001' '1 1000-2000 3' -1 0 99999999999 'stop x' 'stop 1 2' stopp; do
		refused 'allowed are' "$words" || return
	done
}

# Something changed while it was looked at; nobody broke anything.
quiet()
{
	wait_for 20 of_above "$pid" exposure 1000 || no "exposure=$value" || return
	wait_for 20 above_all_but_gap || return
	gap_is_expected || of_is "$pid" races 0 || no "races=$value: $(tail -n 1 "$D/races")"
}

above_all_but_gap()
{
	! grep -q 'watch: incomplete' "$D/summary"
}

sees_6_1_gap()
{
	wait_for 20 of_above "$pid" races 0 || no "no race" || return
	wait_for 5 grep -q 'scenario=watch kind=gap' "$D/races"
}

# As those of the scenarios; what is counted is what the line of the watch says.
has_files()
{
	want watched/state "done" || return
	kinds="gap order range foreign_vma xa_zero map_count"
	if has_vma_locks; then
		kinds="$kinds refcount vma_lock"
	else
		[ ! -e "$D/watched/race_refcount" ] || no "refcount without per-VMA locks" || return
	fi
	for k in $kinds; do
		above "watched/looks_$k" 0 || no "looks_$k is $value" || return
		above "watched/exposure_$k" 0 || no "exposure_$k is $value" || return
		grep -q "^watched/race_$k [0-9]" "$D/values" || no "no race_$k in values" || return
	done
	# Each look at a tree is six oracles' looks, so the run's sums are larger.
	of "$pid" races
	want watched/races "$value" || return
	of "$pid" looks
	awk -v looks="$value" '
		/^watched\/looks_(gap|order|vma_lock) / { n += $2 }
		END { print "# " n " looks of " looks; exit n != looks }' "$D/values" || return
	get watched/exposure
	# Behind the exposure: races, the first of them, and what was met.
	grep -q "^watch  *done .* $value  *[0-9]*  *[-0-9]*  *[0-9]*\$" "$D/summary" || no "no row for it"
}

nothing_counted()
{
	want watched/state stopped && ! grep '^watched/.* [1-9]' "$D/values" &&
		! grep '^watch ' "$D/summary"
}

exit_ends_it()
{
	wait "$pid"
	wait_for 10 of_is "$pid" state exited || no "state=$value"
}

exec_ends_it()
{
	me --exec 1 && watch "$line" && wait_for 20 of_is "$pid" state exec ||
		no "state=$value" || return
	kill "$pid"
	wait "$pid" 2> /dev/null
	return 0
}

several()
{
	for _ in 1 2 3; do
		me 60 && watch "$line" || return
		pids="$pids $pid"
	done
	watch $$ || return
	for p in $pids $$; do
		wait_for 20 of_above "$p" looks 1000 || no "$p: looks=$value" || return
	done
	watch stop "$pid"
	of_is "$pid" state stopped || no "$pid: $value" || return
	of_is $$ state watching || no "$$: $value" || return
	watch stop
	! grep -q state=watching "$D/watch" || no "stop did not end all"
}

again_replaces()
{
	me 60
	pids="$pids $pid"
	watch "$pid" && watch "$line" || return
	grep "^pid=$pid " "$D/watch" | cut -d' ' -f3-4 > "$tmp/states"
	printf 'state=stopped range=none\nstate=watching range=0x%s\n' "${line#* }" |
		sed 's/-/-0x/' | cmp -s - "$tmp/states" || no "$(cat "$tmp/states")"
}

hole_is_seen()
{
	me --busted 60
	pids="$pids $pid"
	watch "$line" && wait_for 20 of_above "$pid" races 0 || no "a hole went unseen" || return
	wait_for 5 grep -q "scenario=watch kind=gap .*pid $pid: nothing at" "$D/races" &&
		want verdict FAILURE
}

reset_clears()
{
	control stop && watch stop && control reset && want verdict IDLE &&
		[ ! -s "$D/races" ] && nothing_counted
}

# Removed in the middle of it.
rmmod_ends_it()
{
	me 60
	pids="$pids $pid"
	watch "$line" && watch $$ && wait_for 20 of_above "$pid" looks 1000 || return
	unload && nothing_left
}

# Broken by the module itself, in an mm of its own, while a process is watched.
fires()
{
	loaded_with autostart=0 busted=watch/"$1" && watch $$ || return
	wait_for 20 grep -q "scenario=watch kind=$1 " "$D/races" || no "nothing seen" || return
	if grep -v "kind=$1 " "$D/races" | grep -q '^seq='; then
		case $1 in
		# A VMA too long is not its range either.
		order) ;;
		*) no "$(grep -v "kind=$1 " "$D/races" | grep '^seq=' | head -n 1)" || return ;;
		esac
	fi
	unload && nothing_left
}

has_vma_locks()
{
	grep -q ' lock_vma_under_rcu$' /proc/kallsyms
}

begin 24
loaded_with autostart=0
check "bad input is refused in one line" bad_input
check "nothing is said of a watch that never was" want verdict IDLE
check "nothing of it is counted yet" nothing_counted
me 4
check "a process is watched" watch "$line"
check "it is running" want verdict RUNNING
check "it is looked at while it changes" quiet
if gap_is_expected; then
	check "the gap this kernel has is seen in a process" sees_6_1_gap
else
	check "nothing is seen where nothing is broken" of_is "$pid" races 0
fi
check "its exit ends it" exit_ends_it
if gap_is_expected; then
	check "the verdict is of what was seen" want verdict FAILURE
else
	check "the verdict is of what was seen" want verdict SUCCESS
fi
check "its oracles have files" has_files
check "an exec ends it" exec_ends_it
check "several at once, and stop" several
no_more
check "watched again, the range is another" again_replaces
no_more
check "a hole in a promised range is seen" hole_is_seen
no_more
check "reset clears what was seen" reset_clears
check "rmmod ends it" rmmod_ends_it
no_more
for kind in order range foreign_vma xa_zero map_count gap; do
	check "busted $kind fires" fires $kind
done
for kind in refcount vma_lock; do
	if has_vma_locks; then
		check "busted $kind fires" fires $kind
	else
		skip "busted $kind fires" "no per-VMA locks"
	fi
done
ktap_finished
