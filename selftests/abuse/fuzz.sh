#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: odd reads of every file, random bytes in every file and parameter, read while the module goes
# timeout: 480
#
# ABUSE=N: N times as many of each.

# shellcheck source=selftests/lib_abuse.sh
. "${0%/*}/../lib_abuse.sh"

sizes="1 2 3 7 64 511 4095 4097 65536"

files()
{
	find "$D" -type f ! -name control
}

# in_pieces FILE SIZE FROM: read so, from block FROM on, it is what it is.
in_pieces()
{
	dd if="$1" bs="$2" skip="$3" 2> "$tmp/dd" > "$tmp/pieces" ||
		no "$1: dd bs=$2 skip=$3: $(cat "$tmp/dd")" || return
	tail -c +$(($2 * $3 + 1)) "$tmp/whole" | cmp -s - "$tmp/pieces" ||
		no "$1: by $2 bytes from $(($2 * $3)) on it is another"
}

# At rest each read is like the one before.
odd_reads()
{
	loaded_with busted=map_fixed/gap || return
	wait_for "$patience" above map_fixed/races 20 || no "no races" || return
	goes_on && control stop || return
	files > "$tmp/files"
	nr=$(wc -l < "$tmp/files")
	n=0
	for f in verdict summary races watch map_fixed/state; do
		cat "$D/$f" > "$tmp/whole"
		for s in $sizes; do
			# In small pieces, no more than a page.
			[ "$s" -gt 7 ] || [ "$(wc -c < "$tmp/whole")" -lt 4096 ] || continue
			below 3
			in_pieces "$D/$f" "$s" "$drawn" || return
			n=$((n + 1))
		done
	done
	# shellcheck disable=SC2086  # a list
	set -- $sizes
	while [ $n -lt $((60 * factor)) ]; do
		below "$nr"
		f=$(sed -n "$((drawn + 1))p" "$tmp/files")
		below $#
		eval "s=\${$((drawn + 1))}"
		below 3
		cat "$f" > "$tmp/whole"
		in_pieces "$f" "$s" "$drawn" || return
		n=$((n + 1))
	done
	note "$n reads of $nr files"
	unload
}

# fuzz N KIND: lines of random bytes for printf, 1 before those that are legal.
fuzz()
{
	awk -v n="$1" -v kind="$2" -v seed="$seed" -v scenarios="$all" -v pid="$$" '
	function rnd(n) { return int(rand() * n) }
	# What control takes: kernel.h and ctype.h have no-break spaces, too.
	function legal(i, t, c) {
		if (len > 256)
			return 0
		t = ""
		for (i = 0; i < len; i++) {
			c = byte[i]
			t = t (c == 32 || c == 9 ? " " : \
			       (c > 9 && c < 14) || c == 160 ? "\n" : \
			       c > 32 && c < 127 ? sprintf("%c", c) : "\001")
		}
		gsub(/^[ \n]+|[ \n]+$/, "", t)
		return t ~ "^(stop|reset|start( [ \n]*" list ")?)$"
	}
	function put(text, i) {
		for (len = 0; len < length(text); len++)
			byte[len] = code[substr(text, len + 1, 1)]
	}
	function edit(at, how, i) {
		at = rnd(len)
		how = rnd(4)
		if (how == 0) {
			byte[at] = rnd(3) ? 32 + rnd(95) : rnd(256)
		} else if (how == 1 && len > 1) {
			for (i = at; i < len - 1; i++)
				byte[i] = byte[i + 1]
			len--
		} else if (how == 2) {
			for (i = len; i > at; i--)
				byte[i] = byte[i - 1]
			len++
			byte[at] = rnd(2) ? 32 : rnd(256)
		} else if (len > 1) {
			len = 1 + rnd(len)
		}
	}
	BEGIN {
		srand(seed)
		for (i = 1; i < 128; i++)
			code[sprintf("%c", i)] = i
		ns = split(scenarios, name, /[ \n]+/)
		one = "(" name[1]
		for (i = 2; i <= ns; i++)
			one = one "|" name[i]
		one = one ")"
		list = one "(," one ")*"
		m = 0
		if (kind == "watch") {
			w[m++] = pid; w[m++] = pid " 1000-2000"; w[m++] = "stop"
			w[m++] = "stop " pid; w[m++] = "1 400000-401000"
			w[m++] = pid " 0x10000-0xffff0000"; w[m++] = "4194304"
		} else {
			w[m++] = "start"; w[m++] = "stop"; w[m++] = "reset"
			for (i = 1; i <= ns; i++)
				w[m++] = "start " name[i]
			w[m++] = "start " name[1] "," name[ns]
		}
		while (n--) {
			if (rnd(3) == 0) {
				len = rnd(8) ? 1 + rnd(40) : 100 + rnd(220)
				for (i = 0; i < len; i++)
					byte[i] = rnd(256)
			} else {
				put(w[rnd(m)])
				for (k = rnd(4); k > 0; k--)
					edit()
			}
			line = (kind == "watch" ? "-" : legal()) " "
			for (i = 0; i < len; i++)
				line = line sprintf("\\%03o", byte[i])
			print line
		}
	}'
	below 2	# the next ones are others
}

# What it was, for those who read of it.
say()
{
	note "$(printf '%s' "$2" | cut -c1-200): $1"
}

# What is no word is refused in one line; what is one is obeyed, if it can be.
control_fuzz()
{
	fuzz $((100 * factor)) control > "$tmp/lines"
	loaded_with autostart=0 || return
	refused=0
	taken=0
	while read -r ok line; do
		# Bytes, each by its number; cat says why a write failed.
		# shellcheck disable=SC2059
		if printf "$line" | cat > "$D/control" 2> "$tmp/control"; then
			taken=$((taken + 1))
			[ "$ok" = 1 ] || { say "was taken" "$line"; return 1; }
		elif [ "$ok" = 1 ]; then
			grep -q 'resource busy' "$tmp/control" ||
				{ say "$(cat "$tmp/control")" "$line"; return 1; }
		else
			refused=$((refused + 1))
			grep -q 'Invalid argument' "$tmp/control" ||
				{ say "$(cat "$tmp/control")" "$line"; return 1; }
		fi
	done < "$tmp/lines"
	note "$refused refused, $taken taken"
	[ "$refused" -gt 0 ] && [ $taken -gt 0 ] || return
	control stop
	[ "$(own_log | grep -c 'vma_torture: control: bad .*: allowed are ')" = $refused ] ||
		no "$(own_log | grep -c 'control: bad') lines about it" || return
	one_line_each
}

# Nothing of ours that is not one of these: nobody can write lines of his own.
one_line_each()
{
	own_log | grep -vE 'vma_torture: (control: bad|watch: |fork_fail: |[a-z_]+: .* leaks.*: left out from here on|--- |scenarios=|RACE |  [a-z])' \
		> "$tmp/other"
	[ ! -s "$tmp/other" ] || no "$(head -n 1 "$tmp/other")"
}

# A process that there is may be watched, others may not.
watch_fuzz()
{
	fuzz $((100 * factor)) watch > "$tmp/lines"
	loaded_with autostart=0 || return
	refused=0
	taken=0
	while read -r _ line; do
		# shellcheck disable=SC2059
		if printf "$line" | cat > "$D/watch" 2> "$tmp/watch"; then
			taken=$((taken + 1))
			# shellcheck disable=SC2059
			printf "$line" | tr -s '\n\t\v\f\r\240' ' ' | grep -qE \
				'^ ?([0-9]+( [0-9A-Fa-fXx]+-[0-9A-Fa-fXx]+)?|stop( [0-9]+)?) ?$' ||
				{ say "was taken" "$line"; return 1; }
		else
			refused=$((refused + 1))
			grep -qE 'Invalid argument|No such process' "$tmp/watch" ||
				{ say "$(cat "$tmp/watch")" "$line"; return 1; }
		fi
	done < "$tmp/lines"
	note "$refused refused, $taken taken"
	[ "$refused" -gt 0 ] && [ $taken -gt 0 ] || return
	[ "$(own_log | grep -c 'vma_torture: watch: ')" = $refused ] ||
		no "$(own_log | grep -c 'watch: ') lines about it" || return
	one_line_each && odd_name && unload && nothing_left
}

# A process may be called what it likes to be; it has one line all the same.
odd_name()
{
	name=$(printf 'a b\nstate=x')
	# shellcheck disable=SC2016  # for that script
	printf '#!/bin/sh\nkill -STOP $$\n' > "$tmp/$name"
	chmod +x "$tmp/$name"
	"$tmp/$name" &
	odd=$!
	rc=0
	wait_for "$patience" grep -q '^state=x' "/proc/$odd/comm" || no "no such process" || rc=1
	{ echo $odd > "$D/watch"; } 2> "$tmp/watch" || no "$(cat "$tmp/watch")" || rc=1
	grep -v '^pid=[0-9]* comm=[^ ]* state=[a-z]* range=' "$D/watch" && rc=1
	grep -q "^pid=$odd comm=a.040b.012state=x state=" "$D/watch" ||
		no "$(grep -A 1 "^pid=$odd" "$D/watch")" || rc=1
	kill -KILL $odd
	wait $odd 2> /dev/null
	return $rc
}

# None but those two is written to, whatever its mode is said to be.
read_only()
{
	loaded_with || return
	fuzz 50 control | cut -d' ' -f2- > "$tmp/lines"
	files | grep -v '/watch$' > "$tmp/files"
	echo "$P"/* | tr ' ' '\n' >> "$tmp/files"
	cat "$P"/* > "$tmp/params"
	# Random ones for some, the others get by with a digit.
	while read -r f && { read -r line <&3 || line='\061'; }; do
		case $f in "$P"/*) chmod u+w "$f" ;; esac
		# shellcheck disable=SC2059
		if { printf "$line" > "$f"; } 2> /dev/null; then
			no "$f was written to" || return
		fi
	done < "$tmp/files" 3< "$tmp/lines"
	cat "$P"/* | cmp -s - "$tmp/params" || no "parameters have changed" || return
	for f in "$P"/*; do
		cat "$f" > "$tmp/whole"
		below 3
		in_pieces "$f" $((drawn + 1)) "$drawn" || return
	done
	note "$(wc -l < "$tmp/files") files"
	goes_on && control stop && no_new_race
}

# No bytes that end an argument; quotes and blanks are the kernel's to parse.
param_values()
{
	awk -v n="$1" -v seed="$seed" '
	function rnd(n) { return int(rand() * n) }
	BEGIN {
		srand(seed)
		m = split("duration nreaders nwriters nmms stat_interval stutter " \
			"shuffle_interval onoff_interval hold_us seed stall_secs stop_on_race " \
			"panic_on_race verbose scenarios busted ops", name)
		while (n--) {
			line = name[1 + rnd(m)] "="
			kind = rnd(5)
			# Two of five are numbers, and most of those are allowed.
			len = kind < 2 ? 1 + rnd(4) : rnd(6) ? 1 + rnd(12) : 1000 + rnd(100)
			for (i = 0; i < len; i++)
				if (kind < 2)
					line = line sprintf("\\%03o", 48 + rnd(10))
				else if (kind == 2)
					line = line sprintf("\\%03o", 32 + rnd(95))
				else
					line = line sprintf("\\%03o", 1 + rnd(255))
			print line
		}
	}'
	below 2
}

# Taken as a value that is allowed, or refused in one line with nothing left.
params_fuzz()
{
	param_values $((30 * factor)) > "$tmp/lines"
	refused=0
	taken=0
	while read -r line; do
		# A dot keeps newlines at the end, and goes.
		# shellcheck disable=SC2059
		v=$(printf "$line.")
		v=${v%.}
		if load autostart=0 "$v"; then
			taken=$((taken + 1))
			if want verdict IDLE && in_range && unload; then
				continue
			fi
			say "was taken" "$line"
			return 1
		fi
		refused=$((refused + 1))
		grep -qE 'Invalid parameters|Invalid argument|No space left' "$tmp/insmod" ||
			{ say "$(cat "$tmp/insmod")" "$line"; return 1; }
		own_log | grep -v 'unknown parameter' > "$tmp/log"
		[ "$(wc -l < "$tmp/log")" = 1 ] ||
			{ say "$(wc -l < "$tmp/log") lines: $(head -n 2 "$tmp/log")" "$line"; return 1; }
		nothing_left || return
	done < "$tmp/lines"
	note "$refused refused, $taken taken"
	[ $refused -gt 0 ] && [ $taken -gt 0 ]
}

in_range()
{
	for p in duration nreaders nwriters nmms stat_interval stutter shuffle_interval \
		onoff_interval hold_us stall_secs stop_on_race panic_on_race verbose; do
		read -r v < "$P/$p"
		# No parameter goes further than a year of seconds.
		[ "$v" -ge 0 ] && [ "$v" -le 31536000 ] || no "$p is '$v'" || return
	done
}

# One of the files, by one of the ways.
read_somehow()
{
	below 8
	case $drawn in
	0) dd if="$f" bs=3 count=50 of=/dev/null ;;
	[1-3]) dd if="$f" bs=4095 of=/dev/null ;;
	[4-6]) read -r _ < "$f" ;;
	7) echo start > "$D/control" || [ -e "$D/control" ] ;;
	esac 2> /dev/null
}

# Reads of anything, all the time; how many there were, and how many came when it
# was not there.
reader()
{
	seed=$1
	# shellcheck disable=SC2046  # a list
	set -- $(cat "$tmp/files")
	good=0
	late=0
	while [ -e "$tmp/go" ]; do
		below $#
		eval "f=\${$((drawn + 1))}"
		if read_somehow; then
			good=$((good + 1))
			echo >> "$tmp/reads"
		else
			late=$((late + 1))
			wait_for 2 [ -e "$D/verdict" ]
		fi
		below 4
		[ $drawn != 0 ] || sleep 0.02
	done
	echo "$good $late" > "$tmp/reader.$seed"
}

removed_in_mid_read()
{
	loaded_with busted=map_fixed/gap || return
	files > "$tmp/files"
	: > "$tmp/go"
	: > "$tmp/reads"
	pids=
	for i in 1 2 3; do
		reader $((seed + i)) 2> /dev/null &
		pids="$pids $!"
	done
	n=0
	rc=0
	# A fast host goes and comes five times before there were so many reads.
	while [ $rc = 0 ] && { [ $n -lt $((5 * factor)) ] ||
		{ [ "$(wc -l < "$tmp/reads")" -le 50 ] && [ $n -lt $((50 * factor)) ]; }; }; do
		n=$((n + 1))
		wait_for "$patience" above map_fixed/ops $((300 / slow)) || no "no operations" || rc=1
		wait_for "$patience" "$RMMOD" vma_torture 2> "$tmp/rmmod" ||
			no "no moment in $patience s: $(cat "$tmp/rmmod")" || rc=1
		[ $rc != 0 ] || "$INSMOD" "$MODULE" busted=map_fixed/gap 2> "$tmp/insmod" ||
			no "insmod: $(cat "$tmp/insmod")" || rc=1
	done
	rm "$tmp/go"
	# shellcheck disable=SC2086  # a list
	wait $pids
	cat "$tmp"/reader.* | awk -v rounds=$n '{ good += $1; late += $2 } END {
		print "# " good " reads and " late " that found nothing, in " rounds " rounds"
		exit !(good > 50 && late)
	}' && [ $rc = 0 ] || return
	unload
}

abuse 6

check "reads of odd sizes" odd_reads
check "random bytes in control" control_fuzz
check "random bytes in watch" watch_fuzz
check "random bytes in all other files" read_only
check "random bytes as parameters" params_fuzz
check "read while the module goes and comes" removed_in_mid_read
abuse_ends
