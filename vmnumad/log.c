/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log sink: one line to standard error, in journal form ("<4>text") under
 * systemd, with a time stamp elsewhere. The level is the one thing in the
 * daemon that is kept for the whole process, so that any thread can log
 * without being handed a logger.
 */
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024

static _Atomic int max_level = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
	atomic_store(&max_level, (int)level);
}

/* Append text, control characters as \xNN; cut at the end of the line. */
static size_t append_clean(char *line, size_t len, const char *text)
{
	for (; *text && len < LINE_MAX_BYTES - 6; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 0x20 || c == 0x7f)
			len += (size_t)snprintf(line + len, 5, "\\x%02x", c);
		else
			line[len++] = (char)c;
	}
	return len;
}

static size_t append_prefix(char *line, enum log_level level)
{
	struct timespec now;
	struct tm tm;

	if (getenv("JOURNAL_STREAM"))
		return (size_t)snprintf(line, 8, "<%d>", (int)level);
	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &tm);
	return (size_t)snprintf(line, 32, "%02d:%02d:%02d.%03ld ", tm.tm_hour,
				tm.tm_min, tm.tm_sec, now.tv_nsec / 1000000);
}

void log_line(enum log_level level, const char *area, const char *fmt, ...)
{
	char text[LINE_MAX_BYTES], line[LINE_MAX_BYTES + 64];
	int saved_errno = errno;
	size_t len;
	va_list ap;

	if ((int)level > atomic_load(&max_level))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);

	len = append_prefix(line, level);
	len = append_clean(line, len, area);
	len = append_clean(line, len, ": ");
	len = append_clean(line, len, text);
	line[len++] = '\n';
	/* one write: lines of several threads do not mix */
	if (write(STDERR_FILENO, line, len) < 0)
		errno = saved_errno;
	errno = saved_errno;
}
