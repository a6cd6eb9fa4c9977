#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab: --nodes 2 --kernel 6.12
#
# Memory that is not all the guest's own and not all there. Pages that KSM has
# merged stay, as "shared", and all else goes; once they are the guest's own
# again they go too. Pages that are swapped out are absent: a move does not read
# them back, and once they are there again they go where the rest is. The daemon
# has only the powers of its systemd unit, and no debugfs to look into.

set -eu

# shellcheck source=../lib.sh
. "$LAB_DIR/lib.sh"

ksm=/sys/kernel/mm/ksm

merged_kib() {
	echo $(($(cat "/proc/$(guest_pid odd)/ksm_merging_pages") * 4))
}

swapped_kib() {
	awk '/^VmSwap:/ { print $2 }' "/proc/$(guest_pid odd)/status"
}

some_is_merged() {
	[ "$(merged_kib)" -ge 8192 ]
}

nothing_is_merged() {
	[ "$(merged_kib)" = 0 ]
}

# With the powers of contrib/systemd/vmnumad.service.in.
start_unit_vmnumad() {
	unshare --mount sh -c 'umount /sys/kernel/debug && exec "$@"' sh setpriv \
		--bounding-set=-all,+sys_ptrace,+dac_read_search,+checkpoint_restore \
		"$BUILD/vmnumad/vmnumad" >>"$LAB_OUT/vmnumad.log" 2>&1 &
	VMNUMAD_PID=$!
	wait_until 60 vmnumad_answers || fail 'vmnumad does not answer'
}

# move NODE STATUS: its job is in $job.
move() {
	local status=0
	vmnumactl --json rebalance odd --to "$1" --hurry >"$LAB_OUT/job.json" || status=$?
	job=$(json .job <"$LAB_OUT/job.json")
	[ "$status" = "$2" ] || fail "status $status: $(cat "$LAB_OUT/job.json")"
	job_must_add_up "$job"
	note "to node $1: $(job_says "$job" '"\(.result), \(.bytes_moved) bytes in \(.calls) calls"')"
}

# True when vmnumad has something to move to the node.
has_to_move() {
	[ "$(vmnumactl --json rebalance odd --to "$1" --dry-run | json .bytes_planned)" -gt 0 ]
}

start_libvirtd
set_thp never
small_guest odd
guests_start odd
start_unit_vmnumad
wait_vmnumad_knows odd
probe_wait_lines odd 8 # by then it has what it needs

note 'KSM has merged some'
echo 20000 >$ksm/pages_to_scan
echo 1 >$ksm/run
wait_until 60 some_is_merged || fail "only $(merged_kib) KiB are merged"
echo 0 >$ksm/run
merged=$(merged_kib)
move 1 3
note "$merged KiB are merged, $(guest_bytes_on odd 0) bytes stayed on node 0"
[ "$(job_says "$job" '[.residue[] | select(.class != "absent" and .bytes > 0) | .class] | join(" ")')" = shared ] ||
	fail "other residue than shared: $(job_says "$job" '.residue | tostring')"
[ "$(job_says "$job" '[.residue[] | select(.class == "shared") | .bytes] | add')" -le $((merged * 1024)) ] ||
	fail "more than the merged pages stayed: $(job_says "$job" '.residue | tostring')"
probe_must_be_right odd

note 'and they are its own again'
numactl --cpunodebind=0 --membind=0 sh -c "echo 2 >$ksm/run" # their copies come there
wait_until 60 nothing_is_merged || fail "$(merged_kib) KiB are still merged"
echo 0 >$ksm/run
wait_until 60 has_to_move 1 || fail "nothing is to move; on node 0 are $(guest_bytes_on odd 0) bytes"
move 1 0
guest_is_on odd 1 99 || fail "only $(guest_share odd 1) % are on node 1"
probe_must_be_right odd

note 'some is swapped out'
modprobe -d "$LAB_KERNEL_DIR" -S "$(uname -r)" brd rd_nr=1 rd_size=262144
mkswap -q /dev/ram0
swapon /dev/ram0
virsh -q suspend odd # or it would ask for them itself
group=/sys/fs/cgroup$(dirname "$(cut -d: -f3 "/proc/$(guest_pid odd)/cgroup")")
echo 40M >"$group/memory.reclaim" || true
swapped=$(swapped_kib)
[ "$swapped" -ge 8192 ] || fail "only $swapped KiB are swapped out"
move 0 0
note "swapped out: $swapped KiB before, $(swapped_kib) KiB now"
[ "$(swapped_kib)" -ge $((swapped - 1024)) ] || fail 'the move has read them back'
[ "$(job_says "$job" '[.residue[] | select(.class == "absent") | .bytes] | add')" -ge $((swapped * 1000)) ] ||
	fail "they are not absent: $(job_says "$job" '.residue | tostring')"
guest_is_on odd 0 99 || fail "only $(guest_share odd 0) % are on node 0"

note 'and comes back, on the other node'
numactl --cpunodebind=1 --membind=1 swapoff /dev/ram0
virsh -q resume odd
note "$(guest_bytes_on odd 1) bytes came back on node 1"
wait_until 60 has_to_move 0 || fail 'nothing is to move'
move 0 0
guest_is_on odd 0 99 || fail "only $(guest_share odd 0) % are on node 0"
probe_must_be_right odd
kill "$VMNUMAD_PID"
wait "$VMNUMAD_PID" || fail "vmnumad ended with status $?"
