# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Words for scenarios whose guests libvirt does not manage: QEMU started by hand,
# pinned by taskset. Sourced by them after lib.sh, in place of whose words for
# guests of libvirt some of these come.

guest_pid() {
	cat "$LAB_OUT/$1.pid"
}

# options_of NAME OPTIONS: of QEMU, a word on each line.
options_of() {
	tr -s ' \t\n' '\n' <<<"$2" >"$LAB_OUT/$1.options"
}

guest_start() {
	local options
	mapfile -t options <"$LAB_OUT/$1.options"
	taskset -c "$(node_cpus 0)" qemu-system-x86_64 -daemonize \
		-pidfile "$LAB_OUT/$1.pid" -nodefaults -no-user-config -display none \
		-machine pc,accel=kvm -cpu host -smp 2 \
		-kernel "$LAB_KERNEL_DIR/vmlinuz" -initrd "$LAB_GUEST_DIR/initramfs" \
		-append 'console=ttyS0 loglevel=4 panic=-1 mitigations=off numa_balancing=disable probe.busy=20 probe.pages=12000' \
		-serial "file:$(guest_serial "$1")" "${options[@]}"
}

guest_stop() {
	kill -KILL "$(guest_pid "$1")"
}

# pin_by_hand NAME NODE: as somebody without libvirt does.
pin_by_hand() {
	local comm
	for comm in /proc/"$(guest_pid "$1")"/task/*/comm; do
		if grep -q '^CPU .*/KVM' "$comm"; then
			taskset -c -p "$(node_cpus "$2")" "$(basename "$(dirname "$comm")")" >/dev/null
		fi
	done
}
