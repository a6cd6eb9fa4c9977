#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab: --nodes 2 --kernel 6.1,6.12 --stack debian,backports
#
# The main job: a two-cell guest's vCPUs are pinned to the other node, and its
# memory arrives there by itself; an explicit rebalance brings it back and holds
# it there; nothing in the guest changes; our own counts agree with counts made
# from outside.

set -eu

# shellcheck source=../lib.sh
. "$LAB_DIR/lib.sh"

start_libvirtd
guest_define web mem=1024 vcpus=2 cells=2 pin=0 probe=probe.busy=20
guest_start web
guest_wait_ready web
start_vmnumad --verbose
wait_until 60 vmnumad_knows web || fail 'vmnumad has no map of the guest'
vmnumactl list
vmnumactl show web
guest_is_on web 0 || fail "only $(guest_share web 0) % of the guest is on node 0"

note 'pin both vCPUs to node 1'
guest_pin web 1
wait_until 180 guest_is_on web 1 ||
	fail "only $(guest_share web 1) % of the memory followed the vCPUs"
wait_until 60 no_job_is_running || fail 'a job does not end'
vmnumactl list
vmnumactl jobs
grep 'first call' "$LAB_OUT/vmnumad.log"
counts_must_agree web

note 'rebalance --to 0 brings it back'
vmnumactl rebalance web --to 0 || fail "rebalance ended with status $?"
guest_is_on web 0 || fail "only $(guest_share web 0) % came back"
counts_must_agree web
if [ -d /sys/kernel/debug/kvm ]; then
	huge=$(vmnumactl --json jobs | json '[.jobs[] | select(.bytes_moved > 0) | .guest_huge_mappings]')
	note "huge mappings of the guest, by job: $(tr -d ' \n' <<<"$huge")"
	[ "$(json 'length > 0 and all(.[]; (.before | type) == "number" and (.after | type) == "number")' <<<"$huge")" = true ] ||
		fail 'a receipt does not have the huge mappings of the guest'
fi

note 'a second rebalance of a settled guest makes no moving call'
[ "$(vmnumactl --json rebalance web --to 0 | json .calls)" = 0 ] ||
	fail 'a settled guest was moved again'

probe_must_be_right web
stop_vmnumad
