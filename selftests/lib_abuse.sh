# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034  # some is for those who source this
#
# What the tests of abuse/ share: what a test begins and ends with, that work
# goes on, and that no race was seen that the kernel is not known for.
#
# Each is as short as it can be and still see what it looks for; ABUSE=N makes it
# N times as long, ABUSE_SEED= repeats the draws of another run.

: "${SELFTESTS:=$(cd "$(dirname "$0")/.." && pwd)}"
# shellcheck source=selftests/lib.sh
. "$SELFTESTS/lib.sh"
# shellcheck source=selftests/lib_rest.sh
. "$SELFTESTS/lib_rest.sh"
PATH=$SELFTESTS/bin:$PATH

factor=${ABUSE:-1}
first_seed=${ABUSE_SEED:-$(any_seed)}
seed=$first_seed
# Seconds until something happens, on a host that has better things to do.
slow=${SLOW:-1}
patience=$((60 * slow))

# Scenarios that work here, once the module has been loaded with them.
at_work()
{
	for _s in $all; do
		get "$_s/state"
		[ "$value" != running ] || echo "$_s"
	done
}

# abuse N [COMMAND...]: a test of N results begins, and two more for the end. All
# that can work has been at it before, and the command, so that what is kept for
# the next time is there.
abuse()
{
	begin $(($1 + 2))
	shift
	note "ABUSE=$factor ABUSE_SEED=$first_seed"
	warm_up || ktap_exit_fail_msg "cannot warm up"
	[ $# = 0 ] || "$@" || ktap_exit_fail_msg "cannot warm up: $*"
	at_rest
	mark
}

warm_up()
{
	loaded_with autostart=1 || return
	all=$(scenarios)
	able=$(at_work)
	goes_on && unload && nothing_left
}

# abuse_ends: nothing is left, but for the spare objects that each CPU may keep of
# each kind, and it is as before.
abuse_ends()
{
	[ ! -d /sys/module/vma_torture ] || unload
	check "nothing is left" nothing_left
	check "memory, huge pages and probes are as before" settles 64
	ktap_finished
}

# remember_ops; went_on: all that can work has done so since.
remember_ops()
{
	for _s in $able; do
		get "$_s/ops"
		eval "_ops_$_s=$value"
	done
}

went_on()
{
	for _s in $able; do
		eval "_n=\$_ops_$_s"
		# shellcheck disable=SC2154  # by eval
		above "$_s/ops" "$_n" || return
	done
}

# goes_on: all that can work does so.
goes_on()
{
	remember_ops
	wait_for "$patience" went_on || no "$_s does nothing: $(head -n 1 "$D/$_s/state")"
}

# keeps_on SECS: for so long, however often one looks.
keeps_on()
{
	now
	_until=$((now + $1 * factor * 100))
	_looks=0
	while [ "$now" -lt $_until ] || [ $_looks = 0 ]; do
		goes_on || return
		_looks=$((_looks + 1))
		now
	done
	note "all went on in each of $_looks looks"
}

# removed_at_work: rmmod in mid-run, in time and with nothing left. A second is
# promised to a quiet machine.
removed_at_work()
{
	goes_on || return
	now
	_begun=$now
	unload || return
	now
	note "rmmod took $((now - _begun)) hundredths of a second"
	[ $((now - _begun)) -le 3000 ] || no "too long" || return
	nothing_left
}

# ends: control stops it with no thread left, none of which was left out, and
# no race but a known one was seen.
ends()
{
	control stop || no "stop: $(cat "$tmp/control")" || return
	[ -z "$(threads)" ] || no "left: $(threads | tr '\n' ' ')" || return
	! grep 'made no progress' "$D/summary" > "$tmp/idle" ||
		no "$(cat "$tmp/idle")" || return
	no_new_race
}

# no_new_race: none but what this kernel is known for, and what a test has made.
no_new_race()
{
	_bad=0
	for _s in $all; do
		for _k in $(kinds "$_s"); do
			get "$_s/race_$_k"
			[ "$value" != 0 ] || continue
			[ "$_s/$_k" != "${wrong_books-}" ] || continue
			! only_known "$_s" "$_k" || continue
			note "$_s/$_k: $value: $(grep -m 1 " scenario=$_s kind=$_k " "$D/races")"
			_bad=1
		done
	done
	return $_bad
}
