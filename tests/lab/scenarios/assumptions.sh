#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab: --nodes 2 --kernel 6.1,6.12
#
# Runs every program of tests/assumptions on this kernel. Each prints the belief
# it confirms, or what it saw instead. None may skip here, except where the
# kernel does not have the thing at all.

set -eu

# shellcheck source=../lib.sh
. "$LAB_DIR/lib.sh"

programs=${BUILD:?'run the lab with --env BUILD=DIR'}/tests/assumptions
confirmed=0 skipped=0 failed=''

# run_one PROGRAM: counts what it says.
run_one() {
	local status=0 name=${1##*/assume_} words start=$SECONDS
	words=$(timeout -k 1 120 "$1" 2>&1) || status=$?
	printf '%s: %s\n' "$name" "$words"
	if [ $((SECONDS - start)) -ge 5 ]; then
		note "$name took $((SECONDS - start)) s"
	fi
	case $status in
	0) confirmed=$((confirmed + 1)) ;;
	77)
		skipped=$((skipped + 1))
		[[ $words == 'skipped: this kernel has no '* ]] || failed+=" $name"
		;;
	*)
		note "$name ended with status $status"
		failed+=" $name"
		;;
	esac
}

note "Linux $(uname -r)"
for program in "$programs"/assume_*; do
	if [ -f "$program" ] && [ -x "$program" ]; then
		run_one "$program"
	fi
done
note "$confirmed confirmed, $skipped skipped because the kernel lacks it"
[ "$((confirmed + skipped))" -gt 0 ] || fail "there are no programs in $programs"
[ -z "$failed" ] || fail "not confirmed:$failed"
