/* A browser over the W3C WebDriver protocol: chromedriver and chromium, by libcurl and jansson.
 * Used by checks of finished pages; every call fails with a message that names what was asked. */
#ifndef ASSAY_TESTS_WEB_WD_H
#define ASSAY_TESTS_WEB_WD_H

#include <jansson.h>

#include "base/err.h"

struct wd;

/* ERR_NOT_FOUND where chromium or chromedriver is not installed. */
MUST_CHECK struct wd *wd_open(struct err *err);
void wd_close(struct wd *wd);

MUST_CHECK bool wd_go(struct wd *wd, const char *url, struct err *err);
/* Runs the body of a function in the page; *result (or NULL) is what it returns, the caller's. */
MUST_CHECK bool wd_script(struct wd *wd, const char *body, json_t **result, struct err *err);
/* A command of the DevTools protocol; takes `params`. */
MUST_CHECK bool wd_devtools(struct wd *wd, const char *command, json_t *params, struct err *err);
/* What the console said since the last call: a list of {"level", "message"}. The caller owns it. */
MUST_CHECK json_t *wd_console(struct wd *wd, struct err *err);
/* The whole page as a PNG. */
MUST_CHECK bool wd_screenshot(struct wd *wd, const char *path, struct err *err);

#endif
