#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab: --nodes 2 --kernel 6.1,6.12 --stack debian,backports
#
# Memory of every kind goes to the other node and comes back: a memfd that others
# could map, 2 MiB pages of a pool, 4 KiB pages, and transparent huge pages of a
# q35 machine without guest NUMA. The receipts' sums are exact.

set -eu

# shellcheck source=../lib.sh
. "$LAB_DIR/lib.sh"

# move NAME NODE
move() {
	local job
	vmnumactl --json rebalance "$1" --to "$2" --hurry >"$LAB_OUT/$1.json" ||
		fail "$1: status $?: $(cat "$LAB_OUT/$1.json")"
	job=$(json .job <"$LAB_OUT/$1.json")
	job_must_add_up "$job"
	guest_is_on "$1" "$2" 99 || fail "only $(guest_share "$1" "$2") % of $1 are on node $2"
	note "$1 to node $2: $(json '"\(.bytes_moved) bytes in \(.seconds) s, \(.calls) calls"' <"$LAB_OUT/$1.json")"
}

start_libvirtd
reserve_hugepages 0 140
reserve_hugepages 1 140
start_vmnumad
small_guest shared backing=memfd
small_guest pool hugepages=2048
small_guest flat cells=0 machine=q35
small_guest small
for name in shared pool flat small; do
	# khugepaged would make huge pages of small ones, where most of them were
	[ $name != small ] || set_thp never
	guests_start $name
	wait_vmnumad_knows $name
	probe_wait_lines $name 8 # by then the guest has what it needs
	vmnumactl show $name | grep -A 3 REGION
	move $name 1
	counts_must_agree $name
	move $name 0
	probe_must_be_right $name
	guest_stop $name
done
stop_vmnumad
