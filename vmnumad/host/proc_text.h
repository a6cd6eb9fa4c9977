/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the small files of /proc/PID and /proc/PID/task/TID say (proc(5)). Text
 * in, struct out: no file is opened here. The content belongs to the process
 * (a name may hold blanks, parentheses and newlines), so nothing of it is
 * trusted to have a shape. Called by guest/ and host/.
 */
#ifndef HOST_PROC_TEXT_H
#define HOST_PROC_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "node.h"

/* The kernel keeps 15 bytes of a name; worker threads print up to 63. */
#define PROC_NAME_SIZE 64

/* /proc/PID/stat or /proc/PID/task/TID/stat. */
struct proc_stat {
	pid_t pid; /* field 1: process or thread number */
	char name[PROC_NAME_SIZE]; /* field 2 without its parentheses, cut */
	char state; /* field 3: R S D Z T t X I */
	pid_t parent_pid; /* field 4 */
	uint64_t user_ticks; /* field 14, in ticks of sysconf(_SC_CLK_TCK) */
	uint64_t system_ticks; /* field 15 */
	uint64_t start_ticks; /* field 22, ticks since boot: pid's identity */
	uint64_t stack_start; /* field 28: where the stack of its program
			       * begins; 0 to those who may not trace it */
	int last_cpu; /* field 39: the CPU it runs on or ran on last */
};

/* /proc/PID/status or /proc/PID/task/TID/status. Sizes that the file does not
 * have (kernel threads, zombies) are 0. */
struct proc_status {
	char name[PROC_NAME_SIZE]; /* Name:, with the kernel's escapes */
	uid_t uid; /* Uid: the effective one */
	uint64_t locked_bytes; /* VmLck: mlock(2), and VFIO's pins */
	uint64_t pinned_bytes; /* VmPin: iommufd, vdpa and io_uring pins */
	struct node_mask mems_allowed; /* Mems_allowed_list:, nodes that we
					* can name; all without cpusets */
};

/* -EINVAL: not such a line, or one cut short. */
int proc_stat_parse(const char *text, struct proc_stat *ret_stat);

/* -EINVAL: without Name: or Uid:, or a number is no number. */
int proc_status_parse(const char *text, struct proc_status *ret_status);

/* Of the same file, mems_allowed alone: the rest is not looked at. Nodes above
 * ours are dropped, not refused: some kernels list every node that could exist.
 * -ENOENT: a kernel without cpusets has no such line. */
int proc_status_mems(const char *text, struct node_mask *ret_mems);

/* The value of one line of a status file, blanks before it dropped, into buf.
 * key is such as "Cpus_allowed_list". -ENOENT: no such line; -E2BIG. */
int proc_status_field(const char *text, const char *key, char *buf,
		      size_t size);

/*
 * The argument that follows option ("-uuid"; "--uuid" is found too) in a
 * cmdline of len bytes with NULs between its arguments and one at [len], as
 * sys' read_file gives it. NULL when there is none. Borrowed from cmdline. A
 * hint only: any process can write anything here.
 */
const char *proc_cmdline_value(const char *cmdline, size_t len,
			       const char *option);

/* The guest's name out of QEMU's -name (guest=NAME or NAME first; ",," is a
 * comma). -ENOENT: none; -E2BIG: does not fit. */
int proc_cmdline_guest_name(const char *cmdline, size_t len, char *buf,
			    size_t size);

/* n of a thread called "CPU n/KVM" or "CPU n/TCG", as QEMU names vCPU threads
 * with -name debug-threads=on (libvirt's default). -ENOENT: another name. */
int proc_comm_vcpu(const char *comm, unsigned *ret_vcpu);

#endif
