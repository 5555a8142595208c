#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The layout that `make -C selftests install` leaves for run_kselftest.sh.

load helpers

setup()
{
	KSELFTEST=$BATS_TEST_TMPDIR/kernel
	mkdir -p "$KSELFTEST/kselftest"
	echo '# the runner' > "$KSELFTEST/run_kselftest.sh"
	echo '# helpers' > "$KSELFTEST/kselftest/ktap_helpers.sh"
	chmod +x "$KSELFTEST/run_kselftest.sh"
	DIR=$BATS_TEST_TMPDIR/installed
}

install_them()
{
	make -s -C "$TOP/selftests" CC="$(command -v gcc-12 || command -v gcc)" \
		OUT="$BATS_FILE_TMPDIR/bin" KSELFTEST="$KSELFTEST" \
		INSTALL_PATH="$DIR" install "$@"
}

@test "install: the collection, its list, and the kernel's runner" {
	echo ko > "$BATS_TEST_TMPDIR/some.ko"
	install_them MODULE="$BATS_TEST_TMPDIR/some.ko"
	[ -x "$DIR/run_kselftest.sh" ]
	[ -r "$DIR/kselftest/ktap_helpers.sh" ]
	[ "$(cat "$DIR/vma_torture/vma_torture.ko")" = ko ]
	for f in settings config lib.sh; do
		[ -r "$DIR/vma_torture/$f" ]
	done
	while IFS=: read -r collection file; do
		[ "$collection" = vma_torture ]
		[ -x "$DIR/vma_torture/$file" ]
	done < "$DIR/kselftest-list.txt"
	for f in "$TOP"/selftests/abuse/*.sh; do
		grep -q "^vma_torture:abuse/${f##*/}$" "$DIR/kselftest-list.txt"
	done
	# What they source is found from where the runner goes.
	cd "$DIR/vma_torture/abuse"
	sed -n 's|^\. "${0%/\*}/\(.*\)"$|\1|p' ./*.sh | sort -u | while read -r f; do
		[ -r "$f" ]
	done
	for f in "$TOP"/selftests/companions/*.c; do
		f=${f##*/}
		[ -x "$DIR/vma_torture/bin/${f%.c}" ]
	done
}

@test "install: beside other collections, and again" {
	mkdir -p "$DIR"
	echo mm:other > "$DIR/kselftest-list.txt"
	echo '# theirs' > "$DIR/run_kselftest.sh"
	install_them
	install_them
	[ "$(grep -c '^mm:other$' "$DIR/kselftest-list.txt")" = 1 ]
	[ "$(grep -c '^vma_torture:map_fixed.sh$' "$DIR/kselftest-list.txt")" = 1 ]
	[ "$(cat "$DIR/run_kselftest.sh")" = '# theirs' ]
}

@test "install: wants INSTALL_PATH" {
	run make -s -C "$TOP/selftests" OUT="$BATS_FILE_TMPDIR/bin" install
	[ "$status" != 0 ]
	[[ $output == *INSTALL_PATH* ]]
}

@test "every companion says what it does and what its injected fault is" {
	install_them
	for f in "$DIR"/vma_torture/bin/*; do
		run "$f" --help
		[ "$status" = 0 ]
		[[ $output == *usage:* ]]
		case ${f##*/} in
		# Tools.
		stress_watch | fail_nth | poll_verdict | hugetlb_reserve) ;;
		*) [[ $output == *--busted* ]] ;;
		esac
	done
	run "$DIR/vma_torture/bin/maps_reader" --seconds 0
	[ "$status" = 2 ]
}

@test "the programs that show a finding build, without a warning" {
	for f in "$TOP"/findings/*.c; do
		gcc -O2 -Wall -Wextra -Werror -pthread -o "$BATS_TEST_TMPDIR/finding" "$f"
	done
}
