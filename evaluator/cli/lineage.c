/* See lineage.h. */
#include "evaluator/cli/lineage.h"

#include <string.h>

#include "base/mem.h"
#include "evaluator/cli/database.h"
#include "evaluator/cli/table.h"

static json_t *read_rows(struct db *db, const char *statement, const char *model, struct err *err) {
    struct rows rows = { 0 };
    bool ok = db_query(db, statement, DB_ARGS(db_text(model)), &rows, err);
    json_t *list = ok ? rows_to_json(&rows, err) : NULL;
    rows_release(&rows);
    return list;
}

json_t *lineage_of_model(const struct args *args, const char *model, struct err *err) {
    char *name = xstrndup(model, strcspn(model, "@"));
    struct db *db = database_open(args, err);
    json_t *related = db ? read_rows(db, "lineage_of", name, err) : NULL;
    json_t *copies = related ? read_rows(db, "copies_of", name, err) : NULL;
    json_t *lineage = copies ? json_pack("{s:O, s:O}", "related", related, "copies", copies) : NULL;
    json_decref(related);
    json_decref(copies);
    db_close(db);
    free(name);
    return lineage;
}

static void print_share(struct table *t, const json_t *share) {
    if (json_is_number(share)) {
        table_cellf(t, "%.1f %%", 100 * json_number_value(share));
    } else {
        table_cell(t, NULL);
    }
}

void lineage_print(const json_t *lineage) {
    struct table *t =
        table_new("Related", "How", ">Its tensors here", ">Ours there", ">Correlation", NULL);
    size_t i;
    json_t *r;
    json_array_foreach(json_object_get(lineage, "related"), i, r) {
        json_t *c = json_object_get(r, "correlation");
        table_cellf(
            t, "%.100s@%.12s", json_get_string(r, "model", ""), json_get_string(r, "revision", ""));
        table_cell(t, json_get_string(r, "relation", ""));
        print_share(t, json_object_get(r, "theirs"));
        print_share(t, json_object_get(r, "ours"));
        table_cellf(t, json_is_number(c) ? "%.4f" : "", json_number_value(c));
    }
    table_print(t, false);
    json_array_foreach(json_object_get(lineage, "copies"), i, r) {
        printf("%s is a copy of %s\n", json_get_string(r, "model", ""),
            json_get_string(r, "of_model", ""));
    }
}
