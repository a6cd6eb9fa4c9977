#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab: --nodes 2 --kernel 6.1,6.12
#
# A guest on huge pages of a pool, and a target whose pool has too few of them.
# What has a free page goes and the rest stays as "nomem"; with grow_pools all of
# it goes, and the administrator's pools have their sizes again afterwards: what
# the target lends to the guest it has back when the guest ends.

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

start_libvirtd
reserve_hugepages 0 140
reserve_hugepages 1 64
small_guest pool hugepages=2048
guests_start pool
start_vmnumad_with <<-END
	[move]
	room_wait_s = 1
END
wait_vmnumad_knows pool

note 'as many as the pool of the target has'
move 1 3
[ "$(job_says "$job" '[.residue[] | select(.class != "absent" and .bytes > 0) | .class] | join(" ")')" = nomem ] ||
	fail "other residue than nomem: $(job_says "$job" '.residue | tostring')"
[ "$(job_says "$job" '.pools | length')" = 0 ] || fail 'the receipt tells of changed pools'
[ "$(pool 1 free)" = 0 ] || fail "$(pool 1 free) pages of the target are still free"
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
guest_stop pool
pools_have_all_back() {
	[ "$(pool 0 nr) $(pool 1 nr)" = '140 64' ]
}
wait_until 20 pools_have_all_back || fail "the pools have $(pool 0 nr) and $(pool 1 nr) pages"
stop_vmnumad
