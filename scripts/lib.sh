# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034  # most is for those who source this
#
# What the scripts share: where things are, messages, exit codes, clean-up,
# and root.  Sourced, never run.  What is judged is judged by scripts/judge.

set -u -o pipefail

# Exit codes of every script.
EX_OK=0 EX_RACE=1 EX_BROKEN=2 EX_KERNEL=3 EX_SKIP=4

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PROG=scripts/$(basename "$0")
# Everything that is fetched, built or run lives below here.
VT_BUILD=${VT_BUILD:-$TOP/build}
case $VT_BUILD in /*) ;; *) VT_BUILD=$TOP/$VT_BUILD ;; esac
ROOT=$VT_BUILD/root-trixie
# 7 is the newest 7.x there is, see scripts/kernels.
DEFAULT_KERNELS="6.1 6.12 7"
export VT_BUILD

# Progress goes to stderr, results to stdout.
say() { printf '%s: %s\n' "${PROG#scripts/}" "$*" >&2; }
die() { say "$*"; exit "$EX_BROKEN"; }

usage_error() { say "$* (see $PROG --help)"; exit "$EX_BROKEN"; }

# Neither kbuild nor make can live with these, nor does a root shell get to see them.
for _dir in "$TOP" "$VT_BUILD"; do
	case $_dir in
	*[[:space:]:\'\"\`\$\\\&\;\#\*\?\(\)\<\>\|]*)
		die "'$_dir': vma_torture cannot live in a path with blanks, colons or other signs that make or a shell takes apart" ;;
	esac
done

# make_build: the directory that everything goes to, with a mark by which `make
# distclean` knows that it is ours to remove.
MARK=.vma_torture
make_build()
{
	local owner
	if [ ! -e "$VT_BUILD/$MARK" ]; then
		mkdir -p "$VT_BUILD" 2> /dev/null || [ -d "$VT_BUILD" ] || die "cannot make $VT_BUILD"
		# The one in this tree is ours, made by older versions of this or not.
		if [ "$VT_BUILD" != "$TOP/build" ] && [ -n "$(ls -A "$VT_BUILD")" ]; then
			die "VT_BUILD=$VT_BUILD holds something else: name a directory that is empty or not there"
		fi
	fi
	owner=$(stat -c %U "$VT_BUILD")
	if [ ! -w "$VT_BUILD" ] || { [ -e "$VT_BUILD/locks" ] && [ ! -w "$VT_BUILD/locks" ]; }; then
		[ -w "$VT_BUILD" ] || die "$VT_BUILD belongs to $owner: chown -R it, or set VT_BUILD="
		die "$VT_BUILD/locks belongs to $(stat -c %U "$VT_BUILD/locks"): chown -R $VT_BUILD, or set VT_BUILD="
	fi
	if [ ! -e "$VT_BUILD/$MARK" ]; then
		{
			printf '%s\n' 'Signature: 8a477f597d28d172789f06886806bc55' \
				'# Made by vma_torture; not worth a backup.' > "$VT_BUILD/CACHEDIR.TAG" &&
				echo 'make distclean removes this directory' > "$VT_BUILD/$MARK"
		} || die "cannot write to $VT_BUILD"
	fi
}

# The megabytes that are left for build/.
free_space()
{
	df -Pm "$VT_BUILD" 2> /dev/null | awk 'NR == 2 { print $4 }'
}

# want_space MB WHAT [take]: a full disk is said before, not found out in the middle.
want_space()
{
	local free
	free=$(free_space)
	case $free in '' | *[!0-9]*) return 0 ;; esac
	[ "$free" -ge "$1" ] ||
		die "the disk of $VT_BUILD has $free MB left, and $2 ${3:-takes} $1: make room (make clean-runs), or set VT_BUILD="
}

# Where runs are kept: build/runs, if no script that runs others says another place.
runs_dir()
{
	echo "${VT_RUNS:-$VT_BUILD/runs}"
}

# run_dir NAME: a new directory there that no other run has.
run_dir()
{
	make_build
	mkdir -p "$(runs_dir)" || exit "$EX_BROKEN"
	mktemp -d --suffix="-$1" "$(runs_dir)/$(date +%Y%m%d-%H%M%S)-XXXX" ||
		die "cannot make a directory in $(runs_dir)"
}

# Take the comment block between "#:" marks at the head of a script as its help.
show_help()
{
	sed -n 's/^#: \{0,1\}//p' "$TOP/$PROG"
}

# at_exit COMMAND: run it when this shell ends, however it ends; last in, first
# out.  Commands see the exit status as they would in a plain trap.
_at_exit=() _at_exit_of=
_run_at_exit()
{
	local i
	for ((i = ${#_at_exit[@]} - 1; i >= 0; i--)); do
		eval "${_at_exit[i]}"
	done
}
at_exit()
{
	# A subshell inherits none of the traps, and nothing to run.
	if [ "$_at_exit_of" != "$BASHPID" ]; then
		_at_exit=() _at_exit_of=$BASHPID
		trap _run_at_exit EXIT
		trap 'exit 130' INT
		trap 'exit 143' TERM
		trap 'exit 129' HUP
	fi
	_at_exit+=("$1")
}

# children_of PID: all that it began and that is still there, however far down.
children_of()
{
	cat /proc/[0-9]*/stat 2> /dev/null | awk -v top="$1" '
	{
		pid = $1
		# The name may have anything in it.
		sub(/^.*\) /, "")
		parent[pid] = $2
	}
	END {
		for (p in parent) {
			for (q = parent[p]; q in parent && q != top; q = parent[q])
				;
			if (q == top)
				print p
		}
	}'
}

# interruptible COMMAND...: run it in a subshell that this shell waits for, as it acts
# upon a signal only when what runs in the foreground has ended, hours later.  At such
# an end all that COMMAND began is ended too, and its temporary files are removed.  Does
# not return: what the script's file holds by then may have been edited meanwhile.
_child=
interruptible()
{
	local rc
	_private_tmp=$(mktemp -d) || exit "$EX_BROKEN"
	# Some tests look into theirs as another user.
	chmod 755 "$_private_tmp"
	at_exit _end_child
	# What runs in the background would ignore the keyboard's signals.
	{
		trap - INT QUIT
		export TMPDIR=$_private_tmp
		"$@"
	} &
	_child=$!
	wait "$_child"
	rc=$?
	_child=
	# Told outright, shellcheck takes all that COMMAND calls for dead.
	eval 'exit "$rc"'
}

_end_child()
{
	local pids i
	if [ -n "$_child" ]; then
		pids="$_child $(children_of "$_child" | xargs)"
		# shellcheck disable=SC2086  # words
		kill -TERM $pids 2> /dev/null
		for ((i = 0; i < 100; i++)); do
			# shellcheck disable=SC2086
			kill -0 $pids 2> /dev/null || break
			sleep 0.1
		done
		# shellcheck disable=SC2086
		kill -KILL $pids 2> /dev/null
		wait "$_child" 2> /dev/null
	fi
	rm -rf "$_private_tmp"
}

# Not every shell expands the ~ of `make VAR=~/x`.
home_path()
{
	# shellcheck disable=SC2088  # as it was given
	case $1 in
	'~/'*) printf '%s\n' "$HOME/${1#'~/'}" ;;
	*) printf '%s\n' "$1" ;;
	esac
}

# A number above 0, or a message that names the option.
want_number()
{
	case $2 in
	'' | *[!0-9]* | 0) usage_error "$1 wants a number above 0, not '$2'" ;;
	esac
}

# A seed: a number of 64 bits above 0, or a message that names the option.
want_seed()
{
	case $2 in
	'' | *[!0-9]* | 0*) ;;
	*)
		# As long as the largest, they sort as strings.
		[ ${#2} -ge 20 ] || return 0
		# shellcheck disable=SC2071
		[ ${#2} -gt 20 ] || ! [[ $2 < 18446744073709551616 ]] || return 0
		;;
	esac
	usage_error "$1 wants a seed, a number from 1 to 18446744073709551615, not '$2'"
}

# as_root WHY COMMAND...: run it as root, through sudo where needed, saying so.
as_root()
{
	local why=$1
	shift
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo > /dev/null; then
		say "root needed $why: sudo $*"
		sudo --preserve-env=http_proxy,https_proxy,ftp_proxy,no_proxy -- "$@"
	else
		die "root needed $why, and there is no sudo; as root run: $*"
	fi
}

# remove_root DIR: a root that was made below build/, as root; nothing that is mounted
# in it, where the host's own /dev may be, is ever gone into.
remove_root()
{
	local dir mounted
	dir=$(readlink -f "$1")
	mounted=$(awk -v dir="$dir/" 'index($5 "/", dir) == 1 { print $5; exit }' /proc/self/mountinfo)
	[ -z "$mounted" ] ||
		die "$mounted is mounted: umount it first, then $1 can be removed"
	as_root "to remove $1" rm -rf --one-file-system "$1" || die "cannot remove $1"
}

# lock NAME: one of us at a time; waits, and says whom for.
declare -A _locks=()
lock()
{
	make_build
	mkdir -p "$VT_BUILD/locks"
	local fd
	if [ -e "$VT_BUILD/locks/$1" ] && [ ! -w "$VT_BUILD/locks/$1" ]; then
		die "$VT_BUILD/locks/$1 belongs to $(stat -c %U "$VT_BUILD/locks/$1"): chown -R $VT_BUILD, or set VT_BUILD="
	fi
	exec {fd}> "$VT_BUILD/locks/$1" || die "cannot write to $VT_BUILD/locks"
	_locks[$1]=$fd
	flock -n "$fd" && return
	say "waiting for another run that holds $VT_BUILD/locks/$1"
	flock "$fd"
}

# debian_base SUITE: the base address of a suite of Debian: DEBIAN_SECURITY for the
# security suites and DEBIAN_MIRROR for the others, or what this host's own Debian
# suites come from.  For mmdebstrap and apt.
debian_base()
{
	local suite=$1 kind=main var=DEBIAN_MIRROR found
	case $suite in *-security) kind=security var=DEBIAN_SECURITY ;; esac
	found=${!var-}
	# Third parties have suites of these names too, but neither all of them, nor do
	# they say that they are Debian.
	# shellcheck disable=SC2016  # apt's variables
	[ -n "$found" ] || found=$({
		apt-get indextargets 'Created-By: Packages' 'Origin: Debian' \
			--format '9 $(REPO_URI) $(RELEASE)' 2> /dev/null
		apt-get --print-uris update 2> /dev/null |
			sed -n "s|^'\(.*/\)dists/\([^/]*\)/InRelease'.*|1 \1 \2|p"
	} | awk -v kind=$kind '
		$2 !~ /^(cdrom|file):/ &&
		$3 ~ /^(bookworm|trixie|forky|duke|sid|(old)*stable|testing|unstable)(-updates|-backports|-security)?$/ &&
		($3 ~ /-security$/) == (kind == "security") {
			if (!($2 in n))
				order[++many] = $2
			n[$2] += $1
		}
		END {
			for (i = 1; i <= many; i++)
				if (n[order[i]] > n[best])
					best = order[i]
			sub(/\/$/, "", best)
			print best
		}')
	[ -n "$found" ] ||
		die "this host's apt sources have no address of Debian's suite $suite: set $var=, to the address of one that has it"
	printf '%s\n' "$found"
}

# unlock NAME: what lock() took.
unlock()
{
	local fd=${_locks[$1]}
	exec {fd}>&-
	unset "_locks[$1]"
}

# version_lt A B: A sorts before B as versions do.
version_lt()
{
	[ "$1" != "$2" ] &&
		[ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]
}

# The host's glibc is at least the one that 7.x's build tools were linked with.
glibc_is_new()
{
	! version_lt "$(getconf GNU_LIBC_VERSION | cut -d' ' -f2)" 2.38
}

host_qemu_major()
{
	qemu-system-x86_64 --version 2> /dev/null |
		sed -n 's/^QEMU emulator version \([0-9]*\).*/\1/p'
}

# qemu ARGS...: QEMU 10 or newer, the host's or the private root's; the
# latter runs through the root's own dynamic loader and needs no chroot.
# qemu_command leaves the words in $QEMU and the major version in $QEMU_MAJOR.
qemu_command()
{
	local lib=$ROOT/usr/lib/x86_64-linux-gnu
	QEMU_MAJOR=$(host_qemu_major)
	if [ "${QEMU_MAJOR:-0}" -ge 10 ]; then
		QEMU=(qemu-system-x86_64)
	elif [ -e "$ROOT/.complete" ] && [ -x "$ROOT/usr/bin/qemu-system-x86_64" ]; then
		QEMU=("$lib/ld-linux-x86-64.so.2" --library-path "$lib"
			"$ROOT/usr/bin/qemu-system-x86_64"
			-L "$ROOT/usr/share/qemu" -L "$ROOT/usr/share/seabios")
		QEMU_MAJOR=$("${QEMU[@]}" --version 2> /dev/null |
			sed -n 's/^QEMU emulator version \([0-9]*\).*/\1/p')
	elif [ -n "$QEMU_MAJOR" ]; then
		say "QEMU $QEMU_MAJOR is older than 10: it can break a guest's run-time patching"
		QEMU=(qemu-system-x86_64)
	else
		die "no QEMU; run scripts/prepare"
	fi
}

# qemu_counts: after qemu_command; deterministic guests want a QEMU that can
# count instructions.  Its version is left in $QEMU_VERSION.
qemu_counts()
{
	local said
	QEMU_VERSION=$("${QEMU[@]}" --version 2> /dev/null | sed -n 's/^QEMU emulator version //p')
	[ "${QEMU_MAJOR:-0}" -ge 10 ] ||
		die "deterministic guests want QEMU 10 or newer, this is $QEMU_VERSION"
	said=$("${QEMU[@]}" -nodefaults -display none -machine none -S -monitor stdio \
		-accel tcg,thread=single -icount shift=2,sleep=off <<< quit 2>&1 > /dev/null) ||
		die "this QEMU cannot count instructions: $(printf '%s\n' "$said" | tail -n 1)"
}

# enters_root: this user may chroot in a user namespace of its own, where it is root
# and its files stay its own; no other right is needed for that.
enters_root()
{
	unshare --map-root-user true 2> /dev/null
}

# in_root DIR COMMAND...: run it in the private trixie root as this user.
in_root()
{
	local enter
	if [ "$(id -u)" != 0 ] && enters_root; then
		enter=(unshare --map-root-user chroot)
	else
		enter=(as_root "to chroot into $ROOT, as this system lets no user have a namespace" \
			chroot --userspec="$(id -u):$(id -g)")
	fi
	# shellcheck disable=SC2016  # the inner shell's
	"${enter[@]}" "$ROOT" /usr/bin/env -i PATH=/usr/bin:/usr/sbin HOME=/tmp LC_ALL=C \
		sh -c 'cd "$0" && exec "$@"' "$@"
}

# A field of a kernel fetched by scripts/kernels: release, version, ...
kernel_info()
{
	sed -n "s/^$2=//p" "$VT_BUILD/kernels/$1/info" 2> /dev/null
}

# build_tree SOURCE OBJECTS: build the kernel that is checked out in SOURCE, configured
# in OBJECTS; if it does not build, say why.
build_tree()
{
	local log=$2/build.log
	if make -C "$1" O="$2" olddefconfig > "$log" 2>&1 &&
		make -C "$1" O="$2" -j"$(nproc)" bzImage modules >> "$log" 2>&1; then
		return
	fi
	say "does not build: $(grep -m 1 'error:' "$log" || tail -n 1 "$log")"
	return 1
}

# get_kernels: fetch or build what KERNELS names, or the defaults, with $kernel_options
# of scripts/kernels.  Sets $kernels to the names of those that are there, with
# 7 resolved, and $no_kernels to lines "name, tab, why" for those that are not to be had.
kernel_options=()
get_kernels()
{
	local lines l rc=0
	# shellcheck disable=SC2086  # a list of words
	lines=$("$TOP/scripts/kernels" ${kernel_options[@]+"${kernel_options[@]}"} ${KERNELS:-}) || rc=$?
	case $rc in 0 | "$EX_SKIP") ;; *) exit "$EX_BROKEN" ;; esac
	kernels=() no_kernels=()
	while IFS= read -r l; do
		case $l in
		'') ;;
		*$'\t'*) no_kernels+=("$l") ;;
		*) kernels+=("$l") ;;
		esac
	done <<< "$lines"
}

# A kernel that watches itself is several times as slow, above all emulated.
watches_itself()
{
	grep -qsE '^CONFIG_(PROVE_LOCKING|KASAN|KCSAN)=y' "$(kernel_info "$1" config)"
}

# status_of DIR FIELD: of what scripts/vm left there: outcome, rc, retries, line.
status_of()
{
	sed -n "s/^$2=//p" "$1/status" 2> /dev/null
}

# scenario_names: all that the module has, a line each.
scenario_names() { sed -n 's/^\tX(\([a-z_]*\)).*/\1/p' "$TOP/scenarios.h"; }

# identity_of DIR FIELD: of what a deterministic guest of scripts/vm depends on.
identity_of()
{
	sed -n "s/^$2=//p" "$1/identity" 2> /dev/null
}

sha256_of()
{
	sha256sum "$1" | cut -d' ' -f1
}

# align FROM TO < lines with tabs: a table, columns FROM to TO to the right.
align()
{
	awk -F '\t' -v from="$1" -v to="$2" '
	{
		for (i = 1; i <= NF; i++) {
			c[NR, i] = $i
			if (length($i) > w[i])
				w[i] = length($i)
		}
		if (NF > n)
			n = NF
	}
	END {
		for (r = 1; r <= NR; r++) {
			line = ""
			for (i = 1; i < n; i++)
				line = line sprintf(i >= from && i <= to ? "%" w[i] "s  " : "%-" w[i] "s  ", c[r, i])
			line = line c[r, n]
			sub(/ +$/, "", line)
			print line
		}
	}'
}

# The compiler for user space: this host may have a versioned one only.
host_cc()
{
	command -v gcc-12 || command -v gcc-14 || command -v gcc
}

# stage_selftests DIR: what goes into a guest as /selftests, companions built.
stage_selftests()
{
	rm -rf "$1"
	mkdir -p "$1"
	cp -r "$TOP/selftests/." "$TOP/README.md" "$TOP/docs" "$TOP/scripts/known-races" "$1"
	if [ -f "$TOP/selftests/Makefile" ]; then
		make -s -C "$TOP/selftests" CC="$(host_cc)" OUT="$1/bin" companions || return
		# And as CI systems have them, for the test of that.
		[ ! -d "$VT_BUILD/linux/selftests" ] || make -s -C "$TOP/selftests" \
			CC="$(host_cc)" OUT="$1/bin" MODULE= INSTALL_PATH="$1/installed" \
			KSELFTEST="$VT_BUILD/linux/selftests" install
	fi
}

# lacking FILE: what a kernel's configuration lacks of scripts/needed-config, a line
# each: for whom, the options, why.
lacking()
{
	local options for why o
	while read -r options for why; do
		case $options in '' | '#'*) continue ;; esac
		for o in ${options//|/ }; do
			! grep -q "^CONFIG_$o=y" "$1" || continue 2
		done
		echo "$for CONFIG_$options $why"
	done < "$TOP/scripts/needed-config"
}

# missing_config FILE [SCENARIO,...] [VNG]: say what a kernel's configuration
# lacks; fails if it cannot be used without.  What only scripts/vm needs is left out
# for virtme-ng.
missing_config()
{
	local options for why rc=0 config=$1 scenarios=${2:-} vng=${3:-}
	while read -r for options why; do
		options=${options//|/ or CONFIG_}
		case $for in
		guest) [ -z "$vng" ] || continue ;;
		esac
		case $for in
		all | guest)
			say "$config lacks $options: $why"
			rc=1
			;;
		*)
			case ",$scenarios," in
			,, | *",$for,"*) say "notice: $config lacks $options, which $for wants: $why" ;;
			esac
			;;
		esac
	done < <(lacking "$config")
	return $rc
}

# compiler_of CONFIG: what make must be told to use the compiler a kernel was
# configured for; a version may be in its name.
compiler_of()
{
	local cc
	cc=$(sed -n 's/^CONFIG_CC_VERSION_TEXT="\([^ "]*\).*/\1/p' "$1")
	if grep -q '^CONFIG_CC_IS_CLANG=y' "$1"; then
		echo LLVM=1
	elif [ -n "$cc" ] && command -v "$cc" > /dev/null; then
		echo "CC=$cc"
	fi
}

# image_release BZIMAGE: the release its header names; nothing if it has none.
image_release()
{
	local at
	[ "$(dd if="$1" bs=1 skip=514 count=4 2> /dev/null | tr -d '\0')" = HdrS ] || return 0
	at=$(od -An -tu2 -j526 -N2 "$1")
	dd if="$1" bs=1 skip=$((at + 512)) count=100 2> /dev/null | tr '\0' '\n' |
		sed -n '1s/ .*//p'
}
