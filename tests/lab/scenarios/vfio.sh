#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab: --nodes 2 --kernel 6.12 --iommu
#
# A guest that was given a device of the host: VFIO holds all of its memory, so
# vmnumad makes no call at all, refuses orders, and says how to bring the vCPUs to
# the memory.

set -eu

# shellcheck source=../lib.sh
. "$LAB_DIR/lib.sh"

# vfio_load: libvirt and QEMU find the drivers loaded.
vfio_load() {
	local module
	for module in vfio-pci vfio_iommu_type1; do
		modprobe -d "$LAB_KERNEL_DIR" -S "$(uname -r)" "$module"
	done
	[ -e /sys/kernel/iommu_groups/0 ] || fail 'the host has no IOMMU'
}

# vfio_xml SLOT: the device as libvirt wants it.
vfio_xml() {
	printf "<hostdev mode='subsystem' type='pci' managed='yes'><source><address domain='0' bus='0' slot='%s' function='0'/></source></hostdev>\n" "$1"
}

# pinned_mib PID: what its devices hold, by the kernel's count.
pinned_mib() {
	awk '$1 == "VmLck:" { print int($2 / 1024) }' "/proc/$1/status"
}

is_pinned() {
	[ "$(pinned_mib "$1")" -ge 256 ]
}

# trace_moves: from now on the kernel notes each call that is to move pages,
# whoever makes it.
trace_moves() {
	local event=/sys/kernel/tracing/events/syscalls/sys_enter_move_pages
	mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing
	echo 'nodes != 0' >$event/filter
	echo 1 >$event/enable
	echo >/sys/kernel/tracing/trace # what was noted before is gone
}

traced_moves() {
	grep -c move_pages /sys/kernel/tracing/trace || true
}

explain_says() {
	vmnumactl explain "$1" | grep -qF -- "$2"
}

n_jobs() {
	vmnumactl --json jobs | json '.jobs | length'
}

# must_be_left_alone NAME NODE: for some seconds there is no job, no call, and no
# page of it, all on NODE, goes.
must_be_left_alone() {
	local calls jobs bytes
	bytes=$(guest_node_bytes "$1")
	calls=$(traced_moves)
	jobs=$(n_jobs)
	sleep 5
	[ "$(n_jobs)" = "$jobs" ] || fail 'a job was started'
	[ "$(traced_moves)" = "$calls" ] || fail "$(($(traced_moves) - calls)) calls were made"
	[ "$(guest_node_bytes "$1")" = "$bytes" ] || fail "$1: $(guest_node_bytes "$1" | tr '\n' ' ')"
	guest_is_on "$1" "$2" 99 || fail "it was not on node $2: $bytes"
}

# take_advice NAME: does what explain says.
take_advice() {
	vmnumactl --json explain "$1" | json '.advice[]' >"$LAB_OUT/$1.advice"
	note "$1: $(tr '\n' ';' <"$LAB_OUT/$1.advice")"
	[ -s "$LAB_OUT/$1.advice" ] || fail "no advice for $1: $(vmnumactl explain "$1")"
	bash -eu "$LAB_OUT/$1.advice"
}

# True when there is nothing more to be advised.
is_content() {
	[ "$(vmnumactl --json explain "$1" | json '[(.advice | length), ([.cells[].wrong_bytes] | add)] | tostring')" = '[0,0]' ]
}

held='a device holds its memory in place'

vfio_load
start_libvirtd
small_guest web
sed -i "s|<memballoon model='none'/>|&$(vfio_xml 0x10)|" "$LAB_OUT/web.xml"
guests_start web
trace_moves
start_vmnumad_with <<-END
	[follow]
	cooldown_s = 1
END
wait_vmnumad_knows web
is_pinned "$(guest_pid web)" || fail "$(pinned_mib "$(guest_pid web)") MiB are pinned"

note 'its vCPUs go, its memory stays'
guest_pin web 1
wait_until 60 explain_says web "$held" || fail "it is not explained: $(vmnumactl explain web)"
expect 4 "$held" vmnumactl rebalance web --to 1
must_be_left_alone web 0
take_advice web
wait_until 60 is_content web || fail "the advice was no good: $(vmnumactl explain web)"
[ "$(traced_moves)" = 0 ] || fail 'calls were made'
probe_must_be_right web

stop_vmnumad
