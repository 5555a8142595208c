#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2016,SC2030,SC2031  # a test is a subshell
# scripts/vm: outcomes, retries, deadlines and what is left behind, with a QEMU
# made of paper.

bats_require_minimum_version 1.5.0
load helpers

setup()
{
	VT_BUILD=$BATS_TEST_TMPDIR/build
	export VT_BUILD
	mkdir -p "$VT_BUILD/kernels/6.1"
	touch "$VT_BUILD/.vma_torture"
	echo vmlinuz > "$VT_BUILD/kernels/6.1/vmlinuz"
	mkdir "$BATS_TEST_TMPDIR/bin"
	PATH=$BATS_TEST_TMPDIR/bin:$PATH
	OUT=$BATS_TEST_TMPDIR/out
	# guest() takes the console on descriptor 3 and ttyS1 on stdout.
	cat > "$BATS_TEST_TMPDIR/bin/qemu-system-x86_64" <<-'END'
	#!/bin/bash
	if [ "$1" = --version ]; then
		echo "QEMU emulator version ${FAKE_VERSION:-10.0.13}"
		exit
	fi
	tmp=${0%/bin/*}
	n=$(($(cat "$tmp/boots" 2> /dev/null) + 1))
	echo $n > "$tmp/boots"
	echo $$ > "$tmp/pid"
	for a; do case $a in file:*) exec 3> "${a#file:}" ;; esac; done
	echo "[    0.000000] Linux version" >&3
	echo() { builtin echo "$@"; [[ $* != 'vm: exit '* ]] || off=1; }
	. "$tmp/guest"
	[ -z "$off" ] || echo "[   99.000000] reboot: Power down" >&3
	END
	chmod +x "$BATS_TEST_TMPDIR/bin/qemu-system-x86_64"
}

guest()
{
	cat > "$BATS_TEST_TMPDIR/guest"
}

vm()
{
	run "$TOP/scripts/vm" --accel tcg --out "$OUT" "$@" 6.1 true
	echo "$output"
}

status_is()
{
	grep -qx "$1" "$OUT/status" || { cat "$OUT/status"; return 1; }
}

gone()
{
	! kill -0 "$(cat "$BATS_TEST_TMPDIR/pid")" 2> /dev/null
}

@test "the command's output and exit code come back" {
	guest <<< 'echo "vm: up 3"; printf "hello\r\nlast line"; echo; echo "vm: exit 3"'
	vm
	[ "$status" = 3 ]
	[ "${lines[0]}" = hello ]
	[ "${lines[1]}" = "last line" ]
	status_is outcome=ok
	[ "$(cat "$OUT/output")" = $'hello\nlast line' ]
	[ -s "$OUT/console.log" ]
	grep -q qemu-system-x86_64 "$OUT/qemu-cmd"
}

@test "a line that comes in pieces stays one line" {
	guest <<< 'echo "vm: up 3"; printf one; sleep 1.5; echo two; echo "vm: exit 0"'
	vm
	[ "$status" = 0 ]
	[ "${lines[0]}" = onetwo ]
}

@test "a guest that dies is a failure that names the line" {
	guest <<< 'echo "vm: up 3"; echo "[ 4.0] Kernel panic - not syncing: boom" >&3'
	vm
	[ "$status" = 3 ]
	[[ $output == *"Kernel panic - not syncing: boom"* ]]
	[[ $output == *"$OUT/console.log"* ]]
	status_is outcome=died
	status_is retries=0
}

@test "a guest that succeeds over a WARNING is a failure that names the line" {
	guest <<< 'echo "vm: up 3"; echo "[ 4.0] WARNING: CPU: 0 PID: 1 at x" >&3; echo "vm: exit 0"'
	vm
	[ "$status" = 3 ]
	[[ $output == *"WARNING: CPU: 0 PID: 1 at x"* ]]
	status_is outcome=dirty
}

@test "a console that has no end has lost lines, and its guest proves nothing" {
	guest <<< 'builtin echo "vm: up 3"; builtin echo "vm: exit 0"'
	vm
	[ "$status" = 2 ]
	[[ $output == *"the console has no end, so lines of it are lost; the last: [    0.000000] Linux version"* ]]
	status_is outcome=lost
	guest <<< 'echo "vm: up 3"; echo "vm: exit 0"'
	vm
	[ "$status" = 0 ]
}

@test "a guest that hangs is killed at the deadline, its last line named" {
	guest <<< 'echo "vm: up 3"; echo "[ 4.0] the last word" >&3; exec sleep 100'
	vm --timeout 1
	[ "$status" = 3 ]
	[[ $output == *"the last word"* ]]
	status_is outcome=hung
	gone
}

@test "--idle notices a hang before the deadline" {
	guest <<< 'echo "vm: up 3"; exec sleep 300'
	SECONDS=0
	vm --timeout 200 --idle 16
	[ "$status" = 3 ]
	[ $SECONDS -lt 60 ]
	status_is outcome=hung
}

@test "a guest that still writes is given as much time again" {
	guest <<< 'echo "vm: up 3"; for i in 1 2 3 4; do sleep 1; echo $i; done; echo "vm: exit 0"'
	vm --timeout 3
	[ "$status" = 0 ]
}

@test "a boot that hangs is tried again, a bounded number of times, and counted" {
	guest <<< '[ $n -ge 3 ] || exec sleep 100; echo "vm: up 3"; echo "vm: exit 0"'
	vm --boot-timeout 1
	[ "$status" = 0 ]
	status_is retries=2
	[ -s "$OUT/console.log.1" ]
	guest <<< 'exec sleep 100'
	vm --boot-timeout 1 --retries 1
	[ "$status" = 2 ]
	status_is outcome=noboot
	status_is retries=1
}

@test "a kernel that crashes on boot is not tried again" {
	guest <<< 'echo "[ 4.0] BUG: kernel NULL pointer dereference, address: 0" >&3'
	vm
	[ "$status" = 3 ]
	status_is retries=0
	[[ $output == *"NULL pointer"* ]]
}

@test "a QEMU that refuses to start is not tried again, and quoted" {
	guest <<< 'echo "no such machine" >&2; exit 1'
	vm
	[ "$status" = 2 ]
	status_is retries=0
	[[ $output == *"no such machine"* ]]
}

@test "IO-APIC and timer is the environment's fault" {
	guest <<-'END'
	if [ $n = 1 ]; then
		echo "[ 1.0] Kernel panic - not syncing: IO-APIC + timer doesn't work!  Boot" >&3
		exit
	fi
	echo "vm: up 3"
	echo "vm: exit 0"
	END
	vm
	[ "$status" = 0 ]
	status_is retries=1
}

@test "broken patching is the environment's fault on an old QEMU only" {
	guest <<-'END'
	echo "vm: up 3"
	if [ $n = 1 ]; then
		echo "[ 4.0] BUG: kernel NULL pointer dereference, address: 0" >&3
		echo "[ 4.1] RIP: 0010:0x0" >&3
		exit
	fi
	echo "vm: exit 0"
	END
	FAKE_VERSION=7.2.22 vm
	[ "$status" = 0 ]
	status_is retries=1
	[[ $output == *"older than 10"* ]]
	[[ $output == *"vm: again"* ]]
	rm "$BATS_TEST_TMPDIR/boots"
	vm
	[ "$status" = 3 ]
	status_is retries=0
}

@test "code that was not there any more is the emulator's fault, and no other code is" {
	guest <<-'END'
	echo "vm: up 3"
	if [ $n = 1 ]; then
		echo "[ 4.0] Oops: int3: 0000 [#1] SMP NOPTI" >&3
		echo "[ 4.1] Code: 66 0f $(cat byte) <f7> c1 00" >&3
		exit
	fi
	echo "vm: exit 0"
	END
	cd "$BATS_TEST_TMPDIR"
	echo 90 > byte
	vm
	[ "$status" = 0 ]
	status_is retries=1
	[[ $output == *"run by QEMU"* ]]
	rm boots
	echo cc > byte
	vm
	[ "$status" = 3 ]
	status_is retries=0
}

@test "--expect-panic wants the panic, and the right one" {
	guest <<< 'echo "vm: up 3"; echo "[ 4.0] Kernel panic - not syncing: race gap" >&3'
	vm --expect-panic 'panic.*gap'
	[ "$status" = 0 ]
	status_is outcome=ok
	vm --expect-panic 'panic.*other'
	[ "$status" = 3 ]
	guest <<< 'echo "vm: up 3"; echo "[ 3.0] BUG: KASAN: x" >&3; echo "[ 4.0] Kernel panic - not syncing: race gap" >&3'
	vm --expect-panic 'panic.*gap'
	[ "$status" = 3 ]
	guest <<< 'echo "vm: up 3"; echo "vm: exit 0"'
	vm --expect-panic 'panic.*gap'
	[ "$status" = 2 ]
}

@test "nothing is left behind, whatever ends the runner" {
	guest <<< 'echo "vm: up 3"; exec sleep 100'
	export TMPDIR=$BATS_TEST_TMPDIR/tmp
	mkdir "$TMPDIR"
	local sig i
	for sig in INT TERM HUP KILL; do
		rm -f "$BATS_TEST_TMPDIR/pid"
		# A background job ignores INT unless told otherwise.
		env --default-signal=INT setsid "$TOP/scripts/vm" \
			--accel tcg --out "$OUT" 6.1 true > "$BATS_TEST_TMPDIR/log" 2>&1 3>&- &
		for ((i = 0; i < 100; i++)); do
			[ -s "$BATS_TEST_TMPDIR/pid" ] && grep -q . "$OUT/console.log" && break
			sleep 0.1
		done
		kill -$sig $!
		wait $! || true
		for ((i = 0; i < 50; i++)); do
			gone && break
			sleep 0.1
		done
		gone || { echo "QEMU outlived SIG$sig"; return 1; }
		[ $sig = KILL ] || [ -z "$(ls "$TMPDIR")" ] ||
			{ echo "SIG$sig left $(ls "$TMPDIR")"; return 1; }
	done
}

@test "what a guest made of the TSC the next one is told, until the host boots again" {
	guest <<< 'echo "[    2.9] tsc: Refined TSC clocksource calibration: 2596.142 MHz" >&3
		echo "vm: up 3"; echo "vm: exit 0"'
	vm
	[ "$status" = 0 ]
	[[ $(cat "$OUT/qemu-cmd") != *tsc_early_khz* ]]
	vm
	[[ $(cat "$OUT/qemu-cmd") == *tsc_early_khz=2596142* ]]
	vm --dry-run --deterministic
	[[ $output != *tsc_early_khz* ]]
	echo "another-boot 2596142" > "$VT_BUILD/tsc-khz"
	vm --dry-run
	[ "$status" = 0 ]
	[[ $output == *tsc=reliable* && $output != *tsc_early_khz* ]]
}

@test "--numa: two nodes, half of all in each" {
	vm --dry-run --numa --mem 1G --smp 4
	[ "$status" = 0 ]
	[[ $output == *"-smp 4\\,sockets=2 "* ]]
	[[ $output == *"id=node0\\,size=536870912 -numa node\\,nodeid=0\\,cpus=0-1\\,memdev=node0 "* ]]
	[[ $output == *"id=node1\\,size=536870912 -numa node\\,nodeid=1\\,cpus=2-3\\,memdev=node1 "* ]]
	vm --dry-run --numa --smp 3
	[ "$status" = 2 ]
	[[ $output == *"--numa wants an even number"* ]]
	vm --dry-run --numa --deterministic
	[ "$status" = 2 ]
	vm --dry-run
	[[ $output != *numa* ]]
}

@test "the initramfs has the module, kmod's insmod, and added files" {
	guest <<< ''
	echo module > "$BATS_TEST_TMPDIR/x.ko"
	vm --dry-run --module "$BATS_TEST_TMPDIR/x.ko" --selftests "$TOP/selftests" \
		--add "$TOP/LICENSE:/etc/licence" --add "$TOP/dkms.conf"
	[ "$status" = 0 ]
	[[ $output == *thread=multi* ]]
	mkdir "$BATS_TEST_TMPDIR/root"
	cd "$BATS_TEST_TMPDIR/root"
	gzip -dc "$OUT/initramfs.gz" | cpio --quiet -i
	cmp vma_torture.ko "$BATS_TEST_TMPDIR/x.ko"
	cmp etc/licence "$TOP/LICENSE"
	cmp dkms.conf "$TOP/dkms.conf"
	[ -x selftests/run ]
	[ "$(readlink bin/insmod)" = kmod ]
	# busybox must not prefer an insmod of its own.
	run -127 bin/busybox insmod --help
	[[ $output == *"applet not found"* ]]
	run bin/busybox sh -c 'type ls'
	[ "$status" = 0 ]
}

# kvm_host FLAG: a host whose CPU has it.
kvm_host()
{
	export CPUINFO=$BATS_TEST_TMPDIR/cpuinfo KVM_DEVICE=$BATS_TEST_TMPDIR/kvm
	echo "flags : fpu $1" > "$CPUINFO"
}

@test "KVM that does not boot is given up, said, and not tried again" {
	guest <<-'END'
	case "$*" in *"-accel kvm"*) exit 1 ;; esac
	echo "vm: up 3"
	echo "vm: exit 0"
	END
	kvm_host vmx
	touch "$KVM_DEVICE"
	run "$TOP/scripts/vm" --out "$OUT" 6.1 true
	[ "$status" = 0 ]
	[[ $output == *"does not boot with KVM"* ]]
	status_is accel=tcg
	status_is retries=0
	rm "$BATS_TEST_TMPDIR/boots"
	run "$TOP/scripts/vm" --out "$OUT" 6.1 true
	[ "$(cat "$BATS_TEST_TMPDIR/boots")" = 1 ]
	[[ $output == *"emulating"*"did not boot with KVM before"*no-kvm-since-boot* ]]
	kvm_host sse
	rm "$VT_BUILD/no-kvm-since-boot"
	run "$TOP/scripts/vm" --out "$OUT" 6.1 true
	status_is accel=tcg
	[[ $output != *emulating* ]]
}

@test "KVM that there could be is never given up in silence" {
	local as=()
	guest <<< 'echo "vm: up 3"; echo "vm: exit 0"'
	kvm_host svm
	vm --accel auto
	[ "$status" = 0 ]
	status_is accel=tcg
	[[ $output == *"emulating, ten times slower: this CPU has KVM, but there is no $KVM_DEVICE"* ]]
	touch "$KVM_DEVICE"
	chmod 000 "$KVM_DEVICE"
	# To root nothing is forbidden.
	if [ "$(id -u)" = 0 ]; then
		chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "${BATS_TEST_TMPDIR%/*}"
		chmod -R go+rwX "$BATS_TEST_TMPDIR"
		chmod 000 "$KVM_DEVICE"
		# scripts/check has a private directory for all that is temporary.
		[ "${BATS_RUN_TMPDIR%/*}" = /tmp ] || chmod a+x "${BATS_RUN_TMPDIR%/*}"
		as=(env TMPDIR="$BATS_TEST_TMPDIR" setpriv --reuid=65534 --regid=65534 --clear-groups)
	fi
	run "${as[@]}" "$TOP/scripts/vm" --out "$OUT-2" 6.1 true
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *"emulating, ten times slower: "*" may not use $KVM_DEVICE (adduser "* ]]
	grep -qx accel=tcg "$OUT-2/status"
}
