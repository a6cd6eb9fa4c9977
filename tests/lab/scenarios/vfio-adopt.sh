#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab: --nodes 2 --kernel 6.12 --iommu
#
# The same without libvirt: no event tells of devices that are plugged into an
# adopted QEMU, so what it has open does. One is there from the start, goes, and
# comes back in the midst of a job.

set -eu

# shellcheck source=../lib.sh
. "$LAB_DIR/lib.sh"
# shellcheck source=../by-hand.sh
. "$LAB_DIR/by-hand.sh"
# shellcheck source=../vfio.sh
. "$LAB_DIR/vfio.sh"

held='a device holds its memory in place'
device=0000:00:11.0

# monitor COMMAND: a line for QEMU's human monitor; what it answers is kept.
monitor() {
	note "monitor: $1"
	{
		echo "$1"
		sleep 2
	} | socat - UNIX-CONNECT:/run/hand.monitor >>"$LAB_OUT/hand.monitor"
}

# As libvirt does it for a managed device.
vfio_bind() {
	echo vfio-pci >"/sys/bus/pci/devices/$device/driver_override"
	echo "$device" >/sys/bus/pci/drivers_probe
	[ "$(basename "$(readlink "/sys/bus/pci/devices/$device/driver")")" = vfio-pci ] ||
		fail 'the device has another driver'
}

vfio_load
vfio_bind
options_of hand "-name guest=hand,debug-threads=on -m 256 -qmp unix:/run/hand.qmp,server=on,wait=off
	-monitor unix:/run/hand.monitor,server=on,wait=off -device vfio-pci,host=$device,id=given"
guests_start hand
trace_moves
start_vmnumad
is_pinned "$(guest_pid hand)" || fail "$(pinned_mib "$(guest_pid hand)") MiB are pinned"
expect 0 'is adopted' vmnumactl adopt --pid "$(guest_pid hand)" --qmp /run/hand.qmp
wait_vmnumad_knows hand

note 'its vCPUs go, its memory stays'
pin_by_hand hand 1
wait_until 60 explain_says hand "$held" || fail "it is not explained: $(vmnumactl explain hand)"
expect 4 "$held" vmnumactl rebalance hand --to 1
must_be_left_alone hand 0
take_advice hand
wait_until 30 is_content hand || fail "the advice was no good: $(vmnumactl explain hand)"
[ "$(traced_moves)" = 0 ] || fail 'calls were made'

note 'without the device it follows'
pin_by_hand hand 1
monitor 'device_del given'
wait_until 60 is_not_pinned "$(guest_pid hand)" || fail 'the device does not go'
must_follow hand 1

note 'and comes back in the midst of a job'
job=$(rebalance_slowly hand 0 8M)
job_wait_midst "$job"
monitor "device_add vfio-pci,host=$device,id=again"
must_stop "$job" "$held"
is_pinned "$(guest_pid hand)" || fail 'nothing is pinned'
probe_must_be_right hand
stop_vmnumad
