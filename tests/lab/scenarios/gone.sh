#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab: --nodes 2 --kernel 6.12
#
# Guests that end, die or stand still while their memory is being moved: the job
# says so and ends, the daemon and the job of the guest beside them go on.

set -eu

# shellcheck source=../lib.sh
. "$LAB_DIR/lib.sh"

job_must_have_lost_its_guest() {
	wait_until 60 job_has_ended "$1" || fail "job $1 waits for a guest that has ended"
	job_is "$1" failed || fail "job $1 is $(job_says "$1" .result)"
	[ "$(job_says "$1" .why)" = 'the guest has ended' ] ||
		fail "job $1 gives another reason: $(job_says "$1" .why)"
	[ "$(job_says "$1" '.residue[] | select(.class == "gone") | .bytes')" -gt 0 ] ||
		fail "job $1 does not book what is gone"
	job_must_add_up "$1"
}

# has_moved_more JOB BYTES
has_moved_more() {
	[ "$(job_says "$1" .bytes_moved)" -gt "$2" ]
}

start_libvirtd
for name in short beside; do
	small_guest $name
done
guests_start short beside
start_vmnumad
wait_vmnumad_knows short beside

note 'a guest is destroyed while it is moved'
short=$(rebalance_slowly short 1 6M)
beside=$(rebalance_slowly beside 1 6M)
job_wait_midst "$short"
guest_stop short
job_must_have_lost_its_guest "$short"
vmnumactl job "$short" || true
expect 1 'no running guest' vmnumactl show short
wait_until 120 job_has_ended "$beside" || fail "the other guest's job does not end"
job_is "$beside" 'done' || fail "the other guest's job is $(job_says "$beside" .result)"
guest_is_on beside 1 || fail 'the other guest has not arrived'
probe_must_be_right beside

note 'a stopped QEMU'
kill -STOP "$(guest_pid beside)"
expect 0 moved vmnumactl rebalance beside --to 0
guest_is_on beside 0 || fail 'the memory of the stopped process has not moved'
vmnumactl list
kill -CONT "$(guest_pid beside)"
probe_must_be_right beside

note 'QEMU stands still in the middle of a job, and goes on'
beside=$(rebalance_slowly beside 1 6M)
job_wait_midst "$beside"
kill -STOP "$(guest_pid beside)"
moved=$(job_says "$beside" .bytes_moved)
wait_until 60 has_moved_more "$beside" "$moved" || fail 'the job stands still with it'
kill -CONT "$(guest_pid beside)"
wait_until 120 job_has_ended "$beside" || fail 'the job does not end'
job_is "$beside" 'done' || fail "the job is $(job_says "$beside" .result)"
job_must_add_up "$beside"
guest_is_on beside 1 || fail 'the guest has not arrived'
probe_must_be_right beside

note 'QEMU is killed while its guest is moved'
beside=$(rebalance_slowly beside 0 6M)
job_wait_midst "$beside"
kill -KILL "$(guest_pid beside)"
job_must_have_lost_its_guest "$beside"
stop_vmnumad
