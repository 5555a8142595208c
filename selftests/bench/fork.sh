#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: failed forks and walks of what they leave, and what a look costs
# timeout: 120

# shellcheck source=selftests/bench/lib.sh
. "$SELFTESTS/bench/lib.sh"

column()
{
	cut -d' ' -f"$1" "$tmp/rates" | median
}

start_bench
i=0
while [ $i -lt 5 ]; do
	load scenarios=fork_fail seed=$((i + 1)) || give_up "cannot load"
	now
	from=$now
	wait_for 5 is fork_fail/state "done"
	for c in failed_forks failed_forks_walked walks_after_failure checked checked_ns \
		bare bare_ns bare_forks bare_forks_ns; do
		get fork_fail/$c && eval "$c=\$value"
	done
	now
	ns=$(((now - from) * 10000000))
	unload
	# shellcheck disable=SC2154  # eval
	echo "$(rate "$failed_forks" $ns) $(rate "$walks_after_failure" $ns)" \
		"$(rate "$checked" "$checked_ns") $(rate "$bare" "$bare_ns")" \
		"$(rate "$bare_forks" "$bare_forks_ns") $(ratio "$failed_forks_walked" "$failed_forks")"
	i=$((i + 1))
done > "$tmp/rates"
result failed_forks "$(column 1)" 1/s - with all it takes to judge each, default parameters
r=$(awk '$5 > 0 { print $1 / $5 }' "$tmp/rates" | median)
result failed_forks_bare "$(ratio "$r" 1)" ratio - \
	failed forks/s per those of a loop of kernel_clone\(\) alone
result failed_forks_walked "$(column 6)" ratio - of failed forks, the child was walked by another thread
result walks_after_failure "$(column 2)" 1/s - walks of what they leave
r=$(awk '$4 > 0 { print $3 / $4 }' "$tmp/rates" | median)
result checked_fork_walk "$(ratio "$r" 1)" ratio '>=0.3' checked walks/s per bare walk of the same tree
