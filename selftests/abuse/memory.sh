#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: in little memory, against a hog that the OOM killer ends, and loaded in a small cgroup
# timeout: 360
# mem: 512M
# console: any Out of memory: Killed process [0-9]+ \(awk\)|(awk|insmod): page allocation failure: order:0|Memory cgroup out of memory: Killed process [0-9]+ \((insmod|sh)\)
#
# The hog is the only process that may be killed for want of the machine's memory, or
# be refused a page of it; the host looks for others on the console. In a cgroup that
# is too small for it the loader is killed. ABUSE=N: N times as many hogs.

# shellcheck source=selftests/lib_abuse.sh
. "${0%/*}/../lib_abuse.sh"

hogs=$((2 * factor))
C=/sys/fs/cgroup

# All memory there is, for as long as it is left alive.
hog()
{
	awk 'BEGIN { s = sprintf("%1000000s", ""); while (1) a[n++] = s }' 2> /dev/null &
	hog=$!
}

# hog_ends: as it must, by the OOM killer.
hog_ends()
{
	wait "$hog" 2> /dev/null
	_rc=$?
	[ $_rc = 137 ] || no "the hog ended with $_rc" || return
	logged_by_all "Out of memory: Killed process $hog \\(awk\\)" ||
		no "the OOM killer says nothing of $hog"
}

logged_by_all()
{
	log | grep -qE "$1"
}

filled()
{
	[ "$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo)" -lt $((32 * 1024)) ] ||
		! kill -0 "$hog" 2> /dev/null
}

# While it takes all and when it is gone.
hogs_come()
{
	loaded_with || return
	i=0
	while [ $i -lt $hogs ]; do
		i=$((i + 1))
		hog
		hog_ends && goes_on || return
	done
	ends && unload && nothing_left
}

# What begins while there is nothing left does so, or says why not.
starts_beside_hogs()
{
	loaded_with autostart=0 || return
	i=0
	while [ $i -lt $hogs ]; do
		i=$((i + 1))
		hog
		wait_for "$patience" filled || no "the hog is too slow" || return
		if control start; then
			goes_on || return
		else
			grep -q 'Cannot allocate memory' "$tmp/control" ||
				no "start: $(cat "$tmp/control")" || return
		fi
		control stop
		hog_ends && no_new_race || return
	done
	control start && goes_on && ends && unload
}

# The same of the module itself, and that it goes.
loaded_beside_hogs()
{
	i=0
	while [ $i -lt $hogs ]; do
		i=$((i + 1))
		hog
		wait_for "$patience" filled || no "the hog is too slow" || return
		if load; then
			hog_ends && goes_on && unload || return
		else
			clear_error && hog_ends || return
		fi
		nothing_left || return
	done
}

# insmod failed for want of memory, and the log has one line of whose.
clear_error()
{
	grep -q 'Cannot allocate memory' "$tmp/insmod" || no "$(cat "$tmp/insmod")" || return
	[ "$(own_log | grep -cE 'could not be set up: -12|no memory (to set up|for the files)')" = 1 ] ||
		no "$(own_log | tail -n 3)" || return
	nothing_left
}

# meminfo NAME: kB, into $value.
meminfo()
{
	value=$(awk -v name="$1:" '$1 == name { print $2 }' /proc/meminfo)
}

# No memory that may be promised: the first scenario that wants some is told so.
nothing_to_commit()
{
	loaded_with scenarios=map_fixed && goes_on_one map_fixed || return
	meminfo Committed_AS
	with=$value
	unload
	meminfo Committed_AS
	note "$((with - value)) kB are committed by map_fixed"
	kbytes=$(cat /proc/sys/vm/overcommit_kbytes)
	ratio=$(cat /proc/sys/vm/overcommit_ratio)
	# Enough for insmod.
	echo $((value + 4096)) > /proc/sys/vm/overcommit_kbytes
	echo 2 > /proc/sys/vm/overcommit_memory
	load nwriters=16 nmms=16
	rc=$?
	echo 0 > /proc/sys/vm/overcommit_memory
	if [ "$kbytes" = 0 ]; then
		echo "$ratio" > /proc/sys/vm/overcommit_ratio
	else
		echo "$kbytes" > /proc/sys/vm/overcommit_kbytes
	fi
	if [ $rc = 0 ]; then
		unload
		no "it was loaded" || return
	fi
	clear_error
}

goes_on_one()
{
	get "$1/ops"
	wait_for "$patience" above "$1/ops" "$value"
}

# in_cgroup LIMIT COMMAND...: in a new one that may have so much memory.
in_cgroup()
{
	rmdir $C/vma_torture 2> /dev/null
	mkdir $C/vma_torture && echo "$1" > $C/vma_torture/memory.max || return
	shift
	(
		# The number of this very shell, which $$ is not.
		sh -c "echo \$PPID" > $C/vma_torture/cgroup.procs
		exec "$@"
	) 2> "$tmp/insmod"
}

# What the module takes is not the loader's: its threads live elsewhere.
small_cgroup()
{
	mark
	in_cgroup 4M "$INSMOD" "$MODULE" || no "$(cat "$tmp/insmod")" || return
	goes_on || return
	grep '^oom_kill ' $C/vma_torture/memory.events | grep -q ' 0$' ||
		no "$(cat $C/vma_torture/memory.events)" || return
	note "the loader took $(cat $C/vma_torture/memory.peak 2> /dev/null) bytes"
	ends && unload && rmdir $C/vma_torture && nothing_left
}

# Too small for the loader itself, which may be killed at any moment: the module
# is there and works, or it is not there.
tiny_cgroup()
{
	there=0
	for limit in 64K 256K 512K 768K 900K 1M 1100K 1200K 1400K; do
		in_cgroup $limit "$INSMOD" "$MODULE"
		if [ -d "$D" ]; then
			there=$((there + 1))
			goes_on && unload || return
		fi
		nothing_left || no "with $limit" || return
		rmdir $C/vma_torture || return
	done
	note "loaded $there times out of 9"
}

has_cgroup()
{
	[ -d $C ] || return
	mountpoint -q $C || mount -t cgroup2 cgroup2 $C || return
	echo +memory > $C/cgroup.subtree_control && [ -d $C ] || return
	mkdir $C/vma_torture && [ -w $C/vma_torture/memory.max ] && rmdir $C/vma_torture
}

meminfo MemTotal
[ "$value" -le $((640 * 1024)) ] || skip_all "needs a machine with 512 MiB, which it fills"

# The hog has to fight for the rest only.
ballast()
{
	dd if=/dev/zero of=/dev/shm/ballast bs=1M count=192 2> "$tmp/dd" || no "$(cat "$tmp/dd")"
}

drop_ballast()
{
	rm -f /dev/shm/ballast
	finish
}

abuse 6 eval 'hog; hog_ends'
trap drop_ballast EXIT
ballast || ktap_exit_fail_msg "no ballast"

check "a hog that takes all memory is what is killed" hogs_come
check "started while a hog takes all memory" starts_beside_hogs
check "loaded while a hog takes all memory" loaded_beside_hogs
rm /dev/shm/ballast
check "no memory to be committed: a clear error" nothing_to_commit
if has_cgroup 2> "$tmp/cgroup"; then
	check "loaded in a small memory cgroup" small_cgroup
	check "loaded in a cgroup too small for the loader" tiny_cgroup
else
	skip "loaded in a small memory cgroup" "no memory cgroups: $(head -n 1 "$tmp/cgroup")"
	skip "loaded in a cgroup too small for the loader" "no memory cgroups"
fi
abuse_ends
