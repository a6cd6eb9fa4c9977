/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes in by the daemon's sockets: a line of the control socket and a
 * datagram of the hook. The first byte picks one.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "serve/hook.h"
#include "serve/rpc.h"
#include "why.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_rpc(const char *line, size_t len)
{
	struct rpc_request request = { 0 };
	enum rpc_code code;
	struct why why;
	char *reply;

	if (rpc_parse(line, len, &request, &code, &why) == 0) {
		assert(request.method && request.root);
		reply = rpc_result(request.id, NULL);
	} else {
		assert(code < 0);
		reply = rpc_error(request.id, code, 1, why.text);
	}
	assert(strchr(reply, '\n') == reply + strlen(reply) - 1);
	free(reply);
	rpc_request_finish(&request);
}

static void fuzz_hook(const char *text, size_t len)
{
	struct hook_word word;

	if (hook_parse(text, len, &word))
		return;
	assert(word.op[0] && word.subop[0] && word.name[0]);
	assert(strlen(word.name) < sizeof(word.name));
	for (const char *c = word.name; *c; c++)
		assert((unsigned char)*c >= ' ');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;
	size_t len;

	if (size == 0)
		return 0;
	len = size - 1;
	text = malloc(len + 1);
	if (!text)
		return 0;
	memcpy(text, data + 1, len);
	text[len] = '\0';
	if (data[0] % 2)
		fuzz_hook(text, len);
	else
		fuzz_rpc(text, len);
	free(text);
	return 0;
}
