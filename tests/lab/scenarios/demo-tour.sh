#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab: --nodes 2 --kernel 6.12
#
# On a NUMA host with a running guest, scripts/demo looks and moves nothing, and
# without a person's consent does not even ask the guest's monitor.

set -eu

# shellcheck source=../lib.sh
. "$LAB_DIR/lib.sh"

start_libvirtd
guest_define web mem=256 vcpus=1 pin=0 probe=probe.busy=20
guest_start web
guest_wait_ready web
guest_pin web 1

VMNUMAD_BUILD_DIR=$BUILD "$LAB_DIR/../../scripts/demo" | tee "$LAB_OUT/demo.log"
grep -q 'This host has 2 NUMA nodes' "$LAB_OUT/demo.log" || fail 'it did not see this host'
grep -q '^web ' "$LAB_OUT/demo.log" || fail 'it did not list the guest'
guest_is_on web 0 || fail 'it moved memory'
! grep -q custom-monitor "/var/log/libvirt/qemu/web.log" || fail 'it tainted the guest'
! pgrep -x vmnumad || fail 'it left a daemon behind'
probe_must_be_right web
