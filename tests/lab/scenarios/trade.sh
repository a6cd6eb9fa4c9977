#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab: --nodes 2 --kernel 6.12
#
# Trading places: two guests on nodes without room for a second one are pinned
# crosswise. Their memory changes places through the little that is free, both
# end local, and the host reclaims nothing for it.

set -eu

# shellcheck source=../lib.sh
. "$LAB_DIR/lib.sh"

# fill_node NODE LEAVE: bind a file in memory there until LEAVE MiB are free.
fill_node() {
	local free
	free=$(awk '$3 == "MemFree:" { print int($4 / 1024) }' \
		"/sys/devices/system/node/node$1/meminfo")
	numactl --membind="$1" dd if=/dev/zero of="/dev/shm/fill$1" bs=1M \
		count=$((free - $2)) status=none
}

start_libvirtd
guest_define left mem=768 vcpus=1 pin=0 probe=probe.busy=20
guest_define right mem=768 vcpus=1 pin=1 probe=probe.busy=20
guest_start left
guest_start right
guest_wait_ready left
guest_wait_ready right
mount -o remount,size=90% /dev/shm
fill_node 0 400
fill_node 1 400
numactl --hardware | grep free

cat >"$LAB_OUT/vmnumad.conf" <<-END
	[follow]
	cooldown_s = 1
	ram_per_hour = 1000
END
start_vmnumad --config "$LAB_OUT/vmnumad.conf"
wait_until 30 vmnumad_knows left || fail 'vmnumad does not know left'
wait_until 30 vmnumad_knows right || fail 'vmnumad does not know right'
scanned=$(awk '$1 == "pgscan_direct" { print $2 }' /proc/vmstat)

guest_pin left 1
guest_pin right 0
wait_until 120 guest_is_on left 1 || fail "only $(guest_share left 1) % of left arrived"
wait_until 60 guest_is_on right 0 || fail "only $(guest_share right 0) % of right arrived"
vmnumactl jobs
[ "$(awk '$1 == "pgscan_direct" { print $2 }' /proc/vmstat)" = "$scanned" ] ||
	note 'the host did reclaim memory meanwhile'
probe_must_be_right left
probe_must_be_right right
rm -f /dev/shm/fill0 /dev/shm/fill1
stop_vmnumad
