#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab: --nodes 2 --kernel 6.1,6.12 --stack debian,backports
#
# A guest bound by numatune strict: refused with status 4 and the reason; with
# --rehome its cpusets are widened, its memory moved, and the cpusets narrowed,
# after which every policy and later faults are on the new node.

set -eu

# shellcheck source=../lib.sh
. "$LAB_DIR/lib.sh"

cpusets() {
	cat "/sys/fs/cgroup/machine/"*strict*/{emulator,vcpu*}/cpuset.mems | sort -u | tr '\n' ' '
}

bound_nodes() {
	grep -o 'bind:[0-9,-]*' "/proc/$(guest_pid strict)/numa_maps" | sort -u | tr '\n' ' '
}

start_libvirtd
guest_define strict mem=512 vcpus=2 cells=2 pin=0 numatune=strict:0 probe="probe.busy=20 probe.percent=50"
guest_start strict
guest_wait_ready strict
start_vmnumad
wait_until 60 vmnumad_knows strict || fail 'vmnumad does not know the guest'
note "cpusets $(cpusets), policies $(bound_nodes)"

status=0
vmnumactl rebalance strict --to 1 >"$LAB_OUT/refused" 2>&1 || status=$?
cat "$LAB_OUT/refused"
[ "$status" = 4 ] || fail "status $status in place of 4"
grep -q 'numatune strict' "$LAB_OUT/refused" || fail 'the reason is not told'
[ "$(cpusets)" = '0 ' ] || fail "a refusal changed the cpusets to $(cpusets)"

vmnumactl rebalance strict --to 1 --rehome || fail "status $?"
guest_is_on strict 1 99 || fail "only $(guest_share strict 1) % arrived"
note "cpusets $(cpusets), policies $(bound_nodes)"
[ "$(cpusets)" = '1 ' ] || fail "the cpusets are $(cpusets)"
[ "$(bound_nodes)" = 'bind:1 ' ] || fail "the policies are $(bound_nodes)"
probe_must_be_right strict

note 'and back again, to show that it is no one-way street'
vmnumactl rebalance strict --to 0 --rehome --hurry || fail "status $?"
guest_is_on strict 0 99 || fail "only $(guest_share strict 0) % came back"
[ "$(cpusets)" = '0 ' ] || fail "the cpusets are $(cpusets)"
probe_must_be_right strict
stop_vmnumad
