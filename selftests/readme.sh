#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# description: what README.md and docs/ tell to type on a test machine works
# timeout: 120

# shellcheck source=/dev/null
. "$KTAP_HELPERS"

# Block N of those marked "run: in a guest" in the pages, on stdout.
block()
{
	awk -v n="$1" '
		FNR == 1 { inside = marked = 0 }
		!inside && /^```/ {
			inside = 1
			run = marked && /^```sh$/ && ++seen == n
			next
		}
		/^```/ { inside = run = 0 }
		{ marked = /^<!-- run: in a guest -->$/ }
		run' "$SELFTESTS/README.md" "$SELFTESTS"/docs/*.md
}

ktap_print_header
if ! [ -r "$SELFTESTS/README.md" ]; then
	ktap_skip_all "no README.md in this guest"
	exit "$KSFT_SKIP"
fi
total=0
while [ -n "$(block $((total + 1)))" ]; do
	total=$((total + 1))
done
marks=$(cat "$SELFTESTS/README.md" "$SELFTESTS"/docs/*.md | grep -c '^<!-- run: in a guest -->$')
if [ "$total" -lt 2 ] || [ "$total" != "$marks" ]; then
	ktap_exit_fail_msg "README.md and docs/ have $total blocks to try, and $marks marks"
fi
ktap_set_plan "$total"

cp "$MODULE" vma_torture.ko
i=1
while [ "$i" -le "$total" ]; do
	block "$i" > "block$i"
	if sh -eu "./block$i" > "out$i" 2>&1; then
		ktap_test_pass "block $i: $(head -n 1 "block$i")"
	else
		sed 's/^/# /' "out$i"
		ktap_test_fail "block $i: $(head -n 1 "block$i")"
		rmmod vma_torture 2> /dev/null
	fi
	i=$((i + 1))
done
ktap_finished
