#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab: --nodes 2 --kernel 6.12
#
# A guest whose vCPUs keep their CPUs busy: its calls are made on these CPUs, where
# that is shorter, but never on those of real-time vCPUs. Nothing of the guest's
# is changed by it: where its vCPUs may run, how they are scheduled, its content.

set -eu

# shellcheck source=../lib.sh
. "$LAB_DIR/lib.sh"

vcpu_tids() {
	local dir
	for dir in "/proc/$(guest_pid guest)/task"/*; do
		if grep -q '^CPU [0-9]*/KVM' "$dir/comm"; then
			basename "$dir"
		fi
	done
}

# What is to stay as it was.
vcpus_say() {
	local tid
	for tid in $(vcpu_tids); do
		grep '^Cpus_allowed_list' "/proc/$tid/status"
		chrt -p "$tid" | sed 's/.*current //'
	done
}

# The CPUs in whose vCPUs' place calls were made, one a line, from trace line $1 on.
places() {
	tail -n "+$1" "$trace" | sed -n 's/.* sit on-cpu=\([0-9]*\) result=0$/\1/p' | sort -u
}

# move_to NODE [--hurry]: all of it.
move_to() {
	before=$(vcpus_say)
	line=$(($(wc -l <"$trace") + 1))
	expect 0 '"done"' vmnumactl --json rebalance guest --to "$@"
	guest_is_on guest "$1" || fail "only $(guest_share guest "$1") % are on node $1"
	[ "$(vcpus_say)" = "$before" ] || fail "the vCPUs: $before before, $(vcpus_say) now"
	probe_must_be_right guest
}

# The last move's calls, or some of them, were made on CPUs of vCPUs.
must_be_in_place() {
	[ -n "$(places "$line")" ] || fail 'no call was made in the place of a vCPU'
	for cpu in $(places "$line"); do
		[ -e "/sys/devices/system/node/node0/cpu$cpu" ] ||
			fail "a call was made on CPU $cpu, where no vCPU may run"
	done
}

trace=$LAB_OUT/trace
start_libvirtd
set_thp always
guest_define guest mem=768 vcpus=2 pin=0 numatune=restrictive:0-1 probe=probe.busy=90
guest_start guest
guest_wait_ready guest
start_vmnumad --trace "$trace"
wait_vmnumad_knows guest

note 'in the place of its vCPUs'
move_to 1
must_be_in_place

# Threads that sit where they are to sit say nothing; new ones do.
note 'in a hurry too'
stop_vmnumad
start_vmnumad --trace "$trace"
wait_vmnumad_knows guest
move_to 0 --hurry
must_be_in_place
move_to 1 --hurry

note 'but not in that of real-time vCPUs'
for tid in $(vcpu_tids); do
	chrt -f -p 1 "$tid"
done
move_to 0
[ -z "$(places "$line")" ] || fail "calls were made on CPUs $(places "$line" | tr '\n' ' ')"
stop_vmnumad
