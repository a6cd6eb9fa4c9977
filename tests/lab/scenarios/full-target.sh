#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab: --nodes 2 --kernel 6.12
#
# The target is lost in the middle of a job. It fills up: the job waits for room,
# gives up, says so, and the host neither reclaims nor splits huge pages for it.
# It is taken from the guest's cpuset: the job says that and ends. Both times the
# guest is unharmed, and a second order moves it once that is possible again.

set -eu

# shellcheck source=../lib.sh
. "$LAB_DIR/lib.sh"

job_waits_for_room() {
	[ "$(job_says "$1" .phase)" = 'waiting for room' ]
}

# must_be_left_for JOB CLASS: it is partial for that reason and no other.
must_be_left_for() {
	wait_until 90 job_has_ended "$1" || fail "job $1 does not end"
	vmnumactl job "$1" || true
	job_is "$1" partial || fail "job $1 is $(job_says "$1" .result)"
	[ "$(job_says "$1" '[.residue[] | select(.class != "absent") | .class] | join(" ")')" = "$2" ] ||
		fail "job $1 left something else: $(job_says "$1" '.residue | tostring')"
	job_must_add_up "$1"
}

# move_must_succeed NODE
move_must_succeed() {
	expect 0 '"done"' vmnumactl --json rebalance moved --to "$1" --hurry
	guest_is_on moved "$1" || fail "only $(guest_share moved "$1") % are on node $1"
	probe_must_be_right moved
}

start_libvirtd
small_guest moved
guests_start moved
start_vmnumad_with <<-END
	[move]
	room_wait_s = 5
END
wait_vmnumad_knows moved
probe_wait_lines moved 8 # by then it has what it needs

note 'the target fills up'
fill_node 1 700
scanned=$(vmstat_count pgscan_direct)
splits=$(vmstat_count thp_migration_split)
job=$(rebalance_slowly moved 1 4M)
job_wait_midst "$job"
fill_node 1 190 # what the job takes while the file grows comes off that
wait_until 60 job_waits_for_room "$job" || fail 'the job does not wait for room'
must_be_left_for "$job" nomem
scanned=$(($(vmstat_count pgscan_direct) - scanned))
splits=$(($(vmstat_count thp_migration_split) - splits))
note "reclaim looked at $scanned pages, $splits huge pages were split, $(node_free_mib 1) MiB are free"
[ "$scanned" -le 1000 ] || fail "the host reclaims: it looked at $scanned pages"
[ "$splits" = 0 ] || fail "$splits huge pages were split"
[ "$(node_free_mib 1)" -ge 128 ] || fail 'the reserve was touched'
counts_must_agree moved
probe_must_be_right moved
empty_node 1
move_must_succeed 1

note 'the target is taken from the cpuset'
mems=/sys/fs/cgroup$(dirname "$(cut -d: -f3 "/proc/$(guest_pid moved)/cgroup")")/cpuset.mems
before=$(cat "$mems.effective") # an empty word cannot be written back
job=$(rebalance_slowly moved 0 6M)
job_wait_midst "$job"
echo 1 >"$mems" # the kernel itself brings back what is on node 0
must_be_left_for "$job" cpuset
[[ $(job_says "$job" .why) == *'cpuset does not include the target node'* ]] ||
	fail "job $job gives another reason: $(job_says "$job" .why)"
probe_must_be_right moved
echo "$before" >"$mems"
wait_until 60 vmnumactl rebalance moved --to 0 --dry-run ||
	fail 'vmnumad does not see that the cpuset is as before'
move_must_succeed 0
stop_vmnumad
