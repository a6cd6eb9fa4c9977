#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab: --nodes 2 --kernel 6.1 --timeout 900
#
# Memory of every kind goes to the other node and comes back: a memfd that virtiofsd
# works in and another process has mapped whole, 2 MiB and (where the host can make
# one) 1 GiB pages of a pool, 4 KiB pages, and transparent huge pages, locked, of a
# q35 machine without guest NUMA. The receipts' sums are exact, and say that all of it
# was moved. Without the right to move what others have mapped, just that stays, and
# it is said why.

set -eu

# shellcheck source=../lib.sh
. "$LAB_DIR/lib.sh"
# shellcheck source=../plug.sh
. "$LAB_DIR/plug.sh"

# All of the guest was to be moved, and the receipt says that it was: a huge page
# that several regions have a part of counts as moved for each of them.
must_be_of_its_size() {
	local there=$1 job=$2 moved already
	moved=$(job_says "$job" .bytes_moved)
	already=$(job_says "$job" .bytes_already)
	[ "$moved" -ge $((there / 100 * 95)) ] && [ "$moved" -le $((there / 100 * 110)) ] ||
		fail "job $job moved $moved bytes of $there"
	[ "$already" -le $((there / 50)) ] ||
		fail "job $job found $already bytes of $there to be right from the start"
}

# move NAME NODE
move() {
	local job there
	there=$(guest_bytes_on "$1" $((1 - $2)))
	vmnumactl --json rebalance "$1" --to "$2" --hurry >"$LAB_OUT/$1.json" ||
		fail "$1: status $?: $(cat "$LAB_OUT/$1.json")"
	job=$(json .job <"$LAB_OUT/$1.json")
	job_must_add_up "$job"
	must_be_of_its_size "$there" "$job"
	guest_is_on "$1" "$2" 99 || fail "only $(guest_share "$1" "$2") % of $1 are on node $2"
	note "$1 to node $2: $(json '"\(.bytes_moved) bytes in \(.seconds) s, \(.calls) calls, \(.bytes_already) there already"' <"$LAB_OUT/$1.json")"
}

# A directory of the host for shared, served by virtiofsd without a cache.
share_directory() {
	local device="<filesystem type='mount' accessmode='passthrough'><driver type='virtiofs'/>"
	device+="<binary path='/usr/lib/qemu/virtiofsd'><cache mode='none'/></binary>"
	device+="<source dir='/run/share'/><target dir='lab'/></filesystem>"
	mkdir /run/share
	guest_modules shared virtio_pci virtiofs
	sed -i "s|</devices>|$device&|; s|<cmdline>|&probe.share=lab |" "$LAB_OUT/shared.xml"
}

reads() {
	[ "$(probe_last shared share)" = "$1" ]
}

# must_read NUMBER: what is written here arrives in the guest.
must_read() {
	echo "$1" >/run/share/word
	wait_until 60 reads "$1" || fail "the guest reads $(probe_last shared share), not $1"
}

# Those pages that virtiofsd has read and written, and nothing else, stay where
# they are when vmnumad may not move what others have mapped.
only_virtiofsd_holds() {
	local used
	used=$(awk '/^[0-9a-f]+-/ { is_it = /memfd/ } is_it && $1 == "Rss:" { n += $2 }
		END { printf "%d\n", n * 1024 }' "/proc/$(pgrep -n -x virtiofsd)/smaps")
	[ "$used" -gt 0 ] || fail 'virtiofsd has not mapped the memory'
	expect 3 'CAP_SYS_NICE' vmnumactl rebalance shared --to 1 --hurry
	vmnumactl --json jobs >"$LAB_OUT/shared.jobs"
	note "virtiofsd uses $used bytes; left behind: $(json '.jobs[0].residue | tostring' <"$LAB_OUT/shared.jobs")"
	expect 0 'filesystem virtiofs' vmnumactl show shared
	must_read 23
}

start_vmnumad_without_nice() {
	setpriv --bounding-set=-sys_nice "$BUILD/vmnumad/vmnumad" >>"$LAB_OUT/vmnumad.log" 2>&1 &
	VMNUMAD_PID=$!
	wait_until 60 vmnumad_answers || fail 'vmnumad does not answer'
}

# Another process maps all the memory of shared, as a vhost-user backend may do.
map_it_too() {
	"$LAB_GUEST_DIR/hold" --map "$(guest_pid shared)" >"$LAB_OUT/mapped" &
	wait_until 60 test -s "$LAB_OUT/mapped" || fail 'the memory is not mapped'
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
start_vmnumad_without_nice
small_guest shared backing=memfd
share_directory
echo 17 >/run/share/word
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
	if [ $name = shared ]; then
		only_virtiofsd_holds
		stop_vmnumad
		start_vmnumad
		wait_vmnumad_knows shared
		map_it_too
		expect 0 'moved' vmnumactl rebalance shared --to 0 --hurry
	fi
	[ $name != flat ] || must_be_locked
	vmnumactl show $name | grep -A 3 REGION
	move $name 1
	counts_must_agree $name
	[ $name != shared ] || must_read 42
	move $name 0
	[ $name != shared ] || must_read 7
	probe_must_be_right $name
	guest_stop $name
done
stop_vmnumad
