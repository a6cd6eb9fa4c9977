# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Decides how the emulated host is run: by KVM where this machine's KVM boots a
# stock kernel and offers virtualisation inside, else by software emulation
# (TCG), whose CPU has AMD's SVM. Sourced by the runner, after common.sh.

# A device node says little: some machines' KVM boots nothing. So it is tried,
# once for each boot of this machine.
kvm_boots() {
	local kernel_dir=$1 initramfs=$2 serial
	serial=$(mktemp)
	timeout 20 qemu-system-x86_64 -accel kvm -cpu host -smp 2 -m 512M \
		-nodefaults -display none -no-reboot -serial "file:$serial" \
		-kernel "$kernel_dir/vmlinuz" -initrd "$initramfs" \
		-append 'console=ttyS0 panic=-1 lab.try' >/dev/null 2>&1 || true
	grep -q 'lab: virtualisation is there' "$serial"
	local status=$?
	rm -f "$serial"
	return $status
}

kvm_is_promising() {
	[ -w /dev/kvm ] &&
		grep -qs '[Y1]' /sys/module/kvm_intel/parameters/nested \
			/sys/module/kvm_amd/parameters/nested
}

# Prints kvm or tcg.
choose_accel() {
	local kernel_dir=$1 initramfs=$2 answer
	answer=${lab_cache:?}/accel/$(cat /proc/sys/kernel/random/boot_id)
	if [ ! -e "$answer" ]; then
		rm -rf "$lab_cache/accel"
		mkdir -p "$lab_cache/accel"
		if kvm_is_promising && kvm_boots "$kernel_dir" "$initramfs"; then
			echo kvm >"$answer.$$"
		else
			echo tcg >"$answer.$$"
		fi
		mv "$answer.$$" "$answer"
	fi
	cat "$answer"
}
