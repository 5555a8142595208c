#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: a function of the kernel that is not found is said, and all else goes on
# timeout: 300
#
# The names that the module looks up stand in it as strings: each in turn gets
# another first letter.

# shellcheck source=selftests/lib_abuse.sh
. "${0%/*}/../lib_abuse.sh"

# Where the sections of a module begin and end that are read only.
sections()
{
	_table=$(od -An -t u8 -j 40 -N 8 "$1")
	od -An -v -t u8 -w64 -j $((_table)) "$1" |
		awk '$2 == 2 || $2 == 50 { print $4, $4 + $5 }'
}

# Offset and name, a line each, of all strings that are functions of the kernel
# and stand where kallsyms_lookup_name does: with those of the code, and not with
# what describes the module.
names()
{
	sections "$MODULE" > "$tmp/sections"
	strings -t d -n 5 "$MODULE" | awk -v sections="$tmp/sections" '
	FILENAME == sections { from[++n] = $1; to[n] = $2; next }
	FILENAME != "-" {
		if (NF == 3 && $2 ~ /[tT]/)
			function_of_kernel[$3]
		next
	}
	NF == 2 && /_/ && ($2 in function_of_kernel ||
		$2 ~ /^sys_/ && "__x64_" $2 in function_of_kernel) {
		for (i = 1; i <= n; i++)
			if ($1 >= from[i] && $1 < to[i])
				where[$1] = i
		if ($1 in where) {
			name[$1] = $2
			if ($2 == "kallsyms_lookup_name")
				literals[where[$1]]
		}
	}
	END {
		for (offset in name)
			if (where[offset] in literals)
				print offset, name[offset]
	}' "$tmp/sections" /proc/kallsyms -
}

# What is not skipped runs, and what is skipped says for want of what.
rest_goes_on()
{
	able=$(at_work)
	for _s in $all; do
		get "$_s/state"
		case $value in
		running) ;;
		# Some are named by a word of their own.
		"skipped: this kernel has no function "?"${1#?}")
			echo "$_s $1" >> "$tmp/wanted"
			;;
		'skipped: no kprobes or kallsyms'*) echo "$_s any" >> "$tmp/wanted" ;;
		*) grep -q "^$_s $value\$" "$tmp/states" || no "$_s is $value" || return ;;
		esac
	done
	[ -z "$able" ] || goes_on
}

# without OFFSET NAME
without()
{
	_other=X${2#?}
	cp "$MODULE" "$tmp/module" &&
		printf X | dd of="$tmp/module" bs=1 seek="$1" conv=notrunc 2> /dev/null
	MODULE=$tmp/module
	if load; then
		rest_goes_on "$_other" && ends && unload
	else
		[ "$(own_log | wc -l)" = 1 ] || no "insmod says $(own_log | wc -l) lines"
	fi && nothing_left
	_rc=$?
	MODULE=$module
	return $_rc
}

each()
{
	while read -r offset name; do
		without "$offset" "$name" || no "without $name" || return
		echo "$name" >> "$tmp/tried"
	done < "$tmp/names"
	note "tried: $(tr '\n' ' ' < "$tmp/tried")"
}

# Whoever can work without all of them looks up none.
all_want_some()
{
	for _s in $able_at_first; do
		grep -q "^$_s [^a]" "$tmp/wanted" || no "$_s wants nothing" || return
	done
	note "$(sort -u "$tmp/wanted" | wc -l) skips with a reason"
}

abuse 2
module=$MODULE
able_at_first=$able
names > "$tmp/names"
: > "$tmp/wanted"
# Those that can do nothing on this kernel anyhow.
loaded_with autostart=0 || ktap_exit_fail_msg "cannot load"
for s in $all; do
	get "$s/state"
	echo "$s $value" >> "$tmp/states"
done
unload
check "what is missing is said, the rest goes on" each
check "each scenario wants something" all_want_some
abuse_ends
