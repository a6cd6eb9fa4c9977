#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab: --nodes 2 --kernel 6.12
#
# A balloon is filled and let out while vmnumad runs: the holes are told as memory
# that is not populated, and looking at them and moving around them fills none.
# What the guest gets back comes to the wrong node, and comes home by itself.

set -eu

# shellcheck source=../lib.sh
. "$LAB_DIR/lib.sh"
# shellcheck source=../plug.sh
. "$LAB_DIR/plug.sh"

# balloon MIB: until the guest has as much.
balloon() {
	virsh -q setmem web "$1M" --live
	wait_until 90 has_memory "$1" || fail "the guest has $(virsh dommemstat web | tr '\n' ' ')"
}

has_memory() {
	virsh dommemstat web | grep -qx "actual $(($1 << 10))"
}

follows_nothing() {
	[ "$(probe_last web follow)" = 0 ]
}

resident() {
	guest_node_bytes web | awk '{ n += $2 } END { printf "%d\n", n }'
}

start_libvirtd
guest_define web mem=512 pin=0 numatune=preferred:1 \
	probe='probe.busy=20 probe.pages=25000 probe.follow=60'
sed -i "s|<memballoon model='none'/>|<memballoon model='virtio'/>|" "$LAB_OUT/web.xml"
guest_modules web virtio_balloon
guests_start web
start_vmnumad_with <<-END
	[follow]
	cooldown_s = 1
	ram_per_hour = 1000
END
wait_vmnumad_knows web
wait_until 90 guest_is_on web 0 || fail 'the guest does not come home'

note 'in, and out again'
balloon 300
probe_wait_lines web 2
balloon 512
wait_until 90 follows 100 || fail "the guest has filled $(probe_last web follow) bytes only"
wait_until 90 guest_is_on web 0 || fail "$(guest_share web 0) % are on node 0: $(vmnumactl explain web)"
wait_until 60 no_job_is_running || fail 'the job does not end'
counts_must_agree web
full=$(resident)

note 'in'
balloon 300
wait_until 60 follows_nothing || fail 'the guest keeps its memory'
probe_wait_lines web 2
empty=$(resident)
note "$full bytes before, $empty after"
[ "$empty" -lt $((full - (80 << 20))) ] || fail 'the balloon holds nothing'

note 'holes stay holes'
vmnumactl rebalance web --to 1 --hurry || fail "status $?"
job=$(vmnumactl --json jobs | json '[.jobs[].job] | max')
job_must_add_up "$job"
absent=$(job_says "$job" '.residue[] | select(.class == "absent") | .bytes')
note "$absent bytes are not populated, of which the balloon has $((212 << 20))"
[ "$absent" -ge $((200 << 20)) ] || fail 'the balloon is taken for memory'
[ "$(job_says "$job" '[.residue[].class] | tostring')" = '["absent"]' ] ||
	fail "something else was left: $(job_says "$job" '.residue | tostring')"
[ "$(resident)" -lt $((empty + (16 << 20))) ] || fail "$(resident) bytes are populated now"
counts_must_agree web

vmnumactl show web
vmnumactl jobs
probe_must_be_right web
stop_vmnumad
