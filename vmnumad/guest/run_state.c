/* SPDX-License-Identifier: Apache-2.0 */
/* How a guest is, by its monitor; see run_state.h. */
#include "guest/run_state.h"

#include <string.h>

#include "guest/map_probe.h"

/* FNV-1a, 64 bits. */
#define FNV_START 0xcbf29ce484222325ull
#define FNV_PRIME 0x100000001b3ull

static uint64_t mix(uint64_t hash, const void *bytes, size_t len)
{
	const unsigned char *b = bytes;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ b[i]) * FNV_PRIME;
	return hash;
}

uint64_t run_state_devices(const struct qmp_memory_devices *devices)
{
	uint64_t hash = FNV_START;

	for (size_t i = 0; i < devices->n; i++) {
		const struct qmp_memory_device *d = &devices->devices[i];
		const uint64_t numbers[] = { (uint64_t)d->kind, d->start.v,
					     d->size_bytes, d->max_bytes,
					     (uint64_t)d->cell };

		hash = mix(hash, d->memdev, strlen(d->memdev) + 1);
		hash = mix(hash, numbers, sizeof(numbers));
	}
	return hash;
}

static void take_status(const struct qmp_status *status,
			struct run_state *ret_state)
{
	ret_state->state = VIRT_STATE_PAUSED;
	ret_state->job = VIRT_JOB_NONE;
	switch (status->state) {
	case QMP_RUNNING:
		ret_state->state = VIRT_STATE_RUNNING;
		break;
	case QMP_INCOMING: /* -incoming defer: nothing is under way yet */
		ret_state->job = VIRT_JOB_MIGRATION_IN;
		break;
	case QMP_SAVING:
		ret_state->job = VIRT_JOB_SAVE;
		break;
	case QMP_STOPPED:
		if (strcmp(status->name, "guest-panicked") == 0)
			ret_state->state = VIRT_STATE_CRASHED;
		break;
	case QMP_PAUSED:
	case QMP_LEAVING: /* query-migrate says whether it still leaves */
		break;
	}
}

static void take_migration(enum qmp_migration migration,
			   struct run_state *ret_state)
{
	if (migration == QMP_MIGRATION_NONE)
		return;
	if (ret_state->job == VIRT_JOB_NONE)
		ret_state->job = VIRT_JOB_MIGRATION_OUT;
	ret_state->is_postcopy = migration == QMP_MIGRATION_POSTCOPY;
}

/* Reads one answer into *ret_state. */
typedef int take_fn(const struct qmp_value *value, struct run_state *ret_state,
		    struct why *why);

static int read_status(const struct qmp_value *value,
		       struct run_state *ret_state, struct why *why)
{
	struct qmp_status status;
	int err = qmp_parse_status(value, &status, why);

	if (!err)
		take_status(&status, ret_state);
	return err;
}

static int read_migration(const struct qmp_value *value,
			  struct run_state *ret_state, struct why *why)
{
	enum qmp_migration migration;
	int err = qmp_parse_migration(value, &migration, why);

	if (!err)
		take_migration(migration, ret_state);
	return err;
}

static int read_devices(const struct qmp_value *value,
			struct run_state *ret_state, struct why *why)
{
	struct qmp_memory_devices devices;
	int err = qmp_parse_memory_devices(value, &devices, why);

	if (err)
		return err;
	ret_state->devices = run_state_devices(&devices);
	qmp_memory_devices_finish(&devices);
	return 0;
}

static const struct {
	enum qmp_question question; /* what to ask */
	take_fn *take; /* who reads the answer */
} questions[] = {
	{ QMP_QUERY_STATUS, read_status },
	{ QMP_QUERY_MIGRATE, read_migration },
	{ QMP_QUERY_MEMORY_DEVICES, read_devices },
};

int run_state_ask(const struct sys *sys, struct monitor *monitor,
		  uint64_t deadline_ns, struct run_state *ret_state,
		  struct why *why)
{
	struct map_asker asker = { sys, monitor, deadline_ns, 0 };
	struct run_state state = { 0 };
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(questions) / sizeof(questions[0]);
	     i++) {
		const struct qmp_command command = { questions[i].question };
		struct qmp_value *value;

		err = map_ask(&asker, &command, &value, why);
		if (err)
			break;
		err = questions[i].take(value, &state, why);
		qmp_value_free(value);
	}
	if (!err)
		*ret_state = state;
	return err;
}
