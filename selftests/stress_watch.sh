#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: any command is run with all its processes watched, silently
# timeout: 60

# shellcheck source=selftests/lib.sh
. "${0%/*}/lib.sh"
# shellcheck source=selftests/lib_user.sh
. "${0%/*}/lib_user.sh"

# Processes of processes, some of which outlive what started them.
command_text()
{
	cat <<'END'
i=0
while [ $i -lt 10 ]; do
	(sleep 0.3; (sleep 0.3; :) &) &
	i=$((i + 1))
	sleep 0.1
done
wait
exit 7
END
}

# The result is the command's, and all of it was watched to its end.
any_command()
{
	command_text > "$tmp/command"
	stress_watch sh "$tmp/command" 2> "$tmp/err"
	_rc=$?
	sed 's/^/# /' "$tmp/err"
	[ $_rc = 7 ] || no "exit code $_rc, not the command's 7" || return
	_n=$(sed -n 's/.* \([0-9]*\) processes watched.*/\1/p' "$tmp/err")
	[ "${_n:-0}" -ge 10 ] || no "only ${_n:-0} processes were watched"
}

# A promise that the module breaks itself, where it has that flavour.
race_seen()
{
	loaded_with autostart=0 busted=watch/order || return
	stress_watch sleep 3 2> "$tmp/err"
	_rc=$?
	sed 's/^/# /' "$tmp/err"
	unload
	[ $_rc = 1 ] || no "exit code $_rc, not 1"
}

no_module()
{
	stress_watch true 2> "$tmp/err"
	[ $? = 4 ] || no "not exit code 4"
}

begin 4
check "without the module: exit code 4" no_module
if can_watch; then
	check "any command" any_command
	unload
	check "a race under it: exit code 1" race_seen
else
	for name in "any command" "a race under it: exit code 1"; do
		skip "$name" "no watch by the module"
	done
	[ ! -d /sys/module/vma_torture ] || unload
fi
check "nothing is left" nothing_left
ktap_finished
