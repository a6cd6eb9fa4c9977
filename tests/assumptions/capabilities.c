/* SPDX-License-Identifier: Apache-2.0 */
/* The rights that moving a QEMU's memory needs. See assume.h. */
#include "assume.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>

static const char belief[] =
	"On a process of another user, MPOL_MF_MOVE_ALL without CAP_SYS_NICE is EPERM (MPOL_MF_MOVE is allowed), and anything without CAP_SYS_PTRACE is EPERM, even a query.";

static void prepare(struct target *target)
{
	target->at = memory_on(0, PAGE_BYTES, MEMORY_SMALL);
	must(!setresgid(65534, 65534, 65534) && !setresuid(65534, 65534, 65534),
	     "setresuid");
}

static void set_effective(unsigned int capability, bool is_on)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct data[2];

	must(!syscall(SYS_capget, &header, data), "capget");
	if (is_on)
		data[0].effective |= 1u << capability;
	else
		data[0].effective &= ~(1u << capability);
	must(!syscall(SYS_capset, &header, data), "capset");
}

int main(void)
{
	struct target *target;
	void *page;
	int status;
	long result;

	need_two_nodes();
	target = target_start(prepare);
	page = target->at;
	set_effective(CAP_SYS_NICE, false);
	result = move_list(target->pid, &page, 1, 1, &status, MOVE_ALL);
	expect(result == -EPERM, "MOVE_ALL without CAP_SYS_NICE: %ld", result);
	result = move_list(target->pid, &page, 1, 1, &status, MOVE);
	expect(result == 0 && status == 1, "MOVE without it: %ld, %d", result,
	       status);
	set_effective(CAP_SYS_NICE, true);

	set_effective(CAP_SYS_PTRACE, false);
	result = move_list(target->pid, &page, 1, 0, &status, MOVE_ALL);
	expect(result == -EPERM, "a move without CAP_SYS_PTRACE: %ld", result);
	result = query_list(target->pid, &page, 1, &status);
	expect(result == -EPERM, "a query without it: %ld", result);
	set_effective(CAP_SYS_PTRACE, true);

	result = move_list(target->pid, &page, 1, 0, &status, MOVE_ALL);
	expect(result == 0 && status == 0, "with both: %ld, %d", result,
	       status);
	return confirmed(belief);
}
