#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab: --nodes 2 --kernel 6.1,6.12
#
# A guest on huge pages of a pool, and a target whose pool has none or too few of
# them, from the start or because they are taken away while the guest moves. What
# has a free page goes and the rest stays as "nomem"; with grow_pools all of it
# goes, and the administrator's pools have their sizes again afterwards: what the
# target lends to the guest it has back when the guest ends, be it in the midst
# of a move.

set -eu

# shellcheck source=../lib.sh
. "$LAB_DIR/lib.sh"

pool() {
	cat "/sys/devices/system/node/node$1/hugepages/hugepages-2048kB/$2_hugepages"
}

# pools_are NODE0 NODE1: their sizes, without surplus pages.
pools_are() {
	local here=$(($(pool 0 nr) - $(pool 0 surplus)))
	local there=$(($(pool 1 nr) - $(pool 1 surplus)))
	note "pools: $here and $there, besides $(pool 0 surplus) and $(pool 1 surplus) lent"
	[ "$here $there" = "$1 $2" ] || fail "the pools have $here and $there pages"
}

# move NODE STATUS: its job is in $job.
move() {
	local status=0
	vmnumactl --json rebalance pool --to "$1" --hurry >"$LAB_OUT/job.json" || status=$?
	[ "$status" = "$2" ] || fail "status $status: $(cat "$LAB_OUT/job.json")"
	job=$(json .job <"$LAB_OUT/job.json")
	job_must_add_up "$job"
}

# The rest of $job stays for want of pages in the pool.
must_be_left_for_room() {
	[ "$(job_says "$job" '[.residue[] | select(.class != "absent" and .bytes > 0) | .class] | join(" ")')" = nomem ] ||
		fail "other residue than nomem: $(job_says "$job" '.residue | tostring')"
	[ "$(pool 1 free)" = 0 ] || fail "$(pool 1 free) pages of the target are still free"
	note "job $job moved $(job_says "$job" .bytes_moved) bytes in $(job_says "$job" .calls) calls"
}

# pools_must_have_changed NODES: by the word of its receipt; they are not put back.
pools_must_have_changed() {
	[ "$(job_says "$job" '[.pools[] | "\(.node) \(.restored)"] | join(", ")')" = "$1" ] ||
		fail "the receipt says of the pools: $(job_says "$job" '.pools | tostring')"
}

# While a job is at work, COMMAND... takes the free pages of the target.
lose_pages_by() {
	echo 140 >"$target"
	job=$(rebalance_slowly pool 1 8M)
	job_wait_midst "$job"
	"$@"
	wait_until 60 job_has_ended "$job" || fail "job $job does not end"
	job_is "$job" partial || fail "job $job is $(job_says "$job" .result)"
	job_must_add_up "$job"
	must_be_left_for_room
}

shrink_pool() {
	echo 30 >"$target"
	pools_are 140 30
}

take_pages() {
	numactl --membind=1 fallocate -l 512M /dev/hugepages/other || true
}

# The target has taken ordinary memory for some.
pages_are_borrowed() {
	[ "$(pool 1 nr)" -ge 74 ]
}

pools_have_all_back() {
	[ "$(pool 0 nr) $(pool 1 nr)" = '140 64' ]
}

target=/sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages
start_libvirtd
reserve_hugepages 0 140
small_guest pool hugepages=2048
guests_start pool
start_vmnumad_with <<-END
	[move]
	room_wait_s = 1
END
wait_vmnumad_knows pool

note 'the target has no pool'
move 1 3
must_be_left_for_room
[ "$(job_says "$job" '[.bytes_moved, .calls] | tostring')" = '[0,0]' ] ||
	fail "job $job did something: $(job_says "$job" 'del(.residue) | tostring')"
pools_are 140 0

note 'the administrator shrinks the pool of the target meanwhile'
lose_pages_by shrink_pool
pools_must_have_changed '1 false'
pools_are 140 30

note 'another process takes its pages meanwhile'
lose_pages_by take_pages
pools_must_have_changed ''
pools_are 140 140
rm /dev/hugepages/other
probe_must_be_right pool

note 'as many as the pool of the target has'
reserve_hugepages 1 64
move 1 3
must_be_left_for_room
pools_must_have_changed ''
pools_are 140 64
stop_vmnumad

note 'all of them, with grow_pools'
start_vmnumad_with <<-END
	[move]
	room_wait_s = 1
	grow_pools = yes
END
wait_vmnumad_knows pool
move 1 0
vmnumactl job "$job"
guest_is_on pool 1 99 || fail "only $(guest_share pool 1) % of the guest are on node 1"
pools_are 140 64
[ "$(job_says "$job" 'all(.pools[]; .restored)')" = true ] ||
	fail "the receipt says $(job_says "$job" '.pools | tostring')"
probe_must_be_right pool

note 'and back'
move 0 0
guest_is_on pool 0 99 || fail "only $(guest_share pool 0) % came back"
pools_are 140 64
probe_must_be_right pool

note 'the guest ends in the midst of a move, with pages that were lent to it'
job=$(rebalance_slowly pool 1 64M)
wait_until 60 pages_are_borrowed || fail "the target has only $(pool 1 nr) pages"
vmnumactl cancel "$job"
wait_until 60 job_has_ended "$job" || fail "job $job does not end"
pools_are 140 64
[ "$(pool 1 surplus)" -gt 0 ] || fail 'nothing was lent'
job=$(rebalance_slowly pool 1 8M)
job_wait_midst "$job"
guest_stop pool
wait_until 60 job_has_ended "$job" || fail "job $job does not end"
job_must_add_up "$job"
note "job $job: $(job_says "$job" '"\(.result), \(.why), pools \(.pools | tostring)"')"
wait_until 60 pools_have_all_back || fail "the pools have $(pool 0 nr) and $(pool 1 nr) pages"
stop_vmnumad
