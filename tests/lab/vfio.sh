# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Words for scenarios in which guests have devices of the host (VFIO), on a host
# booted with --iommu: it has two devices to give away, at 0000:00:10.0 and
# 0000:00:11.0. Sourced by them after lib.sh.

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

is_not_pinned() {
	[ "$(pinned_mib "$1")" = 0 ]
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

# must_follow NAME NODE
must_follow() {
	wait_until 60 guest_is_on "$1" "$2" 99 ||
		fail "only $(guest_share "$1" "$2") % of $1 are on node $2: $(vmnumactl explain "$1")"
	wait_until 60 no_job_is_running || fail 'the job does not end'
	note "$1: $(guest_node_bytes "$1" | tr '\n' ' ')"
}

# must_stop JOB WHY: it ends by itself, for that reason; and no call is made
# thereafter.
must_stop() {
	local calls
	wait_until 20 job_has_ended "$1" || fail "the job goes on: $(vmnumactl job "$1")"
	vmnumactl job "$1" || true
	job_is "$1" cancelled || fail "the job is $(job_says "$1" .result)"
	[[ $(job_says "$1" .why) == *"$2"* ]] || fail "it ended because $(job_says "$1" .why)"
	job_must_add_up "$1"
	calls=$(traced_moves)
	sleep 5
	[ "$(traced_moves)" = "$calls" ] || fail "$(($(traced_moves) - calls)) calls were made"
	no_job_is_running || fail 'there is another job'
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
