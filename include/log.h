/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the daemon says while it runs. Implemented in vmnumad/log.c; policy/ and
 * qmp/ never log. A line is logged once, where the decision is taken. Logging
 * keeps errno.
 */
#ifndef LOG_H
#define LOG_H

/* Numbers are those of syslog(3). */
enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

/* One line to standard error; area is a short word such as "virt", "map",
 * "mover". Control characters in the text are printed as \xNN: guest names
 * and QEMU's words end up here. */
__attribute__((format(printf, 3, 4))) void log_line(enum log_level level,
						    const char *area,
						    const char *fmt, ...);

/* Lines above level are dropped from now on. */
void log_set_level(enum log_level level);

#define log_error(area, ...)   log_line(LOG_LEVEL_ERROR, area, __VA_ARGS__)
#define log_warning(area, ...) log_line(LOG_LEVEL_WARNING, area, __VA_ARGS__)
#define log_info(area, ...)    log_line(LOG_LEVEL_INFO, area, __VA_ARGS__)
#define log_debug(area, ...)   log_line(LOG_LEVEL_DEBUG, area, __VA_ARGS__)

#endif
