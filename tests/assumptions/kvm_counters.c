/* SPDX-License-Identifier: Apache-2.0 */
/* How KVM's counters can be read. See assume.h. */
#include "assume.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static const char belief[] =
	"A counter of KVM in debugfs can be read once from one open file, and not by offset: pread is ESPIPE, a second read gives nothing.";

int main(void)
{
	char text[32] = "";
	int fd = open("/sys/kernel/debug/kvm/remote_tlb_flush", O_RDONLY);

	if (fd < 0)
		skip("no debugfs, or KVM is not loaded");
	expect(pread(fd, text, sizeof(text) - 1, 0) == -1 && errno == ESPIPE,
	       "pread: %s", text);
	expect(read(fd, text, sizeof(text) - 1) > 1 && text[0] >= '0' &&
		       text[0] <= '9',
	       "the first read: \"%s\"", text);
	expect(read(fd, text, sizeof(text) - 1) == 0, "a second read: \"%s\"",
	       text);
	close(fd);
	return confirmed(belief);
}
