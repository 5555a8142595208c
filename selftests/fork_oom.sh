#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: who forks until the OOM killer of its cgroup comes takes nobody else along
# timeout: 60
# console: any Memory cgroup out of memory: Killed process

# shellcheck source=selftests/lib.sh
. "${0%/*}/lib.sh"
# shellcheck source=selftests/lib_user.sh
. "${0%/*}/lib_user.sh"

kills()
{
	fork_storm --seconds 4 --case oom_in_cgroup > "$tmp/out" 2>&1
	_rc=$?
	sed 's/^/# /' "$tmp/out"
	[ $_rc = 0 ] || no "exit code $_rc"
}

begin 2
check "only those in the group are killed, and their memory comes back" kills
check "nothing is left" nothing_left
ktap_finished
