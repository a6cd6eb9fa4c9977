/* SPDX-License-Identifier: Apache-2.0 */
/* A QEMU that libvirt does not know, behind the fake door; for the tests of
 * adopting it. */
#ifndef TESTS_ADOPT_SCENE_H
#define TESTS_ADOPT_SCENE_H

#include <check.h>
#include <string.h>

#include "config.h"
#include "fake_sys.h"
#include "guest/adopt.h"
#include "guest/guest.h"

#define PID 4242

#define RAM "7f0000000000-7f0010000000 rw-p 00000000 00:00 0 \n"
#define VCPU                                                                   \
	"7f1000000000-7f1000003000 rw-s 00000000 00:0e 1035 "                  \
	"anon_inode:kvm-vcpu:0\n"
#define QEMU "/usr/bin/qemu-system-x86_64|-m|256|"

struct scene {
	struct fake_sys *host;
	struct sys sys;
	struct adoption *adoption;
	struct why why;
};

static inline void set_cmdline(struct scene *s, const char *cmdline)
{
	char text[512];
	size_t len = strlen(cmdline);

	for (size_t i = 0; i < len; i++)
		text[i] = cmdline[i] == '|' ? '\0' : cmdline[i];
	fake_file_bytes(s->host, "/proc/4242/cmdline", text, len);
}

/* A QEMU of 256 MiB with one vCPU. */
static inline void scene_begin(struct scene *s)
{
	memset(s, 0, sizeof(*s));
	s->host = fake_sys_create(FAKE_LINUX_6_12);
	s->sys = fake_sys_door(s->host);
	fake_process(s->host, PID);
	fake_file(s->host, "/proc/4242/task/4242/stat",
		  "4242 (qemu) S 1 1 1 0 -1 0 0 0 0 0 5 6 0 0 20 0 1 0 777 1 1 "
		  "1 1 1 1 1 1 1 1 1 1 1 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n");
	fake_file(s->host, "/proc/4242/status",
		  "Name:\tqemu\nUid:\t0\t0\t0\t0\nNSpid:\t4242\n");
	fake_file(s->host, "/proc/4242/maps", RAM VCPU);
	fake_file(s->host, "/proc/4242/task/4242/comm", "qemu-system-x86\n");
	fake_file(s->host, "/proc/4242/task/4250/comm", "CPU 0/KVM\n");
	fake_file(s->host, "/proc/4242/fd/0", "/dev/null");
	set_cmdline(s, QEMU);
	s->adoption = adoption_create(PID);
}

static inline void scene_end(struct scene *s)
{
	adoption_free(&s->sys, s->adoption);
	ck_assert_uint_eq(fake_open_handles(s->host), 0);
	fake_sys_destroy(s->host);
}

/* A guest made of the scene's process. */
static inline struct guest *make_guest(struct scene *s, struct config *config,
				       struct guest_env *env)
{
	struct guest *guest;

	config_init(config);
	*env = (struct guest_env) { .sys = &s->sys, .config = config };
	ck_assert_int_eq(adopt_check(&s->sys, s->adoption, &s->why), 0);
	guest = guest_create(env, &s->adoption->identity.uuid);
	adopt_guest(guest, s->adoption);
	return guest;
}

#endif
