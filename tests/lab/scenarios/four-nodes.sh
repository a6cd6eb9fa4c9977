#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab: --nodes 4 --kernel 6.12
#
# Homes of two nodes on a host of four. A guest of two cells that is pinned from
# nodes 0 and 1 to 2 and 3 ends with cell 0 on 2 and cell 1 on 3; a guest of one
# cell that is as wide keeps what lay together together: what was on 0 goes to 2
# and what was on 1 to 3, each byte once. While node 3 is full, what belongs
# there stays where it is: node 2 is nearer, and no place for it.

set -eu

# shellcheck source=../lib.sh
. "$LAB_DIR/lib.sh"

# pin_each NAME NODE...: each vCPU to its node.
pin_each() {
	local name=$1 vcpu=0 node
	shift
	for node in "$@"; do
		virsh -q vcpupin "$name" "$vcpu" "$(node_cpus "$node")" --live >/dev/null
		vcpu=$((vcpu + 1))
	done
}

# Lines "CELL HVA SIZE": where QEMU has mapped the memory of the guest's cells.
cell_ranges() {
	vmnumactl --json show "$1" |
		json '.guests[0].regions[] | select(.cell >= 0) | "\(.cell) \(.hva) \(.size)"'
}

# cell_share NAME CELL NODE: percent of the cell, asked from outside.
cell_share() {
	local cell hva size
	while read -r cell hva size; do
		[ "$cell" != "$2" ] ||
			"$LAB_GUEST_DIR/where" --range "$hva" "$size" "$(guest_pid "$1")"
	done <"$LAB_OUT/$1.ranges" | awk -v node="$3" '
		{ all += $2 }
		$1 == node { here += $2 }
		END { printf "%d\n", all ? 100 * here / all : 0 }'
}

# cell_is_on NAME CELL NODE [PERCENT]
cell_is_on() {
	[ "$(cell_share "$1" "$2" "$3")" -ge "${4:-97}" ]
}

wait_cell_on() {
	wait_until 120 cell_is_on "$@" ||
		fail "only $(cell_share "$1" "$2" "$3") % of cell $2 of $1 are on node $3: $(vmnumactl explain "$1")"
}

last_job() {
	vmnumactl --json jobs | json '[.jobs[].job] | max // 0'
}

# Sum of what jobs after job $2 have moved of a guest.
moved_since() {
	vmnumactl --json jobs |
		json "[.jobs[] | select(.guest == \"$1\" and .job > $2) | .bytes_moved] | add // 0"
}

# Lines "FROM TO" of what was planned for a guest after job $2, but for what the
# rounding of shares leaves.
ways_since() {
	vmnumactl --json events |
		json ".events[] | select(.kind == \"plan\" and .guest == \"$1\" and .job > $2) | .text" |
		grep -oE '[0-9]+ MiB of cell [0-9]+ from node [0-9]+ to node [0-9]+' |
		awk '$1 >= 8 { print $8, $11 }' | sort -u
}

# each_byte_once NAME JOB: jobs after JOB have moved no more than there is.
each_byte_once() {
	local moved resident
	moved=$(moved_since "$1" "$2")
	resident=$(guest_node_bytes "$1" | awk '{ n += $2 } END { printf "%d\n", n }')
	note "$1: $moved bytes moved, $resident resident, ways $(ways_since "$1" "$2" | tr '\n' ',')"
	[ "$moved" -le $((resident + (8 << 20))) ] ||
		fail "$moved bytes of $1 were moved, it has $resident"
}

explain_says() {
	vmnumactl explain "$1" | grep -qiF -- "$2"
}

start_libvirtd
guest_define two mem=512 vcpus=2 cells=2 pin=0 probe=probe.busy=10
guest_define wide mem=384 vcpus=4 pin=0 probe=probe.busy=10
guests_start two wide
start_vmnumad
wait_vmnumad_knows two wide
cell_ranges two >"$LAB_OUT/two.ranges"
cell_ranges wide >"$LAB_OUT/wide.ranges"

note 'from node 0 to nodes 0 and 1'
pin_each two 0 1
pin_each wide 0 0 1 1
wait_cell_on two 1 1
wait_cell_on wide 0 1 45
wait_until 90 no_job_is_running || fail 'a job does not end'
note "two: $(guest_node_bytes two | tr '\n' ' '), wide: $(guest_node_bytes wide | tr '\n' ' ')"
cell_is_on two 0 0 || fail "cell 0 of two has left node 0: $(guest_node_bytes two)"
cell_is_on wide 0 0 45 || fail "too much of wide has left node 0: $(guest_node_bytes wide)"

note 'one wide cell to nodes 2 and 3'
before=$(last_job)
pin_each wide 2 2 3 3
wait_cell_on wide 0 2 45
wait_cell_on wide 0 3 45
wait_until 90 no_job_is_running || fail 'a job does not end'
each_byte_once wide "$before"
[ "$(ways_since wide "$before")" = $'0 2\n1 3' ] || fail 'it took other ways'

note 'two cells to nodes 2 and 3, of which 3 is full'
fill_node 3 64
before=$(last_job)
pin_each two 2 3
wait_cell_on two 0 2
wait_until 60 explain_says two 'no room' || fail "it is not explained: $(vmnumactl explain two)"
vmnumactl explain two
wait_until 90 no_job_is_running || fail 'a job does not end'
cell_is_on two 1 1 || fail "cell 1 was put elsewhere: $(guest_node_bytes two)"
[ $(($(last_job) - before)) -le 4 ] ||
	fail "what waits for room disturbs what moves: $(vmnumactl jobs)"
empty_node 3
wait_cell_on two 1 3
wait_until 90 no_job_is_running || fail 'a job does not end'
each_byte_once two "$before"
[ "$(ways_since two "$before")" = $'0 2\n1 3' ] || fail 'it took other ways'

note 'settled: nothing moves any more'
before=$(last_job)
probe_must_be_right two
probe_must_be_right wide
[ "$(last_job)" = "$before" ] || fail "another job was started: $(vmnumactl jobs)"
stop_vmnumad
