#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2016,SC2031  # the inner shells'
# scripts/kernels: which version a name means, given the archive's metadata.

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

@test "other flavours are never looked at" {
	local n
	# shellcheck disable=SC1091
	n=$(. "$TOP/scripts/kernels" && echo "^($names)\$")
	for p in linux-image-6.1.0-56-amd64 linux-image-6.12.117+deb12-amd64 \
		linux-binary-7.2.12+deb13-amd64 linux-headers-7.2.12+deb13+1-amd64; do
		[[ $p =~ $n ]] || { echo "$p"; return 1; }
	done
	for p in linux-image-6.1.0-56-cloud-amd64 linux-image-6.1.0-56-rt-amd64 \
		linux-image-6.1.0-56-amd64-dbg linux-image-6.1.0-56-amd64-unsigned \
		linux-image-6.1.0-56-686 linux-image-amd64; do
		! [[ $p =~ $n ]] || { echo "$p"; return 1; }
	done
}
