#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab: --nodes 2 --kernel 6.1
#
# Memory of every kind goes to the other node and comes back: a memfd that another
# process has mapped too, 2 MiB and (where the host can make one) 1 GiB pages of a
# pool, 4 KiB pages, and transparent huge pages, locked, of a q35 machine without
# guest NUMA. The receipts' sums are exact.

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

# Another process maps the memory of shared, as a vhost-user backend does.
map_it_too() {
	"$LAB_GUEST_DIR/hold" --map "$(guest_pid shared)" >"$LAB_OUT/mapped" &
	wait_until 30 test -s "$LAB_OUT/mapped" || fail 'the memory is not mapped'
	note "mapped twice: $(cat "$LAB_OUT/mapped") pages"
}

must_be_locked() {
	[ "$(awk '/^VmLck:/ { print $2 }' "/proc/$(guest_pid flat)/status")" -ge 262144 ] ||
		fail 'the memory is not locked'
}

# One page of 1 GiB on each node, where such can be made while the host runs.
reserve_gigantic() {
	local node gigantic=hugepages/hugepages-1048576kB/nr_hugepages
	mkdir -p /dev/hugepages1G
	mount -t hugetlbfs -o pagesize=1G hugetlbfs /dev/hugepages1G || return 1
	for node in 0 1; do
		echo 1 >"/sys/devices/system/node/node$node/$gigantic" || return 1
		[ "$(cat "/sys/devices/system/node/node$node/$gigantic")" = 1 ] || return 1
	done
}

names='shared pool flat small'
if reserve_gigantic; then
	names="gigantic $names"
else
	note 'this host makes no pages of 1 GiB: they are left out'
fi
start_libvirtd
reserve_hugepages 0 140
reserve_hugepages 1 140
start_vmnumad
small_guest shared backing=memfd
small_guest pool hugepages=2048
small_guest flat cells=0 machine=q35
sed -i 's|<vcpu>|<memoryBacking><locked/></memoryBacking>&|' "$LAB_OUT/flat.xml"
small_guest gigantic hugepages=1048576 mem=1024
small_guest small
for name in $names; do
	# khugepaged would make huge pages of small ones, where most of them were
	[ $name != small ] || set_thp never
	guests_start $name
	wait_vmnumad_knows $name
	probe_wait_lines $name 8 # by then the guest has what it needs
	[ $name != shared ] || map_it_too
	[ $name != flat ] || must_be_locked
	vmnumactl show $name | grep -A 3 REGION
	move $name 1
	counts_must_agree $name
	move $name 0
	probe_must_be_right $name
	guest_stop $name
done
stop_vmnumad
