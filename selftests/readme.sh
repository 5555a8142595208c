#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# description: what README.md tells to type on a test machine works
# timeout: 60

# shellcheck source=/dev/null
. "$KTAP_HELPERS"

readme=$SELFTESTS/README.md

# Block N of those fenced as "sh guest", on stdout.
block()
{
	awk -v n="$1" '
		/^```sh guest$/ { inside = ++seen == n; next }
		/^```/ { inside = 0 }
		inside' "$readme"
}

ktap_print_header
if ! [ -r "$readme" ]; then
	ktap_skip_all "no README.md in this guest"
	exit "$KSFT_SKIP"
fi
total=$(grep -c '^```sh guest$' "$readme")
if [ "$total" -lt 2 ]; then
	ktap_exit_fail_msg "README.md has $total blocks to try, not even two"
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
