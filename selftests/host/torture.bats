#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2016,SC2030,SC2031  # bodies of stubs; run is a subshell
# scripts/torture: exit codes and table, with a guest made of paper.

load helpers

setup()
{
	fake_project prepare kernels
	fake_kernel 6.1 6.1.192
	fake_kernel 7.2 7.2.12
	echo package=7.2.12-1 >> "$FAKE/build/kernels/7.2/info"
	stub build 'echo "$VT_BUILD/modules/$1/vma_torture.ko"'
	# Takes the guest's words from $VT_BUILD/guest-KERNEL.
	stub_vm '
		echo "$2" > "$VT_BUILD/command-$1"
		grep -v "^#" "$VT_BUILD/guest-$1" | tee "$out/output"
		sed -n "s/^#//p" "$VT_BUILD/guest-$1" > "$out/status"
		cp "$VT_BUILD/console-$1" "$out/console.log" 2> /dev/null
		exit "$(sed -n "s/^rc=//p" "$out/status")"'
}

# guest KERNEL OUTCOME RC VERDICT GAPS EXPOSURE [DETAIL]
guest()
{
	cat > "$FAKE/build/guest-$1" <<-END
	#outcome=$2
	#rc=$3
	#retries=0
	#line=the line to blame
	progress 5 RUNNING map_fixed:$5/$6
	verdict $4
	state map_fixed done
	value map_fixed ops 3000
	value map_fixed exposure $6
	value map_fixed races $5
	value map_fixed race_gap $5
	value map_fixed race_stall 0
	value map_fixed first_race_ms 12
	variant scenario=map_fixed kind=gap variant=00000001 races=$5 seq=1 detail="${7:-point walk: nothing at 0x1-0x2}"
	summary map_fixed: nothing more
	state vma_lock skipped: no per-VMA locks
	value vma_lock ops 0
	END
}

torture()
{
	KERNELS=${kernels:-7.2} run "$FAKE/scripts/torture" "$@"
	echo "$output"
}

@test "0: silent" {
	guest 7.2 ok 0 SUCCESS 0 1000
	torture
	[ "$status" = 0 ]
	[[ $output =~ 7.2\ +map_fixed\ +SUCCESS\ +1000\ +100\ +-\ +0 ]]
	[[ $output =~ 7.2\ +vma_lock\ +SKIP.*no\ per-VMA\ locks ]]
}

@test "0: only known races, marked so; 1 with --strict" {
	guest 6.1 ok 0 FAILURE 7 1000
	kernels=6.1 torture
	[ "$status" = 0 ]
	[[ $output =~ 6.1\ +map_fixed\ +KNOWN\ +1000\ +100\ +12\ +7\ +gap\ 7\ KNOWN ]]
	kernels=6.1 torture --strict
	[ "$status" = 1 ]
	STRICT=1 kernels=6.1 torture
	[ "$status" = 1 ]
}

@test "1: the same race where it is not known" {
	guest 7.2 ok 0 FAILURE 7 1000
	torture
	[ "$status" = 1 ]
	[[ $output =~ map_fixed\ +FAILURE ]]
	[[ $output != *KNOWN* ]]
}

@test "1: a known and an unknown kind together" {
	guest 6.1 ok 0 FAILURE 7 1000
	sed -i 's/race_stall 0/race_stall 1/' "$FAKE/build/guest-6.1"
	echo 'variant scenario=map_fixed kind=stall variant=00000002 races=1 seq=2 detail="no progress"' \
		>> "$FAKE/build/guest-6.1"
	kernels=6.1 torture
	[ "$status" = 1 ]
	[[ $output == *"gap 7 KNOWN, stall 1"* ]]
}

@test "3: the guest died, hung, or its console has trouble" {
	for o in died hung dirty; do
		guest 7.2 $o 2 SUCCESS 0 1000
		torture
		[ "$status" = 3 ] || { echo "$o: $status"; return 1; }
		[[ $output == *"$o"*"the line to blame"* ]]
	done
}

@test "2: no guest, or QEMU's own end; 3 if the console says why" {
	guest 7.2 noboot 2 SUCCESS 0 1000
	torture
	[ "$status" = 2 ]
	echo '[    1.0] Kernel panic - not syncing: Fatal exception' > "$FAKE/build/console-7.2"
	torture
	[ "$status" = 3 ]
	rm "$FAKE/build/console-7.2"
	guest 7.2 died 2 SUCCESS 0 1000
	sed -i 's/^#rc=2/&\n#qemu=137/' "$FAKE/build/guest-7.2"
	torture
	[ "$status" = 2 ]
}

@test "1: a race, and then a crash: it is read from the console" {
	printf '%s\n' '#outcome=died' '#rc=' '#line=Oops' > "$FAKE/build/guest-7.2"
	cat > "$FAKE/build/console-7.2" <<-'END'
	[    5.000000] vma_torture: --- Start of test: all
	[    6.000000] vma_torture: RACE map_fixed/stale addr=0x1 mm=1 cpu=0 pid=1 comm=x variant=00000002 detail="generation 2 read"
	[    7.000000] Oops: 0000 [#1] PREEMPT SMP
	END
	torture
	[ "$status" = 1 ]
	[[ $output =~ 7.2\ +map_fixed\ +FAILURE.*stale\ 1 ]]
	[[ $output =~ 7.2\ +\(guest\)\ +died ]]
}

@test "1: a race in a boot that was repeated counts" {
	guest 7.2 ok 0 SUCCESS 0 1000
	stub_vm '
		grep -v "^#" "$VT_BUILD/guest-$1" | tee "$out/output"
		sed -n "s/^#//p" "$VT_BUILD/guest-$1" > "$out/status"
		echo "[ 6.000000] vma_torture: RACE map_fixed/stale addr=0x1 detail=\"x\"" > "$out/console.log.1"'
	torture
	[ "$status" = 1 ]
}

@test "0: what a fault of the environment made a kernel say, in a boot that was repeated" {
	guest 7.2 ok 0 SUCCESS 0 1000
	stub_vm '
		grep -v "^#" "$VT_BUILD/guest-$1" | tee "$out/output"
		sed -n "s/^#//p" "$VT_BUILD/guest-$1" > "$out/status"
		echo retries=1 >> "$out/status"
		said="[ 0.1] Kernel panic - not syncing: IO-APIC + timer does not work"
		echo "$said" > "$out/console.log.1"
		: > "$out/console.log"
		[ ! -e "$VT_BUILD/again" ] || echo "$said" > "$out/console.log"'
	torture
	[ "$status" = 0 ]
	[[ $output == *"booted again after a fault of the environment: 1"* ]]
	# In the boot that counts it does.
	touch "$FAKE/build/again"
	torture
	[ "$status" = 3 ]
}

@test "1: a second variant of a known kind, among thousands of the first" {
	guest 6.1 ok 0 FAILURE 12000 1000
	sed -i 's/^value map_fixed race_gap .*/value map_fixed race_gap 12001/' "$FAKE/build/guest-6.1"
	kernels=6.1 torture
	[ "$status" = 1 ]
	guest 6.1 ok 0 FAILURE 12000 1000
	sed -i 's/race_gap 12000/race_gap 12003/' "$FAKE/build/guest-6.1"
	echo 'variant scenario=map_fixed kind=gap variant=00000009 races=3 seq=9 detail="another way"' \
		>> "$FAKE/build/guest-6.1"
	kernels=6.1 torture
	[ "$status" = 1 ]
	[[ $output == *"gap 12000 KNOWN, gap 3"* ]]
	[[ $output == *"3 of a race that is not known: another way"* ]]
}

@test "2: a known race does not hide that a scenario was blind" {
	guest 6.1 ok 0 FAILURE 7 1000
	sed -i 's/^summary .*/summary map_fixed: incomplete: 5 oracles never looked/' "$FAKE/build/guest-6.1"
	kernels=6.1 torture
	[ "$status" = 2 ]
	[[ $output =~ 6.1\ +map_fixed\ +INCOMPLETE.*gap\ 7\ KNOWN.*5\ oracles\ never\ looked ]]
}

@test "3: the guest's commands fail; 2: its clock stands still, a line nobody knows" {
	guest 7.2 ok 0 SUCCESS 0 1000
	printf "%s\n" "/bin/guest-run: line 52: can't fork: Cannot allocate memory" \
		> "$FAKE/build/console-7.2"
	torture
	[ "$status" = 3 ]
	[[ $output == *"can't fork"* ]]
	rm "$FAKE/build/console-7.2"
	for _ in 1 2 3; do
		echo "progress 0 RUNNING map_fixed:0/9" >> "$FAKE/build/guest-7.2"
	done
	sed -i '/^progress 5/d' "$FAKE/build/guest-7.2"
	torture
	[ "$status" = 2 ]
	[[ $output == *"clock stood still"* ]]
	guest 7.2 ok 0 SUCCESS 0 1000
	printf '%s\n' '[ 5.0] vma_torture: --- Start of test' '[ 6.0] frobnicate: lost 7 pages' \
		> "$FAKE/build/console-7.2"
	torture
	[ "$status" = 2 ]
	[[ $output == *"no list knows it"*"frobnicate"* ]]
}

@test "known, and not seen, is said" {
	guest 6.1 ok 0 SUCCESS 0 1000
	sed -i '/^variant/d' "$FAKE/build/guest-6.1"
	kernels=6.1 torture
	[ "$status" = 0 ]
	[[ $output == *"6.1: known, and not seen: map_fixed/gap"* ]]
	[[ $output != *"not seen: hugetlb_walk"* ]]
}

@test "KNOWN=FILE adds a ledger; one that cannot be read is refused" {
	guest 7.2 ok 0 FAILURE 7 1000
	echo '7.2.5- map_fixed/gap "point walk" mine' > "$FAKE/ledger"
	KNOWN=$FAKE/ledger torture
	[ "$status" = 0 ]
	[[ $output == *"KNOWN: mine"* ]]
	echo '7.2 map_fixed/gap mine' > "$FAKE/ledger"
	KNOWN=$FAKE/ledger torture
	[ "$status" = 2 ]
	[[ $output == *"ledger:1"* ]]
}

@test "all kernels are built before the first is booted" {
	guest 6.1 ok 0 SUCCESS 0 1000
	stub build '[ "$1" = 6.1 ] || exit 2; echo ko'
	kernels="6.1 7.2" torture
	[ "$status" = 2 ]
	[ ! -e "$FAKE/build/command-6.1" ]
}

@test "the table is printed when a later kernel cannot be judged" {
	guest 7.2 ok 0 FAILURE 7 1000
	guest 6.1 ok 0 SUCCESS 0 1000
	stub_vm '
		[ "$1" = 7.2 ] || kill -TERM $PPID
		grep -v "^#" "$VT_BUILD/guest-$1" | tee "$out/output"
		sed -n "s/^#//p" "$VT_BUILD/guest-$1" > "$out/status"'
	kernels="7.2 6.1" torture
	[ "$status" != 0 ]
	[[ $output =~ 7.2\ +map_fixed\ +FAILURE ]]
}

@test "no FAILURE is on the screen where there are known races only" {
	guest 6.1 ok 0 FAILURE 7 1000
	sed -i 's/^progress.*/progress 5 FAILURE map_fixed:7\/1000:gap=7/' "$FAKE/build/guest-6.1"
	kernels=6.1 torture
	[ "$status" = 0 ]
	[[ $output != *FAIL* ]]
	[[ $output == *"5 s, known races, map_fixed 7/1000"* ]]
	[[ ${lines[-1]} == SUCCESS* ]]
	guest 7.2 ok 0 FAILURE 7 1000
	sed -i 's/^progress.*/progress 5 FAILURE map_fixed:7\/1000:gap=7/' "$FAKE/build/guest-7.2"
	torture
	[[ $output == *"5 s, FAILURE, map_fixed"* ]]
	[[ ${lines[-1]} == FAILURE* ]]
}

@test "results.json is written, and the silence file" {
	guest 7.2 ok 0 SUCCESS 0 1000
	sed -i '/^variant/d' "$FAKE/build/guest-7.2"
	printf '%s\n' 'value map_fixed looks_gap 77' 'value map_fixed met_gap 5' \
		'summary map_fixed      done            29          100           1000          0         -' \
		>> "$FAKE/build/guest-7.2"
	torture
	run cat "$FAKE"/build/runs/*/results.json
	[[ $output == *'"schema": 2'* ]]
	run cat "$FAKE/build/silence"
	[[ $output == *$'\t7.2.12-1\tmap_fixed\tgap\t'*$'\t29\t3000\t5\t77\t0\t-'* ]]
	# One that breaks promises itself is no silence.
	ARGS=busted=map_fixed/gap torture
	[ "$(wc -l < "$FAKE/build/silence")" = 2 ]
}

@test "2: the verdict was not earned" {
	guest 7.2 ok 0 INCOMPLETE 0 1000
	torture
	[ "$status" = 2 ]
	guest 7.2 ok 0 SUCCESS 0 0
	torture
	[ "$status" = 2 ]
	[[ $output == *INCOMPLETE* ]]
}

@test "2: the module did not load" {
	printf '#outcome=ok\n#rc=2\nerror insmod failed: why\n' > "$FAKE/build/guest-7.2"
	torture
	[ "$status" = 2 ]
	[[ $output == *"insmod failed: why"* ]]
}

@test "1 wins over 2: one kernel found a race, another died" {
	guest 6.1 died 2 SUCCESS 0 1000
	guest 7.2 ok 0 FAILURE 1 1000
	kernels="6.1 7.2" torture
	[ "$status" = 1 ]
}

@test "4: nothing could be tested" {
	printf '%s\n' '#outcome=ok' '#rc=0' 'verdict SKIP' 'state map_fixed skipped: no kprobes' \
		> "$FAKE/build/guest-7.2"
	torture
	[ "$status" = 4 ]
}

@test "parameters are passed as given" {
	guest 7.2 ok 0 SUCCESS 0 1000
	DURATION=9 SCENARIOS="map_fixed vma_lock" ARGS="seed=7 nreaders=3" torture
	[ "$status" = 0 ]
	run cat "$FAKE/build/command-7.2"
	[[ $output == *"duration=9"* ]]
	[[ $output == *"scenarios=map_fixed,vma_lock"* ]]
	[[ $output == *"seed=7 nreaders=3"* ]]
}

@test "a scenario that was not asked for is not judged" {
	guest 7.2 ok 0 SUCCESS 0 1000
	printf '%s\n' 'state fork_fail stopped' 'value fork_fail ops 0' >> "$FAKE/build/guest-7.2"
	torture
	[ "$status" = 2 ]
	[[ $output == *INCOMPLETE* ]]
	for s in map_fixed "map_fixed vma_lock" vma_lock,map_fixed; do
		SCENARIOS=$s torture
		[ "$status" = 0 ]
		[[ $output != *INCOMPLETE* ]]
		[[ $output =~ 7.2\ +map_fixed\ +SUCCESS ]]
	done
}

@test "the second part: seeds, its exit code counts, and its lines come behind the table" {
	guest 7.2 ok 0 SUCCESS 0 1000
	stub explore 'echo "$*: $KERNELS $LIMIT strict=$STRICT"; echo "  make replay RUN=x"; exit "$(cat "$VT_BUILD/explored")"'
	echo 1 > "$FAKE/build/explored"
	DETERMINISTIC='' DURATION=7 torture
	[ "$status" = 1 ]
	[[ $output == *"7.2"*SUCCESS*"--prepared --module $FAKE/build/modules/7.2/vma_torture.ko: 7.2 7 strict="*"make replay RUN=x"* ]]
	echo 0 > "$FAKE/build/explored"
	DETERMINISTIC='' torture --strict
	[ "$status" = 0 ]
	[[ $output == *"strict=1"* ]]
	echo 3 > "$FAKE/build/explored"
	DETERMINISTIC='' torture
	[ "$status" = 3 ]
	# A race of the first part wins.
	guest 7.2 ok 0 FAILURE 5 1000
	DETERMINISTIC='' torture
	[ "$status" = 1 ]
}

@test "DETERMINISTIC chooses one part" {
	guest 7.2 ok 0 SUCCESS 0 1000
	stub explore 'echo explored; exit 0'
	DETERMINISTIC=0 torture
	[ "$status" = 0 ]
	[[ $output != *explored* ]]
	DETERMINISTIC=1 torture
	[ "$status" = 0 ]
	[[ $output == *explored* && $output != *SUCCESS* ]]
	DETERMINISTIC=2 torture
	[ "$status" = 2 ]
	[[ $output == *DETERMINISTIC*"'2'"* ]]
	DETERMINISTIC=1 VM=vng torture
	[ "$status" = 2 ]
}

@test "a race that is not known is on the screen as a mail, and in REPORT.txt" {
	local dir
	guest 7.2 ok 0 FAILURE 7 1000
	torture
	[ "$status" = 1 ]
	[[ $output == *'Subject: vma_torture: map_fixed/gap on '* ]]
	[[ $output == *'7 times in 3000 operations of map_fixed in 30 s'* ]]
	[[ ${lines[-1]} == FAILURE:* ]]
	dir=$(dirname "$FAKE"/build/runs/*/REPORT.txt)
	grep -q '^Subject: ' "$dir/REPORT.txt"
	# The same line again, from the directory that is kept.
	run "$FAKE/scripts/report" "$dir"
	[ "$status" = 0 ]
	[[ $output == Subject:*'make torture KERNELS=7.2 SCENARIOS=map_fixed'* ]]
	run "$FAKE/scripts/compare" "$dir" "$dir"
	[ "$status" = 0 ]
	[[ $output =~ map_fixed\ +gap\ races/s ]]
}

@test "a known race is no mail" {
	guest 6.1 ok 0 FAILURE 7 1000
	kernels=6.1 torture
	[ "$status" = 0 ]
	[[ $output != *Subject:* ]]
	[ -z "$(find "$FAKE/build/runs" -name REPORT.txt)" ]
}

@test "--again: kernel, scenarios, parameters and seconds of an earlier run" {
	local dir
	guest 7.2 ok 0 SUCCESS 0 1000
	SCENARIOS=map_fixed DURATION=7 ARGS='nreaders=3 seed=9' torture
	[ "$status" = 0 ]
	dir=$(echo "$FAKE"/build/runs/*-7.2-torture)
	rm "$FAKE/build/command-7.2"
	run "$FAKE/scripts/torture" --again "$dir"
	echo "$output"
	[ "$status" = 0 ]
	grep -qF 'guest-run torture 7 duration=7 stat_interval=10 nreaders=3 seed=9 scenarios=map_fixed' \
		"$FAKE/build/command-7.2"
	AGAIN=$dir DURATION=8 run "$FAKE/scripts/torture"
	[ "$status" = 0 ]
	grep -qF 'guest-run torture 8 duration=8' "$FAKE/build/command-7.2"
}

@test "--again, report, compare: what is no run is refused, with code 2" {
	local words
	mkdir "$BATS_TEST_TMPDIR/empty"
	for words in "torture --again" "torture --again $BATS_TEST_TMPDIR/empty" \
		"report $BATS_TEST_TMPDIR/empty" "report" "compare $BATS_TEST_TMPDIR/empty" \
		"compare $BATS_TEST_TMPDIR/empty $BATS_TEST_TMPDIR/empty" "report --junit"; do
		# shellcheck disable=SC2086  # words
		run "$FAKE/scripts/"$words
		[ "$status" = 2 ] || { echo "$words: $status: $output"; return 1; }
		[ ${#lines[@]} = 1 ] || { echo "$words: $output"; return 1; }
	done
}

@test "what the guest's driver says of a test that goes on: races by kind, and nothing of what is skipped" {
	local d=$BATS_TEST_TMPDIR/debugfs
	mkdir -p "$d/map_fixed" "$d/vma_lock" "$BATS_TEST_TMPDIR/guest-bin"
	echo FAILURE > "$d/verdict"
	echo running > "$d/map_fixed/state"
	echo 'skipped: no such locks' > "$d/vma_lock/state"
	echo 'vma_lock: skipped: no such locks' > "$d/summary"
	printf '%s\n' 'map_fixed/ops 9' 'map_fixed/exposure 500' 'map_fixed/races 9' 'map_fixed/race_gap 7' \
		'map_fixed/race_stale 2' 'map_fixed/race_account 0' 'vma_lock/races 0' 'vma_lock/exposure 0' > "$d/values"
	: > "$d/variants"
	echo 'map_fixed replace exact worked tried=9 worked=9' > "$d/coverage"
	: > "$d/races"
	printf '#!/bin/sh\n(sleep 2; echo done > %s/map_fixed/state) > /dev/null 2>&1 &\n' "$d" > "$BATS_TEST_TMPDIR/guest-bin/insmod"
	printf '#!/bin/sh\nexit 0\n' > "$BATS_TEST_TMPDIR/guest-bin/rmmod"
	chmod +x "$BATS_TEST_TMPDIR"/guest-bin/*
	# The guest has busybox's awk, which makes an element of whatever is asked for.
	for c in awk sed grep cut tr cat; do
		printf '#!/bin/sh\nexec busybox %s "$@"\n' $c > "$BATS_TEST_TMPDIR/guest-bin/$c"
		chmod +x "$BATS_TEST_TMPDIR/guest-bin/$c"
	done
	D=$d PATH=$BATS_TEST_TMPDIR/guest-bin:$PATH run "$TOP/scripts/guest-run" torture 3
	echo "$output"
	[ "$status" = 0 ]
	[ "${lines[0]}" = 'progress 0 FAILURE map_fixed:9/500:gap=7,stale=2' ]
	[[ $output == *'state vma_lock skipped: no such locks'* && $output == *'value map_fixed race_gap 7'* ]]
	[[ $output == *$'\n''coverage map_fixed replace exact worked'* ]]
}

@test "DUMP=1 panics with the first race, keeps the memory, and says how to open it" {
	stub vm '
		dump=
		while [ $# -gt 2 ]; do
			[ "$1" != --out ] || out=$2
			[ "$1" != --dump ] || dump=1
			shift
		done
		mkdir -p "$out"
		[ -z "$dump" ] || echo core > "$out/vmcore"
		case $2 in *" panic_on_race=1"*) ;; *) exit 9 ;; esac
		echo "[    5.0] vma_torture: RACE map_fixed/gap addr=0x1 detail=\"x\"" > "$out/console.log"
		echo "[    5.1] Kernel panic - not syncing: vma_torture: RACE map_fixed/gap: x" >> "$out/console.log"
		printf "%s\n" outcome=died rc= "line=panic" > "$out/status"
		exit 3'
	DUMP=1 torture
	[ "$status" = 1 ]
	[[ $output =~ "crash /usr/lib/debug/boot/vmlinux-7.2.12-amd64 "[^$'\n']*"/vmcore" ]]
	[[ $output == *"linux-image-7.2.12-amd64-dbg"* ]]
	[[ $output =~ "drgn -c "[^$'\n']*"/vmcore -s /usr/lib/debug/boot/vmlinux-7.2.12-amd64" ]]
	DUMP=1 DETERMINISTIC=1 torture
	[ "$status" = 2 ]
	DUMP=yes torture
	[ "$status" = 2 ]
	[[ $output == *"DUMP wants 0 or 1, not 'yes'"* ]]
}
