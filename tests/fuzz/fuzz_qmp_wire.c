/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole QMP conversation: the input is what QEMU sends, cut into pieces by
 * its own first byte, so wire, message and session are all in the way. Every
 * submitted command must have exactly one result.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "qmp/session.h"

#define COMMANDS 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct qmp_command command = { QMP_QUERY_STATUS, { 0 } };
	const char *bytes = (const char *)data;
	size_t step = size ? 1 + data[0] % 64 : 1;
	struct qmp_session s;
	struct qmp_result result;
	const char *output;
	size_t output_len;
	int ended = 0;

	qmp_session_init(&s, 0xab, 0);
	for (uint64_t i = 0; i < COMMANDS; i++)
		qmp_session_submit(&s, &command, i, 0);
	for (size_t at = 1; at < size; at += step) {
		size_t len = size - at < step ? size - at : step;

		if (qmp_session_feed(&s, bytes + at, len, at * 1000))
			break;
		qmp_session_next_output(&s, &output, &output_len);
	}
	qmp_session_lost(&s, -1, "end of input");
	while (qmp_session_next_result(&s, &result)) {
		ended += result.kind == QMP_RESULT_COMMAND;
		qmp_result_finish(&result);
	}
	assert(ended == COMMANDS);
	qmp_session_finish(&s);
	return 0;
}
