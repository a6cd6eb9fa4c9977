/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line: name, bar, share, bytes, rate and time left. The bar takes what the
 * words leave of the terminal's width; the words go one after the other when
 * even that is too little.
 */
#include "ctl/progress.h"

#include <langinfo.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>
#include <stdlib.h>

#include "ctl/field.h"
#include "ctl/text.h"
#include "xalloc.h"

#define BAR_MIN 8
#define BAR_MAX 40

bool progress_is_wanted(void)
{
	const char *term = getenv("TERM");

	return isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
}

static bool is_utf8(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

static unsigned int terminal_columns(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col)
		return size.ws_col;
	return 80;
}

static void bar_print(FILE *out, double share, unsigned int width, bool utf8)
{
	unsigned int halves = (unsigned int)(share * 2 * width + 0.5);

	for (unsigned int i = 0; i < width; i++) {
		bool is_full = 2 * i + 1 < halves;
		bool is_half = 2 * i + 1 == halves;

		if (utf8)
			fputs(is_full ? "━" : is_half ? "╸" : "─", out);
		else
			fputc(is_full ? '#' : is_half ? '=' : '-', out);
	}
}

/* What is said in place of the rate when a job is not simply moving. */
static const char *phase_words(struct json_object *job)
{
	static const char *const usual[] = { "moving", "checking", "ended" };
	const char *phase = field_text(job, "phase", "");

	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
		if (strcmp(usual[i], phase) == 0)
			return "";
	}
	return phase;
}

static void words_print(FILE *out, struct json_object *job, double share)
{
	uint64_t rate = field_u64(job, "rate_bytes_per_s", 0);
	double left_s = field_double(job, "seconds_left", -1);
	struct text_name phase = text_name(phase_words(job));

	fprintf(out, "%5s  %s of %s", text_share(share).s,
		text_size(field_u64(job, "bytes_moved", 0)).s,
		text_size(field_u64(job, "bytes_planned", 0)).s);
	if (*phase.s) {
		fprintf(out, "  %s", phase.s);
		return;
	}
	if (rate)
		fprintf(out, "  %s/s", text_size(rate).s);
	if (left_s >= 0)
		fprintf(out, "  %s left", text_duration(left_s).s);
}

/* Columns that text takes on a terminal. */
static size_t text_columns(const char *text)
{
	size_t n = mbstowcs(NULL, text, 0);
	wchar_t *wide;
	int width;

	if (n == (size_t)-1)
		return strlen(text);
	wide = xcalloc(n + 1, sizeof(*wide));
	mbstowcs(wide, text, n + 1);
	width = wcswidth(wide, n);
	free(wide);
	return width < 0 ? strlen(text) : (size_t)width;
}

void progress_line(FILE *out, struct json_object *job, unsigned int n_columns,
		   bool utf8)
{
	uint64_t planned = field_u64(job, "bytes_planned", 0);
	uint64_t left = field_u64(job, "bytes_left", planned);
	double share = planned && left <= planned
			       ? 1 - (double)left / (double)planned
			       : 0;
	struct text_name name = text_name(field_text(job, "guest", ""));
	autofree char *words = NULL;
	size_t size;
	FILE *memory = open_memstream(&words, &size);
	size_t taken;

	if (!memory)
		abort(); /* for want of memory only */
	words_print(memory, job, share);
	fclose(memory);
	taken = text_columns(words) + 1;
	if (taken + text_columns(name.s) + 2 + BAR_MIN + 1 < n_columns) {
		taken += text_columns(name.s) + 2;
		fprintf(out, "%s  ", name.s);
	}
	if (taken + BAR_MIN < n_columns) {
		size_t width = n_columns - taken - 1;

		bar_print(out, share,
			  (unsigned int)(width < BAR_MAX ? width : BAR_MAX),
			  utf8);
		fputc(' ', out);
	}
	fprintf(out, "%.*s", (int)n_columns - 1, words);
}

void progress_draw(struct json_object *job)
{
	if (!progress_is_wanted())
		return;
	fputs("\r\033[K", stderr);
	progress_line(stderr, job, terminal_columns(), is_utf8());
	fflush(stderr);
}

void progress_clear(void)
{
	if (!progress_is_wanted())
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
}
