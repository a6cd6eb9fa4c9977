#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Shows that the lab itself can be believed, without vmnumad: nodes, KVM and
# libvirt are there, a guest pinned to node 0 has its memory there, the kernel's
# own tool moves it to node 1, the lab's own count sees that, and the guest's
# content stays right.

set -eu

# shellcheck source=../lib.sh
. "$LAB_DIR/lib.sh"

[ "$(find /sys/devices/system/node -maxdepth 1 -name 'node[0-9]*' | wc -l)" = "$LAB_NODES" ] ||
	fail "this host does not have $LAB_NODES nodes"
note "Linux $(uname -r), distances $(cat /sys/devices/system/node/node0/distance)"

start_libvirtd
note "libvirtd after $SECONDS s"
note "$(virsh -q version --daemon | tail -n 1)"
guest_define self mem=1024 vcpus=2 cells=2 pin=0 probe=probe.busy=20
guest_start self
note "started after $SECONDS s"
guest_wait_ready self
note "ready after $SECONDS s: $(grep -a 'probe ready' "$(guest_serial self)")"
note "by node: $(guest_node_bytes self | tr '\n' ' ')"
guest_is_on self 0 || fail "only $(guest_share self 0) % of the guest is on node 0"
probe_wait_lines self 3
note "touches a second: $(probe_rate self)"

pid=$(guest_pid self)
numastat -p "$pid" | tail -n 3
guest_pin self 1
note "huge pages: $(grep AnonHugePages "/proc/$pid/smaps_rollup")"
start=$(date +%s%N)
migratepages "$pid" 0 1
note "migratepages took $((($(date +%s%N) - start) / 1000000)) ms"
note "by node: $(guest_node_bytes self | tr '\n' ' ')"
guest_is_on self 1 || fail "only $(guest_share self 1) % of the guest is on node 1"
[ "$(guest_bytes_on self 1)" -gt $((700 << 20)) ] || fail 'most of the guest is not there'
probe_must_be_right self
note "touches a second: $(probe_rate self), worst gap: $(grep -ao 'longest_gap_ms=[0-9]*' \
	"$(guest_serial self)" | sort -t= -k2n | tail -n 1)"
note "done after $SECONDS s"
