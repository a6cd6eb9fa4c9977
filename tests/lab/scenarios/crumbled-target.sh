#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab: --nodes 2 --kernel 6.12
#
# The target has room enough, but in small pieces that cannot be compacted, since
# the midst of a job. A huge page that were moved there would be split for good, so
# it stays and the receipt says why; small pages go. Once there are free blocks
# again the rest follows, and the guest has as many huge pages as before. It has
# them too after a move whose calls the kernel answered by splitting some.

set -eu

# shellcheck source=../lib.sh
. "$LAB_DIR/lib.sh"

# Free blocks of 2 MiB and more on node 1, in blocks of 2 MiB.
free_blocks() {
	awk '$2 == "1," && $4 != "DMA" { n += $(NF - 1) + 2 * $NF } END { print n + 0 }' /proc/buddyinfo
}

has_blocks_for_all() {
	[ $(($(free_blocks) * 2048)) -ge $((huge * 2)) ]
}

huge_kib() {
	awk '/^AnonHugePages:/ { print $2 }' "/proc/$(guest_pid guest)/smaps_rollup"
}

# must_be_left_for_room JOB: part of it stays for that reason alone.
must_be_left_for_room() {
	wait_until 90 job_has_ended "$1" || fail "job $1 does not end"
	vmnumactl job "$1" || true
	job_is "$1" partial || fail "job $1 is $(job_says "$1" .result)"
	job_must_add_up "$1"
	[ "$(job_says "$1" '[.residue[] | select(.class != "absent" and .bytes > 0) | .class] | join(" ")')" = nomem ] ||
		fail "other residue than nomem: $(job_says "$1" '.residue | tostring')"
}

huge_pages_must_have_stayed() {
	must_be_left_for_room "$job"
	[ "$(($(vmstat_count thp_migration_split) - splits))" = 0 ] || fail 'huge pages were split'
	[ "$(huge_kib)" -ge "$huge" ] || fail "huge pages: $huge KiB before, $(huge_kib) KiB now"
	probe_must_be_right guest
}

# all_must_go NODE: and no fewer of its pages are huge then.
all_must_go() {
	expect 0 '"done"' vmnumactl --json rebalance guest --to "$1" --hurry
	guest_is_on guest "$1" || fail "only $(guest_share guest "$1") % are on node $1"
	[ "$(huge_kib)" -ge "$huge" ] || fail "huge pages: $huge KiB before, $(huge_kib) KiB now"
	probe_must_be_right guest
}

some_are_split() {
	[ "$(($(vmstat_count thp_migration_split) - splits))" -gt 0 ]
}

start_libvirtd
set_thp always
small_guest guest mem=512 probe='probe.busy=20 probe.pages=60000'
guests_start guest
start_vmnumad_with <<-END
	[move]
	room_wait_s = 2
END
wait_vmnumad_knows guest
probe_wait_lines guest 8 # by then it has what it needs
huge=$(huge_kib)
[ "$huge" -ge 196608 ] || fail "the guest has only $huge KiB of huge pages"

note 'the target crumbles in the midst of a job'
splits=$(vmstat_count thp_migration_split)
job=$(rebalance_slowly guest 1 4M)
job_wait_midst "$job"
vmnumactl pause "$job" # or the two race for the last free page of the node
echo 3 >/proc/sys/vm/drop_caches # compaction would move them into the gaps
numactl --membind=1 "$LAB_GUEST_DIR/hold" --crumble $(($(node_free_mib 1) - 80)) >"$LAB_OUT/crumbs" &
crumbs=$!
wait_until 120 test -s "$LAB_OUT/crumbs" || fail 'the target does not crumble'
blocks=$(free_blocks)
note "node 1: $(node_free_mib 1) MiB free, $blocks blocks of 2 MiB"
[ "$(node_free_mib 1)" -ge 600 ] || fail 'the target has no room'
[ $((blocks * 2048)) -le $((huge / 2)) ] || fail "the target has blocks for most of the guest's $huge KiB"
vmnumactl resume "$job"
huge_pages_must_have_stayed

note 'huge pages stay, small ones go'
status=0
vmnumactl --json rebalance guest --to 1 --hurry >"$LAB_OUT/job.json" || status=$?
[ "$status" = 3 ] || fail "status $status: $(cat "$LAB_OUT/job.json")"
job=$(json .job <"$LAB_OUT/job.json")
huge_pages_must_have_stayed
[ "$(job_says "$job" '[.residue[] | select(.class == "nomem") | .ranges[] | select(.size % 2097152 != 0)] | length')" = 0 ] ||
	fail "small pages stayed: $(job_says "$job" '.residue | tostring')"

note 'the target has blocks again'
kill "$crumbs"
wait "$crumbs" || true
wait_until 60 has_blocks_for_all || fail "the target has only $(free_blocks) blocks"
all_must_go 1

# The mover's own cpuset lacks the target for a moment: the kernel then answers as
# if there were no block, and splits what it was to move.
note 'huge pages that a move has split are made whole again'
echo 600000 >/sys/kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs # not by khugepaged
mkdir /sys/fs/cgroup/mover
mems=/sys/fs/cgroup/mover/cpuset.mems
echo 0-1 >$mems
echo "$VMNUMAD_PID" >/sys/fs/cgroup/mover/cgroup.procs
splits=$(vmstat_count thp_migration_split)
job=$(rebalance_slowly guest 0 4M)
job_wait_midst "$job"
echo 1 >$mems
wait_until 60 some_are_split || fail 'nothing was split'
note "$(($(vmstat_count thp_migration_split) - splits)) are split, $(huge_kib) of $huge KiB are huge"
echo 0-1 >$mems
must_be_left_for_room "$job"
[ "$(job_says "$job" .thp_repaired)" -gt 0 ] || fail 'none was made whole again'
[ "$(huge_kib)" -ge "$huge" ] || fail "huge pages: $huge KiB before, $(huge_kib) KiB now"
probe_must_be_right guest
all_must_go 0
stop_vmnumad
