#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: every parameter takes what modinfo says it takes, and nothing else
# timeout: 180

# shellcheck source=selftests/lib.sh
. "${0%/*}/lib.sh"

numbers="duration nreaders nwriters nmms stat_interval stutter shuffle_interval
	onoff_interval hold_us seed stall_secs delay_interval_us delay_us"
switches="stop_on_race panic_on_race autostart verbose"
lists="scenarios busted ops"
chosen="nreaders nwriters nmms seed"	# 0 stands for a value of the module's

# set_range PARAM: $def, $least and $largest as modinfo has them.
set_range()
{
	# shellcheck disable=SC2046  # three words
	set -- $("$MODINFO" -F parm "$MODULE" | sed -n \
		"s/^$1:.*(default \([^,]*\), \([0-9]*\) to \([^)]*\)).*/\1 \2 \3/p")
	def=$1 least=$2 largest=$3
	[ "$largest" != U64_MAX ] || largest=18446744073709551615
}

explained()
{
	bad=0
	for p in $numbers $switches $lists; do
		text=$("$MODINFO" -F parm "$MODULE" | sed -n "s/^$p://p")
		case $p:$text in
		*:) note "modinfo does not know $p"; bad=1; continue ;;
		*default*) ;;
		*) note "$p: no default in '$text'"; bad=1 ;;
		esac
		case $p:$text in
		duration:*' in s'* | *_interval:*' in s'* | stutter:*' in s'* | \
			stall_secs:*' in s'* | *_us:*' in us'*) ;;
		duration:* | *_interval:* | stutter:* | stall_secs:* | *_us:*)
			note "$p: no unit in '$text'"
			bad=1
			;;
		esac
		case " $lists " in *" $p "*) continue ;; esac
		set_range "$p"
		[ -n "$largest" ] || { note "$p: no range in '$text'"; bad=1; }
	done
	# And nothing that is not in the contract, and so not tested here.
	all=$(echo "$numbers $switches $lists" | tr -s '\n\t' ' ')
	for p in $("$MODINFO" -F parm "$MODULE" | sed 's/:.*//'); do
		case " $all " in
		*" $p "*) ;;
		*) note "unexpected parameter $p"; bad=1 ;;
		esac
	done
	return $bad
}

# holds PARAM VALUE: it reads back.
holds()
{
	v=
	read -r v < "$P/$1" || :
	[ "$v" = "$2" ] || no "$1 reads '$v', not '$2'"
}

defaults()
{
	loaded_with autostart=0 || return
	bad=0
	for p in $numbers $switches; do
		set_range "$p"
		case " autostart $chosen " in *" $p "*) continue ;; esac
		holds "$p" "$def" || bad=1
	done
	for p in $chosen; do
		read -r v < "$P/$p"
		[ "$v" -gt 0 ] 2> /dev/null || [ "${#v}" -gt 18 ] || {
			note "$p=0 was not resolved: '$v'"
			bad=1
		}
	done
	unload
	return $bad
}

# One of the edges of every range at once; nothing is started.
edges()
{
	args=
	for p in $numbers $switches; do
		set_range "$p"
		[ "$1" = least ] && v=$least || v=$largest
		[ "$p" != autostart ] || v=0
		args="$args $p=$v"
	done
	# shellcheck disable=SC2086  # a list
	loaded_with $args || return
	bad=0
	for a in $args; do
		case " $chosen " in *" ${a%%=*} "*) [ "${a#*=}" != 0 ] || continue ;; esac
		holds "${a%%=*}" "${a#*=}" || bad=1
	done
	want verdict IDLE || bad=1
	unload
	return $bad
}

spellings()
{
	bad=0
	loaded_with autostart=n duration=0x10 stop_on_race verbose=on panic_on_race=Y ||
		return
	for a in autostart=0 duration=16 stop_on_race=1 verbose=1 panic_on_race=1; do
		holds "${a%%=*}" "${a#*=}" || bad=1
	done
	unload
	loaded_with autostart=off verbose=y scenarios= busted= ops= || return
	holds autostart 0 && holds verbose 1 && holds scenarios '' && holds ops '' || bad=1
	unload
	return $bad
}

# Every parameter in the line that starts a test and in the one that ends it.
echoed()
{
	args="duration=97 nreaders=3 nwriters=2 nmms=3 stat_interval=89 stutter=83
		shuffle_interval=79 onoff_interval=73 hold_us=7 seed=123456789
		stall_secs=71 stop_on_race=1 panic_on_race=0 autostart=1 verbose=1
		scenarios=map_fixed busted=map_fixed/stall
		ops=map_fixed/exact:8,map_fixed/inside,map_fixed/-file"
	# shellcheck disable=SC2086  # a list
	loaded_with $args || return
	bad=0
	for a in $args; do
		holds "${a%%=*}" "${a#*=}" || bad=1
	done
	unload
	own_log > "$tmp/log"
	start=$(grep -m 1 -e '--- Start of test: ' "$tmp/log")
	end=$(sed -n '/--- End of test: /,$p' "$tmp/log" | tr '\n' ' ')
	for a in $args "kernel=$(uname -r)"; do
		case "$start " in
		*" $a "*) ;;
		*) note "no $a in '$start'"; bad=1 ;;
		esac
	done
	for a in $args; do
		case "$end " in
		*" $a "*) ;;
		*) note "no $a in '$end'"; bad=1 ;;
		esac
	done
	return $bad
}

# refused PARAM VALUE WORD...: insmod says EINVAL, and one line of the log has
# the parameter, each WORD, and what is allowed. Nothing starts if it does not.
refused()
{
	arg=$1=$2
	if load autostart=0 "$arg"; then
		unload
		note "$arg was taken"
		return 1
	fi
	grep -q 'Invalid parameters' "$tmp/insmod" ||
		no "$arg: $(cat "$tmp/insmod")" || return
	own_log > "$tmp/log"
	[ "$(wc -l < "$tmp/log")" = 1 ] ||
		no "$arg: $(wc -l < "$tmp/log") lines in the log" || return
	read -r line < "$tmp/log"
	param=$1
	shift 2
	for w in "$param=" allowed "$@"; do
		case $line in
		*"$w"*) ;;
		*) no "$arg: no '$w' in '$line'" || return ;;
		esac
	done
	if [ -d /sys/module/vma_torture ] || [ -e "$D" ]; then
		no "$arg: module or debugfs is still there"
	fi
}

# All of them are read by one function: the first sees every spelling, the
# others what is their own.
bad_number()
{
	set_range "$1"
	p=$1
	bad=0
	set -- '' rubbish -1
	case $p in
	duration) set -- "$@" 7x 0x 1.5 99999999999999999999 ;;
	seed) set -- "$@" 18446744073709551616 ;;
	*_on_race | autostart | verbose) set -- "$@" 2 ;;
	esac
	[ "$least" = 0 ] || set -- "$@" $((least - 1))
	# Beyond what the shell can count there is only what was added above.
	[ "$p" = seed ] || set -- "$@" $((largest + 1))
	for v; do
		refused "$p" "$v" "$p=$v" "$least" "$largest" || bad=1
	done
	nothing_left && return $bad
}

bad_scenarios()
{
	bad=0
	for v in nonsense nonsense,map_fixed MAP_FIXED map_fixe map_fixedx; do
		refused scenarios "$v" "scenarios=$v" map_fixed || bad=1
	done
	for v in map_fixed,nonsense map_fixed/gap map_fixed/ 'map_fixed,' ',map_fixed' ','; do
		refused scenarios "$v" "scenarios=$v:" map_fixed || bad=1
	done
	nothing_left && return $bad
}

bad_busted()
{
	bad=0
	for v in nonsense map_fixed/nonsense map_fixed/gap/gap /gap; do
		refused busted "$v" "busted=$v" map_fixed || bad=1
	done
	for v in map_fixed/gap,map_fixed/ga map_fixed/ 'map_fixed/gap,'; do
		refused busted "$v" "busted=$v:" map_fixed || bad=1
	done
	nothing_left && return $bad
}

# Each is said with what is allowed: the scenarios, or the names of one.
bad_ops()
{
	bad=0
	for v in nonsense nonsense/exact map_fixe/exact map_fixedx/exact watch/exact \
		MAP_FIXED/exact /exact ',' 'map_fixed/exact,' map_fixed/exact,,map_fixed/inside; do
		refused ops "$v" "ops=$v:" "map_fixed,vma_lock" || bad=1
	done
	for v in map_fixed map_fixed/ map_fixed/- map_fixed/exac map_fixed/exactx \
		map_fixed/mremap map_fixed/exact/gap map_fixed/-nonsense; do
		refused ops "$v" "ops=$v: no such operation" "dozens,whole,sparse" anon,shmem,file || bad=1
	done
	for v in map_fixed/exact:0 map_fixed/exact: map_fixed/exact:x map_fixed/exact:-1 \
		map_fixed/exact:1001 map_fixed/exact:0x10 map_fixed/-exact:2 \
		map_fixed/exact:4294967297; do
		refused ops "$v" "ops=$v: no weight from 1 to 1000" "dozens,whole,sparse" || bad=1
	done
	# The one that is wrong, of several.
	refused ops map_fixed/exact,vma_lock/mremap:8,vma_lock/nonsense,fork_fail/dup \
		"ops=vma_lock/nonsense:" munmap,map_fixed,mprotect || bad=1
	for v in map_fixed/exact,map_fixed/-exact fork_fail/-rmap,fork_fail/-slot; do
		refused ops "$v" "ops=$v: nothing is left to do" || bad=1
	done
	nothing_left && return $bad
}

# Two at once: still one line.
two_bad()
{
	if load nreaders=-1 scenarios=nonsense; then
		unload
		no "they were taken" || return
	fi
	lines=$(own_log | wc -l)
	[ "$lines" = 1 ] || no "$lines lines in the log"
}

# shellcheck disable=SC2086  # words
set -- $numbers $switches
begin $((7 + $# + 3))

check "modinfo explains each parameter" explained
check "defaults are what modinfo says" defaults
check "smallest values" edges least
check "largest values" edges largest
check "other spellings of numbers and switches" spellings
check "parameters in the log at start and end" echoed
for p; do
	check "bad values of $p" bad_number "$p"
done
check "bad values of scenarios" bad_scenarios
check "bad values of busted" bad_busted
check "bad values of ops" bad_ops
check "two bad values, one complaint" two_bad

ktap_finished
