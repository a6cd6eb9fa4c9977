/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of host/proc_text.c. */
#include "host/proc_text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "run.h"
#include "tree.h"
#include "xalloc.h"

START_TEST(stat_of_a_real_qemu_is_read)
{
	autofree char *text = tree_read("qemu-7.2/stat", NULL);
	struct proc_stat stat;

	ck_assert_int_eq(proc_stat_parse(text, &stat), 0);
	ck_assert_int_eq(stat.pid, 15804);
	ck_assert_str_eq(stat.name, "qemu-system-x86");
	ck_assert_int_eq(stat.state, 'S');
	ck_assert_int_eq(stat.parent_pid, 15803);
	ck_assert_uint_eq(stat.user_ticks, 1);
	ck_assert_uint_eq(stat.system_ticks, 2);
	ck_assert_uint_eq(stat.start_ticks, 168782);
	ck_assert_int_eq(stat.last_cpu, 0);
}
END_TEST

START_TEST(stat_of_a_real_vcpu_thread_is_read)
{
	autofree char *text = tree_read("qemu-7.2/vcpu1.stat", NULL);
	struct proc_stat stat;

	ck_assert_int_eq(proc_stat_parse(text, &stat), 0);
	ck_assert_str_eq(stat.name, "CPU 1/TCG");
	ck_assert_int_eq(stat.last_cpu, 1);
	ck_assert_uint_eq(stat.start_ticks, 168785);
}
END_TEST

/* Fields 4 to 39: parent 7, user 14, system 15, start 22222, CPU 39. */
#define NUMBERS                                                                \
	" 7 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22222 23 24 25 26 "  \
	"27 28 29 30 31 32 33 34 35 36 37 -1 39"

static const struct {
	const char *text; /* hand-made */
	int err; /* the answer */
	const char *name; /* the name that must come out */
} stats[] = {
	{ "4 (qemu) S" NUMBERS " 0 0\n", 0, "qemu" },
	{ "4 (qemu) S" NUMBERS "\n", 0, "qemu" },
	{ "4 (qemu) S" NUMBERS, 0, "qemu" },
	{ "4 (a) R 1 2) S" NUMBERS "\n", 0, "a) R 1 2" },
	{ "4 (() S" NUMBERS "\n", 0, "(" },
	{ "4 ()) R) Z" NUMBERS "\n", 0, ")) R" },
	{ "4 () S" NUMBERS "\n", 0, "" },
	{ "4 (a\nb) S" NUMBERS "\n", 0, "a\nb" },
	{ "", -EINVAL, "" },
	{ "4", -EINVAL, "" },
	{ "4 (qemu", -EINVAL, "" },
	{ "4 )qemu(", -EINVAL, "" },
	{ "4 (qemu)", -EINVAL, "" },
	{ "4 (qemu) ", -EINVAL, "" },
	{ "4 (qemu) S", -EINVAL, "" },
	{ "4 (qemu) S 1 2 3\n", -EINVAL, "" },
	{ "x (qemu) S" NUMBERS "\n", -EINVAL, "" },
	{ "-4 (qemu) S" NUMBERS "\n", -EINVAL, "" },
	{ "99999999999 (qemu) S" NUMBERS "\n", -EINVAL, "" },
	{ "4 (qemu) S" NUMBERS "9999999\n", -EINVAL, "" },
	{ "4 (qemu) S" NUMBERS "x\n", -EINVAL, "" },
	{ "4 (qemu) S 99999999999999999999999 5\n", -EINVAL, "" },
};

START_TEST(odd_stat_lines_are_read_or_refused)
{
	struct proc_stat stat = { .pid = -7 };
	int err = proc_stat_parse(stats[_i].text, &stat);

	ck_assert_int_eq(err, stats[_i].err);
	if (err) {
		ck_assert_int_eq(stat.pid, -7);
		return;
	}
	ck_assert_str_eq(stat.name, stats[_i].name);
	ck_assert_int_eq(stat.parent_pid, 7);
	ck_assert_uint_eq(stat.start_ticks, 22222);
	ck_assert_uint_eq(stat.stack_start, 28);
	ck_assert_int_eq(stat.last_cpu, 39);
}
END_TEST

START_TEST(long_name_is_cut)
{
	char text[400] = "4 (";
	struct proc_stat stat;

	memset(text + 3, 'n', 100);
	strcpy(text + 103, ") S" NUMBERS "\n");
	ck_assert_int_eq(proc_stat_parse(text, &stat), 0);
	ck_assert_uint_eq(strlen(stat.name), PROC_NAME_SIZE - 1);
}
END_TEST

START_TEST(status_of_a_real_qemu_is_read)
{
	autofree char *text = tree_read("qemu-7.2/status", NULL);
	struct proc_status status;
	char cpus[64];

	ck_assert_int_eq(proc_status_parse(text, &status), 0);
	ck_assert_str_eq(status.name, "qemu-system-x86");
	ck_assert_uint_eq(status.uid, 0);
	ck_assert_uint_eq(status.locked_bytes, 0);
	ck_assert_uint_eq(status.pinned_bytes, 0);
	ck_assert_uint_eq(status.mems_allowed.bits, 1);
	ck_assert_int_eq(proc_status_field(text, "Cpus_allowed_list", cpus,
					   sizeof(cpus)),
			 0);
	ck_assert_str_eq(cpus, "0-1");
}
END_TEST

START_TEST(pinned_memory_and_users_are_read)
{
	struct proc_status status;
	const char *text = "Name:\tqemu\nUid:\t64055\t64056\t64055\t64055\n"
			   "VmLck:\t     8 kB\nVmPin:\t 4096 kB\n"
			   "Mems_allowed_list:\t0,2,7\n";

	ck_assert_int_eq(proc_status_parse(text, &status), 0);
	ck_assert_uint_eq(status.uid, 64056);
	ck_assert_uint_eq(status.locked_bytes, 8 * KIB);
	ck_assert_uint_eq(status.pinned_bytes, 4 * MIB);
	ck_assert_uint_eq(status.mems_allowed.bits, 0x85);
}
END_TEST

START_TEST(allowed_nodes_are_read_without_the_rest)
{
	struct node_mask mems = { 1 };

	ck_assert_int_eq(proc_status_mems("Name:\tqemu\n", &mems), -ENOENT);
	ck_assert_int_eq(proc_status_mems("Mems_allowed_list:\tx\n", &mems),
			 -EINVAL);
	ck_assert_uint_eq(mems.bits, 1);
	ck_assert_int_eq(proc_status_mems("Mems_allowed_list:\t1-2\n", &mems),
			 0);
	ck_assert_uint_eq(mems.bits, 6);
}
END_TEST

static const struct {
	const char *text; /* hand-made */
	int err; /* the answer */
	uint64_t mems; /* nodes, if it could be read */
} statuses[] = {
	{ "Name:\ta\nUid:\t1\t1\t1\t1\n", 0, UINT64_MAX },
	{ "Name:\ta\nUid:\t1\t1\t1\t1\nMems_allowed_list:\t0-1023\n", 0,
	  UINT64_MAX },
	{ "Name:\ta\nUid:\t1\t1\t1\t1\nMems_allowed_list:\t1,64-1023\n", 0, 2 },
	{ "Name:\ta\nUid:\t1\t1\t1\t1\nMems_allowed_list:\t\n", 0, 0 },
	{ "Name:\ta\nUid:\t1\t1\t1\t1\nMems_allowed_list:\t0-9999\n", -EINVAL,
	  0 },
	{ "Name:\ta\nUid:\t1\t1\t1\t1\nMems_allowed_list:\tx\n", -EINVAL, 0 },
	{ "Name:\ta\nUid:\t1\t1\t1\t1\nVmPin:\t4 MB\n", -EINVAL, 0 },
	{ "Name:\ta\nUid:\t1\t1\t1\t1\nVmPin:\t99999999999999999999 kB\n",
	  -EINVAL, 0 },
	{ "Name:\ta\nUid:\t1\t1\t1\t1\nVmLck:\t18446744073709551615 kB\n",
	  -EINVAL, 0 },
	{ "Name:\ta\nUid:\t1\n", -EINVAL, 0 },
	{ "Name:\ta\n", -EINVAL, 0 },
	{ "Uid:\t1\t1\t1\t1\n", -EINVAL, 0 },
	{ "\n\n\n", -EINVAL, 0 },
	{ "", -EINVAL, 0 },
};

START_TEST(odd_status_files_are_read_or_refused)
{
	struct proc_status status;
	int err = proc_status_parse(statuses[_i].text, &status);

	ck_assert_int_eq(err, statuses[_i].err);
	if (!err)
		ck_assert_uint_eq(status.mems_allowed.bits, statuses[_i].mems);
}
END_TEST

START_TEST(status_field_is_found_by_its_whole_name)
{
	const char *text = "XCpus:\t1\nCpus_allowed:\t3\nCpus:\t 0-1";
	char buf[4];

	ck_assert_int_eq(proc_status_field(text, "Cpus", buf, sizeof(buf)), 0);
	ck_assert_str_eq(buf, "0-1");
	ck_assert_int_eq(proc_status_field(text, "pus", buf, 4), -ENOENT);
	ck_assert_int_eq(proc_status_field(text, "Cpus", buf, 3), -E2BIG);
}
END_TEST

START_TEST(command_line_of_a_real_qemu_gives_uuid_and_name)
{
	size_t len;
	autofree char *text = tree_read("qemu-7.2/cmdline", &len);
	char name[64];

	ck_assert_str_eq(proc_cmdline_value(text, len, "-uuid"),
			 "4dea22b3-1d52-d8f3-2516-782e98ab3fa0");
	ck_assert_ptr_null(proc_cmdline_value(text, len, "-incoming"));
	ck_assert_int_eq(proc_cmdline_guest_name(text, len, name, 64), 0);
	ck_assert_str_eq(name, "web3");
}
END_TEST

static const struct {
	const char *name; /* the argument of -name */
	int err; /* the answer */
	const char *guest; /* the guest's name */
} names[] = {
	{ "guest=web3,debug-threads=on", 0, "web3" },
	{ "guest=web3", 0, "web3" },
	{ "web3", 0, "web3" },
	{ "web3,process=qemu", 0, "web3" },
	{ "guest=a,,b,,,debug-threads=on", 0, "a,b," },
	{ "guest=a=b", 0, "a=b" },
	{ "guest=--help", 0, "--help" },
	{ "guest=a,", 0, "a" },
	{ "guest=", -ENOENT, "" },
	{ "guest=,debug-threads=on", -ENOENT, "" },
	{ "debug-threads=on", -ENOENT, "" },
	{ "", -ENOENT, "" },
	{ "guest=0123456789abcdef0123456789abcdef", -E2BIG, "" },
};

START_TEST(guest_names_are_taken_as_qemu_takes_them)
{
	char cmdline[128];
	char name[32];
	size_t len =
		(size_t)snprintf(cmdline, sizeof(cmdline), "qemu%c-name%c%s%c",
				 0, 0, names[_i].name, 0);
	int err = proc_cmdline_guest_name(cmdline, len, name, sizeof(name));

	ck_assert_int_eq(err, names[_i].err);
	if (!err)
		ck_assert_str_eq(name, names[_i].guest);
}
END_TEST

START_TEST(option_at_the_end_has_no_value)
{
	ck_assert_ptr_null(proc_cmdline_value("qemu\0-uuid\0", 11, "-uuid"));
	ck_assert_ptr_null(proc_cmdline_value("qemu\0-uuid", 10, "-uuid"));
	ck_assert_ptr_null(proc_cmdline_value("", 0, "-uuid"));
	ck_assert_str_eq(proc_cmdline_value("q\0--uuid\0x\0", 11, "-uuid"),
			 "x");
	/* A process may overwrite its arguments without a final NUL. */
	ck_assert_str_eq(proc_cmdline_value("q\0-uuid\0xyz", 11, "-uuid"),
			 "xyz");
}
END_TEST

static const struct {
	const char *comm; /* the thread's name */
	int vcpu; /* its vCPU, -1: it is none */
} comms[] = {
	{ "CPU 0/KVM\n", 0 },
	{ "CPU 0/KVM", 0 },
	{ "CPU 255/KVM\n", 255 },
	{ "CPU 4095/KVM\n", 4095 },
	{ "CPU 3/TCG\n", 3 },
	{ "ALL CPUs/TCG\n", -1 },
	{ "CPU /KVM\n", -1 },
	{ "CPU -1/KVM\n", -1 },
	{ "CPU 70000/KVM\n", -1 },
	{ "CPU 99999999999999999999/KVM\n", -1 },
	{ "CPU 1/KVMx", -1 },
	{ "CPU 1/KV", -1 },
	{ "CPU 1", -1 },
	{ "IO mon_iothread\n", -1 },
	{ "qemu-system-x86\n", -1 },
	{ "", -1 },
};

START_TEST(vcpu_threads_are_known_by_name)
{
	unsigned vcpu = 77;
	int err = proc_comm_vcpu(comms[_i].comm, &vcpu);

	ck_assert_int_eq(err, comms[_i].vcpu < 0 ? -ENOENT : 0);
	ck_assert_int_eq((int)vcpu, err ? 77 : comms[_i].vcpu);
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

static void add(TCase *tests)
{
	tcase_add_test(tests, stat_of_a_real_qemu_is_read);
	tcase_add_test(tests, stat_of_a_real_vcpu_thread_is_read);
	tcase_add_loop_test(tests, odd_stat_lines_are_read_or_refused, 0,
			    COUNT(stats));
	tcase_add_test(tests, long_name_is_cut);
	tcase_add_test(tests, status_of_a_real_qemu_is_read);
	tcase_add_test(tests, pinned_memory_and_users_are_read);
	tcase_add_test(tests, allowed_nodes_are_read_without_the_rest);
	tcase_add_loop_test(tests, odd_status_files_are_read_or_refused, 0,
			    COUNT(statuses));
	tcase_add_test(tests, status_field_is_found_by_its_whole_name);
	tcase_add_test(tests, command_line_of_a_real_qemu_gives_uuid_and_name);
	tcase_add_loop_test(tests, guest_names_are_taken_as_qemu_takes_them, 0,
			    COUNT(names));
	tcase_add_test(tests, option_at_the_end_has_no_value);
	tcase_add_loop_test(tests, vcpu_threads_are_known_by_name, 0,
			    COUNT(comms));
}

int main(void)
{
	return run_tests("proc text", add);
}
