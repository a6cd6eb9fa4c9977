#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# First process of the emulated host once its root file system is mounted: sets
# the host up, runs the scenarios that have no result yet one after another, and
# ends the machine. The runner (tests/lab/lab) copies it to .lab/inside in the
# output directory, which is mounted at /run/lab here.
#
# .lab/env      variables for the scenarios    .lab/queue   "NAME<tab>PATH" lines
# .lab/booted   made when the set-up is done   .lab/status/NAME   "STATUS SECONDS"

set -eu

control=/run/lab/.lab
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/root LANG=C.UTF-8

# The kernel panics when its first process ends, so it never does.
power_off() {
	trap - EXIT
	echo o >/proc/sysrq-trigger
	sleep 60
}
trap power_off EXIT

mount_kernel_trees() {
	mount -t proc proc /proc
	mount -t sysfs sysfs /sys
	mount -t devtmpfs devtmpfs /dev
	mkdir -p /dev/pts /dev/shm /dev/hugepages
	mount -t devpts devpts /dev/pts
	mount -t tmpfs tmpfs /dev/shm
	mount -t hugetlbfs hugetlbfs /dev/hugepages
	mount -t debugfs debugfs /sys/kernel/debug
	mount -t cgroup2 cgroup2 /sys/fs/cgroup
	echo '+cpuset +cpu +memory +io +pids' >/sys/fs/cgroup/cgroup.subtree_control
}

# /tmp and /home stay as they are: the tree and its build may lie there. What
# the real machine's libvirt knows must not be started in here.
hide_machine_state() {
	local dir
	for dir in /var/lib/libvirt /var/log /etc/libvirt/qemu; do
		mkdir -p "$dir"
		mount -t tmpfs -o mode=755 tmpfs "$dir"
	done
	mkdir -p /var/log/libvirt/qemu /var/lib/libvirt/qemu
	rm -rf /etc/libvirt/hooks
}

load_kvm() {
	local module=kvm_amd
	if grep -qw vmx /proc/cpuinfo; then
		module=kvm_intel
	fi
	modprobe -d "$LAB_KERNEL_DIR" -S "$(uname -r)" "$module"
	if getent group kvm >/dev/null; then
		chown root:kvm /dev/kvm
	fi
	chmod 660 /dev/kvm
}

# No guest may run on CPU 0. QEMU's software emulation (cpu_clear_ignne(), seen in
# 7.2 and 10.0) clears a flag of the first CPU, without a lock, whenever any CPU loads
# its floating-point state. Where that meets the first CPU on its way into a guest or
# out of it, another flag of the same word is undone: the guest runs with the host's
# page tables or the host with the guest's, or interrupts stay shut. So guests of
# libvirt are kept away by the cpuset above theirs, others by what they inherit.
spare_first_cpu() {
	mkdir -p /sys/fs/cgroup/machine
	echo "$LAB_GUEST_CPUS" >/sys/fs/cgroup/machine/cpuset.cpus
	taskset -cp "$LAB_GUEST_CPUS" $$ >/dev/null
}

# What libvirt learned about QEMU in an earlier run saves seconds; it checks
# itself whether that still holds.
load_libvirt_cache() {
	mount -t tmpfs -o mode=755 tmpfs /var/cache/libvirt
	mkdir -p "$control/libvirt-cache/qemu"
	cp -a "$control/libvirt-cache/." /var/cache/libvirt/
}

save_libvirt_cache() {
	cp -a /var/cache/libvirt/. "$control/libvirt-cache/"
}

set_up() {
	hostname lab
	ip link set lo up
	if [ "$LAB_STACK" = backports ]; then
		lay_stack_over
		ldconfig
	fi
	load_kvm
	load_libvirt_cache
	spare_first_cpu
	mkfifo /run/lab.pause
	touch "$control/booted"
}

# Puts back what a scenario left: processes, mounts' contents, kernel settings.
clean_up() {
	local dir file
	kill -9 -1 2>/dev/null || true
	for dir in /var/lib/libvirt /var/log /etc/libvirt/qemu; do
		umount -l "$dir"
	done
	find /run -xdev -mindepth 1 -maxdepth 1 ! -name 'lab*' -exec rm -rf {} +
	find /dev/shm /dev/hugepages -xdev -mindepth 1 -delete
	for file in /sys/devices/system/node/node*/hugepages/*/nr_hugepages; do
		echo 0 >"$file"
	done
	echo always >/sys/kernel/mm/transparent_hugepage/enabled
	echo 0 >/proc/sys/kernel/numa_balancing
	find /sys/fs/cgroup -mindepth 1 -depth -type d -exec rmdir {} + 2>/dev/null || true
	spare_first_cpu
	hide_machine_state
}

# Hundredths of a second since the boot.
uptime_cs() {
	local up
	read -r up _ </proc/uptime
	printf '%s' "${up/./}"
}

# A guest's kernel patches itself too and can fall to the emulator's fault while
# it boots, or stand still before the probe has said a word; the runner then
# boots again. Later than that it is a finding.
guest_fell_to_emulator() {
	local serial
	[ "$LAB_ACCEL" = tcg ] || return 1
	for serial in "$LAB_OUT"/*.serial; do
		[ -e "$serial" ] || continue
		if ! grep -q probe "$serial"; then
			return 0
		fi
		if grep -qE 'int3: 0000 \[#' "$serial" && ! grep -q 'probe ready' "$serial"; then
			return 0
		fi
	done
	return 1
}

# So can the host itself, in a vCPU thread that comes back from its guest: the
# stack runs over at once. Often only the thread dies, and what waits for it
# fails before the kernel notices.
host_fell_to_emulator() {
	[ "$LAB_ACCEL" = tcg ] || return 1
	dmesg | grep -qE 'stack guard page|corrupted stack end|int3: 0000|kvm_vcpu_reset'
}

# stands_still NAME: its QEMU runs, and its probe has said nothing for long.
stands_still() {
	local pid
	[ $(($(date +%s) - $(stat -c %Y "$LAB_OUT/$1.serial"))) -ge 30 ] || return 1
	[ "$(timeout 10 virsh -c qemu:///system domstate "$1" 2>&1)" = running ] || return 1
	pid=$(cat "/run/libvirt/qemu/$1.pid") && ! grep -q '^State:.T' "/proc/$pid/status"
}

# libvirt writes another reason when it was told to end it.
reset_itself() {
	tail -n 1 "/var/log/libvirt/qemu/$1.log" | grep -q 'reason=shutdown'
}

# unended_interrupts NAME: pins whose interrupt KVM's controller has delivered and
# waits for the guest to end.
unended_interrupts() {
	if [ -S "/run/$1.test" ]; then # not libvirt's: the scenario's own monitor
		{
			echo '{"execute":"qmp_capabilities"}'
			echo '{"execute":"human-monitor-command","arguments":{"command-line":"info pic"}}'
			sleep 3
		} | timeout 10 socat -t 3 - "UNIX-CONNECT:/run/$1.test"
	else
		timeout 10 virsh -c qemu:///system qemu-monitor-command "$1" --hmp 'info pic'
	fi 2>&1 | grep -oE 'Remote IRR( [0-9]+)+'
}

# lost_interrupt NAME: the guest works on and never ends one, so the device is never
# heard again: the ACPI controller, by which memory and CPUs are plugged.
lost_interrupt() {
	local pins size
	size=$(stat -c %s "$LAB_OUT/$1.serial")
	pins=$(unended_interrupts "$1") || return 1
	sleep 5
	[ "$(unended_interrupts "$1")" = "$pins" ] &&
		[ "$(stat -c %s "$LAB_OUT/$1.serial")" -gt "$size" ]
}

# And a guest can reset itself in full work, or stand still, its kernel without a
# word: it did so once in some ten scenarios while guests ran on the first CPU, under
# migratepages alone too. Or it loses an interrupt, each time when a second emulated
# host wants the machine's CPUs. It is excused once; the second time in one scenario
# is a finding.
guest_fell_silently() {
	local serial name seen=$control/status/.fell-$LAB_NAME
	[ "$LAB_ACCEL" = tcg ] && [ ! -e "$seen" ] || return 1
	for serial in "$LAB_OUT"/*.serial; do
		[ -e "$serial" ] || continue
		name=$(basename "$serial" .serial)
		if grep -q 'probe ready' "$serial" &&
			! grep -qE 'panic|Oops|probe failed|probe WRONG' "$serial" &&
			{ reset_itself "$name" || stands_still "$name" || lost_interrupt "$name"; }; then
			touch "$seen"
			return 0
		fi
	done
	return 1
}

give_up_boot() {
	local log # the next try must not count what this one wrote
	for log in "$LAB_OUT"/*.serial "$LAB_OUT"/*.log; do
		[ ! -e "$log" ] || [ "$log" = "$LAB_OUT/output.log" ] ||
			mv "$log" "$log.emulator-fault"
	done
	printf '# it fell to a fault of the emulator: again from the start\n' \
		>>"$LAB_OUT/output.log"
	touch "$control/emulator-failed"
	exit 1
}

# Tells the runner that this host is alive, and wakes its CPUs: the emulator can
# lose an interrupt to one of them (it sets the flag of one outside its lock), and
# a lost timer is the last one until another interrupt comes. Counting the memory
# statistics anew runs on each CPU. Two of these, on two CPUs, so that one wakes the
# other; ended with all else by clean_up. Nothing is forked: that takes emulation
# 50 ms.
beat() {
	local pause
	exec {pause}<>/run/lab.pause
	while :; do
		: >"$control/heartbeat"
		read -r </proc/sys/vm/stat_refresh || true
		read -rt 2 -u "$pause" || true
	done
}

run_scenario() {
	local name=$1 path=$2 status=0 start took verdict cpu
	export LAB_OUT=/run/lab/$name LAB_NAME=$name
	for cpu in 0 1; do
		beat 2>/dev/null &
		taskset -cp "$cpu" $! >/dev/null
	done
	start=$(uptime_cs)
	timeout -k 5 "$LAB_TIMEOUT" "$path" </dev/null >>"$LAB_OUT/output.log" 2>&1 ||
		status=$?
	if [ "$status" != 0 ] && { guest_fell_to_emulator || host_fell_to_emulator ||
		guest_fell_silently; }; then
		give_up_boot
	fi
	took=$(($(uptime_cs) - start))
	took=$((took / 100)).$((took / 10 % 10))
	case $status in
	0) verdict="ok $name ($took s)" ;;
	124 | 137) verdict="FAIL $name: status $status, over its limit of $LAB_TIMEOUT s" ;;
	*) verdict="FAIL $name: status $status ($took s)" ;;
	esac
	printf '%s\n' "$verdict" >>"$LAB_OUT/output.log"
	printf '%s %s\n' "$status" "$took" >"$control/status/.$name"
	mv "$control/status/.$name" "$control/status/$name"
}

mount_kernel_trees
hide_machine_state
# shellcheck source=/dev/null
. "$control/env"
# shellcheck source=stack.sh
. "$LAB_DIR/stack.sh"
set_up
while IFS=$'\t' read -r name path; do
	if [ -e "$control/status/$name" ]; then
		continue
	fi
	run_scenario "$name" "$path"
	save_libvirt_cache
	if [ "$LAB_FRESH" = yes ]; then
		break
	fi
	clean_up
done <"$control/queue"
