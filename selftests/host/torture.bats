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
	stub build 'echo "$VT_BUILD/modules/$1/vma_torture.ko"'
	# Takes the guest's words from $VT_BUILD/guest-KERNEL.
	stub_vm '
		echo "$2" > "$VT_BUILD/command-$1"
		grep -v "^#" "$VT_BUILD/guest-$1" | tee "$out/output"
		sed -n "s/^#//p" "$VT_BUILD/guest-$1" > "$out/status"
		exit "$(sed -n "s/^rc=//p" "$out/status")"'
}

# guest KERNEL OUTCOME RC VERDICT GAPS EXPOSURE
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
	kernels=6.1 torture
	[ "$status" = 1 ]
	[[ $output == *"gap 7 KNOWN, stall 1"* ]]
}

@test "2: the guest died, hung, never booted, or its console has trouble" {
	for o in died hung noboot dirty; do
		guest 7.2 $o 2 SUCCESS 0 1000
		torture
		[ "$status" = 2 ] || { echo "$o: $status"; return 1; }
		[[ $output == *"$o"*"the line to blame"* ]]
	done
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
