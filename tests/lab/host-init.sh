#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
#
# First program of the emulated host, run by busybox from the initramfs: puts
# the real machine's root file system (9p, read-only) under a tmpfs overlay and
# hands over to inside.sh. What cannot be mounted ends the machine.

set -eu

PATH=/bin
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
for module in /modules/*.ko; do
	insmod "$module"
done

# The runner only asks whether this kernel boots with virtualisation inside.
if grep -qw lab.try /proc/cmdline; then
	grep -qwE "svm|vmx" /proc/cpuinfo && echo "lab: virtualisation is there" >/dev/console
	reboot -f
fi

options=trans=virtio,version=9p2000.L,msize=1048576
mount -t 9p -o "$options,cache=loose,ro" host /host
mount -t tmpfs -o mode=755 tmpfs /upper
mkdir /upper/upper /upper/work
mount -t overlay -o lowerdir=/host,upperdir=/upper/upper,workdir=/upper/work \
	overlay /newroot
# The runner keeps the results; no cache, so that it sees each line at once.
mount -t tmpfs -o mode=755 tmpfs /newroot/run
mkdir /newroot/run/lab
mount -t 9p -o "$options,cache=none" out /newroot/run/lab

umount /sys /proc
exec switch_root /newroot /run/lab/.lab/inside
