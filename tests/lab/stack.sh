# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The newer QEMU and libvirt of fetch-stack, laid over the emulated host's own: for
# the whole of it (--stack backports), or for one libvirtd that takes over from the
# older one. Sourced by inside.sh, and by scenarios after lib.sh.

# lay_stack_over: over /usr of the caller's mounts. Modules of the older ones make
# the newer fail at start, so those that the newer do not bring are removed.
lay_stack_over() {
	local module new=$LAB_STACK_DIR/usr
	mkdir -p /run/lab-stack
	mount -t tmpfs -o mode=755 tmpfs /run/lab-stack
	mkdir /run/lab-stack/upper /run/lab-stack/work
	mount -t overlay -o "lowerdir=$new:/usr,upperdir=/run/lab-stack/upper,workdir=/run/lab-stack/work" \
		overlay /usr
	for module in /usr/lib/*/libvirt/*/*.so /usr/lib/*/qemu/*.so; do
		[ -e "$new${module#/usr}" ] || rm -f "$module"
	done
}

# start_newer_libvirtd: where libvirt's state is, as after an upgrade of its package;
# all others go on with what they have.
start_newer_libvirtd() {
	unshare --mount bash -euc '. "$LAB_DIR/stack.sh"; lay_stack_over; exec libvirtd -d'
	wait_until 60 virsh -q list || fail 'the newer libvirtd does not answer'
}
