#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: a function of the kernel that is not found is said, and all else goes on
# timeout: 300
#
# The names that the module looks up stand in it as strings: each in turn gets
# another first letter.

# shellcheck source=selftests/lib_abuse.sh
. "${0%/*}/../lib_abuse.sh"

# Where the names of its own symbols begin and end in a module.
own_names()
{
	_sections=$(od -An -t u8 -j 40 -N 8 "$1")
	od -An -v -t u8 -w64 -j $((_sections)) "$1" | awk '
	{ offset[NR - 1] = $4; size[NR - 1] = $5 }
	# A symbol table says which section has its strings.
	int($1 / 4294967296) == 2 { names = $6 % 4294967296 }
	END { print offset[names], offset[names] + size[names] }'
}

# Offset and name, a line each, of all strings of the module that are functions
# of the kernel.
names()
{
	# shellcheck disable=SC2046  # two numbers
	set -- $(own_names "$MODULE")
	strings -t d -n 5 "$MODULE" | awk -v from="$1" -v to="$2" '
	FILENAME != "-" {
		if (NF == 3 && $2 ~ /[tT]/)
			function_of_kernel[$3]
		next
	}
	NF == 2 && /_/ && ($1 < from || $1 >= to) && ($2 in function_of_kernel ||
		$2 ~ /^sys_/ && "__x64_" $2 in function_of_kernel)
	' /proc/kallsyms -
}

# What is not skipped runs, and what is skipped says for want of what.
rest_goes_on()
{
	able=$(at_work)
	for _s in $all; do
		get "$_s/state"
		case $value in
		running) ;;
		"skipped: this kernel has no function $1")
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
