/* Which prompt is put before the texts of a task: of those that a model's own files name, as mteb
 * chooses among them, or the task's instruction in the model's template.
 *
 *     rule                 the name of the model's prompt
 *     task name and role   ArguAna-query, ArguAna-document
 *     task name            ArguAna
 *     task type and role   Retrieval-query, Retrieval-document
 *     task type            Retrieval
 *     instruction          of a model whose prompts have a place for one: "Instruct: …\nQuery:", or
 * any with {instruction}; never before documents role                 query; document, else
 * passage, else corpus default              what the model's files put before texts that have no
 * role none                 nothing
 *
 * Roles are those of retrieval and reranking alone: pairs, classes and clusters have none. */
#ifndef ASSAY_EVAL_PROMPT_H
#define ASSAY_EVAL_PROMPT_H

#include "base/json.h"
#include "evaluator/eval/eval.h"

struct prompt {
    char *text;       /* NULL: nothing is put before a text */
    char *name;       /* of the model's prompt; NULL: none of these */
    const char *rule; /* of the table above */
};
void prompt_release(struct prompt *p);

/* What a task asks for. kind: "sts"; instruction: the task's own, NULL: that of its type. */
struct prompt_request {
    const char *task, *kind, *instruction;
    enum subject_role role;
};

/* The name of the model's own prompt of a role, whatever the task; NULL: it has none. */
const char *prompt_of_role(const json_t *named, enum subject_role role);

/* named: {name: text} of the model, or NULL; chosen: the name of its default, or NULL. */
void prompt_choose(const json_t *named, const char *chosen, const struct prompt_request *request,
    struct prompt *out);

#endif
