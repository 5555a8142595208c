# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# What the tests of the scenarios share: an oracle fires where its promise is
# broken, and only then. Sourced after lib.sh by a test that sets $scenario and
# $oracles, all of which it has.

: "${scenario:=}" "${oracles:=}" "${value:=}"

# has_oracle KIND: does this kernel promise it? Known once it has run.
has_oracle()
{
	[ -f "$D/$scenario/race_$1" ] &&
		! grep -q "^$scenario: no oracle for $1:" "$D/summary"
}

# all_above COUNTER...: none of them is still 0; $c is the one that is.
all_above()
{
	for c; do
		above "$scenario/$c" 0 || return
	done
}

# all_have WHAT: WHAT_KIND of each oracle is above 0; $c is the one that is not.
all_have()
{
	for _k in $oracles; do
		! has_oracle "$_k" || all_above "$1_$_k" || return
	done
}

# enough COUNTER N: what is silent has to have looked; a machine on which it does
# not in a minute can prove nothing.
enough()
{
	wait_for $((60 * ${SLOW:-1})) above "$scenario/$1" "$2" ||
		ktap_exit_fail_msg "$1 is $value after a minute, not $2"
}

# others KIND...: no race of any other kind, but what this kernel is known for.
others()
{
	_bad=0
	for _k in $(kinds "$scenario"); do
		case " $* " in *" $_k "*) continue ;; esac
		get "$scenario/race_$_k"
		[ "$value" = 0 ] || only_known "$scenario" "$_k" || {
			note "$_k: $value: $(grep -m 1 " kind=$_k " "$D/races")"
			_bad=1
		}
	done
	return $_bad
}

silent()
{
	others none
}

# fires OPS KIND [ALSO...]: the break of a promise is seen by its own oracle; what
# else would be seen, but for ALSO, has so many operations' time to be. Where all that
# was seen is what this kernel shows by itself, it proves nothing.
fires()
{
	_ops=$1
	shift
	loaded_with scenarios="$scenario" "busted=$scenario/$1" seed=1 || return
	wait_for 20 above "$scenario/race_$1" 0 || no "not seen in 20 s" || return
	get "$scenario/first_race_ms"
	note "$1: the first race after $value ms"
	want verdict FAILURE || return
	# It is counted first.
	wait_for 5 grep -q "^seq=.* scenario=$scenario kind=$1 .* detail=\"" "$D/races" ||
		no "not among the races" || return
	get "$scenario/ops"
	wait_for 30 above "$scenario/ops" $((value + _ops)) ||
		no "too few operations for others to be seen" || return
	control stop
	! only_known "$scenario" "$1" || unproven="this kernel shows it by itself"
	others "$@" || return
	grep -q "^$scenario: $1 broken [0-9]* times: " "$D/summary" ||
		no "not in the summary" || return
	unload
}

# all_fire [PARAM=VALUE...]: all at once, each by its own oracle.
all_fire()
{
	loaded_with scenarios="$scenario" "busted=$scenario" seed=1 "$@" || return
	wait_for 20 all_have race || no "$c: not seen in 20 s" || return
	unload
}

# committed: what is committed on this machine, in kB.
committed()
{
	awk '/^Committed_AS:/ { print $2 }' /proc/meminfo
}
