#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: every file of debugfs is there, says what it should, and control obeys
# timeout: 120

# shellcheck source=selftests/lib.sh
. "${0%/*}/lib.sh"
# shellcheck source=selftests/lib_race.sh
. "${0%/*}/lib_race.sh"

# shellcheck disable=SC2034  # of what lib_race.sh judges
scenario=map_fixed

map_fixed_kinds="gap no_vma stale close_order half_abort account stall"

files_there()
{
	bad=0
	for f in verdict summary control races variants values coverage watch; do
		[ -f "$D/$f" ] || { note "no $f"; bad=1; }
	done
	for s in $(scenarios); do
		for f in state ops exposure races first_race_ms race_stall; do
			[ -f "$D/$s/$f" ] || { note "no $s/$f"; bad=1; }
		done
	done
	[ -f "$D/watched/state" ] || { note "no watched/state"; bad=1; }
	# An oracle is there, or the summary says why it is not.
	for k in $map_fixed_kinds; do
		[ -f "$D/map_fixed/race_$k" ] ||
			grep -q "^map_fixed: no oracle for $k: ." "$D/summary" ||
			{ note "no map_fixed/race_$k"; bad=1; }
	done
	return $bad
}

root_only()
{
	bad=0
	find "$D" -type f -exec stat -c '%a %u %n' {} + > "$tmp/modes"
	[ -s "$tmp/modes" ] || return
	while read -r mode uid f; do
		case ${f#"$D"/} in
		control) want=200 ;;
		watch) want=600 ;;
		*) want=400 ;;
		esac
		[ "$mode $uid" = "$want 0" ] || { note "$f: mode $mode uid $uid"; bad=1; }
	done < "$tmp/modes"
	# Its own mode or the mount's keeps others out.
	for f in "$D" "${D%/*}"; do
		case $(stat -c %a "$f") in *00) return $bad ;; esac
	done
	no "others may enter"
	return $bad
}

# One unsigned number and nothing else; histograms are lines of two.
formats()
{
	bad=0
	get verdict
	case $value in
	IDLE | RUNNING | SUCCESS | FAILURE | INCOMPLETE | SKIP) ;;
	*) note "verdict is '$value'"; bad=1 ;;
	esac
	[ "$(wc -l < "$D/verdict")" = 1 ] || { note "verdict has more than a line"; bad=1; }
	for s in $(scenarios) watched; do
		get "$s/state"
		case $value in
		stopped | running | done | 'skipped: '?*) ;;
		*) note "$s/state is '$value'"; bad=1 ;;
		esac
		# All at once, for there are hundreds.
		set --
		for f in "$D/$s"/*; do
			[ "${f##*/}" = state ] || set -- "$@" "$f"
		done
		awk -v contract='/(ops|exposure|races|first_race_ms|(race|looks|exposure|met)_[a-z_]+)$' '
		BEGIN {
			for (i = 1; i < ARGC; i++)
				lines[ARGV[i]] = 0
		}
		{
			lines[FILENAME]++
			if (/^(0|[1-9][0-9]*)$/ && length($0) <= 20)
				next
			if (/^(0|[1-9][0-9]*) [1-9][0-9]*$/ && FILENAME !~ contract)
				pairs[FILENAME]++
			else
				bad[FILENAME]
		}
		END {
			for (f in lines) {
				one = f ~ contract || (lines[f] > 0 && !pairs[f])
				if (!(f in bad) && (one ? lines[f] == 1 : lines[f] == pairs[f] + 0))
					continue
				print "# " f " is no number"
				failed = 1
			}
			exit failed
		}' "$@" || bad=1
	done
	return $bad
}

# All counters of all scenarios, "name value" a line.
snapshot()
{
	cat "$D/values"
}

# At rest: a line for each file of a number, and what it holds; histograms are no
# numbers.
values_are_files()
{
	for f in "$D"/*/*; do
		case $f in */state) continue ;; esac
		read -r number < "$f" || continue
		case $number in *' '*) continue ;; esac
		echo "${f#"$D"/} $number"
	done | sort > "$tmp/files"
	snapshot > "$tmp/values"
	sort "$tmp/values" | cmp -s - "$tmp/files" ||
		no "$(sort "$tmp/values" | diff - "$tmp/files" | head -n 3)" || return
	! grep -vE '^[a-z_]+/[a-z0-9_]+ (0|[1-9][0-9]*)$' "$tmp/values" || no "no counter" || return
	[ "$(wc -l < "$tmp/values")" -gt 100 ] || no "only $(wc -l < "$tmp/values") lines"
}

# The names of values, at rest, are in the order that they had while it ran.
same_order()
{
	cut -d' ' -f1 "$tmp/a" > "$tmp/order"
	snapshot | cut -d' ' -f1 | cmp -s - "$tmp/order" || no "the order is another one"
}

all_zero()
{
	snapshot | awk '$2 != 0 { print "# " $0; bad = 1 } END { exit bad }'
}

monotonic()
{
	snapshot > "$tmp/a"
	get map_fixed/ops
	wait_for 10 above map_fixed/ops "$value" || no "no operation in 10 s" || return
	snapshot > "$tmp/b"
	awk 'NR == FNR { old[$1] = $2; next }
	$2 < old[$1] { print "# " $1 " went from " old[$1] " to " $2; bad = 1 }
	END { exit bad }' "$tmp/a" "$tmp/b"
}

# At rest, sums are exact.
sums()
{
	snapshot | awk '
	{
		split($1, p, "/")
		name = p[2]
		seen[p[1]] = 1
		v[$1] = $2
		if (name ~ /^race_/)
			races[p[1]] += $2
		if (name ~ /^exposure_/ && name != "exposure_stall")
			exposure[p[1]] += $2
	}
	END {
		for (s in seen) {
			if (v[s "/races"] != races[s]) {
				print "# " s ": races " v[s "/races"] ", sum " races[s]
				bad = 1
			}
			if (v[s "/exposure"] != exposure[s]) {
				print "# " s ": exposure " v[s "/exposure"] ", sum " exposure[s]
				bad = 1
			}
		}
		for (f in v) {
			if (f !~ /\/exposure_/)
				continue
			l = f
			sub(/exposure_/, "looks_", l)
			if (v[f] > v[l]) {
				print "# " f " " v[f] " is more than " l " " v[l]
				bad = 1
			}
			m = f
			sub(/exposure_/, "met_", m)
			if (!(m in v) || v[m] && !v[f]) {
				print "# " m " " v[m] " with " f " " v[f]
				bad = 1
			}
		}
		exit bad
	}'
}

# summary_is: at rest, its rows are the files' numbers.
summary_is()
{
	bad=0
	cat "$D/summary" > "$tmp/summary"
	read -r seed < "$P/seed"
	grep -qE "(^|[^0-9])$seed([^0-9]|\$)" "$tmp/summary" ||
		{ note "no seed $seed"; bad=1; }
	get verdict
	grep -qw "$value" "$tmp/summary" || { note "no verdict $value"; bad=1; }
	for s in $(scenarios); do
		# shellcheck disable=SC2046  # a row's columns
		set -- $(grep "^$s  *[a-z]" "$tmp/summary")
		# scenario state seconds ops/s exposure races first_ms met
		[ $# = 8 ] || { note "$s: $# columns"; bad=1; continue; }
		state=$2 exposure=$5 races=$6 first=$7 met=$8
		is "$s/exposure" "$exposure" || { note "$s: exposure $exposure, not $value"; bad=1; }
		is "$s/races" "$races" || { note "$s: races $races, not $value"; bad=1; }
		for f in "$D/$s"/met_*; do
			[ "${f##*/}" = met_stall ] || { get "$s/${f##*/}" && met=$((met - value)); }
		done
		[ "$met" = 0 ] || { note "$s: met $8, which is $met more than the sum"; bad=1; }
		get "$s/state"
		[ "${value%%:*}" = "$state" ] || { note "$s: state $state, not $value"; bad=1; }
		if [ "$races" = 0 ]; then
			[ "$first" = - ] || { note "$s: first race after $first"; bad=1; }
		else
			is "$s/first_race_ms" "$first" ||
				{ note "$s: first race $first, not $value"; bad=1; }
		fi
	done
	return $bad
}

# ERROR: as the shell says it.
refuses()
{
	error=$1
	shift
	get verdict
	verdict=$value
	snapshot | grep '/ops ' > "$tmp/before"
	# Through cat, which says why a write failed.
	# shellcheck disable=SC2059
	if printf "$@" | cat > "$D/control" 2> "$tmp/control"; then
		no "it was taken: $*" || return
	fi
	grep -q "$error" "$tmp/control" || no "$*: $(cat "$tmp/control")" || return
	# While it runs, the first race may come.
	is verdict FAILURE || want verdict "$verdict" || return
	! is map_fixed/state running || return 0
	snapshot | grep '/ops ' | cmp -s - "$tmp/before" || no "$*: something ran"
}

junk()
{
	bad=0
	for c in '\n' ' \n' junk Start STOP 'stop now' 'reset map_fixed' startmap_fixed \
		'start nonsense' 'start map_fixed,' 'start ,map_fixed' \
		'start map_fixed map_fixed' 'start map_fixed/gap' 'start watch' \
		'start watched' 'stop,reset' \
		'start\0stop' 'start\nstop' 1; do
		refuses 'Invalid argument' "$c" || bad=1
	done
	refuses 'Invalid argument' '%300s' start || bad=1
	refuses 'Invalid argument' '%70000s' start || bad=1
	return $bad
}

read_only()
{
	bad=0
	for f in verdict summary races values map_fixed/state map_fixed/ops map_fixed/race_gap; do
		if (echo 0 > "$D/$f") 2> /dev/null; then
			note "$f can be written"
			bad=1
		fi
	done
	if (cat "$D/control") > /dev/null 2>&1; then
		note "control can be read"
		bad=1
	fi
	return $bad
}

idle()
{
	want verdict IDLE || return
	for s in $(scenarios); do
		get "$s/state"
		case $value in
		stopped | skipped:*) ;;
		*) no "$s is '$value'" || return ;;
		esac
	done
	all_zero
}

# A kernel may have shown by now what it is known for, and nothing else.
running_or_failed()
{
	is verdict RUNNING || { is verdict FAILURE && above map_fixed/races 0 && silent; }
}

start()
{
	control "$1" || no "$1: $(cat "$tmp/control")" || return
	want map_fixed/state running || return
	wait_for 10 above map_fixed/ops 0 || no "no operation in 10 s"
}

stop()
{
	control stop || no "stop: $(cat "$tmp/control")" || return
	want map_fixed/state "done" || return
	[ -z "$(threads)" ] || no "threads: $(threads | tr '\n' ' ')"
}

again()
{
	get map_fixed/ops
	[ "$value" -gt 0 ] || no "stop cleared the counters" || return
	stop || no "a second stop" || return
	start "start map_fixed" || return
	stop && control reset && idle
}

# What reset finds cannot be there any more, for in between there was less time
# than before it.
reset_running()
{
	wait_for 20 above map_fixed/ops 3000 || return
	get map_fixed/ops
	ops=$value
	control reset || return
	want map_fixed/state running || return
	get map_fixed/ops
	[ "$value" -lt "$ops" ] || no "ops $ops became $value" || return
	wait_for 10 above map_fixed/ops 0 || no "no operation after reset"
}

# The first line of each variant has a stack below it, and what other threads did,
# each with a stack of its own; the others have none; the last 512 are there.
race_lines()
{
	get map_fixed/races
	cat "$D/races" > "$tmp/races"
	awk -v most="$value" '
	/^  other: / {
		if (!first)
			bad("another thread below what is not the first of its variant")
		if (depth < (other ? 1 : 2))
			bad("no stack above this one")
		if ($0 !~ /^  other: cpu=(-1|[0-9]+) pid=[0-9]+ comm=[^ ]+ after_ns=[0-9]+ rounds=(-1|[0-9]+)$/)
			bad("no other thread")
		other = 1
		depth = 0
		next
	}
	/^  did: / {
		if (!first || depth < 2 && !other || other && depth)
			bad("an operation in the wrong place")
		if ($0 !~ /^  did: what=[a-z_0-9]+ start=0x[0-9a-f]+ end=0x[0-9a-f]+ begun_ns=-?[0-9]+( ended_ns=-?[0-9]+( ret=-?[0-9]+)?)?$/)
			bad("no operation")
		next
	}
	$0 == "  others: not caught" {
		if (!first || other || depth < 2)
			bad("not caught, in the wrong place")
		next
	}
	/^    / {
		if (!first)
			bad("a stack below what is not the first of its variant")
		if (other)
			sub(/^  /, "")
		if ($0 !~ /^    [A-Za-z_][A-Za-z0-9_.]*\+0x[0-9a-f]+\/0x[0-9a-f]+( \[[a-z_]+\])?$/)
			bad("no stack line")
		depth++
		next
	}
	{
		if (first && depth < (other ? 1 : 2))
			bad("no stack above this one")
		if ($0 !~ /^seq=[0-9]+ time_ns=[0-9]+ scenario=[a-z_]+ kind=[a-z_]+ addr=0x[0-9a-f]+ mm=[^ ]+ cpu=[0-9]+ pid=[0-9]+ comm=[^ ]+ variant=[0-9a-f]+( during=[^ ]+)? detail="[^"]+"$/)
			bad("not a race")
		split($1, s, "=")
		if (s[2] + 0 <= last)
			bad("seq does not rise")
		last = s[2] + 0
		match($0, / variant=[0-9a-f]+/)
		v = $3 $4 substr($0, RSTART, RLENGTH)
		first = !(v in variant)
		variant[v] = 1
		depth = other = 0
		n++
	}
	function bad(why) {
		if (failed++ < 5)
			print "# line " NR ": " why ": " $0
	}
	END {
		if (n < 512 && n < most)
			bad("only " n " of " most " races")
		exit failed > 0
	}' "$tmp/races"
}

# At rest the variants of each kind are all of its races.
variants_add_up()
{
	cat "$D/variants" > "$tmp/variants"
	for s in $(scenarios); do
		for k in $(kinds "$s"); do
			n=$(awk -v s="scenario=$s" -v k="kind=$k" '
				$1 == s && $2 == k { sub(/races=/, "", $4); n += $4 }
				END { print n + 0 }' "$tmp/variants")
			want "$s/race_$k" "$n" || return
		done
	done
	! grep -vE '^scenario=[a-z_]+ kind=[a-z_]+ variant=[0-9a-f]{8} races=[1-9][0-9]* seq=[1-9][0-9]*( during=[^ ]+)? detail="[^"]+"$' \
		"$tmp/variants" || no "not a variant" || return
	# Each is told apart by its words, not by the numbers in them.
	n=$(sed 's/.* detail=//; s/[0-9a-z]*[0-9][0-9a-z]*/#/g' "$tmp/variants" | sort | uniq -d | wc -l)
	[ "$n" = 0 ] || no "$n variants are two"
	note "$(wc -l < "$tmp/variants") variants"
}

races_counted()
{
	get map_fixed/races
	races=$value
	last=$(sed -n 's/^seq=\([0-9]*\) .*/\1/p' "$tmp/races" | tail -n 1)
	[ "$last" = "$races" ] || no "races is $races, the last is number $last" || return
	# No line has a race after its end.
	get map_fixed/first_race_ms
	first=$value
	control reset && want races '' && want map_fixed/races 0 &&
		want map_fixed/first_race_ms 0 && [ "$first" -lt 60000 ]
}

# What waits for another verdict: its lines are the verdicts it was woken for.
waiter()
{
	poll_verdict > "$tmp/polled" 2>&1 &
	waiter=$!
	wait_for 10 grep -q . "$tmp/polled"
}

# The last verdict that the waiter saw is WORD...
told()
{
	for _word; do
		[ "$(tail -n 1 "$tmp/polled")" != "$_word PRI" ] || return 0
	done
	return 1
}

told_as_is()
{
	get verdict
	told "$value"
}

woken_by_commands()
{
	waiter && told IDLE || no "$(cat "$tmp/polled")" || return
	control "start map_fixed" && wait_for 10 told RUNNING FAILURE || no "not by the start" || return
	control stop && wait_for 10 told_as_is || no "not by the stop" || return
	told SUCCESS INCOMPLETE FAILURE || no "$(cat "$tmp/polled")" || return
	control reset && wait_for 10 told IDLE || no "not by the reset" || return
	control "start map_fixed" && wait_for 10 told RUNNING FAILURE || no "not by another start" || return
	control stop && control reset && wait_for 10 told IDLE || no "not by another reset" || return
	kill "$waiter"
	wait "$waiter"
	# Seven, and a race in each run on kernels that show one.
	[ "$(wc -l < "$tmp/polled")" -le 10 ] || no "$(wc -l < "$tmp/polled") times"
}

# Nobody reads or writes a file meanwhile.
woken_by_itself()
{
	loaded_with scenarios=map_fixed busted=map_fixed/gap duration=3 && waiter || return
	wait_for 20 told FAILURE || no "not by the first race: $(cat "$tmp/polled")" || return
	n=$(wc -l < "$tmp/polled")
	wait_for 20 woken_at_end || no "not by the end" || return
	kill "$waiter"
	wait "$waiter"
	unload
}

# The start and the first race, close together, may be told of one after the other.
woken_at_end()
{
	lines=$(wc -l < "$tmp/polled")
	[ "$lines" -gt "$n" ] || return
	n=$lines
	get map_fixed/state
	[ "$value" = "done" ]
}

begin 27

loaded_with autostart=0 || ktap_exit_fail_msg "cannot load"
check "files" files_there
check "modes" root_only
check "formats, nothing started" formats
check "nothing runs with autostart=0" idle
check "read-only files" read_only
check "junk in control, nothing running" junk
check "start with a name" start "start map_fixed"
check "verdict while it runs" running_or_failed
check "formats, running" formats
check "counters never fall" monotonic
check "junk in control, running" junk
check "start twice" refuses 'Device or resource busy' 'start\n'
check "reset while it runs" reset_running
check "stop leaves no thread" stop
check "formats, done" formats
check "values" values_are_files
check "order of values" same_order
check "sums of kinds" sums
check "summary" summary_is
check "start and stop again" again
check "who polls is woken by commands" woken_by_commands
unload
check "and by the first race, and the end" woken_by_itself

# Every other replacement is a race here, so there are many soon.
loaded_with scenarios=map_fixed busted=map_fixed/gap || ktap_exit_fail_msg "cannot load"
wait_for $((20 * ${SLOW:-1})) above map_fixed/races 600 ||
	ktap_exit_fail_msg "too few races for the log to be full: $value"
check "lines of races, running" race_lines
stop
check "lines of races, done" race_lines
check "sums of kinds, with races" sums
check "sums of variants" variants_add_up
check "races and their end" races_counted
unload

ktap_finished
