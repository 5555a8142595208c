#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The house of the module: which room may know which, and how large it may be.

load helpers

setup()
{
	cd "$TOP" || return
}

# The scenarios by the table that the module itself is made of, and the watch,
# which is built like one.
scenarios()
{
	sed -n 's/^\tX(\([a-z_]*\)).*/\1/p' scenarios.h
	echo watch
}

# All that the module is compiled from.
module_files()
{
	local s
	{
		find . -maxdepth 1 -name '*.[ch]' -printf '%P\n'
		for s in engine $(scenarios); do
			[ ! -d "$s" ] || find "$s" -name '*.[ch]'
		done
	} | sort
}

# room_of FILE: engine, the scenario it belongs to, or nothing for the module's own.
room_of()
{
	local s
	case $1 in engine/*) echo engine; return ;; esac
	for s in $(scenarios); do
		case $1 in "$s"/* | "${s}_torture.c" | "$s.c" | "$s.h") echo "$s" ;; esac
	done
}

# included_by FILE: what of the tree it includes, as the compiler finds it: beside
# the file, then from the top, then in engine/.
included_by()
{
	local i dir
	dir=$(dirname "$1")
	sed -n 's/^#[[:space:]]*include[[:space:]]*"\([^"]*\)".*/\1/p' "$1" | while IFS= read -r i; do
		if [ -e "$dir/$i" ]; then realpath --relative-to=. "$dir/$i"
		elif [ -e "$i" ]; then echo "$i"
		elif [ -e "engine/$i" ]; then echo "engine/$i"
		else echo "missing:$i"
		fi
	done
}

# strangers [DIR]: "FILE includes FILE" wherever a room looks into one it may not.
strangers()
{
	local f i from to
	cd "${1:-.}" || return
	for f in $(module_files); do
		from=$(room_of "$f")
		for i in $(included_by "$f"); do
			to=$(room_of "$i")
			case $i in missing:*) echo "$f includes $i" ;; esac
			case $from in
			'') ;;
			engine) [ "$to" = engine ] || echo "$f includes $i" ;;
			# The table declares what each of them defines.
			*) [ "$i" = scenarios.h ] || [ "$to" = engine ] || [ "$to" = "$from" ] ||
				echo "$f includes $i" ;;
			esac
		done
	done
}

# A small copy of the tree, to be spoilt.
a_copy()
{
	mkdir -p "$BATS_TEST_TMPDIR/tree"
	module_files | xargs cp --parents -t "$BATS_TEST_TMPDIR/tree"
}

@test "engine/ knows no scenario, and no scenario another" {
	run strangers
	[ "$status" = 0 ]
	[ -z "$output" ] || { echo "$output"; false; }
	# That was more than nothing.
	[ "$(module_files | wc -l)" -gt 40 ]
	[ "$(for f in $(module_files); do included_by "$f"; done | wc -l)" -gt 100 ]
}

@test "a scenario that looks into another is seen, and so is the engine" {
	a_copy
	echo '#include "../vma_lock/trace.h"' >> "$BATS_TEST_TMPDIR/tree/map_fixed/trace.c"
	echo '#include "fork_fail/symbols.h"' >> "$BATS_TEST_TMPDIR/tree/engine/race.c"
	run strangers "$BATS_TEST_TMPDIR/tree"
	[ "${#lines[@]}" = 2 ]
	[ "${lines[0]}" = 'engine/race.c includes fork_fail/symbols.h' ]
	[ "${lines[1]}" = 'map_fixed/trace.c includes vma_lock/trace.h' ]
}

@test "no file of the module has more than 600 lines" {
	local large
	large=$(module_files | xargs wc -l | awk '$2 != "total" && $1 > 600 { print $2, $1 }')
	[ -z "$large" ] || { echo "$large"; false; }
}

@test "kernels are told apart in engine/ only" {
	local found
	found=$(module_files | grep -v '^engine/' | xargs grep -nE \
		'^[[:space:]]*#[[:space:]]*(el)?if.*(LINUX_VERSION_CODE|KERNEL_VERSION|VT_HAVE_)') || true
	[ -z "$found" ] || { echo "$found"; false; }
}

# unknown_ops [DIR]: "FILE: NAME" for each operation that an oracle is said to look at
# (.by, .with) and that no table of its scenario has; and how many names there are.
unknown_ops()
{
	python3 - "${1:-.}"/*_torture.c <<'END'
import re
import sys

n = 0
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as file:
        text = file.read().replace("\\\n", "")
    words = {name: "".join(re.findall(r'"([^"]*)"', value)) for name, value in
             re.findall(r'#define (\w+)\s+((?:"[^"]*"\s*)+)\n', text)}
    tables = set(re.findall(r'\{\s*"(\w+)",\s*\d+\s*\}', text))
    for value in re.findall(r"\.(?:by|with) = ([^,}]*)", text):
        for name in "".join(words.get(w, w.strip('"')) for w in
                            re.findall(r'"[^"]*"|\w+', value)).split():
            n += 1
            if name not in tables:
                print(f"{path.rpartition('/')[2]}: {name}")
print(n)
END
}

@test "operations that an oracle needs are in a table of its scenario" {
	run unknown_ops
	[ "${#lines[@]}" = 1 ] || { echo "$output"; false; }
	[ "$output" -gt 50 ]
	a_copy
	sed -i 's/\.by = "refuse"/.by = "refus"/' "$BATS_TEST_TMPDIR/tree/map_fixed_torture.c"
	run unknown_ops "$BATS_TEST_TMPDIR/tree"
	[ "${lines[0]}" = 'map_fixed_torture.c: refus' ]
}

@test "no stream of random numbers has a number for a name" {
	local found
	# Small numbers are the delays', threads' are hashes of their names.
	found=$(git grep -nE 'vt_rnd_fork\(' -- '*.c' ':!selftests' |
		grep -vE '^engine/(delay|thread)\.c:|vt_rnd_id\("') || true
	[ -z "$found" ] || { echo "$found"; false; }
	# No name is used in two places.
	found=$(git grep -hoE 'vt_rnd_id\("[^"]*"' -- '*.c' ':!selftests' | sort | uniq -d)
	[ -z "$found" ] || { echo "$found"; false; }
}

@test "the version is written once, and all that need it have it from there" {
	local version
	version=$(sed -n 's/^#define VT_VERSION[[:space:]]*"\([0-9.]*\)"$/\1/p' version.h)
	[[ $version =~ ^[0-9]+\.[0-9]+$ ]]
	grep -qx 'MODULE_VERSION(VT_VERSION);' vma_torture.c
	# As DKMS does, from elsewhere.
	run bash -c 'cd / && . "$1/dkms.conf" && echo "$PACKAGE_VERSION"' bash "$TOP"
	[ "$output" = "$version" ]
	cp dkms.conf "$BATS_TEST_TMPDIR"
	sed 's/"[0-9.]*"$/"7.8"/' version.h > "$BATS_TEST_TMPDIR/version.h"
	run bash -c '. "$1/dkms.conf" && echo "$PACKAGE_VERSION"' bash "$BATS_TEST_TMPDIR"
	[ "$output" = 7.8 ]
	[ "$(sed -n 's/^## //p' CHANGELOG.md | head -n 1)" = "$version" ]
	run grep -nE '_VERSION.*[0-9]\.[0-9]' vma_torture.c dkms.conf
	[ "$status" = 1 ]
}
