# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# What the tests of the user-space programs share. Sourced after lib.sh.

: "${tmp:=}"
PATH=$SELFTESTS/bin:$PATH

# A module that cannot be loaded, or has lost its watch file, is no reason to skip.
can_watch()
{
	[ -d /sys/module/vma_torture ] || loaded_with autostart=0 || return
	[ -e "$D/watch" ] || no "the module has no file watch"
}

# is_seen CASE...: the injected fault, in each case that could be tried.
is_seen()
{
	_prog=$1
	shift
	"$_prog" --busted --seconds 2 > "$tmp/out" 2>&1
	_rc=$?
	[ $_rc = 1 ] || no "exit code $_rc" || return
	! grep -q '^Bail out' "$tmp/out" || no "$(grep '^Bail out' "$tmp/out")" || return
	for _case; do
		if grep -qE "^ok [0-9]+ $_case # SKIP" "$tmp/out"; then
			note "$_case: skipped here"
		elif ! grep -qE "^not ok [0-9]+ $_case\$" "$tmp/out"; then
			sed 's/^# //; s/^/# /' "$tmp/out"
			no "$_case: not seen" || return
		fi
	done
}

# The races that the watch has seen, by kind, into $seen.
watch_saw()
{
	seen=$(sed -n 's/^seq=.* scenario=watch kind=\([^ ]*\) .*/\1/p' "$D/races" |
		sort | uniq -c | awk '{ printf "%s %s ", $2, $1 }')
	sed 's/^/# /' "$D/watch" | head -n 8
}

# Somebody looked, and all was well; but for the gap of old kernels.
watched_well()
{
	watch_saw
	awk -F'looks=' 'NF > 1 { n += $2 + 0 } END { exit !n }' "$D/watch" ||
		no "the watch never looked" || return
	case $seen in
	'') ;;
	'gap '*' ')
		{ [ "$(echo "$seen" | wc -w)" = 2 ] && only_known watch gap; } ||
			no "the watch saw $seen"
		;;
	*) no "the watch saw $seen" ;;
	esac
}

saw_the_gap()
{
	case $seen in
	*'gap '*) ;;
	*) no "it saw '$seen'" ;;
	esac
}

# user_test PROGRAM SECONDS CASE...: four results: it passes, watched well, and
# its injected fault is seen in each CASE; nothing is left.
user_test()
{
	_program=$1 _seconds=$2
	shift 2
	if can_watch; then
		run_program --watch
		if [ "$_result" = 4 ]; then
			skip "the watch saw nothing wrong" "nothing was run"
		else
			check "the watch saw nothing wrong" watched_well
		fi
		unload
	else
		run_program
		ktap_test_fail "the watch saw nothing wrong"
	fi
	if [ "$_result" = 4 ]; then
		skip "the injected fault is seen" "nowhere to inject it"
	else
		check "the injected fault is seen" is_seen "$_program" "$@"
	fi
	check "nothing is left" nothing_left
}

# What failed in the program as it is known to is told apart, and totalled.
passed_or_expected()
{
	_why=$(sed -nE 's/^ok [0-9]+ ([a-z_]+) # XFAIL (.*)/\1: \2/p' "$tmp/first" | head -n 1)
	if [ -n "$_why" ]; then
		echo "ok $KTAP_TESTNO $_program # XFAIL $_why"
		KTAP_TESTNO=$((KTAP_TESTNO + 1))
		KTAP_CNT_XFAIL=$((KTAP_CNT_XFAIL + 1))
	else
		ktap_test_pass "$_program"
	fi
}

run_program()
{
	# shellcheck disable=SC2086  # some programs have more options
	"$_program" --seconds "$_seconds" ${EXTRA-} "$@" > "$tmp/first" 2>&1
	_result=$?
	# Its cases are subtests of its result: each that is skipped or fails as expected
	# is told apart.
	awk -v program="$_program" '
	/^K?TAP version / { print "  KTAP version 1"; print "  # Subtest: " program; next }
	/^(1\.\.[0-9]|(not )?ok [0-9]|#|Bail out!)/ { print "  " $0; next }
	{ print "  # " $0 }' "$tmp/first"
	case $_result in
	0) passed_or_expected ;;
	4) skip "$_program" "$(sed -n 's/.*# SKIP //p' "$tmp/first" | head -n 1)" ;;
	*) note "exit code $_result"; ktap_test_fail "$_program" ;;
	esac
}
