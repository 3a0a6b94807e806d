/* Logging to stderr: one line an event, logfmt when it is not a terminal. Tokens and passwords
 * are redacted. Only main, the worker loop and the tests call this; libraries return errors. */
#ifndef ASSAY_LOG_H
#define ASSAY_LOG_H

#include "base/err.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_set_level(enum log_level level);
void log_line(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Prints "assay: error: <msg>" and an indented hint; one JSON line (assay.error/1) if `json`. */
void log_error(const struct err *err, bool json);

/* Replaces secrets (hf_…, Bearer …, password=…, query strings of signed URLs) in place by "***". */
void log_redact(char *text);

#endif
