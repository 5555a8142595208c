#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# description: the kernel's own run_kselftest.sh runs what `make install` lays out
# timeout: 120
# guest: own

# shellcheck source=/dev/null
. "$KTAP_HELPERS"

ktap_print_header
if ! [ -x "$SELFTESTS/installed/run_kselftest.sh" ]; then
	ktap_skip_all "no installed tests in this guest (scripts/kernels --source gets the runner)"
	exit "$KSFT_SKIP"
fi
cp -r "$SELFTESTS/installed" . && cd installed || exit 1
cp "$MODULE" vma_torture/vma_torture.ko
# Nothing of this guest's own ways may help.
unset MODULE SELFTESTS KTAP_HELPERS D
PATH=/bin:/sbin

# busybox's timeout has no --foreground, which the runner asks of coreutils'.
cat > timeout <<'END'
#!/bin/sh
[ "$1" != --foreground ] || shift
exec /bin/busybox timeout "$@"
END
chmod +x timeout
rm /bin/timeout
cp timeout /bin/timeout

result()
{
	name=$1
	shift
	if "$@"; then
		ktap_test_pass "$name"
	else
		sed 's/^/# /' out
		ktap_test_fail "$name"
	fi
}

# All that is listed is there and can be run.
listed()
{
	./run_kselftest.sh -l > out || return
	[ "$(grep -c '^vma_torture:' out)" -ge 10 ] || return
	while IFS=: read -r dir file; do
		[ -x "$dir/$file" ] || return
	done < out
}

passes()
{
	# To be appended to: the runner opens its stdout once more.
	: > out
	./run_kselftest.sh -t vma_torture:mapfixed_limits.sh \
		-t vma_torture:mapfixed_sealed.sh >> out 2>&1 || return
	grep -q '^# timeout set to 300$' out &&
		grep -q '^ok 1 selftests: vma_torture: mapfixed_limits.sh' out &&
		grep -q '^ok 2 selftests: vma_torture: mapfixed_sealed.sh' out &&
		grep -q '^# ok 1 mapfixed_limits' out
}

fails()
{
	# What cannot run without its program must not pass.
	rm vma_torture/bin/mapfixed_limits
	: > out
	! ./run_kselftest.sh -t vma_torture:mapfixed_limits.sh >> out 2>&1 &&
		grep -q '^not ok 1 selftests: vma_torture: mapfixed_limits.sh' out
}

ktap_set_plan 3
result "each test of the list is there" listed
result "the runner runs them" passes
result "the runner sees one fail" fails
ktap_finished
