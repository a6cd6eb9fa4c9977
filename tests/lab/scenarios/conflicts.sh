#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab: --nodes 2 --kernel 6.12
#
# What works against the daemon is an event when it begins and when it ends,
# once each, however long it lasts: kernel balancing, numad, and a cpuset that
# somebody puts the daemon itself into.

set -eu

# shellcheck source=../lib.sh
. "$LAB_DIR/lib.sh"

cgroup=/sys/fs/cgroup/small

# told BEGINNING WHAT: how often there is such an event of a conflict.
told() {
	vmnumactl --json events |
		json '.events[] | select(.kind == "conflict") | .text' |
		grep -cxF -- "$1: $2" || true
}

was_told() {
	[ "$(told "$1" "$2")" -gt 0 ]
}

wait_begin() {
	wait_until 60 was_told begins "$1" || fail "no event says: $1"
	[ "$(told 'has ended' "$1")" = 0 ] || fail "it has ended too early: $1"
}

# must_end WHAT: once it is over; both were told once.
must_end() {
	wait_until 60 was_told 'has ended' "$1" || fail "no event says that it has ended: $1"
	[ "$(told begins "$1") $(told 'has ended' "$1")" = '1 1' ] ||
		fail "it was told more than once: $(vmnumactl events)"
}

daemon_to() {
	echo "$VMNUMAD_PID" >"$1/cgroup.procs"
}

start_libvirtd
start_vmnumad_with <<-END
	[follow]
	sample_ms = 300
END

echo 1 >/proc/sys/kernel/numa_balancing
wait_begin 'kernel.numa_balancing is on'
vmnumactl events --follow --json >"$LAB_OUT/followed" &
numad -S 0 -p $$ -i 20 # it looks at this script only
wait_until 60 test -s /run/numad.pid || fail 'numad does not start'
wait_begin 'numad is running'
echo 0 >/proc/sys/kernel/numa_balancing
must_end 'kernel.numa_balancing is on'
kill "$(cat /run/numad.pid)"
must_end 'numad is running'

mkdir -p $cgroup
echo 0 >$cgroup/cpuset.mems
daemon_to $cgroup
wait_begin 'our own cpuset lacks some memory nodes'
daemon_to /sys/fs/cgroup
must_end 'our own cpuset lacks some memory nodes'
rmdir $cgroup

vmnumactl events
[ "$(grep -c '"kind":"conflict"' "$LAB_OUT/followed")" = 6 ] ||
	fail 'events --follow tells something else'
stop_vmnumad
