#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2016,SC2119,SC2120  # bodies of stubs; optional arguments
# scripts/check and selftests/run: what fails turns the whole red.

load helpers

setup()
{
	fake_project prepare kernels build
	fake_kernel 6.1 6.1.192
	rm -rf "$FAKE/selftests/host"
	# The "guest" is this host, with busybox's sh.
	stub vm '
		echo "$*" >> "$VT_BUILD/asked"
		while [ $# -gt 2 ]; do
			case $1 in
			--out) out=$2 ;;
			--selftests) selftests=$2 ;;
			esac
			shift
		done
		mkdir -p "$out"
		: > "$out/console.log"
		cp "$VT_BUILD/console" "$out/console.log" 2> /dev/null
		KTAP_HELPERS=/dev/null KERNEL=$1 busybox sh \
			-c "${2/\/selftests\/run/$selftests/run}" | tee "$out/output"
		rc=${PIPESTATUS[0]}
		outcome=ok
		if grep -q DIE "$out/output"; then outcome=died rc=2; fi
		printf "%s\n" "outcome=$outcome" "rc=$rc" retries=0 "line=the line" > "$out/status"
		exit "$rc"'
	sed -i 's|^kmsg=/dev/kmsg|kmsg=/dev/null|' "$FAKE/selftests/run"
}

# new_test NAME BODY [HEADER]
new_test()
{
	printf '#!/bin/sh\n# description: %s\n%s\n%s\n' "$1" "${3:-# timeout: 5}" "$2" \
		> "$FAKE/selftests/$1.sh"
	chmod +x "$FAKE/selftests/$1.sh"
}

check()
{
	KERNELS=6.1 run "$FAKE/scripts/check" "${@:---guests}"
	echo "$output"
}

totals()
{
	[ "${lines[-1]}" = "$1" ] || { echo "totals: ${lines[-1]}"; return 1; }
}

# The builds and the companions are four results of their own: one build, sparse
# and the companions.
@test "all pass: 0, and the totals are the last line" {
	new_test good 'echo 1..2; echo ok 1 a; echo ok 2 b'
	check
	[ "$status" = 0 ]
	totals "5 passed, 0 failed, 0 skipped"
}

@test "what a guest was booted from is kept only where something failed" {
	fake_core "$FAKE/build/core" 6.1.0-x
	echo "Linux version 6.1.0-x (x)" > "$FAKE/build/console"
	sed -i 's|mkdir -p "$out"|&; echo x > "$out/initramfs.gz"; cp "$VT_BUILD/core" "$out/vmcore"|' "$FAKE/scripts/vm"
	new_test good 'echo 1..1; echo ok 1 a'
	new_test panics 'echo 1..1; echo ok 1 a' '# expect-panic: boom'
	check
	[ "$status" = 0 ]
	[ "$(find "$FAKE/build/runs" -name status | wc -l)" = 2 ]
	[ -z "$(find "$FAKE/build/runs" -name initramfs.gz)" ]
	[ "$(find "$FAKE/build/runs" -name vmcore | wc -l)" = 1 ]
	new_test bad 'echo 1..1; echo not ok 1 b'
	check
	[ "$status" = 1 ]
	[ "$(find "$FAKE/build/runs" -name initramfs.gz | wc -l)" = 1 ]
}

@test "a failing test turns it red" {
	new_test good 'echo 1..1; echo ok 1 a'
	new_test bad 'echo 1..2; echo ok 1 a; echo "# because of this"; echo not ok 2 b; exit 1'
	check
	[ "$status" = 1 ]
	totals "5 passed, 1 failed, 0 skipped"
	[[ $output == *"FAIL 6.1 bad: b"* ]]
	[[ $output == *"because of this"* ]]
}

@test "a result of not ok counts even if the test says 0" {
	new_test bad 'echo 1..1; echo not ok 1 b; exit 0'
	check
	[ "$status" = 1 ]
	totals "3 passed, 1 failed, 0 skipped"
}

@test "an exit code counts even if every result says ok" {
	new_test bad 'echo 1..1; echo ok 1 b; exit 1'
	check
	[ "$status" = 1 ]
	[[ $output == *"exit code 1"* ]]
	totals "4 passed, 1 failed, 0 skipped"
}

@test "a test that says nothing, or less than planned, has failed" {
	new_test silent 'exit 0'
	check
	[ "$status" = 1 ]
	rm "$FAKE/selftests/silent.sh"
	new_test short 'echo 1..3; echo ok 1 a'
	check
	[ "$status" = 1 ]
	[[ $output == *"planned 3, ran 1"* ]]
}

@test "a test that takes too long is killed with its children, and has failed" {
	new_test slow 'echo ok 1 a; sleep 1234 & sleep 1234' '# timeout: 1'
	check
	[ "$status" = 1 ]
	[[ $output == *"TIMEOUT after 1 s"* ]]
	run pgrep -f 'sleep 1234'
	[ "$status" = 1 ]
}

@test "skips are counted, with their reason" {
	new_test skips 'echo "ok 1 a # SKIP no such thing"; exit 4'
	new_test whole 'echo "1..0 # SKIP nothing here"; exit 4'
	check
	[ "$status" = 0 ]
	[[ $output == *"skip 6.1 skips: a: no such thing"* ]]
	totals "3 passed, 0 failed, 2 skipped"
}

# The runner in the guest is killed in the middle of the second of three tests.
@test "a runner that dies turns it red, though every result so far is good" {
	new_test a_first 'echo 1..1; echo ok 1 a'
	new_test b_kills 'echo 1..1; echo ok 1 a'
	new_test c_bad 'echo 1..1; echo not ok 1 c; exit 1'
	stub vm '
		while [ $# -gt 2 ]; do
			[ "$1" = --out ] && out=$2
			shift
		done
		mkdir -p "$out"
		: > "$out/console.log"
		printf "%s\n" "KTAP version 1" "1..3" "  KTAP version 1" "  # Subtest: a_first" "  1..1" \
			"  ok 1 a" "ok 1 a_first" "  KTAP version 1" "  # Subtest: b_kills" | tee "$out/output"
		printf "%s\n" outcome=ok rc=137 retries=0 line= > "$out/status"
		exit 137'
	check
	[ "$status" = 1 ]
	[[ $output == *"the runner ended with 137 after 1 of 3 tests"* ]]
	[[ $output == *"planned 3, ran 1"* ]]
}

@test "a runner that runs less than it planned turns it red" {
	new_test good 'echo 1..1; echo ok 1 a'
	sed -i 's/^echo "1\.\.$(wc -l < "$tmp\/todo")"/echo 1..2/' "$FAKE/selftests/run"
	check
	[ "$status" = 1 ]
	[[ $output == *"planned 2, ran 1"* ]]
}

@test "skips: on a kernel that selftests/expect names only those it lists" {
	new_test skips 'echo 1..2; echo "ok 1 a b # SKIP no such thing"; echo ok 2 c'
	check
	[ "$status" = 0 ]
	echo '6.1,6.12 skip "skips: a b" "no such thing"' > "$FAKE/selftests/expect"
	check
	[ "$status" = 0 ]
	totals "4 passed, 0 failed, 1 skipped"
	# For another reason, or another one.
	echo '6.1 skip "skips: a b" "no such place"' > "$FAKE/selftests/expect"
	check
	[ "$status" = 1 ]
	[[ $output == *"skips: a b: skipped (no such thing), which selftests/expect does not list"* ]]
	# One that is listed and ran.
	printf '%s\n' '6.1 skip "skips: a b" "no such thing"' '6.1 skip "skips: c" "x"' \
		> "$FAKE/selftests/expect"
	check
	[ "$status" = 1 ]
	totals "4 passed, 1 failed, 1 skipped"
	[[ $output == *"skips: c: selftests/expect lists it as skipped (x), and it ran"* ]]
	# Another kernel's lines say nothing of this one.
	echo '7.2 skip "skips: c" "x"' > "$FAKE/selftests/expect"
	check
	[ "$status" = 0 ]
	echo 'nonsense' > "$FAKE/selftests/expect"
	check
	[ "$status" = 2 ]
}

@test "a run of which every test skips is not green on a kernel we know" {
	new_test one 'echo "1..0 # SKIP needs debugfs"; exit 4'
	new_test two 'echo "1..0 # SKIP needs debugfs"; exit 4'
	echo '6.1 skip "vma_lock: x" "y"' > "$FAKE/selftests/expect"
	check
	[ "$status" = 1 ]
	totals "3 passed, 2 failed, 2 skipped"
}

@test "every result after one that failed counts too" {
	mkdir -p "$FAKE/selftests/host/python" "$FAKE/bin"
	# Nor has it anything for checkpatch.
	rm -f "$FAKE"/scripts/*.c
	stub mutation 'exit 0'
	cp "$FAKE/scripts/mutation" "$FAKE/selftests/host/python/run"
	printf '#!/bin/sh\nprintf "%%s\\n" 1..6 "ok 1 a" "not ok 2 b" "# because" "not ok 3 c" "ok 4 d" "ok 5 e # skip why" "not ok 6 f"; exit 1\n' \
		> "$FAKE/bin/bats"
	printf '#!/bin/sh\nexit 0\n' > "$FAKE/bin/shellcheck"
	chmod +x "$FAKE"/bin/*
	PATH=$FAKE/bin:$PATH check --host
	[ "$status" = 1 ]
	[[ $output == *"FAIL host: b"*"# because"*"FAIL host: c"*"ok   host: d"*"FAIL host: f"* ]]
	[[ $output == *"skip host: e: why"* ]]
	[[ ${lines[-1]} == *", 3 failed, "* ]]
	BATS=0 PATH=$FAKE/bin:$PATH check --host
	[ "$status" = 0 ]
	[[ $output != *" host: "* ]]
}

@test "what fails as it is expected to is told apart, and totalled" {
	new_test xfails 'echo 1..2; echo ok 1 a; echo "ok 2 b # XFAIL see README"'
	echo '6.1 xfail "xfails" "see README"' > "$FAKE/selftests/expect"
	check
	[ "$status" = 0 ]
	[[ $output == *"XFAIL 6.1 xfails: b: see README"* ]]
	[[ $output == *"1 failed as expected"* ]]
	totals "4 passed, 0 failed, 0 skipped"
}

@test "what fails as expected is excused on the kernels that selftests/expect lists only" {
	local line
	new_test xfails 'echo 1..2; echo ok 1 a; echo "ok 2 b # XFAIL see README"'
	for line in '' '7.3 xfail "xfails" "see README"' '6.1 xfail "other" "see README"' \
		'6.1 xfail "xfails" "something else"'; do
		echo "$line" > "$FAKE/selftests/expect"
		check
		[ "$status" = 1 ]
		[[ $output == *"xfails: b: failed as expected (see README), which selftests/expect does not list"* ]]
	done
}

@test "what a console may say is allowed on the kernels its test names only" {
	printf '[ 1.0] selftests: begin alone\n[ 2.0] WARNING: one of ours\n' > "$FAKE/build/console"
	for h in "6.12 WARNING: one" "6.12 7.2 WARNING: one"; do
		new_test alone 'echo 1..1; echo ok 1 a' "# console: $h"
		check
		[ "$status" = 1 ] || { echo "$h"; return 1; }
	done
	for h in "6.12 6.1 WARNING: one" "any WARNING: one"; do
		new_test alone 'echo 1..1; echo ok 1 a' "# console: $h"
		check
		[ "$status" = 0 ] || { echo "$h"; return 1; }
	done
	new_test alone 'echo 1..1; echo ok 1 a' "# console: WARNING: one"
	check
	[ "$status" = 1 ]
	[[ $output == *"names no kernel"* ]]
}

@test "more than two repeated boots turn it red" {
	new_test good 'echo 1..1; echo ok 1 a'
	sed -i 's/retries=0/retries=3/' "$FAKE/scripts/vm"
	check
	[ "$status" = 1 ]
	[[ $output == *"3 boots were repeated"* ]]
}

@test "console trouble fails the test during which it appeared" {
	new_test good 'echo 1..1; echo ok 1 a'
	printf '[ 1.0] selftests: begin good\n[ 2.0] WARNING: CPU: 0\n' > "$FAKE/build/console"
	check
	[ "$status" = 1 ]
	[[ $output == *"FAIL 6.1 console during good: [ 2.0] WARNING: CPU: 0"* ]]
	totals "4 passed, 1 failed, 0 skipped"
}

@test "a guest that dies fails its test, and the rest gets another guest" {
	new_test a_first 'echo 1..1; echo ok 1 a'
	new_test b_dies 'echo 1..1; echo "# DIE"; echo ok 1 a'
	new_test c_later 'echo 1..1; echo ok 1 a'
	# A dead guest says no more: cut behind the mark.
	sed -i 's/| tee "$out/| sed "\/DIE\/q" &/' "$FAKE/scripts/vm"
	check
	[ "$status" = 1 ]
	[[ $output == *"FAIL 6.1 b_dies: the guest died: the line"* ]]
	[[ $output == *"ok   6.1 c_later: a"* ]]
	[ "$(grep -c 'ok   6.1 a_first' <<< "$output")" = 1 ]
}

@test "a test of its own guest runs in one" {
	new_test good 'echo 1..1; echo ok 1 a'
	new_test alone 'echo 1..1; echo ok 1 a' '# smp: 4'
	check
	[ "$status" = 0 ]
	totals "5 passed, 0 failed, 0 skipped"
	[ "$(find "$FAKE/build/runs" -maxdepth 1 -name '*-6.1-*' | wc -l)" = 2 ]
	[ -n "$(find "$FAKE/build/runs" -name '*-6.1-alone')" ]
}

@test "killed, it takes its guest with it" {
	new_test good 'echo 1..1; echo ok 1 a'
	stub vm 'echo $$ > "$VT_BUILD/vm"; exec sleep 100'
	KERNELS=6.1 setsid "$FAKE/scripts/check" --guests > "$BATS_TEST_TMPDIR/log" 2>&1 3>&- &
	for ((i = 0; i < 300; i++)); do
		[ ! -s "$FAKE/build/vm" ] || break
		sleep 0.1
	done
	kill $!
	wait $! || [ $? = 143 ]
	for ((i = 0; i < 50; i++)); do
		kill -0 "$(cat "$FAKE/build/vm")" 2> /dev/null || break
		sleep 0.1
	done
	run kill "$(cat "$FAKE/build/vm")"
	[ "$status" != 0 ]
}

@test "a test that has to panic has if its guest did, and leaves results.json" {
	new_test gone 'echo 1..1' '# expect-panic: race gap'
	stub vm '
		while [ $# -gt 2 ]; do
			[ "$1" = --out ] && out=$2
			[ "$1" = --expect-panic ] && echo "$2" > "$VT_BUILD/wanted"
			shift
		done
		mkdir -p "$out"
		cp "$VT_BUILD/core" "$out/vmcore"
		echo "[ 0.0] Linux version 6.1.0-x (x)" > "$out/console.log"
		echo "[ 4.0] Kernel panic - not syncing: race gap" >> "$out/console.log"
		printf "%s\n" "outcome=$(cat "$VT_BUILD/outcome")" retries=0 "line=the last" > "$out/status"'
	echo ok > "$FAKE/build/outcome"
	fake_core "$FAKE/build/core" 6.1.0-y
	check
	[ "$status" = 1 ]
	[[ $output == *"FAIL 6.1 gone: crash dump: of 6.1.0-y"* ]]
	fake_core "$FAKE/build/core" 6.1.0-x
	check
	[ "$status" = 0 ]
	[ "$(cat "$FAKE/build/wanted")" = 'race gap' ]
	[[ $output == *"ok   6.1 gone: panic: the last"* ]]
	[[ $output == *"ok   6.1 gone: crash dump of 6.1.0-x"* ]]
	run cat "$FAKE"/build/runs/*-6.1-gone/results.json
	[[ $output == *'"code": 0,'*'"name": "gone"'* ]]
	echo died > "$FAKE/build/outcome"
	check
	[ "$status" = 1 ]
	[[ $output == *"FAIL 6.1 gone: the last"* ]]
	[ "$(cat "$FAKE"/build/runs/*-6.1-gone/results.json | grep -c '"code": 3,')" = 1 ]
}

@test "tests of abuse/ are run by that name, with what ABUSE= says" {
	mkdir "$FAKE/selftests/abuse"
	new_test abuse/shared 'echo 1..1; echo ok 1 a' '# timeout: 7'
	new_test abuse/alone 'echo 1..1; echo "ok 1 factor ${ABUSE-none} ${ABUSE_SEED-none}"' '# smp: 4'
	check
	[ "$status" = 0 ]
	totals "5 passed, 0 failed, 0 skipped"
	[[ $output == *"ok   6.1 abuse/shared: a"* ]]
	[[ $output == *"ok   6.1 abuse/alone: factor none none"* ]]
	[ -n "$(find "$FAKE/build/runs" -maxdepth 1 -name '*-6.1-abuse-alone')" ]
	ABUSE=3 ABUSE_SEED=5 check abuse/alone
	[ "$status" = 0 ]
	[[ $output == *"ok   6.1 abuse/alone: factor 3 5"* ]]
	ABUSE=3 run "$FAKE/selftests/run" --list
	[[ $output == *$'21\tabuse/shared\tshared'* ]]
	SLOW=2 run "$FAKE/selftests/run" --list
	[[ $output == *$'14\tabuse/shared\tshared'* ]]
	ABUSE=x check abuse/alone
	[ "$status" = 2 ]
}

@test "a test in abuse/ that fails turns it red" {
	mkdir "$FAKE/selftests/abuse"
	new_test abuse/bad 'echo 1..1; echo not ok 1 b; exit 1'
	check
	[ "$status" = 1 ]
	[[ $output == *"FAIL 6.1 abuse/bad: b"* ]]
}

@test "console trouble that a test expects is none during it" {
	new_test alone 'echo 1..1; echo ok 1 a' '# console: 6.1 WARNING: one of ours'
	printf '[ 1.0] selftests: begin alone\n[ 2.0] WARNING: one of ours\n' > "$FAKE/build/console"
	check
	[ "$status" = 0 ]
	totals "4 passed, 0 failed, 0 skipped"
	printf '[ 3.0] WARNING: another\n' >> "$FAKE/build/console"
	check
	[ "$status" = 1 ]
	[[ $output == *"FAIL 6.1 console during alone: [ 3.0] WARNING: another"* ]]
}

@test "each guest leaves results.json and what was looked at; the slowest are named" {
	local run='# run map_fixed state=done seconds=3 ops=9 exposure=5 first_race_ms=0'
	new_test good "echo 1..1; sleep 1.2; echo ok 1 a
		echo '$run gap=7/5/2/0 parameters: scenarios=all seed=1'"
	new_test other 'echo 1..1; echo ok 1 a' '# smp: 4'
	check
	[ "$status" = 0 ]
	totals "5 passed, 0 failed, 0 skipped"
	[[ $output == *"the slowest tests:"*" s  6.1  good"*" s  6.1  other"* ]]
	[ "$(cat "$FAKE"/build/runs/*-6.1-*/results.json | grep -c '"tool": "check"')" = 2 ]
	run cat "$FAKE"/build/runs/*-6.1-shared1/results.json
	[[ $output == *'"looks": 7'* ]]
	[[ $output == *'"name": "good"'* ]]
	[[ $output =~ \"seconds\":\ [1-9] ]]
	run cut -f2-4,7-11 "$FAKE/build/silence"
	[ "$output" = $'6.1.192\tmap_fixed\tgap\t3\t9\t2\t7\t0' ]
}

@test "a race that is not known turns it red, whatever the test itself says" {
	new_test good "echo 1..1; echo ok 1 a
		echo '# run map_fixed state=done seconds=3 ops=9 exposure=5 first_race_ms=2 stale=7/5/2/1 parameters: seed=1'
		echo '# run variant scenario=map_fixed kind=stale variant=0001 races=1 seq=1 detail=\"old\"'"
	check
	[ "$status" = 1 ]
	[[ $output == *"FAIL 6.1 good: map_fixed/stale: 1 of a race that is not known: old"* ]]
	# One that this kernel is known to show does not.
	sed -i 's/stale/gap/g; s/old/point walk: nothing at 0x1/' "$FAKE/selftests/good.sh"
	check
	[ "$status" = 0 ]
}

@test "the list says what each test proves, and how long it took last" {
	new_test good 'echo 1..1; echo ok 1 a'
	new_test alone 'echo 1..1; echo ok 1 a' '# smp: 4'
	run "$FAKE/scripts/check" --list
	[ "$status" = 0 ]
	[[ ${lines[0]} =~ ^test\ +limit\ s\ +last\ s\ +kernel\ +guest\ +description$ ]]
	[[ $output =~ good\ +5\ +-\ +-\ +shared\ +good ]]
	check good
	[ "$status" = 0 ]
	run "$FAKE/scripts/check" --list
	[[ $output =~ good\ +5\ +[0-9]+\ +6.1\ +shared\ +good ]]
	[[ $output =~ alone\ +60\ +-\ +-\ +own\ smp=4\ +alone ]]
}

@test "short time-outs come first" {
	new_test a_long 'echo 1..1; echo ok 1 a' '# timeout: 50'
	new_test z_short 'echo 1..1; echo ok 1 a' '# timeout: 5'
	run "$FAKE/selftests/run" --list
	[[ ${lines[0]} == 5*z_short* ]]
	[[ ${lines[1]} == 50*a_long* ]]
}

@test "no selftest at all is no success" {
	check
	[ "$status" = 1 ]
}

@test "a build that fails turns it red" {
	new_test good 'echo 1..1; echo ok 1 a'
	stub build 'echo "x.c:1: warning: y" >&2; exit 2'
	check
	[ "$status" = 1 ]
	[[ $output == *"FAIL build 6.1"* ]]
	[[ $output == *"x.c:1: warning: y"* ]]
}

@test "a mutant that is asked for is a test, and has to be one" {
	new_test good 'echo 1..1; echo ok 1 a'
	MUTANT=none check
	[ "$status" = 2 ]
	[[ $output == *"there is no mutant none"* ]]
	mkdir -p "$FAKE/mutants"
	touch "$FAKE/mutants/a-b.mutant"
	stub mutation 'echo "$@" > "$VT_BUILD/mutated"'
	MUTANT=a-b check
	[ "$status" = 0 ]
	[[ $(cat "$FAKE/build/mutated") == *a-b ]]
	totals "5 passed, 0 failed, 0 skipped"
	stub mutation 'echo "0 of 1 mutants killed"; exit 1'
	MUTANT=a-b check
	[ "$status" = 1 ]
	[[ $output == *"0 of 1 mutants killed"* ]]
	[[ $output == *"FAIL the mutant a-b"* ]]
}

@test "TESTS= is as names on the command line, and a name that is none is refused" {
	new_test good 'echo 1..1; echo ok 1 a'
	new_test other 'echo 1..1; echo ok 1 b'
	TESTS=other check ''
	[ "$status" = 0 ]
	[[ $output == *'6.1 other: b'* && $output != *'6.1 good: a'* ]]
	TESTS="good nosuch" check ''
	[ "$status" = 2 ]
	[[ $output == *'there is no selftest nosuch'* ]]
}

@test "SMOKE= runs only the test smoke on these kernels" {
	fake_kernel 6.12 6.12.117
	new_test good 'echo 1..1; echo ok 1 a'
	new_test alone 'echo 1..1; echo ok 1 c' '# guest: own'
	new_test smoke 'echo 1..1; echo ok 1 b'
	KERNELS="6.1 6.12" SMOKE=6.1 run "$FAKE/scripts/check" --guests
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *'6.1 smoke: b'* && $output == *'6.12 smoke: b'* ]]
	[[ $output != *'6.1 good: a'* && $output == *'6.12 good: a'* ]]
	[[ $output != *'6.1 alone: c'* && $output == *'6.12 alone: c'* ]]
}

@test "a test of a deterministic guest gets one, and for itself" {
	new_test good 'echo 1..1; echo ok 1 a'
	new_test counted 'echo 1..1; echo ok 1 b' '# guest: deterministic'
	DETERMINISTIC='' check --guests
	[ "$status" = 0 ]
	[[ $output == *'6.1 good: a'* && $output == *'6.1 counted: b'* ]]
	grep -q -- "--deterministic .*run --own counted$" "$FAKE/build/asked"
	run grep -- "--deterministic .*good" "$FAKE/build/asked"
	[ "$status" = 1 ]
}

@test "DETERMINISTIC=1 gives each test such a guest but those of panics, 0 none" {
	new_test good 'echo 1..1; echo ok 1 a'
	new_test counted 'echo 1..1; echo ok 1 b' '# guest: deterministic'
	new_test dies 'echo 1..1; echo ok 1 c' '# expect-panic: Kernel panic'
	DETERMINISTIC=1 check --guests
	grep -q -- "--deterministic .*run --own counted$" "$FAKE/build/asked"
	grep -q -- "--deterministic .*run --own good$" "$FAKE/build/asked"
	run grep -- "--deterministic .*run --own dies$" "$FAKE/build/asked"
	[ "$status" = 1 ]
	grep -q "run --own dies$" "$FAKE/build/asked"
	: > "$FAKE/build/asked"
	DETERMINISTIC=0 check --guests
	grep -q "run --own counted$" "$FAKE/build/asked"
	run grep -- "--deterministic" "$FAKE/build/asked"
	[ "$status" = 1 ]
	DETERMINISTIC=yes check --guests
	[ "$status" = 2 ]
	[[ $output == *"DETERMINISTIC wants 0 or 1, not 'yes'"* ]]
}

@test "GENTLE= leaves abuse/ and cycles out on these kernels" {
	fake_kernel 6.12 6.12.117
	mkdir -p "$FAKE/selftests/abuse"
	new_test good 'echo 1..1; echo ok 1 a'
	new_test abuse/all 'echo 1..1; echo ok 1 b'
	new_test abuse/alone 'echo 1..1; echo ok 1 c' '# guest: own'
	new_test alone 'echo 1..1; echo ok 1 d' '# guest: own'
	new_test cycles 'echo 1..1; echo ok 1 e'
	KERNELS="6.1 6.12" GENTLE=6.1 run "$FAKE/scripts/check" --guests
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *'6.1 good: a'* && $output == *'6.1 alone: d'* ]]
	[[ $output != *'6.1 abuse/'* && $output != *'6.1 cycles'* ]]
	[[ $output == *'6.12 abuse/all: b'* && $output == *'6.12 abuse/alone: c'* ]]
	[[ $output == *'6.12 cycles: e'* ]]
}

@test "MINUTES= begins no guest after that, and says what it left out" {
	fake_kernel 6.12 6.12.117
	new_test good 'echo 1..1; echo ok 1 a'
	new_test alone 'echo 1..1; echo ok 1 d' '# guest: own'
	# Its time is over when it begins.
	mkdir "$FAKE/bin"
	cat > "$FAKE/bin/date" <<-'END'
	#!/bin/sh
	[ "$*" = +%s ] || exec /usr/bin/date "$@"
	n=$(cat "$NOW" 2> /dev/null || echo 1000000)
	echo "$n"
	echo $((n + 60)) > "$NOW"
	END
	chmod +x "$FAKE/bin/date"
	export NOW=$BATS_TEST_TMPDIR/now
	KERNELS="6.1 6.12" MINUTES=1 PATH=$FAKE/bin:$PATH run "$FAKE/scripts/check" --guests
	echo "$output"
	[[ $output != *'6.1 good: a'* && $output != *'6.12 good: a'* ]]
	[[ $output == *'skip 6.1 shared: 1 minutes are over'* ]]
	[[ $output == *'skip 6.12 alone: 1 minutes are over'* ]]
	[[ ${lines[-1]} == *', 4 skipped' ]]
	KERNELS=6.1 MINUTES=60 run "$FAKE/scripts/check" --guests
	[ "$status" = 0 ]
	[[ $output == *'6.1 good: a'* && $output == *'6.1 alone: d'* ]]
	KERNELS=6.1 MINUTES=soon run "$FAKE/scripts/check" --guests
	[ "$status" = 2 ]
}

@test "--quick looks at what changed, and a fault there turns it red" {
	new_test smoke 'echo 1..1; echo ok 1 b'
	new_test old 'cd $x'
	# As in a bare copy of what is there, and one file of it edited.
	git -C "$FAKE" init -q
	echo build > "$FAKE/.gitignore"
	git -C "$FAKE" add -A
	git -C "$FAKE" -c user.name=x -c user.email=x commit -qm x
	KERNELS=6.1 run "$FAKE/scripts/check" --quick
	echo "$output"
	[ "$status" = 1 ]
	[[ $output == *'FAIL shellcheck'* && $output == *'6.1 smoke: b'* ]]
	git -C "$FAKE" -c user.name=x -c user.email=x commit -q --allow-empty -m y
	new_test fine 'echo 1..0'
	KERNELS=6.1 run "$FAKE/scripts/check" --quick
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *'ok   shellcheck'* && $output != *'fine:'* ]]
	new_test fine 'cd $x'
	KERNELS=6.1 run "$FAKE/scripts/check" --quick
	[ "$status" = 1 ]
	[[ $output == *'FAIL shellcheck'* ]]
	run "$FAKE/scripts/check" --quick smoke
	[ "$status" = 2 ]
}
