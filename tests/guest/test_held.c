/* SPDX-License-Identifier: Apache-2.0 */
/* guest/held.c: which open files tell of a device that holds all memory. */
#include "guest/held.h"

#include <errno.h>

#include "fake_sys.h"
#include "run.h"

#define N(array) ((int)(sizeof(array) / sizeof((array)[0])))

#define PID 4242

/* Links as Linux 6.12 shows them of QEMU 7.2; those of iommufd and vDPA after its
 * sources. */
static const struct {
	const char *link;
	const char *by; /* NULL: tells nothing */
} links[] = {
	{ "/dev/vfio/vfio", "a device that it was given (VFIO)" },
	{ "/dev/vfio/3", "a device that it was given (VFIO)" },
	{ "/dev/vfio/devices/vfio0", "a device that it was given (VFIO)" },
	{ "anon_inode:[vfio-device]", "a device that it was given (VFIO)" },
	{ "/dev/vhost-vdpa-0", "a device that it was given (vDPA)" },
	{ "anon_inode:kvm-vfio", NULL }, /* stays when the device has gone */
	{ "/dev/iommu", NULL },
	{ "/dev/vhost-net", NULL },
	{ "anon_inode:kvm-vcpu:0", NULL },
	{ "/srv/dev/vfio/3", NULL },
	{ "", NULL },
};

START_TEST(device_is_told_by_what_is_open)
{
	struct fake_sys *host = fake_sys_create(FAKE_LINUX_6_12);
	struct sys sys = fake_sys_door(host);
	const char *by = "?";

	fake_process(host, PID);
	fake_file(host, "/proc/4242/fd/0", "/dev/null");
	fake_file(host, "/proc/4242/fd/17", links[_i].link);
	fake_file(host, "/proc/4242/fd/18", "/dev/kvm");
	fake_file(host, "/proc/4243/fd/17", "/dev/vfio/vfio");
	ck_assert_int_eq(held_by(&sys, PID, &by), 0);
	if (links[_i].by)
		ck_assert_str_eq(by, links[_i].by);
	else
		ck_assert_ptr_null(by);
	fake_sys_destroy(host);
}
END_TEST

START_TEST(what_closes_meanwhile_is_passed_over_and_what_is_denied_is_said)
{
	struct fake_sys *host = fake_sys_create(FAKE_LINUX_6_12);
	struct sys sys = fake_sys_door(host);
	const char *by = "?";

	fake_process(host, PID);
	fake_file(host, "/proc/4242/fd/17", "/dev/vfio/3");
	fake_file(host, "/proc/4242/fd/18", "/dev/vfio/vfio");
	fake_fault(host, FAKE_READ_LINK, 1, -ENOENT);
	ck_assert_int_eq(held_by(&sys, PID, &by), 0);
	ck_assert_ptr_nonnull(by);
	fake_fault(host, FAKE_EACH_ENTRY, 1, -EACCES);
	ck_assert_int_eq(held_by(&sys, PID, &by), -EACCES);
	ck_assert_ptr_null(by);
	fake_sys_destroy(host);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_loop_test(tests, device_is_told_by_what_is_open, 0, N(links));
	tcase_add_test(
		tests,
		what_closes_meanwhile_is_passed_over_and_what_is_denied_is_said);
}

int main(void)
{
	return run_tests("guest held", add_tests);
}
