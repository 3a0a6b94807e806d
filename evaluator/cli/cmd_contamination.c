/* assay contamination: which documents of tasks have n-grams in common with a corpus. The corpus is
 * read once, in files of any size; what is in memory are the tasks' n-grams (metric/overlap.h). */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/progress.h"
#include "evaluator/cli/command.h"
#include "evaluator/cli/database.h"
#include "evaluator/cli/print.h"
#include "evaluator/cli/report.h"
#include "evaluator/cli/table.h"
#include "evaluator/cli/tasks.h"
#include "evaluator/data/data.h"
#include "evaluator/metric/overlap.h"

#define SHOWN_MAX 10
#define DEPTH_MAX 32 /* of folders */

static const struct option options_contamination[] = {
    { "task", 't', "T", "a task: a name, a glob, or the path of a .lua file (may be repeated)" },
    { "suite", 's', "S", "all tasks of a suite" },
    { "limit", 'l', "N", "the first N documents of each task" },
    { "ngram", 0, "N", "words that must be alike in a row (default: 13)" },
    { "column", 0, "NAME", "the column of the corpus that has its text (default: all texts)" },
    { "out", 'o', "FILE", "write a line of JSON for each document of the tasks" },
    { "store", 0, "NAME", "keep the counts in the database, as of a corpus of this name" },
    { "hub", 0, "DIR|URL", "where tasks' data sets are found (default: HF_ENDPOINT)" },
    OPTION_STREAM_DATA,
    { NULL, 0, NULL, NULL },
};

/* A task, and which of the documents that are looked for are its. */
struct part {
    json_t *facts; /* as in the report */
    char *name;
    json_t *task; /* as in a submission */
    size_t from, n;
    size_t *indices; /* of its documents in its data */
};

struct search {
    const struct args *args;
    struct overlap *overlap;
    struct part *parts;
    size_t n_parts, parts_room;
    char **files; /* of the corpus */
    size_t n_files, files_room;
    json_t *read; /* what was read of them, as in the report */
    const char *column;
    bool has_column; /* some row has it */
    struct progress *bar;
};

/* ---- the tasks ---- */

static bool add_text(struct search *s, const char *text, struct err *err) {
    return !text || overlap_add(s->overlap, text, strlen(text), err);
}

static bool add_texts(struct search *s, const char *const *list, size_t n, struct err *err) {
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++)
        ok = add_text(s, list[i], err);
    return ok;
}

/* What is asked with each choice behind it, as a text that holds both would go on. */
static bool add_choices(struct search *s, const struct task_doc *d, struct err *err) {
    bool ok = true;
    for (size_t i = 0; ok && i < d->n_choices; i++) {
        const struct task_choice *c = &d->choices[i];
        const char *asked = c->context < d->n_contexts ? d->questions[c->context] : "";
        struct strbuf text = { 0 };
        strbuf_addf(&text, "%s %s", asked, c->continuation);
        ok = add_text(s, strbuf_str(&text), err);
        strbuf_release(&text);
    }
    return ok;
}

/* Questions without the examples before them; of what ranks, queries without passages. */
static bool add_document(struct search *s, const struct task_doc *d, struct err *err) {
    overlap_begin_document(s->overlap);
    bool ok = add_choices(s, d, err) &&
              (d->n_choices || add_texts(s, d->questions, d->n_contexts, err)) &&
              add_text(s, d->text, err) && add_text(s, d->text_a, err) &&
              add_text(s, d->text_b, err) && add_texts(s, d->queries, d->n_queries, err) &&
              add_texts(s, d->human, d->n_human, err) &&
              add_texts(s, d->machine, d->n_machine, err);
    for (size_t i = 0; ok && i < d->n_answers; i++)
        ok = add_texts(s, d->answers[i].spans, d->answers[i].n, err);
    return ok;
}

static bool add_part(struct search *s, const struct task *t, struct err *err) {
    const struct task_info *info = task_info(t);
    size_t n;
    const struct task_doc *docs = task_docs(t, &n);
    mem_grow(&s->parts, &s->parts_room, s->n_parts + 1, sizeof *s->parts);
    struct part *p = &s->parts[s->n_parts++];
    *p = (struct part) { .name = xstrdup(info->name),
        .from = overlap_n_documents(s->overlap),
        .n = n,
        .indices = xcalloc(n + 1, sizeof *p->indices) };
    p->task = submission_task(t, NULL);
    p->facts =
        json_pack("{s:s, s:I, s:s, s:s}", "task", info->name, "version", (json_int_t)info->version,
            "task_sha256", info->task_sha256, "data_sha256", info->data_sha256);
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++) {
        p->indices[i] = docs[i].index;
        ok = add_document(s, &docs[i], err);
    }
    return ok;
}

static bool load_task(struct search *s, const json_t *asked, struct err *err) {
    struct task_request q;
    const char *name = json_get_string(asked, "name", "");
    if (!task_request_from_args(&q, s->args, name, err))
        return false;
    q.limit = json_get_int(asked, "limit", 0);
    q.shots = 0;
    struct task *t = task_load(&q, err);
    bool ok = t && add_part(s, t, err);
    task_free(t);
    return ok || err_wrap(err, "task '%s'", name);
}

static bool load_tasks(struct search *s, struct err *err) {
    json_t *tasks = tasks_from_args(s->args, err), *asked;
    size_t i;
    bool ok = tasks != NULL;
    json_array_foreach(tasks, i, asked) ok = ok && load_task(s, asked, err);
    json_decref(tasks);
    return ok;
}

/* ---- the corpus ---- */

static bool find_files(struct search *s, const char *path, int depth, struct err *err) {
    if (!dir_exists(path)) {
        if (!file_exists(path))
            return err_set(err, ERR_NOT_FOUND, "no file or folder '%s'", path);
        mem_grow(&s->files, &s->files_room, s->n_files + 1, sizeof *s->files);
        s->files[s->n_files++] = xstrdup(path);
        return true;
    }
    struct dirent **names;
    int n = depth < DEPTH_MAX ? scandir(path, &names, NULL, alphasort) : -1;
    bool ok = n >= 0 || err_errno(err, ERR_INPUT, "could not read the folder '%s'", path);
    for (int i = 0; i < n; i++) {
        char *below = path_join(path, names[i]->d_name);
        bool wanted = *names[i]->d_name != '.' && (dir_exists(below) || data_format(below));
        ok = ok && (!wanted || find_files(s, below, depth + 1, err));
        free(below);
        free(names[i]);
    }
    if (n >= 0)
        free(names);
    return ok;
}

static void search_texts(struct search *s, const struct value *v, struct overlap_place place) {
    if (v->kind == VALUE_STRING) {
        overlap_begin_text(s->overlap);
        overlap_search(s->overlap, v->s, v->n, place);
    }
    const struct value *in = v + 1;
    uint32_t n = v->kind == VALUE_OBJECT ? 2 * v->n : v->kind == VALUE_ARRAY ? v->n : 0;
    for (uint32_t i = 0; i < n; i++, in = value_after(in)) {
        if (v->kind == VALUE_ARRAY || i % 2) /* no keys */
            search_texts(s, in, place);
    }
}

static bool is_named(const struct value *v, const char *name) {
    return v->n == strlen(name) && !memcmp(v->s, name, v->n);
}

static void search_row(struct search *s, const struct value *row, struct overlap_place place) {
    if (!s->column || row->kind != VALUE_OBJECT) {
        search_texts(s, row, place);
        return;
    }
    const struct value *in = row + 1;
    for (uint32_t i = 0; i < row->n; i++) {
        const struct value *key = in, *v = in + 1;
        in = value_after(v);
        if (is_named(key, s->column)) {
            s->has_column = true;
            search_texts(s, v, place);
        }
    }
}

/* A file of lines is one text: its lines end where it was wrapped. */
static void search_line(struct search *s, const struct value *row, struct overlap_place place) {
    const struct value *line = row + 2; /* {"line": text, ...} */
    overlap_search(s->overlap, line->s, line->n, place);
}

static bool search_file(struct search *s, size_t file, struct err *err) {
    const char *path = s->files[file], *format = data_format(path);
    const char *columns[] = { s->column, NULL };
    bool lines = !format || !strcmp(format, "lines");
    struct data_source source = { .file = path,
        .format = lines ? "lines" : format,
        .columns = s->column && !lines ? columns : NULL };
    struct data *data = data_open(&source, err);
    struct overlap_place place = { file, 0 };
    const struct value *row;
    err->class = ERR_NONE;
    overlap_begin_text(s->overlap);
    while (data && (row = data_row(data, err))) {
        place.row++;
        if (lines)
            search_line(s, row, place);
        else
            search_row(s, row, place);
        progress_add(s->bar, 1);
    }
    json_array_append_new(
        s->read, json_pack("{s:s, s:I}", "file", path, "rows", (json_int_t)place.row));
    data_close(data);
    return data && err->class == ERR_NONE;
}

static bool search_corpus(struct search *s, struct err *err) {
    bool ok = true;
    for (unsigned i = 0; ok && i < s->args->n_operands; i++)
        ok = find_files(s, s->args->operands[i], 0, err);
    if (ok && s->n_files == 0)
        ok = err_set(err, ERR_INPUT, "no file of a known format in '%s'", s->args->operands[0]);
    s->bar = ok ? progress_start("corpus", 0, "rows") : NULL;
    for (size_t i = 0; ok && i < s->n_files; i++) {
        progress_note(s->bar, path_base(s->files[i]));
        ok = search_file(s, i, err);
    }
    progress_end(s->bar);
    s->bar = NULL;
    if (ok && s->column && !s->has_column)
        ok = err_set(err, ERR_INPUT, "no row of the corpus has a column '%s'", s->column);
    return ok;
}

/* ---- the report ---- */

static json_t *document_json(const struct search *s, const struct part *p, size_t i) {
    const struct overlap_document *d = overlap_document(s->overlap, p->from + i);
    json_t *line = json_pack("{s:s, s:I, s:b, s:I, s:I}", "task", p->name, "document",
        (json_int_t)p->indices[i], "contaminated", d->found > 0, "ngrams", (json_int_t)d->grams,
        "found", (json_int_t)d->found);
    if (d->found) {
        size_t n;
        const char *gram = overlap_gram(s->overlap, d->first, &n);
        json_t *text = json_stringn(gram, n);
        json_object_set_new(line, "ngram", text ? text : json_string("not UTF-8"));
        json_object_set_new(line, "file", json_string(s->files[d->place.file]));
        json_object_set_new(line, "row", json_integer((json_int_t)d->place.row));
    }
    return line;
}

/* Completes the facts of a part; those of its documents that were found go to `list`. */
static void count_part(const struct search *s, const struct part *p, json_t *list) {
    size_t found = 0, judged = 0;
    for (size_t i = 0; i < p->n; i++) {
        const struct overlap_document *d = overlap_document(s->overlap, p->from + i);
        judged += d->grams > 0;
        found += d->found > 0;
        if (d->found)
            json_array_append_new(list, document_json(s, p, i));
    }
    json_object_set_new(p->facts, "documents", json_integer((json_int_t)p->n));
    json_object_set_new(p->facts, "too_short", json_integer((json_int_t)(p->n - judged)));
    json_object_set_new(p->facts, "contaminated", json_integer((json_int_t)found));
    json_object_set_new(
        p->facts, "share", judged ? json_real((double)found / (double)judged) : json_null());
}

static json_t *report(const struct search *s, unsigned n) {
    json_t *tasks = json_array(), *found = json_array();
    for (size_t i = 0; i < s->n_parts; i++) {
        count_part(s, &s->parts[i], found);
        json_array_append(tasks, s->parts[i].facts);
    }
    return json_pack("{s:s, s:I, s:o, s:O, s:I, s:I, s:o}", "schema", "assay.contamination/1", "n",
        (json_int_t)n, "tasks", tasks, "corpus", s->read, "words",
        (json_int_t)overlap_n_words(s->overlap), "ngrams", (json_int_t)overlap_n_grams(s->overlap),
        "found", found);
}

static bool write_lines(const struct search *s, const char *path, struct err *err) {
    struct strbuf out = { 0 };
    for (size_t k = 0; k < s->n_parts; k++) {
        for (size_t i = 0; i < s->parts[k].n; i++) {
            json_t *line = document_json(s, &s->parts[k], i);
            struct json_writer w;
            json_writer_init(&w, &out, false);
            jw_json(&w, line);
            strbuf_addc(&out, '\n');
            json_decref(line);
        }
    }
    bool ok = !out.overflow ? file_write_atomic(path, strbuf_str(&out), out.len, err)
                            : err_set(err, ERR_RESOURCE, "'%s' would be over 1 GiB", path);
    strbuf_release(&out);
    return ok;
}

/* ---- the database ---- */

/* SHA-256 over those of the files, in their order. */
static bool corpus_sha256(const struct search *s, char hex[65], struct err *err) {
    struct sha256 *h = sha256_new();
    bool ok = true;
    for (size_t i = 0; ok && i < s->n_files; i++) {
        ok = sha256_file(s->files[i], hex, err);
        sha256_add(h, hex, ok ? 64 : 0);
    }
    sha256_end(h, hex);
    return ok;
}

static bool store_part(
    struct db *db, const struct part *p, const json_t *report, const char *hex, struct err *err) {
    static const char *const COUNTS[] = { "data_sha256", "documents", "too_short", "contaminated" };
    json_t *found = json_pack("{s:O, s:s, s:s, s:O, s:O}", "task", p->task, "corpus",
        json_get_string(report, "stored_as", ""), "corpus_sha256", hex, "n",
        json_object_get(report, "n"), "words", json_object_get(report, "words"));
    for (size_t i = 0; i < sizeof COUNTS / sizeof *COUNTS; i++)
        json_object_set(found, COUNTS[i], json_object_get(p->facts, COUNTS[i]));
    bool ok = overlap_record(db, found, err);
    json_decref(found);
    return ok;
}

/* Under the name that was given to the corpus. */
static bool store(const struct search *s, json_t *report, const char *name, struct err *err) {
    char hex[65];
    struct db *db = database_open(s->args, err);
    bool ok = db && corpus_sha256(s, hex, err);
    if (ok) {
        json_object_set_new(report, "stored_as", json_string(name));
        json_object_set_new(report, "corpus_sha256", json_string(hex));
    }
    for (size_t i = 0; ok && i < s->n_parts; i++)
        ok = store_part(db, &s->parts[i], report, hex, err);
    db_close(db);
    return ok;
}

/* ---- for people ---- */

static void print_found(const json_t *found) {
    const json_t *d;
    size_t i;
    json_array_foreach(found, i, d) {
        char *gram = printable(json_get_string(d, "ngram", ""), 300),
             *file = printable(json_get_string(d, "file", ""), 300);
        if (i < SHOWN_MAX)
            printf("%s%s, document %lld: \"%s\" in %s, row %lld (%lld of %lld n-grams)\n",
                i ? "" : "\n", json_get_string(d, "task", ""), json_get_int(d, "document", 0), gram,
                file, json_get_int(d, "row", 0), json_get_int(d, "found", 0),
                json_get_int(d, "ngrams", 0));
        free(gram);
        free(file);
    }
    if (i > SHOWN_MAX)
        printf("and %zu more; --out FILE or --json has all of them\n", i - SHOWN_MAX);
}

static void print_report(const json_t *report) {
    struct table *t =
        table_new("task", ">documents", ">too short", ">contaminated", ">share", NULL);
    const json_t *task;
    size_t i;
    json_array_foreach(json_object_get(report, "tasks"), i, task) {
        table_cell(t, json_get_string(task, "task", ""));
        table_cellf(t, "%lld", json_get_int(task, "documents", 0));
        table_cellf(t, "%lld", json_get_int(task, "too_short", 0));
        table_cellf(t, "%lld", json_get_int(task, "contaminated", 0));
        if (json_is_number(json_object_get(task, "share")))
            table_cellf(t, "%.2f %%", 100 * json_get_number(task, "share", 0));
        else
            table_cell(t, NULL);
    }
    table_print(t, false);
    print_found(json_object_get(report, "found"));
    printf(
        "\n%lld words of corpus; a document is contaminated if %lld words in a row of it are in "
        "there, and too short to tell where it has fewer. Shares are of those that can be told.\n",
        json_get_int(report, "words", 0), json_get_int(report, "n", 0));
}

static void search_release(struct search *s) {
    for (size_t i = 0; i < s->n_parts; i++) {
        json_decref(s->parts[i].facts);
        json_decref(s->parts[i].task);
        free(s->parts[i].name);
        free(s->parts[i].indices);
    }
    for (size_t i = 0; i < s->n_files; i++)
        free(s->files[i]);
    free(s->parts);
    free(s->files);
    json_decref(s->read);
    overlap_free(s->overlap);
}

static bool run(const struct args *args, struct err *err) {
    unsigned long n;
    if (!args_get_uint(args, "ngram", OVERLAP_N, OVERLAP_N_MAX, &n, err))
        return false;
    if (n < OVERLAP_N_MIN)
        return err_set(err, ERR_USAGE, "option '--ngram' needs at least %d words", OVERLAP_N_MIN);
    if (args_has(args, "store") && args_has(args, "limit"))
        return err_set(err, ERR_USAGE, "--store keeps counts of whole tasks, without --limit");
    struct search s = { .args = args,
        .overlap = overlap_new((unsigned)n),
        .read = json_array(),
        .column = args_get(args, "column", NULL) };
    const char *out = args_get(args, "out", NULL), *name = args_get(args, "store", NULL);
    bool ok = load_tasks(&s, err) && search_corpus(&s, err);
    json_t *told = ok ? report(&s, (unsigned)n) : NULL;
    ok = ok && (!out || write_lines(&s, out, err)) && (!name || store(&s, told, name, err));
    if (ok && args_has(args, "json"))
        print_document(told, true);
    else if (ok)
        print_report(told);
    json_decref(told);
    search_release(&s);
    return ok;
}

const struct command cmd_contamination = {
    .name = "contamination",
    .operands = "CORPUS [CORPUS...]",
    .summary = "find documents of tasks in a corpus, by n-grams of words",
    .details =
        "A corpus is a file of text, JSON lines, JSON, CSV, TSV or Parquet, also packed by gzip "
        "or\n"
        "Zstandard, or a folder of such files. A document counts as contaminated if 13 words in a\n"
        "row of it are in the corpus, whatever their case and punctuation: as\n"
        "lm-evaluation-harness's decontamination has it. What is looked for are questions with\n"
        "their choices and answers, texts, and queries without passages; documents of fewer words\n"
        "can't be told, and are counted apart.\n\n"
        "The corpus is read once, whatever its size. Memory holds the tasks' n-grams, about 56\n"
        "bytes each, and their texts.\n\n"
        "  assay contamination ./corpus -t hellaswag,arc_challenge --out found.jsonl\n"
        "  assay contamination shard-*.parquet --column text -s mmlu --json\n"
        "  assay contamination notes.txt -t ./my_task.lua --ngram 8\n\n"
        "With --store the website shows the counts, on the task's page and its column of "
        "boards.\n\n"
        "  assay contamination ./corpus -s mmlu --store 'our crawl, 2026-11'\n",
    .options = { options_contamination, options_library, options_database },
    .min_operands = 1,
    .max_operands = ARGS_MAX_VALUES,
    .run = run,
};
