#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2016,SC2028,SC2030,SC2031  # a test is a subshell
# scripts/explore and scripts/replay, with guests made of paper.

bats_require_minimum_version 1.5.0
load helpers

setup()
{
	fake_project prepare kernels
	cp "$TOP/scenarios.h" "$FAKE/"
	fake_kernel 6.1 6.1.192
	cp /bin/true "$FAKE/build/modules/6.1/vma_torture.ko"
	stub build 'echo "${0%/scripts/*}/build/modules/6.1/vma_torture.ko"'
	mkdir "$BATS_TEST_TMPDIR/bin"
	cat > "$BATS_TEST_TMPDIR/bin/qemu-system-x86_64" <<-'END'
	#!/bin/bash
	if [ "$1" = --version ]; then
		echo "QEMU emulator version ${FAKE_VERSION:-10.0.13}"
		exit
	fi
	[ -z "${NO_ICOUNT:-}" ] || { echo "qemu: invalid accelerator tcg" >&2; exit 1; }
	END
	chmod +x "$BATS_TEST_TMPDIR/bin/qemu-system-x86_64"
	PATH=$BATS_TEST_TMPDIR/bin:$PATH
	: > "$BATS_TEST_TMPDIR/nothing"
	export KNOWN_RACES=$BATS_TEST_TMPDIR/nothing
	export VT_BUILD=$FAKE/build KERNELS=6.1 SCENARIOS=map_fixed SEEDS=4 DURATION=2 JOBS=2
	# Seed 3 shows a race, and what else a test wants of its guests.
	stub vm '
		while [ $# -gt 0 ]; do
			case $1 in
			--save) save=1 ;;
			--out) out=$2 ;;
			--item) item=$2 ;;
			--seed) seed=$2 ;;
			esac
			shift
		done
		mkdir -p "$out"
		echo "${save:+boot}${seed-}" >> "'"$BATS_TEST_TMPDIR"'/guests"
		printf "outcome=ok\nrc=0\n" > "$out/status"
		: > "$out/console.log"
		if [ -n "${save-}" ]; then
			gzip -c < /dev/null > "$out/snapshot.gz"
			echo x > "$out/initramfs.gz"
			echo kernel=6.1 > "$out/identity"
			exit
		fi
		echo "$item" >> "'"$BATS_TEST_TMPDIR"'/items"
		echo "item=$item" > "$out/identity"
		[ ! -e "'"$BATS_TEST_TMPDIR"'/body" ] || . "'"$BATS_TEST_TMPDIR"'/body"
		{
			echo "state map_fixed done"
			echo "value map_fixed exposure 100"
			if [ "$seed" = 3 ]; then
				echo "verdict FAILURE"
				echo "value map_fixed race_gap 7"
				echo "value map_fixed first_race_ms 12"
				echo "variant scenario=map_fixed kind=gap variant=0badcafe races=7 seq=1 detail=\"a gap\""
				echo "race seq=1 time_ns=99000000 scenario=map_fixed kind=gap addr=0x1 mm=0 cpu=0 pid=1 comm=x detail=\"a gap\""
			else
				echo "verdict SUCCESS"
				echo "value map_fixed race_gap 0"
			fi
		} > "$out/output"'
}

explore()
{
	run "$FAKE/scripts/explore"
	echo "$output"
}

@test "explore: k of N, the seeds, the first race, and the line that repeats it" {
	explore
	[ "$status" = 1 ]
	[[ $output == *"map_fixed/gap 0badcafe: 1 of 4 seeds, 7 races"* ]]
	[[ $output == *"seed 3: a gap"* ]]
	[[ $output =~ "make replay RUN="[^[:space:]]*/seed-3 ]]
	grep -q '^seed=3 duration=2 scenarios=map_fixed delay_interval_us=' "$BATS_TEST_TMPDIR/items"
	[ "$(grep -c boot "$BATS_TEST_TMPDIR/guests")" = 1 ]
}

@test "explore: a race that is known is none, unless STRICT=1" {
	echo '6.1 map_fixed/gap "a gap" it is known' > "$BATS_TEST_TMPDIR/known"
	KNOWN=$BATS_TEST_TMPDIR/known explore
	[ "$status" = 0 ]
	[[ $output == *"KNOWN: it is known"* ]]
	# The seeds are done; what is judged is judged again.
	STRICT=1 KNOWN=$BATS_TEST_TMPDIR/known explore
	[ "$status" = 1 ]
	echo '6.1 map_fixed/gap "another gap" it is known' > "$BATS_TEST_TMPDIR/known"
	KNOWN=$BATS_TEST_TMPDIR/known explore
	[ "$status" = 1 ]
}

@test "explore: a kernel of one's own, by its tree, or entered by who calls" {
	local tree=$BATS_TEST_TMPDIR/linux
	fake_built_tree "$tree" 7.3.0-mine
	mkdir -p "$FAKE/build/modules/linux"
	cp /bin/true "$FAKE/build/modules/linux/vma_torture.ko"
	stub build 'echo "${0%/scripts/*}/build/modules/$1/vma_torture.ko"'
	unset KERNELS
	KERNEL_TREE=$tree explore
	[ "$status" = 1 ]
	[[ $output == *"linux: 4 of 4 seeds"*"map_fixed/gap 0badcafe: 1 of 4 seeds"* ]]
	cp "$tree/arch/x86/boot/bzImage" "$BATS_TEST_TMPDIR/image"
	KDIR=$tree KERNEL_IMAGE=$BATS_TEST_TMPDIR/image explore
	[ "$status" = 1 ]
	[ "$(readlink -f "$FAKE/build/kernels/linux/vmlinuz")" = "$BATS_TEST_TMPDIR/image" ]
	# As scripts/torture does it. Known races are those of stock kernels.
	echo '7.3 map_fixed/gap "a gap" it is known' > "$BATS_TEST_TMPDIR/nothing"
	KERNELS=linux run "$FAKE/scripts/explore" --prepared \
		--module "$FAKE/build/modules/linux/vma_torture.ko"
	[ "$status" = 1 ]
	[[ $output == *"linux: 4 of 4 seeds"* && $output != *KNOWN* ]]
	KERNEL_TREE=$tree run "$FAKE/scripts/explore" --prepared
	[ "$status" = 2 ]
	[[ $output == *"--prepared wants KERNELS"* ]]
}

@test "explore: a kernel that cannot be told a seed is skipped, with the reason" {
	local tree=$BATS_TEST_TMPDIR/linux
	fake_built_tree "$tree" 7.3.0-mine
	sed -i /IOPL_IOPERM/d "$tree/.config"
	unset KERNELS
	KERNEL_TREE=$tree explore
	[ "$status" = 4 ]
	[[ $output == *"linux: skipped: it has no CONFIG_X86_IOPL_IOPERM: "* ]]
	[ ! -e "$BATS_TEST_TMPDIR/guests" ]
}

@test "explore: silent seeds are 0, a kernel in trouble is 3" {
	SEEDS=2 explore
	[ "$status" = 0 ]
	echo '[ "$seed" != 2 ] || { printf "outcome=dirty\nline=BUG: here\n" > "$out/status"; }' \
		> "$BATS_TEST_TMPDIR/body"
	SEEDS=2 ARGS=nmms=3 explore
	[ "$status" = 3 ]
	[[ $output == *"seed 2: the kernel is in trouble: dirty: BUG: here"* ]]
}

@test "explore: killed in the middle of a seed, it goes on there, and loses nothing" {
	echo '[ "$seed" != 3 ] || [ -e "$out/../../again" ] || { touch "$out/../../hangs"; exec sleep 1000; }' \
		> "$BATS_TEST_TMPDIR/body"
	JOBS=1 "$FAKE/scripts/explore" > "$BATS_TEST_TMPDIR/first" 2>&1 &
	local pid=$!
	for _ in $(seq 100); do
		[ ! -e "$VT_BUILD/runs/hangs" ] || break
		sleep 0.1
	done
	[ -e "$VT_BUILD/runs/hangs" ]
	kill "$pid"
	wait "$pid" || true
	touch "$VT_BUILD/runs/again"
	: > "$BATS_TEST_TMPDIR/guests"
	explore
	[ "$status" = 1 ]
	[[ $output == *"going on, 2 of 4 seeds are done"* ]]
	[[ $output == *"map_fixed/gap 0badcafe: 1 of 4 seeds"* ]]
	[ "$(sort "$BATS_TEST_TMPDIR/guests" | xargs)" = "3 4" ]
	[ -z "$(find "$VT_BUILD/runs" -name '*.part' -o -name snapshot.raw)" ]
}

@test "explore: a guest that failed is no result, and is tried again" {
	echo '[ "$seed" != 2 ] || { printf "outcome=died\nqemu=1\nline=gone\n" > "$out/status"; exit 2; }' \
		> "$BATS_TEST_TMPDIR/body"
	SEEDS=2 explore
	[ "$status" = 2 ]
	rm "$BATS_TEST_TMPDIR/body"
	: > "$BATS_TEST_TMPDIR/guests"
	SEEDS=2 explore
	[ "$status" = 0 ]
	[ "$(cat "$BATS_TEST_TMPDIR/guests")" = 2 ]
}

@test "explore: bad input is one line and code 2" {
	local bad
	for bad in JOBS=0 JOBS=x SEEDS=0 SEED=abc LIMIT=0 SEED=0 SEED=-1 SEED=18446744073709551616 \
		DURATION=0 SCENARIOS=nonsense BOOT=/no/such; do
		run env "$bad" "$FAKE/scripts/explore"
		[ "$status" = 2 ] || { echo "$bad: $status $output"; return 1; }
		[ "${#lines[@]}" = 1 ] || { echo "$bad: $output"; return 1; }
	done
}

@test "explore: no space" {
	printf '#!/bin/sh\necho Filesystem; echo "x 1 1 1000 1%% /"\n' > "$BATS_TEST_TMPDIR/bin/df"
	chmod +x "$BATS_TEST_TMPDIR/bin/df"
	explore
	[ "$status" = 2 ]
	[[ $output == *"no space"* ]]
}

@test "explore and vm: a QEMU that is too old, or cannot count instructions" {
	FAKE_VERSION=9.2.0 explore
	[ "$status" = 2 ]
	[[ $output == *"QEMU 10 or newer"* ]]
	NO_ICOUNT=1 explore
	[ "$status" = 2 ]
	[[ $output == *"cannot count instructions: qemu: invalid accelerator tcg"* ]]
	NO_ICOUNT=1 run "$TOP/scripts/vm" --deterministic 6.1 true
	[ "$status" = 2 ]
	[[ $output == *"cannot count instructions"* ]]
}

@test "vm: options of deterministic guests" {
	local o
	for o in '--seed 1' '--item x' --save '--wall 3' '--gdb x'; do
		# shellcheck disable=SC2086
		run "$TOP/scripts/vm" $o 6.1 true
		[ "$status" = 2 ]
		[[ $output == *"want --deterministic"* ]]
	done
	for o in '--seed 0' '--seed x' '--seed 18446744073709551616' '--accel kvm' '--from /no/such'; do
		# shellcheck disable=SC2086
		run "$TOP/scripts/vm" --deterministic $o 6.1 true
		[ "$status" = 2 ] || { echo "$o: $status"; return 1; }
		[ "${#lines[@]}" = 1 ]
	done
}

@test "replay: no run, a kernel that is gone, a guest that is gone" {
	local r=$BATS_TEST_TMPDIR/run
	run "$FAKE/scripts/replay"
	[ "$status" = 2 ]
	RUN=$r run "$FAKE/scripts/replay"
	[ "$status" = 2 ]
	mkdir "$r"
	RUN=$r run "$FAKE/scripts/replay"
	[ "$status" = 2 ]
	[[ $output == *"is no run"* ]]
	echo "image=$BATS_TEST_TMPDIR/gone" > "$r/identity"
	RUN=$r run "$FAKE/scripts/replay"
	[ "$status" = 2 ]
	[[ $output == *"$BATS_TEST_TMPDIR/gone"*"is gone"* ]]
	echo other > "$BATS_TEST_TMPDIR/gone"
	echo image_sha256=0 >> "$r/identity"
	RUN=$r run "$FAKE/scripts/replay"
	[ "$status" = 2 ]
	sed -i "s/^image_sha256=.*/image_sha256=$(sha256sum < "$BATS_TEST_TMPDIR/gone" | cut -d' ' -f1)/" "$r/identity"
	RUN=$r run "$FAKE/scripts/replay"
	[ "$status" = 2 ]
	[[ $output == *initramfs.gz* ]]
}

@test "replay: says same, or the line that differs" {
	mkdir "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/b"
	printf 'one\ntwo\n' | tee "$BATS_TEST_TMPDIR/a/port" "$BATS_TEST_TMPDIR/a/console.log" \
		"$BATS_TEST_TMPDIR/b/port" > "$BATS_TEST_TMPDIR/b/console.log"
	PYTHONPATH=$TOP/scripts run python3 -m vt.replay compare "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/b"
	[ "$status" = 0 ]
	printf 'one\ntoo\n' > "$BATS_TEST_TMPDIR/b/port"
	PYTHONPATH=$TOP/scripts run python3 -m vt.replay compare "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/b"
	[ "$status" = 1 ]
	[[ $output == *"port, line 2"*two*too* ]]
}

@test "replay: a run that was not deterministic is searched for instead" {
	local r=$BATS_TEST_TMPDIR/run
	mkdir "$r"
	echo outcome=ok > "$r/status"
	echo "qemu -kernel $VT_BUILD/kernels/6.1/vmlinuz -initrd x" > "$r/qemu-cmd"
	echo '[ 1.0] vma_torture: RACE vma_lock/unstable addr=0' > "$r/console.log"
	stub explore 'echo "$KERNELS $SCENARIOS $SEEDS"'
	unset KERNELS SCENARIOS SEEDS
	RUN=$r run "$FAKE/scripts/replay"
	[ "$status" = 0 ]
	[[ $output == *"6.1 vma_lock 20"* ]]
}

# kernel_tree: a tree that make builds at once, and a scripts/explore that leaves $1 as its explore.json and
# ends with $2.
kernel_tree()
{
	mkdir -p "$BATS_TEST_TMPDIR/tree" "$BATS_TEST_TMPDIR/built" "$BATS_TEST_TMPDIR/kept"
	touch "$BATS_TEST_TMPDIR/tree/Kbuild" && echo x > "$BATS_TEST_TMPDIR/built/.config"
	printf 'olddefconfig bzImage modules:\n\t@true\n' > "$BATS_TEST_TMPDIR/tree/Makefile"
	[ -z "$1" ] || echo "$1" > "$BATS_TEST_TMPDIR/kept/explore.json"
	stub explore "echo kept in $BATS_TEST_TMPDIR/kept; exit $2"
	cd "$BATS_TEST_TMPDIR/tree" || return
}

bisect()
{
	run "$FAKE/scripts/bisect" --build ../built "$@" vma_lock/unstable
	echo "$output"
}

@test "bisect: bad, good, skipped, and the end" {
	local race='{"scenario": "vma_lock", "kind": "unstable"}'
	local silent='"seeds": 4, "of": 4, "trouble": []'
	kernel_tree "{\"races\": [$race], \"exposures\": {}, $silent}" 1
	bisect
	[ "$status" = 1 ]
	kernel_tree "{\"races\": [], \"exposures\": {\"vma_lock/unstable\": 1000}, $silent}" 0
	bisect
	[ "$status" = 0 ]
	# Another race is not the one that is looked for.
	kernel_tree "{\"races\": [{\"scenario\": \"map_fixed\", \"kind\": \"gap\"}],
		\"exposures\": {\"vma_lock/unstable\": 1000}, $silent}" 1
	bisect
	[ "$status" = 0 ]
	kernel_tree "{\"races\": [], \"exposures\": {\"vma_lock/unstable\": 999}, $silent}" 0
	bisect
	[ "$status" = 125 ]
	kernel_tree '{"races": [], "exposures": {}, "seeds": 4, "of": 4, "trouble": [2]}' 3
	bisect
	[ "$status" = 125 ]
	bisect --oops
	[ "$status" = 1 ]
	# Broken in the middle: a part of the seeds says nothing.
	kernel_tree '{"races": [], "exposures": {"vma_lock/unstable": 5000}, "seeds": 3, "of": 4, "trouble": []}' 2
	bisect
	[ "$status" = 125 ]
	rm "$BATS_TEST_TMPDIR/kept/explore.json"
	kernel_tree '' 2
	bisect
	[ "$status" = 125 ]
	kernel_tree '' 130
	bisect
	[ "$status" = 128 ]
	printf 'olddefconfig bzImage modules:\n\t@false\n' > Makefile
	bisect
	[ "$status" = 125 ]
	bisect --seeds 0
	[ "$status" = 128 ]
	rm "$BATS_TEST_TMPDIR/built/.config"
	bisect
	[ "$status" = 128 ]
}
