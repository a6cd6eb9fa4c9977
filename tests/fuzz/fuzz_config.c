/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration file. What is accepted must be within the limits that
 * config.h promises; what is refused must say where.
 */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct config *config)
{
	assert(config->duty <= 1000);
	assert(config->n_movers >= 1 && config->calls_per_s >= 1);
	assert(config->sample_ns > 0 && config->stall_ns > 0);
	assert(config->socket_path && *config->socket_path);
	assert(config->hook_path && *config->hook_path);
	assert(config->n_guests <= CONFIG_GUESTS_MAX);
	for (size_t i = 0; i < config->n_guests; i++)
		assert(config_find_guest(config, config->guests[i].name));
	assert(guest_mode_text(config->follow));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("vmnumad.conf", MFD_CLOEXEC);
	struct config config;
	struct why why = { "" };
	char path[64];

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	config_init(&config);
	if (config_load(&config, path, true, &why) == 0)
		check(&config);
	else
		assert(strncmp(why.text, path, strlen(path)) == 0);
	config_finish(&config);
	close(fd);
	return 0;
}
