#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab: --nodes 2 --kernel 6.12
#
# What happens to a guest's CPUs while vmnumad runs: a vCPU plugged in and out,
# pins of other threads, which mean nothing for memory, taskset and cpusets
# rewritten behind libvirt's back. vmnumad follows what cpusets allow, says what
# they forbid, waits a while when others rewrite one, and never writes to one.

set -eu

# shellcheck source=../lib.sh
. "$LAB_DIR/lib.sh"

has_vcpus() {
	[ "$(vmnumactl --json list | json '[.guests[0].vcpus[].id] | tostring')" = "$1" ]
}

# cell_share CELL NODE: percent of the cell's memory.
cell_share() {
	vmnumactl --json show web |
		json ".guests[0].cells[$1] | 100 * (.node_bytes[\"$2\"] // 0) / .resident_bytes | floor"
}

cell_is_halved() {
	[ "$(cell_share 1 1)" -ge 35 ] && [ "$(cell_share 1 1)" -le 65 ]
}

tids() {
	vmnumactl --json list | json '.guests[0].vcpus[].tid'
}

# taskset_all NODE
taskset_all() {
	local tid
	for tid in $(tids); do
		taskset -cp "$(node_cpus "$1")" "$tid" >/dev/null
	done
}

# write_cpuset NAME FILE VALUE: in the guest's cgroups of that name (a pattern).
write_cpuset() {
	find /sys/fs/cgroup/machine -type d -name "$1" |
		while read -r group; do
			echo "$3" >"$group/cpuset.$2"
		done
}

# All that is written in its cpusets.
cpusets() {
	head -v /sys/fs/cgroup/machine/*web*/{emulator,vcpu*}/cpuset.{mems,cpus}
}

explain_says() {
	vmnumactl explain web | grep -qiF -- "$1"
}

# must_follow NODE
must_follow() {
	wait_until 120 guest_is_on web "$1" ||
		fail "only $(guest_share web "$1") % have followed to node $1: $(vmnumactl explain web)"
	wait_until 60 no_job_is_running || fail 'the job does not end'
}

n_jobs() {
	vmnumactl --json jobs | json '.jobs | length'
}

# must_stay NODE SECONDS: and no job is started.
must_stay() {
	local before
	before=$(n_jobs)
	sleep "$2"
	guest_is_on web "$1" || fail "only $(guest_share web "$1") % have stayed on node $1"
	[ "$(n_jobs)" = "$before" ] || fail 'a job was started'
}

# may_not_follow MEMS: cpusets stay as they are written, and it is told why.
may_not_follow() {
	local before
	before=$(cpusets)
	wait_until 60 explain_says 'cpuset does not allow' || fail "it is not explained: $(vmnumactl explain web)"
	must_stay 1 3
	[ "$(cpusets)" = "$before" ] || fail "the cpusets were $before and are $(cpusets)"
	expect 4 'cpuset' vmnumactl rebalance web --to 0
}

# event_says KIND TEXT
event_says() {
	vmnumactl --json events |
		jq -e --arg kind "$1" --arg text "$2" \
			'.events[] | select(.kind == $kind and (.reason | contains($text)))' >/dev/null
}

start_libvirtd
guest_define web mem=384 vcpus=4 cells=2 pin=0 probe='probe.busy=20 probe.pages=25000 probe.follow=1'
sed -i "s|<vcpu>4</vcpu>|<vcpu current='3'>4</vcpu>|" "$LAB_OUT/web.xml"
guests_start web
start_vmnumad_with <<-END
	[follow]
	cooldown_s = 1
	settle_s = 2
	ram_per_hour = 1000
END
wait_vmnumad_knows web
has_vcpus '[0,1,2]' || fail "it knows $(vmnumactl list)"

note 'a vCPU comes, and wants its part of the cell where it is'
virsh -q setvcpus web 4 --live
wait_until 60 has_vcpus '[0,1,2,3]' || fail "it knows $(vmnumactl list)"
virsh -q vcpupin web 3 "$(node_cpus 1)" --live
wait_until 120 cell_is_halved || fail "$(cell_share 1 1) % of cell 1 are on node 1: $(vmnumactl explain web)"
wait_until 60 no_job_is_running || fail 'the job does not end'
[ "$(cell_share 0 0)" -ge 97 ] || fail 'cell 0 has moved'
note 'and goes'
virsh -q setvcpus web 3 --live
wait_until 60 has_vcpus '[0,1,2]' || fail "it knows $(vmnumactl list)"
must_follow 0

note 'the emulator and an I/O thread'
virsh -q emulatorpin web "$(node_cpus 1)" --live
virsh -q iothreadadd web 1 --live
virsh -q iothreadpin web 1 "$(node_cpus 1)" --live
must_stay 0 5

note 'taskset'
for vcpu in 0 1 2; do
	virsh -q vcpupin web $vcpu "$LAB_GUEST_CPUS" --live
done
taskset_all 1
must_follow 1

note 'cpuset.mems of the vCPUs'
write_cpuset 'vcpu*' mems 1
taskset_all 0
may_not_follow
explain_says 'As its last moves were, moving it would take' ||
	fail "the price is a guess: $(vmnumactl explain web)"
event_says cpuset 'from nodes 0-1 to nodes 1;' || fail 'no event tells who has changed the cpuset'
write_cpuset 'vcpu*' mems 0-1
must_follow 0
event_says cpuset 'from nodes 1 to nodes 0-1;' || fail 'no event tells who has changed it back'
event_says deferred 'others have changed its cpuset a moment ago' ||
	fail "it followed at once: $(vmnumactl events)"

note 'cpuset.cpus of the vCPUs'
write_cpuset 'vcpu*' cpus "$(node_cpus 1)"
must_follow 1

note 'cpuset.mems of the emulator, whose cpuset the kernel asks'
write_cpuset emulator mems 1
write_cpuset 'vcpu*' cpus "$(node_cpus 0)"
may_not_follow
write_cpuset emulator mems 0-1
must_follow 0

note 'in the midst of a job'
job=$(rebalance_slowly web 1 8M)
job_wait_midst "$job"
write_cpuset emulator mems 0
wait_until 90 job_has_ended "$job" || fail 'the job does not end'
vmnumactl job "$job" || true
job_must_add_up "$job"
[ "$(job_says "$job" '.residue[] | select(.class == "cpuset") | .bytes')" -gt $((16 << 20)) ] ||
	fail "the residue is $(job_says "$job" '.residue | tostring')"
vmnumactl show web
vmnumactl jobs
vmnumactl events
probe_must_be_right web
stop_vmnumad
