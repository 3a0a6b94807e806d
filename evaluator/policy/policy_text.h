/* The text of a policy, apart from the policy. Private to the room. */
#ifndef ASSAY_POLICY_TEXT_H
#define ASSAY_POLICY_TEXT_H

#include "base/strbuf.h"

struct policy;

/* The name given, or what the environment says, or "default". */
const char *policy_wanted(const char *name);
/* A file's, or one that is shipped. */
MUST_CHECK bool policy_read(const char *name, struct strbuf *text, struct err *err);
MUST_CHECK struct policy *policy_of_text(
    const char *name, const struct strbuf *text, struct err *err);

#endif
