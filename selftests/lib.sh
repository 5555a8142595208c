# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034  # some is for those who source this
#
# What the tests share: results, loading and unloading, reading the module's
# files, waiting for something with a deadline, and its lines in the kernel log.
# Sourced by each test, whose environment selftests/run describes.

: "${SELFTESTS:=$(cd "$(dirname "$0")" && pwd)}"
# Where `make install` puts it, where `make` does, where modules_install does.
for _f in "$SELFTESTS/vma_torture.ko" "$SELFTESTS/../vma_torture.ko"; do
	[ -n "${MODULE-}" ] || [ ! -r "$_f" ] || MODULE=$_f
done
: "${MODULE:=$(modinfo -n vma_torture 2> /dev/null)}"
: "${D:=/sys/kernel/debug/vma_torture}"
if [ -z "${KTAP_HELPERS-}" ] && [ -r "$SELFTESTS/../kselftest/ktap_helpers.sh" ]; then
	KTAP_HELPERS=$SELFTESTS/../kselftest/ktap_helpers.sh
fi
: "${KTAP_HELPERS:=$SELFTESTS/ktap_helpers.sh}"
: "${KERNEL:=$(uname -r | cut -d. -f1,2)}"
P=/sys/module/vma_torture/parameters
MODULE=$(realpath "$MODULE" 2> /dev/null)

skip_all()
{
	echo "TAP version 13"
	echo "1..0 # SKIP $*"
	exit 4
}

# busybox's shell prefers its own insmod, which runs a failing init twice.
for _d in /sbin /usr/sbin /bin /usr/bin; do
	if [ -x $_d/insmod ]; then
		INSMOD=$_d/insmod RMMOD=$_d/rmmod MODINFO=$_d/modinfo
		break
	fi
done

[ "$(id -u)" = 0 ] || skip_all "needs root"
[ -r "$MODULE" ] || skip_all "no vma_torture.ko (set MODULE=)"
[ -n "${INSMOD-}" ] || skip_all "no insmod"
[ -r "$KTAP_HELPERS" ] || skip_all "no ktap_helpers.sh of the kernel's kselftest (set KTAP_HELPERS=)"
[ -d "${D%/*}" ] || skip_all "no debugfs at ${D%/*}"
# shellcheck source=/dev/null
. "$KTAP_HELPERS"

# begin N: a test of N results starts, with the module not loaded; whatever
# happens, it is not loaded at the end either.
begin()
{
	tmp=$(mktemp -d) || exit 1
	trap 'finish' EXIT
	trap 'exit 1' HUP INT TERM
	[ ! -d /sys/module/vma_torture ] || "$RMMOD" vma_torture
	# Threads that take all CPUs must not keep the test from looking.
	renice -n -20 -p $$ > /dev/null 2>&1
	ktap_print_header
	ktap_set_plan "$1"
}

finish()
{
	[ ! -d /sys/module/vma_torture ] || unload
	rm -rf "$tmp"
}

note()
{
	printf '# %s\n' "$*"
}

# no WHY: say it and fail, for the end of a condition.
no()
{
	note "$@"
	return 1
}

# check NAME COMMAND...: one result. What went well and proves nothing here is no pass:
# then the command says why in $unproven.
check()
{
	_name=$1
	unproven=
	shift
	if ! "$@"; then
		ktap_test_fail "$_name"
	elif [ -n "$unproven" ]; then
		skip "$_name" "$unproven"
	else
		ktap_test_pass "$_name"
	fi
}

# skip NAME WHY: one result that cannot be had here. The kernel's helper has no room
# for the reason.
skip()
{
	echo "ok $KTAP_TESTNO $1 # SKIP $2"
	KTAP_TESTNO=$((KTAP_TESTNO + 1))
	KTAP_CNT_SKIP=$((KTAP_CNT_SKIP + 1))
}

# now: hundredths of a second since boot, into $now.
now()
{
	read -r now _ < /proc/uptime
	now=${now%.*}${now#*.}
}

# wait_for SECS COMMAND...: until it holds, or SECS are over.
wait_for()
{
	now
	_end=$((now + $1 * 100))
	shift
	until "$@"; do
		now
		[ "$now" -lt "$_end" ] || return 1
		sleep 0.05
	done
}

# get FILE: the first line of a file of ours, into $value.
get()
{
	value=
	{ read -r value < "$D/$1"; } 2> /dev/null || [ -f "$D/$1" ]
}

# is FILE VALUE, above FILE NUMBER: for wait_for.
is()
{
	get "$1" && [ "$value" = "$2" ]
}

above()
{
	get "$1" && [ "$value" -gt "$2" ]
}

# want FILE VALUE: is, with a word about it if not.
want()
{
	is "$@" || no "$1 is '$value', not '$2'"
}

# mark: from here on, log and own_log print only what the kernel logs after this.
_mark=0
mark()
{
	_mark=$((_mark + 1))
	echo "selftests: mark $$.$_mark" > /dev/kmsg
}

log()
{
	dmesg | awk -v mark="selftests: mark $$.$_mark" -v only="${1-}" '
	index($0, mark) { n = 0; next }
	# What the kernel says once about any module has our prefix too.
	only != "" && (!index($0, only) || /vma_torture: .*taint/) { next }
	{ line[n++] = $0 }
	END { for (i = 0; i < n; i++) print line[i] }'
}

own_log()
{
	log 'vma_torture: '
}

logged()
{
	own_log | grep -qE -e "$1"
}

# load PARAM=VALUE...: complaints go to $tmp/insmod. A test that failed may have
# left the module where it was.
load()
{
	[ ! -d /sys/module/vma_torture ] || unload
	mark
	"$INSMOD" "$MODULE" "$@" 2> "$tmp/insmod"
}

# tell: what the run of each scenario came to, for the judges on the host
# (scripts/vt/check.py). One that broke its promises on purpose is left out, and so is
# the watch: tests plant faults in the programs that it looks at, and judge it themselves.
#
#   # run SCENARIO state=WORD seconds=N ops=N exposure=N first_race_ms=N
#     KIND=LOOKS/EXPOSURE/MET/RACES... parameters: NAME=VALUE...     (one line)
#   # run variant ...                    as in the file variants
#
# A number that the module does not have is -.
tell()
{
	# Most loads are of parameters, and run nothing.
	_ran=
	for _f in "$D"/*/ops; do
		_ops=0
		{ read -r _ops < "$_f"; } 2> /dev/null
		[ "$_ops" = 0 ] || _ran=1
	done
	[ -n "$_ran" ] || return 0
	{
		(cd "$P" && grep -s '' scenarios busted duration nreaders nwriters nmms hold_us \
			seed onoff_interval shuffle_interval stutter ops delay_interval_us delay_us)
		echo :summary:
		cat "$D/summary"
		echo :files:
		(cd "$D" && grep -s '' ./*/ops ./*/exposure ./*/first_race_ms ./*/looks_* \
			./*/exposure_* ./*/met_* ./*/race_*)
		echo :variants:
		cat "$D/variants"
	} 2> /dev/null | awk '
	/^:[a-z]+:$/ { part = $0; next }
	part == "" {
		split($0, p, ":")
		if (p[1] == "busted" && substr($0, 8) == "none" || $0 == p[1] ":")
			next
		gsub(" ", "", $0)
		parameters = parameters " " p[1] "=" substr($0, length(p[1]) + 2)
		next
	}
	part == ":summary:" && / busted on purpose$/ { busted[substr($1, 1, length($1) - 1)]; next }
	part == ":summary:" && $2 ~ /^(running|done|stopped)$/ && $3 ~ /^[0-9]+$/ {
		name[++n] = $1
		state[$1] = $2
		seconds[$1] = $3
		next
	}
	part == ":files:" {
		i = index($0, ":")
		split(substr($0, 3, i - 3), p, "/")
		value[p[1], p[2]] = substr($0, i + 1)
		if (p[2] ~ /^race_/)
			kinds[p[1]] = kinds[p[1]] " " substr(p[2], 6)
		next
	}
	part == ":variants:" {
		s = $1
		sub(/^scenario=/, "", s)
		variant[++v] = $0
		of[v] = s
	}
	function number(s, what)
	{
		return (s SUBSEP what) in value ? value[s, what] : "-"
	}
	END {
		for (i = 1; i <= n; i++) {
			s = name[i]
			if (s in busted || s == "watch" || number(s, "ops") + 0 == 0)
				continue
			told[s]
			line = "# run " s " state=" state[s] " seconds=" seconds[s] \
				" ops=" number(s, "ops") " exposure=" number(s, "exposure") \
				" first_race_ms=" number(s, "first_race_ms")
			m = split(kinds[s], kind, " ")
			for (j = 1; j <= m; j++)
				line = line " " kind[j] "=" number(s, "looks_" kind[j]) "/" \
					number(s, "exposure_" kind[j]) "/" number(s, "met_" kind[j]) \
					"/" number(s, "race_" kind[j])
			print line " parameters:" parameters
		}
		for (i = 1; i <= v; i++)
			if (of[i] in told)
				print "# run variant " variant[i]
	}'
	return 0
}

unload()
{
	tell
	"$RMMOD" vma_torture
}

# loaded_with PARAM=VALUE...: load, with a word about it if it fails.
loaded_with()
{
	load "$@" || no "insmod $*: $(cat "$tmp/insmod")"
}

# control WORDS: a command; the complaint goes to $tmp/control.
control()
{
	{ echo "$*" > "$D/control"; } 2> "$tmp/control"
}

# The scenarios of the module, once it is loaded: what a test starts. The watch has
# files as they have, and nobody starts it.
scenarios()
{
	for _f in "$D"/*/state; do
		_f=${_f%/state}
		[ "${_f##*/}" = watched ] || echo "${_f##*/}"
	done
}

# The kinds of race of scenario $1.
kinds()
{
	for _f in "$D/$1"/race_*; do
		echo "${_f##*/race_}"
	done
}

# What the module has by its description of the parameter "scenarios", joined by |:
# as much of each name as is left in that of a thread whose number is long.
_scenarios=$("$MODINFO" -p "$MODULE" | sed -n 's/^scenarios:.*(default all: \([a-z_ ]*\)).*/\1/p' |
	tr ' ' '\n' | cut -c1-9 | tr '\n' '|')
_scenarios=${_scenarios%|}
: "${_scenarios:?modinfo does not name the scenarios of $MODULE}"

# Threads of the module that exist, one name a line; whether it is loaded or not.
threads()
{
	cat /proc/[0-9]*/comm 2> /dev/null |
		grep -E "^(($_scenarios)[a-z_]*(_.*|/[0-9]+)|watch/[0-9]+|vma_torture.*)$"
}

# Process ids of the threads whose name begins with $1.
pids_of()
{
	for _f in /proc/[0-9]*/comm; do
		_comm=
		read -r _comm 2> /dev/null < "$_f"
		case $_comm in
		"$1"*) _f=${_f%/comm} && echo "${_f##*/}" ;;
		esac
	done
}

nothing_left()
{
	_left=
	[ ! -d /sys/module/vma_torture ] || _left="$_left module"
	[ ! -e "$D" ] || _left="$_left debugfs"
	[ ! -e /sys/kernel/tracing/events/vma_torture ] || _left="$_left tracepoints"
	_left="$_left$(threads | tr '\n' ' ')"
	[ -z "$_left" ] || no "left behind: $_left"
}

# kernel_below MAJOR MINOR: an older kernel than that.
kernel_below()
{
	_v=$(uname -r)
	_minor=${_v#*.}
	_minor=${_minor%%[!0-9]*}
	[ "${_v%%.*}" -lt "$1" ] || { [ "${_v%%.*}" = "$1" ] && [ "$_minor" -lt "$2" ]; }
}

# What this kernel is known to show, as scripts/known-races says with reasons. Where
# there is no such file nothing is known.
for _f in "$SELFTESTS/known-races" "$SELFTESTS/../scripts/known-races"; do
	[ -n "${KNOWN_RACES-}" ] || [ ! -r "$_f" ] || KNOWN_RACES=$_f
done
: "${KNOWN_RACES:=/dev/null}"

# kernel_version: as its stable branch numbers it: Debian's 6.1.0-56-amd64 is one of
# 6.1.192.
kernel_version()
{
	_v=$(sed -n 's/.* Debian \([0-9]*\.[0-9]*\.[0-9]*\).*/\1/p' /proc/version)
	echo "${_v:-$(uname -r)}"
}

# known_races SCENARIO KIND [FILE]: without FILE, is any race of this kind known
# here? With a copy of the file variants: are all that it has of this kind, and is
# there one? One that is not is said.
known_races()
{
	awk -v version="$(kernel_version)" -v race="$1/$2" -v variants="${3-}" '
	function number(text, part)
	{
		split(text, part, /[^0-9]/)
		return part[1] * 1000000 + part[2] * 1000
	}
	function patch(text, part)
	{
		split(text, part, /[^0-9]/)
		return part[3] + 0
	}
	# The ranges that scripts/vt/ledger.py reads.
	function holds(range, ends, n, low, high)
	{
		n = split(range, ends, "-")
		low = ends[1]
		if (n == 1)
			return number(low) == here
		if (low !~ /^[0-9]+\.[0-9]+\.[0-9]+$/)
			return number(low) <= here && here <= number(ends[2])
		high = ends[2] == "" ? 1000000 : patch(ends[2])
		return number(low) == here && patch(low) <= patch(version) &&
			patch(version) <= high
	}
	BEGIN { here = number(version) }
	FILENAME != variants {
		if (/^#/ || $2 != race)
			next
		n = split($1, range, ",")
		for (i = 1; i <= n; i++) {
			if (!holds(range[i]))
				continue
			split($0, word, "\"")
			pattern[++known] = word[2]
			next
		}
		next
	}
	{
		split($0, word, "\"")
		split(race, name, "/")
		if ($1 != "scenario=" name[1] || $2 != "kind=" name[2])
			next
		seen++
		for (i = 1; i <= known; i++)
			if (word[2] ~ pattern[i])
				next
		print "# not known here: " $0
		bad++
	}
	END { exit variants == "" ? !known : bad || !seen }
	' "$KNOWN_RACES" ${3:+"$3"}
}

# may_show SCENARIO KIND: is a race of this kind known here?
may_show()
{
	known_races "$1" "$2"
}

# only_known SCENARIO KIND: are all that were seen of this kind since the module was
# loaded or reset known here?
only_known()
{
	cat "$D/variants" > "$tmp/variants" && known_races "$1" "$2" "$tmp/variants"
}

# Before 6.12 a MAP_FIXED was a munmap() and an mmap(), and nothing promised
# that nobody sees what is between the two.
gap_is_expected()
{
	may_show map_fixed gap
}

# What dup_mmap() had not come to is left in the tree of a child whose fork failed.
remains_are_expected()
{
	may_show fork_fail xa_zero
}
