/* assay task new: from a file of one's own questions to a task, in one command. */
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "evaluator/cli/command.h"
#include "evaluator/cli/draft.h"
#include "evaluator/cli/print.h"
#include "evaluator/cli/render.h"
#include "evaluator/cli/table.h"
#include "evaluator/cli/tasks.h"

#define ROWS_LOOKED_AT 500

static const struct option options_new[] = {
    { "from", 0, "FILE",
        "the data: csv, tsv, jsonl, json or parquet (text formats also .gz, .zst)" },
    { "format", 0, "FORMAT",
        "csv, tsv, jsonl, json or parquet, where the file's name doesn't say it" },
    { "kind", 0, "KIND",
        "choice, labels, loglikelihood, rolling, sts, retrieval, pair, rerank, bitext, "
        "classification or clustering" },
    { "column", 0, "ROLE=NAME", "which column is what, in place of a guess (may be repeated)" },
    { "force", 'f', NULL, "replace a task file that is there" },
    { NULL, 0, NULL, NULL },
};

struct making {
    const struct args *args;
    char *task, *path; /* its name and its file */
    const char *from;
    json_t *peeked, *named;
    struct columns columns;
    struct guess guess;
    json_t *rendered; /* its first document */
};

static void making_release(struct making *m) {
    free(m->task);
    free(m->path);
    json_decref(m->peeked);
    json_decref(m->named);
    json_decref(m->rendered);
    columns_release(&m->columns);
}

/* ---- what was said ---- */

static bool is_task_name(const char *s) {
    static const char ALLOWED[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:+-";
    size_t n = strlen(s);
    return n && n <= 100 && strspn(s, ALLOWED) == n && *s != '.' && *s != '-' && *s != '_' &&
           *s != ':' && *s != '+';
}

/* NAME or NAME.lua; its file goes beside the data. */
static bool take_name(struct making *m, struct err *err) {
    const char *name = m->args->operands[0];
    size_t n = strlen(name);
    m->task = xstrndup(name, n > 4 && !strcmp(name + n - 4, ".lua") ? n - 4 : n);
    m->from = args_get(m->args, "from", NULL);
    if (!m->from) {
        err_set(err, ERR_USAGE, "no data named");
        return err_hint(err, "assay task new %.40s --from questions.csv", m->task);
    }
    if (!is_task_name(m->task)) {
        err_set(err, ERR_USAGE, "'%.80s' cannot be the name of a task", m->task);
        return err_hint(err, "letters, digits and _ . : + -; its file is written beside the data");
    }
    struct strbuf path = { 0 };
    const char *base = path_base(m->from);
    strbuf_addf(&path, "%.*s%s.lua", (int)(base - m->from), m->from, m->task);
    if (base == m->from) { /* a task file is a path */
        strbuf_reset(&path);
        strbuf_addf(&path, "./%s.lua", m->task);
    }
    m->path = strbuf_take(&path);
    if (file_exists(m->path) && !args_has(m->args, "force")) {
        err_set(err, ERR_USAGE, "'%s' is there already", m->path);
        return err_hint(err, "--force replaces it");
    }
    return true;
}

/* --column ROLE=NAME, each by its own: a name may hold commas only where it means a list. */
static bool take_columns(struct making *m, struct err *err) {
    m->named = json_object();
    for (unsigned i = 0; i < m->args->n_given; i++) {
        const char *value = m->args->given[i].value, *equals = strchr(value, '=');
        if (strcmp(m->args->given[i].option->name, "column")) {
            continue;
        }
        if (!equals || equals == value || !equals[1]) {
            return err_set(err, ERR_USAGE, "option '--column' needs ROLE=NAME, not '%s'", value);
        }
        char *role = xstrndup(value, (size_t)(equals - value));
        json_t *name = json_string(equals + 1);
        bool ok = name && json_object_set_new(m->named, role, name) == 0;
        free(role);
        if (!ok) {
            return err_set(err, ERR_USAGE, "option '--column' holds something that is not UTF-8");
        }
    }
    return true;
}

/* ---- making it ---- */

/* A table whose one column is called "question;A;B" has its columns parted by something else. */
static bool is_separated(const struct making *m, struct err *err) {
    const char *only = m->columns.n == 1 ? m->columns.items[0].name : "";
    const char *sign = strpbrk(only, ";\t");
    if (!sign) {
        return true;
    }
    err_set(err, ERR_INPUT, "'%s': its columns are parted by %s, not by commas", m->from,
        *sign == ';' ? "semicolons" : "tabs");
    return *sign == ';' ? err_hint(err, "save it with commas (or as JSONL), then try again")
                        : err_hint(err, "--format tsv");
}

static bool look(struct making *m, struct err *err) {
    m->peeked = task_peek(NULL, m->from, args_get(m->args, "format", NULL), ROWS_LOOKED_AT, err);
    if (!m->peeked) {
        return false;
    }
    columns_find(
        &m->columns, json_object_get(m->peeked, "rows"), json_object_get(m->peeked, "labels"));
    m->columns.more = json_get_bool(m->peeked, "more", false);
    if (!is_separated(m, err)) {
        return false;
    }
    return guess_make(&m->guess, &m->columns, args_get(m->args, "kind", NULL), m->named, err) ||
           err_wrap(err, "'%s'", m->from);
}

static bool write_file(const struct making *m, struct err *err) {
    struct draft draft = { .task = m->task,
        .file = path_base(m->from),
        .format = args_get(m->args, "format", NULL),
        .n_rows = json_array_size(json_object_get(m->peeked, "rows")),
        .more = json_get_bool(m->peeked, "more", false) };
    struct strbuf text = { 0 };
    draft_write(&draft, &m->guess, &text);
    bool ok = file_write_atomic(m->path, strbuf_str(&text), text.len, err);
    strbuf_release(&text);
    return ok;
}

/* The file is there, and what is wrong with it is for its owner to see: a guess may be wrong. */
static bool try_it(struct making *m, struct err *err) {
    struct task_request q;
    json_t *problems = NULL;
    if (!task_request_from_args(&q, m->args, m->path, err) || !task_lint(&q, &problems, err)) {
        return false;
    }
    bool clean = json_array_size(problems) == 0;
    json_t *first = json_array_get(problems, 0);
    if (!clean) {
        err_set(err, ERR_TASK, "%s:%lld: %s", m->path, json_get_int(first, "line", 0),
            json_get_string(first, "message", ""));
    }
    json_decref(problems);
    m->rendered = clean ? task_render(&q, 1, err) : NULL;
    if (!m->rendered) {
        err_hint(
            err, "the file is written: mend it there, or name columns with --column and --force");
    }
    return m->rendered != NULL;
}

/* ---- saying it ---- */

static bool any_doubt(const struct guess *g) {
    for (size_t i = 0; i < g->n_notes; i++) {
        if (g->notes[i].doubt) {
            return true;
        }
    }
    return false;
}

static void print_guess(const struct guess *g) {
    for (size_t i = 0; i < g->n_notes; i++) {
        const struct guess_note *n = &g->notes[i];
        char *columns = printable(n->columns, 200);
        printf("  %-9s %s%s%s%s%s\n", n->what, columns, *columns && *n->how ? ": " : "", n->how,
            n->doubt ? "  -- not sure: " : "", n->doubt ? n->doubt : "");
        free(columns);
    }
}

static void print_next(const struct making *m) {
    enum task_kind kind;
    bool embeds = task_kind_find(draft_kind_name(m->guess.kind), &kind) && task_kind_embeds(kind);
    puts("\nnext");
    if (any_doubt(&m->guess)) {
        printf("  look at what is marked CHECK in %s\n", m->path);
    }
    printf("  assay task render %s --doc 1\n", m->path);
    printf("  assay eval MODEL -t %s --no-db      MODEL: %s\n", m->path,
        embeds ? "one that embeds" : "a language model");
    printf("  assay task test %s --freeze 5      keeps these prompts as they are\n", m->path);
}

static json_t *notes_json(const struct guess *g) {
    json_t *list = json_array();
    for (size_t i = 0; i < g->n_notes; i++) {
        const struct guess_note *n = &g->notes[i];
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:s, s:b, s:s*}", "what", n->what, "columns", n->columns,
                      "how", n->how, "sure", !n->doubt, "doubt", n->doubt));
    }
    return list;
}

static void print_made(const struct making *m) {
    if (args_has(m->args, "json")) {
        json_t *document = json_pack("{s:s, s:s, s:s, s:s, s:o, s:O?}", "schema",
            "assay.task-new/1", "task", m->task, "file", m->path, "kind",
            draft_kind_name(m->guess.kind), "guesses", notes_json(&m->guess), "first",
            json_array_get(json_object_get(m->rendered, "docs"), 0));
        print_document(document, true);
        json_decref(document);
        return;
    }
    printf("%s: a task of kind '%s'\n", m->path, draft_kind_name(m->guess.kind));
    print_guess(&m->guess);
    if (m->rendered) {
        puts("");
        render_print(m->rendered);
        print_next(m);
    }
}

static bool run(const struct args *args, struct err *err) {
    struct making m = { .args = args };
    bool ok = take_name(&m, err) && take_columns(&m, err) && look(&m, err) && write_file(&m, err);
    if (ok) {
        ok = try_it(&m, err);
        print_made(&m);
    }
    making_release(&m);
    return ok;
}

const struct command cmd_task_new = {
    .name = "task new",
    .operands = "NAME",
    .summary = "begin a task from a file of your own questions",
    .details =
        "Looks at the first rows, guesses which columns are the question, the options and the\n"
        "answer, and writes NAME.lua beside the data: a task that works, with comments, to go\n"
        "on with. Asks nothing; a guess that is not sure is said so, and marked CHECK in the\n"
        "file. Then the file is linted and its first document shown.\n\n"
        "Options may be a column of lists (JSON, or texts between '|' or ';'), a column each\n"
        "(A, B, C, D; option1, option2; correct_answer and distractor1, ...), and the answer\n"
        "the text, the letter or the number of one. Two texts with a score are a task of\n"
        "similarity, a text with one of a few labels a choice among the labels, or, by --kind,\n"
        "a classification or a clustering of vectors.\n\n"
        "Roles for --column: question, context, options (one, or a comma list), answer; first,\n"
        "second, score; query, passage; text, label.\n\n"
        "  assay task new my_task --from questions.csv\n"
        "  assay task new my_task --from data.jsonl --column question=Frage --column "
        "options=A,B,C\n",
    .options = { options_new, options_library },
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
