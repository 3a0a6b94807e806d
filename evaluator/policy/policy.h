/* Which models are evaluated: a policy is a Lua file that gets a model's facts and answers accept,
 * refuse or hold (a person is asked), the latter two with a code and a reason.
 *
 *     return function(model)
 *         if not model.licence then return hold("no-licence", "its card names none") end
 *         return accept()
 *     end
 *
 * `model` has id, org, revision, kind, licence, architecture, dtype, format, params, size_bytes,
 * abilities, gated, card, base_models, library, pipeline, tags, likes, downloads, created_at,
 * duplicate_of, and submitter; what is not known is nil. The file runs in the sandbox of
 * base/luabox.h, and a few words are there for it (lua/prelude.lua). A policy that fails is an
 * error (ERR_TASK), never an acceptance. What people decided (bans, approvals) is in the database
 * and goes before any policy. */
#ifndef ASSAY_POLICY_H
#define ASSAY_POLICY_H

#include <stdatomic.h>

#include "base/json.h"

enum policy_answer { POLICY_ACCEPT, POLICY_REFUSE, POLICY_HOLD };
struct policy_verdict {
    enum policy_answer answer;
    char code[61]; /* lower-case words joined by '-'; empty where it is accepted */
    char reason[251];
};

struct policy;
/* A file, or the name of a policy that is shipped ("default", "public"); NULL: ASSAY_POLICY, else
 * "default". */
MUST_CHECK struct policy *policy_open(const char *name, struct err *err);
void policy_close(struct policy *policy); /* NULL is fine */
MUST_CHECK bool policy_ask(
    struct policy *policy, const json_t *facts, struct policy_verdict *verdict, struct err *err);

/* A policy that is asked for days, by any thread: it is read once, and again when its file is
 * another (by inode, size and time) or *asked has risen; then `note` says so. A file that is no
 * policy, or is gone, does not replace the one before. `asked` may be NULL. */
struct policy_kept;
typedef void policy_note(bool warning, const char *line);
MUST_CHECK struct policy_kept *policy_kept_new(
    const char *name, const atomic_uint *asked, policy_note *note, struct err *err);
void policy_kept_free(struct policy_kept *kept); /* NULL is fine */
/* The policy as it is now, the caller's to close: what one question leaves behind is no other's. */
MUST_CHECK struct policy *policy_kept_open(struct policy_kept *kept, struct err *err);

const char *policy_answer_name(enum policy_answer answer);

/* The facts of a model as submission_model has it; the caller owns them. `original` (or NULL) is
 * what the database has under another name with the same content. */
json_t *policy_facts(const json_t *model, const char *submitter, const char *original);

#endif
