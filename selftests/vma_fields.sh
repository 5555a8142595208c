#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# description: what remap_file_pages, brk, mseal and mbind set holds for that range and no other
# timeout: 90

# shellcheck source=selftests/lib.sh
. "${0%/*}/lib.sh"
# shellcheck source=selftests/lib_user.sh
. "${0%/*}/lib_user.sh"

begin 4
user_test vma_fields 2 remapped heap sealed bound
ktap_finished
