# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# What the tests share that look for leaks: the state of the machine at rest,
# before and after; and draws by a seed. Sourced after lib.sh.

: "${tmp:=}" "${kasan:=}" "${seed:=1}" "${choices:=all}"
caches="vm_area_struct vma_lock maple_node mm_struct files_cache filp task_struct"

# below N: a number below it, into $drawn.
below()
{
	seed=$(((seed * 1103515245 + 12345) & 0x7fffffff))
	drawn=$(((seed >> 8) % $1))
}

# A seed, where none was given.
any_seed()
{
	od -An -N3 -tu4 /dev/urandom | tr -d ' '
}

# pick: one of $choices into $picked; all is none, for all of them.
pick()
{
	# shellcheck disable=SC2086  # a list
	set -- $choices
	below $#
	shift "$drawn"
	picked=${1#all}
}

# Some parameters into $params; half of them let the module work at once.
some_params()
{
	below 6
	case $drawn in
	0) params="autostart=1" ;;
	1) params="autostart=1 duration=1 stall_secs=1" ;;
	2) params="autostart=0 busted=map_fixed" ;;
	3) params="autostart=1 stutter=1 nreaders=4 nmms=3 nwriters=3" ;;
	4) params="autostart=0 shuffle_interval=1 hold_us=2000" ;;
	5) params="autostart=0 stop_on_race=1 busted=map_fixed/gap" ;;
	esac
	pick
	params="$params scenarios=$picked"
}

# in_turns: starts and ends take turns, however they were asked for. The log may
# have forgotten how it began.
in_turns()
{
	own_log | awk '
	/--- Start of test: / { bad += running; running = 1; n++ }
	/--- End of test: / { bad += n && !running; running = 0; n++ }
	END {
		print "# " n " starts and ends are in the log"
		exit bad || running || n < 2
	}'
}

# without_leaks: what this kernel is known to leak commit charges by, for ops= to leave
# it out; into $without, empty if there is nothing.
without_leaks()
{
	without=
	! may_show map_fixed account ||
		without=map_fixed/-private,map_fixed/-burst_private,map_fixed/-burst_late,map_fixed/-burst_prepare
	! may_show vma_lock account ||
		without=${without:+$without,}vma_lock/-burst_shrink_move,vma_lock/-burst_grow_refused
}

# What there is of what could leak: objects of caches, kB of memory, pages, and
# probes.
balance()
{
	# Spare objects of each CPU count as used, until there are none; KASAN keeps
	# whatever is freed, of all caches, until they shrink.
	for c in ${kasan:-$caches /sys/kernel/slab/kmalloc-*}; do
		{ echo 1 > "/sys/kernel/slab/${c##*/}/shrink"; } 2> /dev/null
	done
	awk -v caches=" $caches " '
	index(caches, " " $1 " ") || /^kmalloc-/ { print $1, $2 }' /proc/slabinfo
	sync
	echo 3 > /proc/sys/vm/drop_caches
	# What CPUs keep at hand of free pages is free as well. A kernel that is known to
	# leak commit charges has more of them each time, if what leaks is not left out.
	# Reservations below zero are none where a test has seen the kernel lose count.
	awk -v leaks="$([ -n "${without-}" ] || ! may_show map_fixed account || echo 1)" \
		-v miscounts="${wrong_reserve-}" '
	FILENAME ~ /zoneinfo/ { if ($1 == "count:") free += 4 * $2; next }
	/^MemFree:/ { print "used", -$2 - free }
	/^Committed_AS:/ && leaks { next }
	/^(Percpu|VmallocUsed|Committed_AS|PageTables|KernelStack|SUnreclaim):/ {
		sub(/:/, "")
		print $1, $2
	}
	/^HugePages_Rsvd:/ && miscounts && $2 > 9000000000000000000 { $2 = 0 }
	/^HugePages_/ {
		sub(/:/, "")
		print "=" $1, $2
	}' /proc/zoneinfo /proc/meminfo
	[ ! -r /sys/kernel/debug/kprobes/list ] ||
		echo "=probes" "$(wc -l < /sys/kernel/debug/kprobes/list)"
}

# at_rest: the state that settles compares with is the one of now. The first
# look frees what nobody needs.
at_rest()
{
	kasan=
	! grep -q ' kasan_quarantine_put$' /proc/kallsyms || kasan=$(echo /sys/kernel/slab/*)
	balance > /dev/null
	balance > "$tmp/before"
}

# Up by no more than $1 objects of a cache of VMAs and the like, or by 4 MB where
# others have a part in it; pages and probes are as many as they were.
balanced()
{
	balance > "$tmp/after"
	awk -v most="$1" '
	NR == FNR { before[$1] = $2; next }
	{
		seen[$1] = 1
		if (/^kmalloc-/)
			next
		up = $2 - before[$1]
		if (/^=/ && up)
			bad = bad " " $1 " is " $2 ", was " before[$1]
		limit = /^[A-Z]|^used / ? 4096 : most
		if (up > limit)
			bad = bad " " $1 " is up by " up
		text = text " " $1 "=" up
	}
	END {
		# What could not be read has not been looked at.
		for (name in before)
			if (!(name in seen) && name !~ /^kmalloc-/)
				bad = bad " " name " is gone"
		if (!("used" in seen))
			bad = bad " no memory was looked at"
		if (bad == "")
			print "# grown by:" text
		else
			print "#" bad > "/dev/stderr"
		exit bad != ""
	}' "$tmp/before" "$tmp/after" 2> "$tmp/grown"
}

# settles OBJECTS [SECS]: some of it is freed later, by RCU and by work items.
settles()
{
	wait_for "${2:-15}" balanced "$1" || { cat "$tmp/grown"; return 1; }
}

# rests FILE: the state of the machine into it, once nothing more is being freed.
rests()
{
	balance > "$tmp/now"
	wait_for 15 no_more_is_freed
	cp "$tmp/now" "$1"
}

no_more_is_freed()
{
	mv "$tmp/now" "$tmp/last"
	balance > "$tmp/now"
	awk '
	NR == FNR { last[$1] = $2; next }
	!/^=/ && $2 < last[$1] - (/^[A-Z]|^used / ? 64 : 8) { exit 1 }
	' "$tmp/last" "$tmp/now"
}

# grows_with N BEFORE HALF AFTER: something is lost with each of the N starts that
# there were in each half, or with a part of them: the state grew in both halves, by
# an object for a quarter of the starts, or by a page for half of them. What is kept
# once grows in one half only. At rest memory goes up and down by some 200 kB in
# whatever time, so less than the 256 kB of 128 starts says nothing about pages.
# What grew is in $tmp/slope.
grows_with()
{
	awk -v n="$1" '
	FNR == 1 { file++ }
	/^=/ { next }
	file == 1 { before[$1] = $2; next }
	file == 2 { half[$1] = $2; next }
	{
		first = half[$1] - before[$1]
		second = $2 - half[$1]
		least = first < second ? first : second
		memory = /^[A-Z]|^used /
		limit = memory ? n * 2 : n / 4
		floor = memory ? 256 : 16
		if (least > (limit > floor ? limit : floor)) {
			bad++
			printf "# %s grew by %d and %d%s in %d starts each\n", $1, first, second,
				memory ? " kB" : "", n
		} else if (first > 0 || second > 0)
			text = text " " $1 "=" first "," second
	}
	END {
		if (!bad)
			print "# in " n " starts each:" text
		exit !bad
	}' "$2" "$3" "$4" > "$tmp/slope"
}
