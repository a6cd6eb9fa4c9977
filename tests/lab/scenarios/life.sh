#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab: --nodes 2 --kernel 6.12
#
# A guest's life: it is reset and reboots, is paused and resumed, dumped, its
# disk copied, snapshotted, saved and restored, while its memory is moved or should
# be. Jobs go on, wait or end with the reason; the restored guest's memory comes
# home.

set -eu

# shellcheck source=../lib.sh
. "$LAB_DIR/lib.sh"

disk=/dev/shm/web.disk

times_ready() {
	[ "$(grep -c 'probe ready' "$(guest_serial web)")" -ge "$1" ]
}

# told KIND TEXT REASON: an event of that kind says so.
told() {
	[ "$(vmnumactl --json events | json "[.events[] | select(.kind == \"$1\"
		and (.text | contains(\"$2\")) and (.reason | contains(\"$3\")))] | length")" -gt 0 ]
}

is_not_listed() {
	[ "$(vmnumactl --json list | json '.guests | length')" = 0 ]
}

# job_must_be JOB RESULT: it has ended so, and every byte is accounted for.
job_must_be() {
	wait_until 120 job_has_ended "$1" || fail "job $1 does not end"
	job_is "$1" "$2" || fail "job $1 is $(job_says "$1" '[.result, .why] | tostring')"
	job_must_add_up "$1"
}

# during_job NODE COMMAND...: while a job moves the guest there; sets job.
during_job() {
	job=$(rebalance_slowly web "$1" 12M)
	shift
	job_wait_midst "$job"
	"$@"
}

start_libvirtd
small_guest web
truncate -s 16M "$disk"
sed -i "s|<on_reboot>destroy|<on_reboot>restart|
	s|<memballoon|<disk type='file' device='disk'><driver name='qemu' type='raw'/>\
<source file='$disk'/><target dev='vda' bus='virtio'/></disk>&|" "$LAB_OUT/web.xml"
virsh -q define "$LAB_OUT/web.xml"
virsh -q start web
guest_wait_ready web
start_vmnumad
wait_vmnumad_knows web
pid=$(guest_pid web)

note 'reset in the middle of a job'
during_job 1 virsh -q reset web
job_must_be "$job" 'done'
wait_until 90 times_ready 2 || fail 'it does not boot after the reset'

note 'reboot from inside'
virsh -q send-key web KEY_LEFTALT KEY_SYSRQ KEY_B
wait_until 90 times_ready 3 || fail 'it does not reboot'
[ "$(guest_pid web)" = "$pid" ] || fail 'it has another process'
expect 0 moved vmnumactl rebalance web --to 0
guest_is_on web 0 || fail 'it has not moved after the reboot'
counts_must_agree web
probe_must_be_right web

note 'paused it stays where it is, resumed it follows'
virsh -q suspend web
expect 0 '' vmnumactl follow web default
guest_pin web 1
wait_until 60 told deferred 'cell 0' 'it is paused' || fail 'nothing is deferred'
guest_is_on web 0 || fail 'it was moved while paused'
virsh -q resume web
wait_until 120 guest_is_on web 1 || fail "only $(guest_share web 1) % followed"
wait_until 60 no_job_is_running || fail 'the job does not end'

note 'a job makes way for a dump'
during_job 0 virsh -q dump --memory-only --live web /dev/shm/core
told deferred "job $job waits" 'dumped' || fail 'the job has not made way'
job_must_be "$job" 'done'
told start "job $job goes on" '' || fail 'its going on is no event'
rm -f /dev/shm/core

note 'a block copy is in nobody'"'"'s way'
virsh -q blockcopy web vda /dev/shm/copy --format raw --bandwidth 1 --transient-job
expect 0 moved vmnumactl rebalance web --to 1
virsh blockjob web vda --info
virsh -q blockjob web vda --abort

note 'a job makes way for a snapshot with memory'
during_job 0 virsh -q snapshot-create-as web one --live --no-metadata \
	--memspec file=/dev/shm/one.mem --diskspec vda,file=/dev/shm/one.disk
job_must_be "$job" 'done'
told deferred "job $job waits" 'snapshotted' || fail 'the job has not made way'
rm -f /dev/shm/one.mem
probe_must_be_right web

note 'saved in the middle of a job, and restored'
during_job 1 virsh -q managedsave web
job_must_be "$job" failed
[ "$(job_says "$job" .why)" = 'the guest has ended' ] || fail 'the job gives another reason'
wait_until 60 is_not_listed || fail 'the saved guest is still listed'
virsh -q managedsave-dumpxml web | sed "
	/<vcpupin/s/cpuset='[^']*'/cpuset='$(node_cpus 1)'/" >"$LAB_OUT/saved.xml"
virsh -q managedsave-define web "$LAB_OUT/saved.xml"
virsh -q start web
[ "$(guest_pid web)" != "$pid" ] || fail 'it has the old process'
note "$(guest_share web 0) % lie on node 0, its vCPUs are on node 1"
wait_until 120 guest_is_on web 1 || fail "only $(guest_share web 1) % came home"
probe_must_be_right web
vmnumactl events
stop_vmnumad
