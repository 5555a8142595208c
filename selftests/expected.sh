#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: scenarios, oracles and ways that are absent are those that selftests/expect lists for this kernel
# timeout: 60

# shellcheck source=selftests/lib.sh
. "${0%/*}/lib.sh"

expect=$SELFTESTS/expect
grep -qE "^([^ ]*,)?${KERNEL}[, ]" "$expect" 2> /dev/null ||
	skip_all "selftests/expect does not name $KERNEL"

# listed WHAT: names and reasons for this kernel, a | between.
listed()
{
	awk -v what="$1" -v kernel="$KERNEL" -F '"' '
	/^#/ || !NF { next }
	{
		split($1, word, " ")
		n = split(word[1], names, ",")
		for (i = 1; i <= n; i++)
			if (names[i] == kernel && word[2] == what)
				print $2 "|" $4
	}' "$expect"
}

# The module's own words: names and reasons, a | between.
absent_scenarios()
{
	for s in $(scenarios); do
		get "$s/state"
		case $value in skipped:*) echo "$s|${value#skipped: }" ;; esac
	done
}

absent_oracles()
{
	sed -n 's/^\([a-z_]*\): no oracle for \([a-z_]*\): /\1\/\2|/p' "$D/summary" |
		grep -v '^watch/'
}

absent_ways()
{
	own_log | sed -n 's/.*vma_torture: \([a-z_]*\):.* cannot be made to fail by \([a-z_]*\) here: */\1\/\2|/p'
}

# same WHAT: what the module says is what is listed, no more and no less.
same()
{
	listed "$1" > "$tmp/listed"
	"absent_$1s" > "$tmp/absent"
	awk -F '|' '
	FILENAME ~ /listed$/ { why[$1] = $2; next }
	!($1 in why) { print "# not listed: " $0; bad = 1; next }
	!index($2, why[$1]) { print "# for another reason: " $0; bad = 1 }
	{ seen[$1] = 1 }
	END {
		for (name in why)
			if (!(name in seen)) {
				print "# listed, and it is there: " name
				bad = 1
			}
		exit bad
	}' "$tmp/listed" "$tmp/absent"
}

begin 3
loaded_with duration=1 || ktap_exit_fail_msg "cannot load"
wait_for 30 logged 'End of test' || ktap_exit_fail_msg "the test does not end"
check "scenarios that cannot run" same scenario
check "oracles that cannot be had" same oracle
check "ways that cannot be tried" same way
unload
ktap_finished
