/* SPDX-License-Identifier: Apache-2.0 */
/* A QEMU made of captured answers. See fake_qemu.h. */
#include "fake_qemu.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qmp/message.h"
#include "xalloc.h"

static char *read_data(const char *capture, const char *what)
{
	char *path = xasprintf(TEST_DATA "/qmp/%s-%s", capture, what);
	FILE *file = fopen(path, "r");
	char *text = xcalloc(1, 1 << 20);
	size_t len;

	if (!file) {
		perror(path);
		abort();
	}
	len = fread(text, 1, (1 << 20) - 1, file);
	assert(len > 0 && len < (1 << 20) - 1);
	fclose(file);
	free(path);
	return text;
}

/* A text as QEMU puts it into a reply. */
static char *as_reply(const char *text)
{
	char *reply = xcalloc(1, 2 * strlen(text) + 32);
	char *out = reply + sprintf(reply, "{\"return\": \"");

	for (; *text; text++) {
		if (*text == '\n') {
			out += sprintf(out, "\\r\\n");
		} else if (*text != '\r') {
			if (*text == '"' || *text == '\\')
				*out++ = '\\';
			*out++ = *text;
		}
	}
	strcpy(out, "\"}");
	return reply;
}

static char *gpa2hva(const struct fake_qemu *qemu, uint64_t gpa)
{
	char *text = NULL;
	char *reply;

	for (const struct fake_block *b = qemu->blocks; b->name; b++) {
		if (gpa < b->gpa || gpa - b->gpa >= b->size_bytes)
			continue;
		text = xasprintf("Host virtual address for 0x%" PRIx64
				 " (%s) is 0x%" PRIx64 "\n",
				 gpa, b->name, b->hva + (gpa - b->gpa));
		break;
	}
	if (!text)
		text = xasprintf(
			"No memory is mapped at address 0x%" PRIx64 "\n", gpa);
	reply = as_reply(text);
	free(text);
	return reply;
}

static char *make_reply(const struct fake_qemu *qemu,
			const struct qmp_command *command)
{
	static const char *const files[QMP_QUESTIONS] = {
		[QMP_QUERY_VERSION] = "query-version.json",
		[QMP_QUERY_CPUS_FAST] = "query-cpus-fast.json",
		[QMP_QUERY_MEMORY_DEVICES] = "query-memory-devices.json",
		[QMP_QUERY_MEMDEV] = "query-memdev.json",
		[QMP_HMP_MTREE] = "mtree.txt",
		[QMP_HMP_RAMBLOCK] = "ramblock.txt",
	};
	enum qmp_question question = command->question;
	char *text;
	char *reply;

	if (question == QMP_HMP_GPA2HVA && !qemu->replies[question])
		return gpa2hva(qemu, command->gpa.v);
	assert(qemu->replies[question] || files[question]);
	text = qemu->replies[question]
		       ? xstrdup(qemu->replies[question])
		       : read_data(qemu->capture, files[question]);
	if (question < QMP_HMP_MTREE)
		return text;
	reply = as_reply(text);
	free(text);
	return reply;
}

static int ask(void *self, const struct qmp_command *command,
	       struct qmp_value **ret_value, struct why *why)
{
	struct fake_qemu *qemu = self;
	char *reply;
	int err;

	qemu->n_asked++;
	if (qemu->hook)
		qemu->hook(qemu->hook_arg, qemu->n_asked);
	if (qemu->error[command->question]) {
		why_set(why, "as the test wants it");
		return qemu->error[command->question];
	}
	reply = make_reply(qemu, command);
	err = qmp_reply_parse(reply, strlen(reply), ret_value, why);
	free(reply);
	return err;
}

static void nothing_to_close(void *self)
{
	(void)self;
}

struct monitor fake_qemu_monitor(struct fake_qemu *qemu)
{
	static const struct monitor_ops ops = {
		.ask = ask,
		.close = nothing_to_close,
	};

	return (struct monitor) { &ops, qemu };
}
