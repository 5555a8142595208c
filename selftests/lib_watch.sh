# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034  # some is for those who source this
#
# What the tests share that have processes watched. Sourced after lib.sh.

: "${tmp:=}"

# me ARG...: a process to be watched, its own line into $line, its pid into $pid.
me()
{
	: > "$tmp/me"
	watch_me "$@" > "$tmp/me" &
	pid=$!
	wait_for 10 grep -q - "$tmp/me" || no "watch_me does not begin" || return
	read -r line < "$tmp/me"
}

# Those that are still there, all at once.
pids=
no_more()
{
	# shellcheck disable=SC2086  # a list
	[ -z "$pids" ] || kill $pids
	for p in $pids; do
		wait "$p" 2> /dev/null
	done
	pids=
}

watch()
{
	{ echo "$*" > "$D/watch"; } 2> "$tmp/watch"
}

# of PID FIELD: a field of the last line about it, into $value.
of()
{
	value=$(sed -n "s/^pid=$1 .* $2=\([^ ]*\).*/\1/p" "$D/watch" | tail -n 1)
}

of_is()
{
	of "$1" "$2"
	[ "$value" = "$3" ]
}

of_above()
{
	of "$1" "$2"
	[ "${value:-0}" -gt "$3" ]
}
