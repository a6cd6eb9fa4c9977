/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A control socket that follows a script, for tests of vmnumactl:
 *   fake_daemon SCRIPT PROGRAM [ARGUMENT...]
 * runs PROGRAM with @SOCKET@ in its arguments replaced by the socket's path,
 * and ends with its exit status, or with 99 when the script was not followed.
 * Lines of the script:
 *   none                 first and only line: nobody listens
 *   accept               the program connects
 *   want METHOD PARAMS   it sends this request
 *   reply RESULT         answer to request 1
 *   error CODE EXIT TEXT the same, as an error
 *   raw TEXT             these bytes and a newline
 *   interrupt            Ctrl-C
 *   close                the daemon goes away
 */
#include <errno.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAILED 99
/* Nothing in here takes a second; this ends a test that hangs. */
#define ALARM_S 60

struct fake {
	char folder[64]; /* holds the socket; removed at the end */
	char path[80]; /* of the socket */
	int listen_fd; /* -1 until it listens */
	FILE *in; /* from the program, NULL until it has connected */
	int fd; /* to the program */
	pid_t program; /* to be interrupted */
};

__attribute__((noreturn)) static void fail(struct fake *fake, const char *what,
					   const char *detail)
{
	fprintf(stderr, "fake_daemon: %s: %s\n", what, detail);
	if (fake->program > 0)
		kill(fake->program, SIGKILL);
	unlink(fake->path);
	rmdir(fake->folder);
	exit(FAILED);
}

static void start_listening(struct fake *fake)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	strcpy(addr.sun_path, fake->path);
	fake->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fake->listen_fd < 0 ||
	    bind(fake->listen_fd, (struct sockaddr *)&addr, sizeof(addr)) ||
	    listen(fake->listen_fd, 4))
		fail(fake, "cannot listen", strerror(errno));
}

static void say(struct fake *fake, const char *text)
{
	size_t len = strlen(text);

	if (send(fake->fd, text, len, MSG_NOSIGNAL) != (ssize_t)len ||
	    send(fake->fd, "\n", 1, MSG_NOSIGNAL) != 1)
		fail(fake, "cannot send", text);
}

static void want(struct fake *fake, const char *rest)
{
	char line[65536];
	struct json_object *request, *method, *params, *wanted;
	const char *blank = strchr(rest, ' ');

	if (!blank || !fgets(line, sizeof(line), fake->in))
		fail(fake, "no request for", rest);
	request = json_tokener_parse(line);
	wanted = json_tokener_parse(blank + 1);
	if (!request || !wanted ||
	    !json_object_object_get_ex(request, "method", &method) ||
	    !json_object_object_get_ex(request, "params", &params) ||
	    strncmp(json_object_get_string(method), rest,
		    (size_t)(blank - rest)) != 0 ||
	    !json_object_equal(params, wanted))
		fail(fake, rest, line);
	json_object_put(request);
	json_object_put(wanted);
}

static void reply(struct fake *fake, const char *member, const char *text)
{
	char *line;

	if (asprintf(&line, "{\"jsonrpc\":\"2.0\",\"id\":1,\"%s\":%s}", member,
		     text) < 0)
		abort();
	say(fake, line);
	free(line);
}

static void reply_error(struct fake *fake, const char *rest)
{
	int code;
	int status;
	int at = 0;
	char *text;

	if (sscanf(rest, "%d %d %n", &code, &status, &at) != 2)
		fail(fake, "script", rest);
	if (asprintf(&text,
		     "{\"code\":%d,\"message\":\"%s\","
		     "\"data\":{\"exit\":%d}}",
		     code, rest + at, status) < 0)
		abort();
	reply(fake, "error", text);
	free(text);
}

static void follow(struct fake *fake, const char *line)
{
	if (strcmp(line, "accept") == 0) {
		fake->fd = accept(fake->listen_fd, NULL, NULL);
		fake->in = fake->fd < 0 ? NULL : fdopen(fake->fd, "r");
		if (!fake->in)
			fail(fake, line, strerror(errno));
	} else if (strncmp(line, "want ", 5) == 0) {
		want(fake, line + 5);
	} else if (strncmp(line, "reply ", 6) == 0) {
		reply(fake, "result", line + 6);
	} else if (strncmp(line, "error ", 6) == 0) {
		reply_error(fake, line + 6);
	} else if (strncmp(line, "raw ", 4) == 0) {
		say(fake, line + 4);
	} else if (strcmp(line, "interrupt") == 0) {
		kill(fake->program, SIGINT);
	} else if (strcmp(line, "close") == 0) {
		fclose(fake->in);
		fake->in = NULL;
	} else if (strcmp(line, "none") != 0) {
		fail(fake, "script", line);
	}
}

static void program_start(struct fake *fake, char **argv)
{
	for (char **arg = argv; *arg; arg++) {
		if (strcmp(*arg, "@SOCKET@") == 0)
			*arg = fake->path;
	}
	fake->program = fork();
	if (fake->program == 0) {
		alarm(ALARM_S);
		execv(argv[0], argv);
		_exit(FAILED);
	}
}

int main(int argc, char **argv)
{
	struct fake fake = { .listen_fd = -1 };
	FILE *script = argc > 2 ? fopen(argv[1], "r") : NULL;
	char *line = NULL;
	size_t size = 0;
	ssize_t len;
	int status;

	strcpy(fake.folder, "/tmp/vmnumactl-XXXXXX");
	if (!script || !mkdtemp(fake.folder))
		return FAILED;
	alarm(ALARM_S);
	snprintf(fake.path, sizeof(fake.path), "%s/control.sock", fake.folder);
	while ((len = getline(&line, &size, script)) > 0) {
		if (line[len - 1] == '\n')
			line[len - 1] = '\0';
		if (!fake.program) {
			if (strcmp(line, "none") != 0)
				start_listening(&fake);
			program_start(&fake, argv + 2);
		}
		follow(&fake, line);
	}
	free(line);
	fclose(script);
	if (waitpid(fake.program, &status, 0) < 0 || !WIFEXITED(status))
		fail(&fake, "the program ended", "by a signal");
	unlink(fake.path);
	rmdir(fake.folder);
	return WEXITSTATUS(status);
}
