#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab: --nodes 2 --kernel 6.12 --iommu
#
# A guest that was given a device of the host: VFIO holds all of its memory, so
# vmnumad makes no call at all, refuses orders, and says how to bring the vCPUs to
# the memory. Without the device the memory follows; a device that comes back in
# the midst of a job ends it.

set -eu

# shellcheck source=../lib.sh
. "$LAB_DIR/lib.sh"
# shellcheck source=../plug.sh
. "$LAB_DIR/plug.sh"
# shellcheck source=../vfio.sh
. "$LAB_DIR/vfio.sh"

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
wait_until 30 is_content web || fail "the advice was no good: $(vmnumactl explain web)"
[ "$(traced_moves)" = 0 ] || fail 'calls were made'
probe_must_be_right web

note 'without the device it follows'
vfio_xml 0x10 >"$LAB_OUT/given.xml"
virsh -q detach-device web "$LAB_OUT/given.xml" --live
wait_until 60 is_not_pinned "$(guest_pid web)" || fail 'the device does not go'
guest_pin web 1
must_follow web 1
[ "$(traced_moves)" -gt 0 ] || fail 'the trace sees no calls'
probe_must_be_right web

note 'and comes back in the midst of a job'
job=$(rebalance_slowly web 0 8M)
job_wait_midst "$job"
plug <"$LAB_OUT/given.xml" # pins all there is, wherever it lies
must_stop "$job" "$held"
is_pinned "$(guest_pid web)" || fail 'nothing is pinned'
counts_must_agree web
probe_must_be_right web
stop_vmnumad
