#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2030,SC2031,SC2034,SC2317  # run is a subshell; what a body reads
# What the guests' tests make a result of: each can fail.

load helpers

# body FUNCTION FILE: the shell function of a test.
body()
{
	local text
	text=$(sed -n "/^$1()/,/^}/p" "$TOP/selftests/$2")
	[ -n "$text" ]
	eval "$text"
}

setup()
{
	ktap_test_pass() { echo "ok $1"; }
	ktap_test_fail() { echo "not ok $1"; }
	skip() { echo "ok $1 # SKIP $2"; }
	note() { echo "# $*"; }
	body no lib.sh
	body check lib.sh
	body fires lib_race.sh
	D=$BATS_TEST_TMPDIR
	scenario=fork_fail
	echo 'fork_fail: xa_zero broken 3 times: variant 0' > "$D/summary"
	echo 'seq=1 time=1 scenario=fork_fail kind=xa_zero cpu=0 detail="x"' > "$D/races"
	value=0
	loaded_with() { return 0; }
	above() { return 0; }
	get() { value=1; }
	want() { return 0; }
	wait_for() { shift; "$@"; }
	control() { return 0; }
	others() { return 0; }
	only_known() { return 1; }
	unload() { return 0; }
}

@test "a flavour that is seen passes" {
	[ "$(check xa_zero fires 10 xa_zero | tail -n 1)" = "ok xa_zero" ]
}

@test "a flavour that is not seen fails, and so does one that others see" {
	above() { return 1; }
	[ "$(check xa_zero fires 10 xa_zero | tail -n 1)" = "not ok xa_zero" ]
	above() { return 0; }
	others() { return 1; }
	[ "$(check xa_zero fires 10 xa_zero | tail -n 1)" = "not ok xa_zero" ]
}

@test "where the kernel shows by itself all that was seen, a flavour proves nothing" {
	only_known() { return 0; }
	[ "$(check xa_zero fires 10 xa_zero | tail -n 1)" = "ok xa_zero # SKIP this kernel shows it by itself" ]
	# Which is no way out for one that was seen by others, too.
	others() { return 1; }
	[ "$(check xa_zero fires 10 xa_zero | tail -n 1)" = "not ok xa_zero" ]
	# The next result is one of its own.
	[ "$(check next true)" = "ok next" ]
}

@test "what a kernel is known for and does not show fails" {
	body remains_found fork_fail.sh
	found() { return 0; }
	[ "$(check remains remains_found | tail -n 1)" = "ok remains" ]
	found() { return 1; }
	[[ $(check remains remains_found) == *"not seen, although scripts/known-races lists it"*"not ok remains" ]]
}
