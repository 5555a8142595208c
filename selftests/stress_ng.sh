#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: stress-ng --vma 2 is watched for a minute, silently
# timeout: 150
# tool: stress-ng

# shellcheck source=selftests/lib.sh
. "${0%/*}/lib.sh"
# shellcheck source=selftests/lib_user.sh
. "${0%/*}/lib_user.sh"

stressor()
{
	stress_watch stress-ng --vma 2 --timeout "${STRESS_SECONDS:-60}" > "$tmp/out" 2>&1
	_rc=$?
	sed 's/^/# /' "$tmp/out"
	[ $_rc = 0 ] || no "exit code $_rc" || return
	watched_well
}

begin 2
if ! command -v stress-ng > /dev/null; then
	skip "stress-ng --vma 2" "no stress-ng here"
elif can_watch; then
	check "stress-ng --vma 2" stressor
	unload
else
	skip "stress-ng --vma 2" "no watch by the module"
fi
check "nothing is left" nothing_left
ktap_finished
