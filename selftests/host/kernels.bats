#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2016,SC2030,SC2031  # the inner shells'
# scripts/kernels: which version a name means, given the archive's metadata.

bats_require_minimum_version 1.5.0
load helpers

setup()
{
	archive=$BATS_TEST_TMPDIR/archive
	cat > "$archive" <<-'END'
	linux-image-6.1.0-9-amd64 6.1.27-1
	linux-headers-6.1.0-9-amd64 6.1.27-1
	linux-image-6.1.0-56-amd64 6.1.192-2
	linux-headers-6.1.0-56-amd64 6.1.192-2
	linux-image-6.1.0-57-amd64 6.1.193-1
	linux-image-6.12.117+deb12-amd64 6.12.117-1~deb12u1
	linux-headers-6.12.117+deb12-amd64 6.12.117-1~deb12u1
	linux-image-6.12.118+deb13-amd64 6.12.118-1
	linux-headers-6.12.118+deb13-amd64 6.12.118-1
	linux-image-7.2.9+deb13-amd64 7.2.9-1~bpo13+1
	linux-headers-7.2.9+deb13-amd64 7.2.9-1~bpo13+1
	linux-binary-7.2.9+deb13-amd64 7.2.9-1~bpo13+1
	linux-image-7.2.12+deb13-amd64 7.2.12-1~bpo13+1
	linux-headers-7.2.12+deb13-amd64 7.2.12-1~bpo13+1
	linux-binary-7.2.12+deb13-amd64 7.2.12-1~bpo13+1
	linux-headers-7.3.4+deb13-amd64 7.3.4-1~bpo13+1
	linux-image-7.2.13+deb13-amd64 7.2.13-1~bpo13+1
	linux-headers-7.2.13+deb13-amd64 7.2.13-1~bpo13+1
	END
}

resolve_name()
{
	run bash -c '. "$1/scripts/kernels"; resolve "$2" "$3" < "$4"' bash \
		"$TOP" "$1" "${2-}" "$archive"
}

@test "6.1 is the newest ABI that has both image and headers, by version order" {
	resolve_name 6.1
	[ "$output" = "6.1.0-56-amd64 6.1.192-2" ]
}

@test "6.1 is not 6.12" {
	sed -i '/6\.1\.0/d' "$archive"
	resolve_name 6.1
	[ -z "$output" ]
}

@test "6.12 is the host release's own build where there is one" {
	resolve_name 6.12 deb12
	[ "$output" = "6.12.117+deb12-amd64 6.12.117-1~deb12u1" ]
	resolve_name 6.12 deb13
	[ "$output" = "6.12.118+deb13-amd64 6.12.118-1" ]
	resolve_name 6.12 deb11
	[ "$output" = "6.12.118+deb13-amd64 6.12.118-1" ]
	sed -i '/+deb12/d' "$archive"
	resolve_name 6.12 deb12
	[ "$output" = "6.12.118+deb13-amd64 6.12.118-1" ]
}

@test "7.2 is the newest whose split image is complete" {
	resolve_name 7.2
	[ "$output" = "7.2.12+deb13-amd64 7.2.12-1~bpo13+1" ]
}

@test "7 is not a release whose headers came before its image" {
	resolve_name 7
	[ "$output" = "7.2.12+deb13-amd64 7.2.12-1~bpo13+1" ]
}

@test "Debian's flavours are found by name, and are never taken for the plain kernel" {
	local f n p
	for f in rt cloud; do
		sed "s/-amd64 /-$f-amd64 /" "$archive" > "$archive.$f"
	done
	cat "$archive.rt" "$archive.cloud" >> "$archive"
	resolve_name 6.12-rt deb12
	[ "$output" = "6.12.117+deb12-rt-amd64 6.12.117-1~deb12u1" ]
	resolve_name 6.1-cloud
	[ "$output" = "6.1.0-56-cloud-amd64 6.1.192-2" ]
	resolve_name 7-rt
	[ "$output" = "7.2.12+deb13-rt-amd64 7.2.12-1~bpo13+1" ]
	resolve_name 7.2
	[ "$output" = "7.2.12+deb13-amd64 7.2.12-1~bpo13+1" ]
	sed -i '/-rt-/d' "$archive"
	resolve_name 6.12-rt deb12
	[ -z "$output" ]
	# shellcheck disable=SC1091
	n=$(. "$TOP/scripts/kernels" && echo "^($names)\$")
	for p in linux-image-6.1.0-56-amd64 linux-image-6.12.117+deb12-amd64 \
		linux-binary-7.2.12+deb13-amd64 linux-headers-7.2.12+deb13+1-amd64 \
		linux-image-6.1.0-56-cloud-amd64 linux-headers-6.1.0-56-rt-amd64; do
		[[ $p =~ $n ]] || { echo "$p"; return 1; }
	done
	for p in linux-image-6.1.0-56-amd64-dbg linux-image-6.1.0-56-amd64-unsigned \
		linux-image-6.1.0-56-686 linux-image-amd64 linux-headers-6.1.0-56-common-rt; do
		! [[ $p =~ $n ]] || { echo "$p"; return 1; }
	done
}

# An archive made of paper: apt-get, apt-cache, and packages that dpkg unpacks by
# making what is asked of it.
paper_archive()
{
	fake_project prepare
	mkdir -p "$BATS_TEST_TMPDIR/bin" "$FAKE/build/root-trixie"
	touch "$FAKE/build/root-trixie/.complete"
	A=$BATS_TEST_TMPDIR/archive
	export A FAKE
	cat > "$BATS_TEST_TMPDIR/bin/apt-get" <<-'END'
	#!/bin/bash
	printf '%s\n' "$*" >> "$A.calls"
	case "$*" in
	indextargets*) [ ! -e "$A.sources" ] || cat "$A.sources" ;;
	'--print-uris update') [ ! -e "$A.uris" ] || cat "$A.uris" ;;
	*' update')
		[ ! -e "$A.next" ] || mv "$A.next" "$A"
		[ ! -e "$A.update" ] || { cat "$A.update"; exit 100; }
		;;
	*--print-uris*) p=${*: -1}; echo "'x' ${p%%=*}.deb 1000 SHA256:x" ;;
	*download*)
		p=${*: -1}
		! grep -qsx "${p%%=*}" "$A.gone" || { echo "E: 404" >&2; exit 100; }
		echo "$p" > "${p%%=*}.deb"
		;;
	esac
	END
	cat > "$BATS_TEST_TMPDIR/bin/apt-cache" <<-'END'
	#!/bin/bash
	case "$*" in
	*pkgnames*) cut -d' ' -f1 "$A" | sort -u ;;
	*madison*) awk '{ print $1 " | " $2 " | x" }' "$A" ;;
	*show*)
		p=${*: -1} p=${p%%=*}
		abi=${p#linux-headers-}
		common=${abi%-amd64}-common
		case $abi in *-rt-amd64) common=${abi%-rt-amd64}-common-rt ;; esac
		echo "Depends: linux-headers-$common (= 1), linux-kbuild-${abi%%-*} (>= 1), linux-compiler-gcc-12-x86"
		;;
	esac
	END
	cat > "$BATS_TEST_TMPDIR/bin/dpkg" <<-'END'
	#!/bin/bash
	case $1 in
	--fsys-tarfile)
		t=$(mktemp -d)
		mkdir -p "$t/boot" "$t/lib"
		case $2 in *linux-modules-*) ;; *) cat "$2" > "$t/boot/vmlinuz-x" ;; esac
		case $2 in *linux-binary-*) ;; *) echo brd > "$t/lib/brd.ko" ;; esac
		tar -c -C "$t" .
		rm -rf "$t"
		;;
	-x)
		n=$(basename "$2" .deb)
		echo "$n" >> "$A.unpacked"
		case $n in *-amd64) ;; *) exit 0 ;; esac
		mkdir -p "$3/usr/src/$n"
		echo "include /usr/src/x" > "$3/usr/src/$n/Makefile"
		echo 'CONFIG_CC_VERSION_TEXT="sh-1"' > "$3/usr/src/$n/.config"
		;;
	--print-architecture) echo amd64 ;;
	esac
	END
	chmod +x "$BATS_TEST_TMPDIR/bin/"*
	PATH=$BATS_TEST_TMPDIR/bin:$PATH
	export DEBIAN_MIRROR=http://mirror.example/debian DEBIAN_SECURITY=http://mirror.example/security
}

fetch()
{
	run "$FAKE/scripts/kernels" "$@"
	echo "$output"
}

@test "a kernel is fetched with what its headers name, and 7 by its real name" {
	paper_archive
	sed 's/-amd64 /-rt-amd64 /' "$A" >> "$A.rt"
	cat "$A.rt" >> "$A"
	fetch 6.1-rt 7
	[ "$status" = 0 ]
	[[ ${lines[*]} == *" 6.1-rt 7.2" ]]
	grep -qx linux-headers-6.1.0-56-common-rt "$A.unpacked"
	grep -qx release=6.1.0-56-rt-amd64 "$FAKE/build/kernels/6.1-rt/info"
	grep -qx release=7.2.12+deb13-amd64 "$FAKE/build/kernels/7.2/info"
	[ -s "$FAKE/build/kernels/7.2/vmlinuz" ]
	# shellcheck disable=SC1090
	[ -s "$(sed -n 's/^config=//p' "$FAKE/build/kernels/6.1-rt/info")" ]
}

@test "build tools that are newer than the headers will do where theirs are gone" {
	paper_archive
	local version
	version=$(sed -n 's/^linux-headers-6.1.0-56-amd64 //p' "$A")
	printf '%s\n' "linux-kbuild-6.1.0 $version" "linux-kbuild-6.1.0 ${version}0" >> "$A"
	fetch 6.1
	[ "$status" = 0 ]
	grep -q "download linux-kbuild-6.1.0=$version\$" "$A.calls"
	rm -rf "$FAKE/build/kernels/6.1" "$A.calls"
	sed -i "/^linux-kbuild-6.1.0 $version\$/d" "$A"
	fetch 6.1
	[ "$status" = 0 ]
	grep -q "download linux-kbuild-6.1.0=${version}0\$" "$A.calls"
}

@test "the large package with a RAM disk in it is fetched only for who wants that" {
	paper_archive
	fetch 7.2 6.1
	[ "$status" = 0 ]
	run ! grep -q linux-modules "$A.calls"
	[ ! -e "$FAKE/build/kernels/7.2/brd.ko" ]
	[ -s "$FAKE/build/kernels/6.1/brd.ko" ]
	fetch --brd 7.2 6.1
	[ "$status" = 0 ]
	[ "${lines[*]: -2}" = "7.2 6.1" ]
	grep -q 'linux-modules-7.2.12+deb13-amd64=7.2.12-1~bpo13+1' "$A.calls"
	[ "$(cat "$FAKE/build/kernels/7.2/brd.ko")" = brd ]
	# Once is enough.
	: > "$A.calls"
	fetch --brd 7.2 6.1
	[ ! -s "$A.calls" ]
	# The kernel is there without it, too.
	rm "$FAKE/build/kernels/7.2/brd.ko"
	echo linux-modules-7.2.12+deb13-amd64 > "$A.gone"
	fetch --brd 7.2
	[ "$status" = 0 ]
	[ "${lines[-1]}" = 7.2 ]
	[[ $output == *"7.2: no brd.ko, so no test of it can swap"* ]]
}

@test "what was fetched is used as long as it is there, and nothing is asked for" {
	paper_archive
	fetch 7.2
	[ "$status" = 0 ]
	: > "$A"
	: > "$A.calls"
	fetch 7.2
	[ "$status" = 0 ]
	[ "${lines[-1]}" = 7.2 ]
	fetch 7
	[ "${lines[-1]}" = 7.2 ]
	[ ! -s "$A.calls" ]
	fetch --update 7.2
	[ "$status" = 0 ]
	[ "${lines[-1]}" = 7.2 ]
	[[ $output == *"keeping 7.2"* ]]
}

@test "a kernel that the archive no longer has is skipped with that reason; a default never is" {
	paper_archive
	fetch 7.0 6.1
	[ "$status" = 0 ]
	[[ $output == *"7.0"$'\t'"the archive has no kernel 7.0"* ]]
	[ "${lines[-1]}" = 6.1 ]
	fetch 7.0
	[ "$status" = 4 ]
	sed -i /6.12/d "$A"
	fetch
	[ "$status" = 2 ]
	[[ $output == *"no kernel 6.12 with image and headers in the archive"* ]]
}

@test "a download that fails leaves the kernel that was there" {
	paper_archive
	fetch 6.12
	[ "$status" = 0 ]
	cat >> "$A" <<-'END'
	linux-image-6.12.119+deb12-amd64 6.12.119-1~deb12u1
	linux-headers-6.12.119+deb12-amd64 6.12.119-1~deb12u1
	linux-image-6.12.119+deb13-amd64 6.12.119-1
	linux-headers-6.12.119+deb13-amd64 6.12.119-1
	END
	printf 'linux-image-6.12.119+deb1%s-amd64\n' 2 3 > "$A.gone"
	was=$(cat "$FAKE/build/kernels/6.12/info")
	fetch --update 6.12
	[ "$status" = 2 ]
	[[ $output == *"cannot download linux-image-6.12.119"* ]]
	[[ $output == *"keeping 6.12 (6.12.11"* ]]
	[ "$(cat "$FAKE/build/kernels/6.12/info")" = "$was" ]
	[ -s "$FAKE/build/kernels/6.12/vmlinuz" ]
	[ -s "$(sed -n 's/^config=//p' "$FAKE/build/kernels/6.12/info")" ]
}

@test "metadata older than a day is read anew, and once more if a package is gone" {
	paper_archive
	fetch 6.1
	[ "$(grep -c ' update$' "$A.calls")" = 1 ]
	fetch 7.2
	[ "$(grep -c ' update$' "$A.calls")" = 1 ]
	touch -d '2 days ago' "$FAKE/build/apt/fresh"
	rm -r "$FAKE/build/kernels/7.2"
	fetch 7.2
	[ "$(grep -c ' update$' "$A.calls")" = 2 ]
	# The pool has another version than the metadata, until these are read again.
	rm -r "$FAKE/build/kernels/6.1"
	sed '/6\.1\.0-56/d; s/6\.1\.0-9-/6.1.0-58-/; s/6\.1\.27/6.1.194/' "$A" > "$A.next"
	echo linux-image-6.1.0-56-amd64 > "$A.gone"
	fetch 6.1
	[ "$status" = 0 ]
	[ "$(grep -c ' update$' "$A.calls")" = 3 ]
	grep -qx release=6.1.0-58-amd64 "$FAKE/build/kernels/6.1/info"
}

@test "the address is the one that this host's own Debian suites have; else a suite and a variable are named" {
	paper_archive
	unset DEBIAN_MIRROR DEBIAN_SECURITY
	cat > "$A.uris" <<-'END'
	'http://docker.example/linux/debian/dists/bookworm/InRelease' x 0
	'http://near.example/debian/dists/bookworm/InRelease' x 0
	'http://near.example/debian/dists/bookworm-updates/InRelease' x 0
	'http://near.example/sec/dists/bookworm-security/InRelease' x 0
	END
	fetch 6.1
	[ "$status" = 0 ]
	grep -q '] http://near.example/debian trixie-backports main$' "$FAKE/build/apt/sources.list"
	grep -q '] http://near.example/sec trixie-security main$' "$FAKE/build/apt/sources.list"
	# Where apt knows what is Debian's own, that is it.
	echo '9 http://own.example/debian/ bookworm' > "$A.sources"
	fetch --update 6.1
	grep -q '] http://own.example/debian bookworm main$' "$FAKE/build/apt/sources.list"
	# No security suite here: one line for each, and on with the others.
	sed -i '/security/d' "$A.uris"
	fetch --update 6.1
	[ "$status" = 0 ]
	[ "$(grep -c "no address of Debian's suite bookworm-security: set DEBIAN_SECURITY=" <<< "$output")" = 1 ]
	rm "$A.sources" "$A.uris"
	fetch --update 6.1
	[ "$status" = 2 ]
	[[ $output == *"suite bookworm: set DEBIAN_MIRROR="* ]]
}

@test "what the host lets its own apt trust is nothing to the private one" {
	local o
	paper_archive
	fetch 6.1
	[ "$status" = 0 ]
	for o in APT::Get::AllowUnauthenticated Acquire::AllowInsecureRepositories \
		Acquire::AllowDowngradeToInsecureRepositories Acquire::AllowWeakRepositories; do
		echo "$o \"true\";"
	done > "$BATS_TEST_TMPDIR/host.conf"
	APT_CONFIG=$BATS_TEST_TMPDIR/host.conf apt-config dump > "$BATS_TEST_TMPDIR/host"
	[ "$(grep -cE '(AllowUnauthenticated|Allow(DowngradeTo|)InsecureRepositories|AllowWeakRepositories) "true"' \
		"$BATS_TEST_TMPDIR/host")" = 4 ]
	APT_CONFIG=$BATS_TEST_TMPDIR/host.conf apt-config -c "$FAKE/build/apt/apt.conf" dump > "$BATS_TEST_TMPDIR/private"
	[ "$(grep -cE '(AllowUnauthenticated|Allow(DowngradeTo|)InsecureRepositories|AllowWeakRepositories) "false"' \
		"$BATS_TEST_TMPDIR/private")" = 4 ]
	[ "$(grep -c . "$FAKE/build/apt/sources.list")" = "$(grep -c 'signed-by=/usr/share/keyrings/debian-archive-keyring.gpg' \
		"$FAKE/build/apt/sources.list")" ]
}

@test "a mirror that has not got a suite is named with the variable to set" {
	paper_archive
	cat > "$A.update" <<-'END'
	E: The repository 'http://mirror.example/debian trixie-backports Release' does not have a Release file.
	END
	sed -i '/ 7\./d' "$A"
	fetch 6.1
	[ "$status" = 0 ]
	[[ $output == *"http://mirror.example/debian has no suite trixie-backports: set DEBIAN_MIRROR="* ]]
	: > "$A"
	rm -r "$FAKE/build/kernels/6.1"
	echo 'E: Could not resolve mirror.example' > "$A.update"
	fetch --update 6.1
	[ "$status" = 2 ]
	[[ $output == *"no network"* ]]
}

@test "no name of a package host is in the tree" {
	cd "$TOP"
	run grep -rnE '(deb|security|ftp|snapshot)\.debian\.org' --exclude-dir=.git --exclude-dir=build .
	echo "$output"
	[ "$status" = 1 ]
}
