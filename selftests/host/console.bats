#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# scripts/scan-console: finds trouble, and only trouble.

load helpers

scan()
{
	run "$TOP/scripts/scan-console" "$@" "$BATS_TEST_TMPDIR/log"
}

log()
{
	cat > "$BATS_TEST_TMPDIR/log"
}

@test "what a healthy guest prints is not trouble" {
	log <<-'END'
	SeaBIOS (version 1.16.3-debian-1.16.3-2)
	[    0.000000] Linux version 6.12.117+deb12-amd64 (debian-kernel@lists.debian.org)
	[    0.000000] Command line: oops=panic panic=-1 hung_task BUG: WARNING: Oops:
	[    0.062142] ..MP-BIOS bug: 8254 timer not connected to IO-APIC
	[    0.131452] calibrate_delay_direct() failed to get a good loops_per_jiffy.
	[    0.412222] PCI: Using host bridge windows from ACPI; if necessary, use "pci=nocrs" and report a bug
	[    0.500000] AMD-Vi: this is not a bug
	[    0.500100] Spectre V2 : WARNING: Unprivileged eBPF is enabled with eIBRS on
	[    1.100000] clocksource: timekeeping watchdog on CPU1: Marking clocksource 'tsc' as unstable
	[    1.200000] clocksource: Watchdog remote CPU 1 read timed out
	[    2.000000] hrtimer: interrupt took 43123456 ns
	[    2.100000] workqueue: drm_fb_helper_damage_work hogged CPU for >10000us 4 times
	[    3.000000] vma_torture: loading out-of-tree module taints kernel.
	[    3.100000] vma_torture: --- Start of test: seed=1 kernel=6.1.0
	[    3.200000] vma_torture: RACE map_fixed/gap addr=0x7f00 detail="no BUG: here, WARNING: none"
	[    3.200001] Call Trace:
	[    3.300000] vma_torture: --- End of test: SUCCESS map_fixed races=0
	[    4.000000] seq_file: buggy .next function m_next did not update position index
	[    4.100000] __vm_enough_memory: pid:90, comm:vt, bytes:1288490188 not enough memory for the allocation
	[    4.200000] rcu: Hierarchical RCU implementation.
	[    4.300000] traps: a.out[90] general protection fault ip:1 sp:2 error:0
	WARNING: said by user space
	[    5.000000] reboot: Power down
	END
	scan
	[ "$status" = 0 ]
	[ -z "$output" ]
}

@test "every kind of trouble is found, wherever its line begins" {
	local bad n
	mapfile -t bad <<-'END'
	WARNING: CPU: 0 PID: 90 at mm/vma.c:100 vms_complete+0x1/0x2
	WARNING: mm/vma.c:100 at vms_complete+0x1/0x2, CPU#0: insmod/90
	WARNING: possible circular locking dependency detected
	WARNING: suspicious RCU usage
	WARNING: inconsistent lock state
	BUG: kernel NULL pointer dereference, address: 0000000000000000
	BUG: unable to handle page fault for address: ffff
	BUG: KASAN: slab-use-after-free in lock_vma_under_rcu+0x1/0x2
	BUG: KFENCE: use-after-free read in x
	BUG: KCSAN: data-race in a / b
	BUG: sleeping function called from invalid context at mm/mmap.c:1
	BUG: scheduling while atomic: vt/90/0x00000002
	BUG: Bad rss-counter state mm:00000000 type:MM_ANONPAGES val:1
	BUG: Bad page state in process vt  pfn:12345
	BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 130s!
	BUG vm_area_struct (Tainted: G           O     ): Poison overwritten
	watchdog: BUG: soft lockup - CPU#1 stuck for 120s! [vt:90]
	watchdog: Watchdog detected hard LOCKUP on cpu 0
	kernel BUG at mm/vma.c:100!
	Oops: 0000 [#1] PREEMPT SMP NOPTI
	Oops: int3: 0000 [#1] SMP
	general protection fault, probably for non-canonical address 0xdead: 0000 [#1]
	invalid opcode: 0000 [#1] PREEMPT SMP NOPTI
	Kernel panic - not syncing: Fatal exception
	rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:
	rcu: INFO: rcu_preempt self-detected stall on CPU
	rcu: INFO: rcu_sched detected expedited stalls on CPUs/tasks: { 1-... }
	rcu: rcu_preempt kthread starved for 1234 jiffies! g1 f0x0 RCU_GP_WAIT_FQS(5)
	INFO: task vt:90 blocked for more than 300 seconds.
	INFO: trying to register non-static key.
	UBSAN: array-index-out-of-bounds in mm/vma.c:1:2
	kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)
	BUG at mas_validate_gaps:7215 (1)
	WARN at vma_iter_store_overwrite:612 (1)
	WARNING: possible recursive locking detected
	WARNING: bad unlock balance detected!
	WARNING: held lock freed!
	WARNING: lock held when returning to user space!
	list_del corruption. prev->next should be x
	refcount_t: underflow; use-after-free.
	Out of memory: Killed process 90 (vt) total-vm:1kB
	END
	[ ${#bad[@]} -ge 41 ]
	for n in "${!bad[@]}"; do
		printf '[    1.0] fine\nno newline[  12.345678] %s\r\n' "${bad[n]}"
		printf '[   12.345678][   T99] %s\n[   13.0] fine\n' "${bad[n]}"
	done | log
	scan --all
	[ "$status" = 1 ]
	[ ${#lines[@]} = $((2 * ${#bad[@]})) ]
	for n in "${!lines[@]}"; do
		[[ ${lines[n]} == *"${bad[n / 2]}" ]] || { echo "missed: ${bad[n / 2]}"; return 1; }
	done
}

@test "--all prints every line, without it only the first" {
	printf '[ 1.0] WARNING: a\n[ 2.0] fine\n[ 3.0] WARNING: b\n' | log
	scan
	[ "$output" = "[ 1.0] WARNING: a" ]
	scan --all
	[ "${#lines[@]}" = 2 ]
}

@test "--by-test names the selftest during which it appeared" {
	log <<-'END'
	[ 1.0] WARNING: at boot
	[ 2.0] selftests: begin first
	[ 3.0] selftests: end first
	[ 4.0] selftests: begin second
	[ 5.0] BUG: one
	[ 6.0] BUG: two
	END
	scan --by-test
	[ "$status" = 1 ]
	[ "${lines[0]}" = $'boot\t[ 1.0] WARNING: at boot' ]
	[ "${lines[1]}" = $'second\t[ 5.0] BUG: one' ]
	[ "${#lines[@]}" = 2 ]
}

@test "a missing file is not a clean one" {
	run "$TOP/scripts/scan-console" "$BATS_TEST_TMPDIR/none"
	[ "$status" = 2 ]
}

@test "--allow: trouble that is expected where the kernel puts it, and no other" {
	log <<-'END'
	[    1.0] Out of memory: Killed process 17 (hog) total-vm:1kB
	[    2.0] fine
	END
	scan
	[ "$status" = 1 ]
	scan --allow 'Out of memory: Killed process [0-9]+ \(hog\)'
	[ "$status" = 0 ]
	[ -z "$output" ]
	log <<-'END'
	[    1.0] Out of memory: Killed process 17 (hog) total-vm:1kB
	[    2.0] Out of memory: Killed process 18 (sh) (hog)
	END
	scan --by-test --allow 'Out of memory: Killed process [0-9]+ \(hog\)'
	[ "$status" = 1 ]
	[[ $output == *"process 18"* ]]
	[[ $output != *"process 17"* ]]
	# Words of somebody else are no excuse.
	echo '[    3.0] BUG: allowed: x' | log
	scan --allow 'allowed'
	[ "$status" = 1 ]
}
