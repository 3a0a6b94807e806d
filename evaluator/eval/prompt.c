/* See prompt.h. The names are those of mteb 2 and of sentence-transformers; "passage" is what both
 * called documents before. */
#include "evaluator/eval/prompt.h"

#include <string.h>

#include "base/average.h"
#include "base/mem.h"

#define PLACE "{instruction}"

static const char *const QUERY[] = { "query", NULL };
static const char *const DOCUMENT[] = { "document", "passage", "corpus", NULL };
static const char *const NO_ROLE[] = { NULL };

static const char *const *roles_of(enum subject_role role) {
    return role == SUBJECT_QUERY ? QUERY : role == SUBJECT_PASSAGE ? DOCUMENT : NO_ROLE;
}

void prompt_release(struct prompt *p) {
    free(p->text);
    free(p->name);
    *p = (struct prompt) { 0 };
}

static bool take(const json_t *named, const char *name, const char *rule, struct prompt *out) {
    const char *text = json_get_string(named, name, NULL);
    if (text) {
        *out = (struct prompt) { *text ? xstrdup(text) : NULL, xstrdup(name), rule };
    }
    return text != NULL;
}

/* "ArguAna-query", then "ArguAna". */
static bool take_of(const json_t *named, const char *what, enum subject_role role,
    const char *with_role, const char *alone, struct prompt *out) {
    bool found = false;
    for (const char *const *r = roles_of(role); *r && !found; r++) {
        struct strbuf name = { 0 };
        strbuf_addf(&name, "%s-%s", what, *r);
        found = take(named, strbuf_str(&name), with_role, out);
        strbuf_release(&name);
    }
    return found || take(named, what, alone, out);
}

/* ---- instructions ---- */

/* What a type of task asks for where the task says nothing itself. */
static const struct {
    const char *kind, *instruction;
} ASKED[] = {
    { "classification", "Classify user passages." },
    { "multilabel", "Classify user passages." },
    { "clustering", "Identify categories in user passages." },
    { "pair", "Retrieve text that are semantically similar to the given text." },
    { "rerank", "Retrieve text based on user query." },
    { "retrieval", "Retrieve text based on user query." },
    { "instruction_retrieval", "Retrieve text based on user query." },
    { "sts", "Retrieve semantically similar text." },
    { "summary", "Given a news summary, retrieve other semantically similar summaries." },
    { "bitext", "Retrieve parallel sentences." },
};

static const char *asked_of(const struct prompt_request *q) {
    for (size_t i = 0; !q->instruction && i < sizeof ASKED / sizeof *ASKED; i++) {
        if (!strcmp(ASKED[i].kind, q->kind)) {
            return ASKED[i].instruction;
        }
    }
    return q->instruction ? q->instruction : "";
}

/* Where in a prompt an instruction stands. */
static bool find_place(const char *prompt, size_t *from, size_t *to) {
    static const char before[] = "Instruct: ", after[] = "\nQuery:";
    const char *place = strstr(prompt, PLACE), *end = strstr(prompt, after);
    if (place) {
        *from = (size_t)(place - prompt);
        *to = *from + sizeof PLACE - 1;
        return true;
    }
    *from = sizeof before - 1;
    *to = end ? (size_t)(end - prompt) : 0;
    return !strncmp(prompt, before, *from) && end && *to >= *from;
}

/* The model's prompt with this instruction in place of its own. */
static char *with_instruction(const char *prompt, const char *instruction) {
    size_t from, to;
    struct strbuf b = { 0 };
    if (!find_place(prompt, &from, &to)) {
        return NULL;
    }
    strbuf_add(&b, prompt, from);
    strbuf_adds(&b, instruction);
    strbuf_adds(&b, prompt + to);
    return strbuf_take(&b);
}

/* By the template of the query prompt, else of the first that is one. */
static bool take_instruction(
    const json_t *named, const struct prompt_request *q, struct prompt *out) {
    const char *instruction = asked_of(q), *name;
    char *text = with_instruction(json_get_string(named, QUERY[0], ""), instruction);
    json_t *prompt;
    json_object_foreach((json_t *)(uintptr_t)named, name, prompt) {
        if (!text && json_is_string(prompt)) {
            text = with_instruction(json_string_value(prompt), instruction);
        }
    }
    bool fits = text && *instruction && q->role != SUBJECT_PASSAGE;
    if (fits) {
        *out = (struct prompt) { text, NULL, "instruction" };
    } else {
        free(text);
    }
    return fits;
}

/* ---- the choice ---- */

const char *prompt_of_role(const json_t *named, enum subject_role role) {
    const char *const *r = roles_of(role);
    while (*r && !json_is_string(json_object_get(named, *r))) {
        r++;
    }
    return *r;
}

static bool take_role(const json_t *named, enum subject_role role, struct prompt *out) {
    const char *name = prompt_of_role(named, role);
    return name && take(named, name, "role", out);
}

void prompt_choose(
    const json_t *named, const char *chosen, const struct prompt_request *q, struct prompt *out) {
    bool found =
        take_of(named, q->task, q->role, "task name and role", "task name", out) ||
        take_of(named, average_type(q->kind), q->role, "task type and role", "task type", out) ||
        take_instruction(named, q, out) || take_role(named, q->role, out) ||
        (q->role == SUBJECT_TEXT && chosen && take(named, chosen, "default", out));
    if (!found) {
        *out = (struct prompt) { .rule = "none" };
    }
}
