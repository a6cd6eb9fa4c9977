#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab: --nodes 2 --kernel 6.12
#
# A DIMM that is plugged in and out while vmnumad runs, in the midst of a job too.
# QEMU's policy puts new memory on the wrong node; it comes home by itself. One of
# huge pages of a pool, which the guest does not give back, stays in the map and
# moves on.

set -eu

# shellcheck source=../lib.sh
. "$LAB_DIR/lib.sh"
# shellcheck source=../plug.sh
. "$LAB_DIR/plug.sh"

# plug_dimm [SOURCE]
plug_dimm() {
	plug <<-END
		<memory model='dimm'>
		  ${1-}<target><size unit='MiB'>256</size><node>1</node></target>
		</memory>
	END
	must_be_mapped memdimm0 addr $((256 << 20)) 1
}

unplug_dimm() {
	virsh -q detach-device-alias web dimm0 --live
	wait_until 90 lacks_region memdimm0 || fail 'vmnumad has the region of a DIMM that is gone'
	! virsh dumpxml web | grep "model='dimm'" || fail 'the guest has kept the DIMM'
	note "$(guest_node_bytes web | tr '\n' ' ')in QEMU, $(virsh qemu-monitor-command web '{"execute":"query-memdev"}' | json '[.return[].id] | tostring')"
}

# The guest is asked for the DIMM and says no, by an event that libvirt passes on.
must_be_refused() {
	virsh event --domain web --event device-removal-failed --timeout 60 >"$LAB_OUT/refused" 2>&1 &
	sleep 1
	virsh -q detach-device-alias web dimm0 --live || true
	wait_until 60 grep -q dimm0 "$LAB_OUT/refused" ||
		fail "the guest does not say no: $(cat "$LAB_OUT/refused")"
	note "$(head -n 1 "$LAB_OUT/refused")"
	probe_wait_lines web 3
	must_be_mapped memdimm0 addr $((256 << 20)) 1
	is_home || fail 'what was at home has gone'
}

start_libvirtd
# the other cell must hold what the guest takes out of the DIMM
guest_define web mem=768 cells=2 pin=0 numatune=preferred:1 maxmem=4096 \
	probe='probe.busy=20 probe.pages=25000 probe.follow=60 probe.keep=2 memhp_default_state=online_movable'
guests_start web
start_vmnumad_with <<-END
	[follow]
	cooldown_s = 1
	ram_per_hour = 1000
END
wait_vmnumad_knows web
wait_until 90 is_home || fail 'the guest does not come home'

note 'a DIMM comes'
plug_dimm
must_come_home 128 memdimm0
note 'and goes'
unplug_dimm
wait_until 90 is_home || fail 'what the guest took out of it does not come home'
wait_until 60 no_job_is_running || fail 'the job does not end'
must_agree

note 'in the midst of a job'
plug_dimm
must_come_home 128 memdimm0
job=$(rebalance_slowly web 1 16M)
job_wait_midst "$job"
unplug_dimm
vmnumactl job "$job" || true
wait_until 120 job_has_ended "$job" || fail 'the job does not end'
vmnumactl job "$job" || true
job_must_add_up "$job"
vmnumactl follow web default
wait_until 90 is_home || fail 'the guest does not come home'

note 'of pool pages, and not given back'
reserve_hugepages 0 128
reserve_hugepages 1 128
plug_dimm "<source><pagesize unit='KiB'>2048</pagesize></source>"
[ "$(regions 'select(.block == "memdimm0").backing')" = hugetlb ] || fail 'it has no pages of a pool'
must_come_home 128 memdimm0
must_be_refused
vmnumactl --json rebalance web --to 1 --hurry >"$LAB_OUT/job.json" || fail "$(cat "$LAB_OUT/job.json")"
job_must_add_up "$(json .job <"$LAB_OUT/job.json")"
[ "$(on_node memdimm0 1)" = $((256 << 20)) ] ||
	fail "$(on_node memdimm0 0) bytes of it stay behind"
vmnumactl follow web default
wait_until 90 is_home || fail 'the guest does not come home'

vmnumactl show web
vmnumactl jobs
probe_must_be_right web
stop_vmnumad
