/* Rows from the database, a part at a time (see shelf.h). */
#include "site-gen/shelf.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "db/db.h"
#include "site-gen/load.h"

bool shelf_ok(struct shelf *s, struct err *err) {
    pthread_mutex_lock(&s->lock);
    bool ok = !s->failed;
    if (!ok)
        *err = s->err;
    pthread_mutex_unlock(&s->lock);
    return ok;
}

static void fail(struct shelf *s, const struct err *err) {
    pthread_mutex_lock(&s->lock);
    if (!s->failed)
        s->err = *err;
    s->failed = true;
    pthread_mutex_unlock(&s->lock);
}

static bool ask(struct shelf *s, const char *statement, const struct db_arg *args, size_t n_args,
    struct rows *rows) {
    *rows = (struct rows) { 0 };
    pthread_mutex_lock(&s->lock);
    bool ok = !s->failed && db_query(s->db, statement, args, n_args, rows, &s->err);
    s->failed = !ok;
    pthread_mutex_unlock(&s->lock);
    return ok;
}

static json_t *list_of(
    struct shelf *s, const char *statement, const struct db_arg *args, size_t n_args) {
    struct rows rows;
    struct err err = ERR_INIT;
    bool asked = ask(s, statement, args, n_args, &rows);
    json_t *list = asked ? rows_to_json(&rows, &err) : NULL;
    rows_release(&rows);
    if (asked && !list)
        fail(s, &err);
    tidy_times(list);
    return list ? list : json_array();
}

/* False at the end, and where something goes wrong. */
static bool take_rows(struct shelf *s, shelf_row *take, void *to) {
    struct rows rows;
    struct err err = ERR_INIT;
    json_t *above = NULL;
    bool ok = ask(s, "site_board_next", NULL, 0, &rows), any = ok && rows.n > 0;
    for (int i = 0; ok && i < rows.n; i++) {
        json_t *row = row_to_json(&rows, i, above, &err);
        ok = row != NULL;
        tidy_row(row);
        if (ok)
            take(to, row);
        else
            fail(s, &err);
        json_decref(above);
        above = row;
    }
    json_decref(above);
    rows_release(&rows);
    return any && ok;
}

/* A board is too much to hold twice: as rows, and as what is made of them. */
void shelf_board(struct shelf *s, const char *suite, bool scores, shelf_row *take, void *to) {
    struct rows nothing;
    bool open = ask(s, "site_board_open",
        DB_ARGS(db_text(suite), db_text(scores ? "true" : "false")), &nothing);
    rows_release(&nothing);
    while (open && take_rows(s, take, to))
        ;
    ask(s, "site_board_close", NULL, 0, &nothing);
    rows_release(&nothing);
}

json_t *shelf_apart(struct shelf *s, const char *suite) {
    return list_of(s, "site_apart_runs", DB_ARGS(db_text(suite)));
}

static json_t *list_of_models(
    struct shelf *s, const char *statement, const json_t *models, long long listed) {
    char *names = json_text(models, JSON_COMPACT);
    json_t *list = list_of(s, statement, DB_ARGS(db_text(names), db_int(listed)));
    free(names);
    return list;
}

json_t *shelf_runs(struct shelf *s, const json_t *models, long long listed) {
    return list_of_models(s, "site_model_runs", models, listed);
}

json_t *shelf_results(struct shelf *s, const json_t *models, long long listed) {
    return list_of_models(s, "site_model_results", models, listed);
}

json_t *shelf_task_runs(struct shelf *s, long long task, bool scores) {
    return list_of(s, "site_task_runs", DB_ARGS(db_int(task), db_text(scores ? "true" : "false")));
}

json_t *shelf_newest(struct shelf *s, int n) {
    return list_of(s, "site_newest_runs", DB_ARGS(db_int(n)));
}

json_t *shelf_extent(struct shelf *s, long long paged) {
    json_t *list = list_of(s, "site_extent", DB_ARGS(db_int(paged)));
    json_t *row = json_incref(json_array_get(list, 0));
    json_decref(list);
    return row ? row : json_object();
}

/* Adds the marks of rows to those that a key has. Takes the rows. */
static void add_marks(json_t *marks, json_t *rows, const char *key) {
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        const json_t *of = json_object_get(row, key);
        if (json_is_null(of))
            continue;
        char id[32];
        snprintf(id, sizeof id, "%lld", (long long)json_integer_value(of));
        const char *name = json_is_string(of) ? json_string_value(of) : id;
        const char *mark = json_get_string(row, "mark", "");
        json_object_set_new(
            marks, name, json_sprintf("%s %s", json_get_string(marks, name, ""), mark));
    }
    json_decref(rows);
}

json_t *shelf_model_marks(struct shelf *s, long long listed) {
    json_t *marks = json_object();
    add_marks(marks, list_of(s, "site_model_marks", DB_ARGS(db_int(listed))), "model");
    add_marks(marks, list_of(s, "site_gone_marks", DB_NO_ARGS), "model");
    return marks;
}

json_t *shelf_task_marks(struct shelf *s, long long listed) {
    json_t *marks = json_object();
    add_marks(marks, list_of(s, "site_task_marks", DB_ARGS(db_int(listed))), "task_id");
    add_marks(marks, list_of(s, "site_gone_marks", DB_NO_ARGS), "task_id");
    return marks;
}
