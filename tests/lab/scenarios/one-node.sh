#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab: --nodes 1 --kernel 6.1
#
# A host with one node: vmnumad says that there is nothing to move between,
# shows what there is, and costs next to nothing.

set -eu

# shellcheck source=../lib.sh
. "$LAB_DIR/lib.sh"

# CPU time that vmnumad has used, in hundredths of a second.
cpu_ticks() {
	awk '{ print $14 + $15 }' "/proc/$VMNUMAD_PID/stat"
}

start_libvirtd
small_guest web
guest_start web
guest_wait_ready web
start_vmnumad
wait_vmnumad_knows web
vmnumad_has_said 'nothing to move between' || fail 'vmnumad does not say that there is one node'
expect 0 web vmnumactl list
expect 0 'where its vCPUs are' vmnumactl explain web
expect 0 '' vmnumactl rebalance web
expect 0 '' vmnumactl rebalance web --to 0
expect 2 'nodes with memory are 0' vmnumactl rebalance web --to 1
[ "$(vmnumactl --json jobs | json '.jobs | length')" = 0 ] || fail 'a job was started'

before=$(cpu_ticks)
sleep 10
used=$(($(cpu_ticks) - before))
note "$used hundredths of a second of CPU time in ten seconds"
[ "$used" -le 50 ] || fail 'an idle vmnumad works'
probe_must_be_right web
stop_vmnumad
