/* See lineage.h. */
#include "evaluator/cli/lineage.h"

#include <string.h>

#include "base/mem.h"
#include "evaluator/cli/database.h"
#include "evaluator/cli/print.h"
#include "evaluator/cli/table.h"

/* What is asked of the database about the model, and under which key it is told. */
static const struct {
    const char *key, *statement;
} PARTS[] = { { "related", "lineage_of" }, { "merge", "lineage_merge" },
    { "bases", "lineage_bases" }, { "read", "lineage_read" }, { "copies", "copies_of" } };

static bool add_part(
    json_t *lineage, struct db *db, size_t part, const char *model, struct err *err) {
    struct rows rows = { 0 };
    bool ok = db_query(db, PARTS[part].statement, DB_ARGS(db_text(model)), &rows, err);
    json_t *list = ok ? rows_to_json(&rows, err) : NULL;
    rows_release(&rows);
    if (list) {
        json_object_set_new(lineage, PARTS[part].key, list);
    }
    return list != NULL;
}

json_t *lineage_of_model(const struct args *args, const char *model, struct err *err) {
    char *name = xstrndup(model, strcspn(model, "@"));
    struct db *db = database_open(args, err);
    json_t *lineage = json_pack("{s:s, s:s}", "schema", "assay.lineage/1", "model", name);
    bool ok = db != NULL;
    for (size_t i = 0; ok && i < sizeof PARTS / sizeof *PARTS; i++) {
        ok = add_part(lineage, db, i, name, err);
    }
    if (!ok) {
        json_decref(lineage);
        lineage = NULL;
    }
    db_close(db);
    free(name);
    return lineage;
}

/* ---- for people ---- */

static void print_share(struct table *t, const json_t *share) {
    if (json_is_number(share)) {
        table_cellf(t, "%.1f %%", 100 * json_number_value(share));
    } else {
        table_cell(t, NULL);
    }
}

static void print_related(const json_t *related) {
    struct table *t =
        table_new("Related", "How", ">Its tensors here", ">Ours there", ">Correlation", NULL);
    size_t i;
    json_t *r;
    json_array_foreach(related, i, r) {
        json_t *c = json_object_get(r, "correlation");
        table_cellf(
            t, "%.100s@%.12s", json_get_string(r, "model", ""), json_get_string(r, "revision", ""));
        table_cell(t, json_get_string(r, "relation", ""));
        print_share(t, json_object_get(r, "theirs"));
        print_share(t, json_object_get(r, "ours"));
        table_cellf(t, json_is_number(c) ? "%.6f" : "", json_number_value(c));
    }
    table_print(t, false);
}

static void print_merge(const json_t *merge) {
    const json_t *parents = json_object_get(merge, "parents");
    size_t i;
    json_t *parent;
    bool weights = !strcmp(json_get_string(merge, "how", ""), "weights");
    printf("a merge, it seems: its %s are %s", weights ? "weights" : "tensors",
        weights ? "a sum of those of" : "those of");
    json_array_foreach(parents, i, parent) {
        printf("%s %s", i ? " and" : "", json_string_value(parent));
    }
    printf(" (%.2f %% of %s)\n", 100 * json_get_number(merge, "fit", 0),
        weights ? "the samples' variance" : "them");
}

static bool is_related(const json_t *lineage, const char *model) {
    size_t i;
    json_t *r;
    json_array_foreach(json_object_get(lineage, "related"), i, r) {
        if (!strcmp(json_get_string(r, "model", ""), model)) {
            return true;
        }
    }
    return false;
}

/* The card's word, and whether the weights bear it out. */
static void print_base(const json_t *lineage, const json_t *base) {
    const char *model = json_get_string(base, "model", "");
    char *name = printable(model, 200);
    printf("made from %s, says its card: %s\n", name,
        is_related(lineage, model)                 ? "its weights bear that out, see above"
        : !json_get_bool(base, "here", false)      ? "which was not looked at here"
        : json_get_bool(base, "comparable", false) ? "its weights show nothing of that"
                                                   : "whose weights are laid out another way");
    free(name);
}

/* No verdict without how it was come by. */
static void print_read(const json_t *read) {
    double share = json_get_number(read, "share", 0);
    if (share >= 1) {
        printf(
            "All this is by every value of its %lld tensors.\n", json_get_int(read, "tensors", 0));
    } else if (read) {
        printf(
            "All this is by samples: %.3g %% of the values of its %lld tensors were read, so equal "
            "ones may differ elsewhere.\n",
            100 * share, json_get_int(read, "tensors", 0));
    } else {
        puts("Its tensors were not looked at: a worker does that when it evaluates the model.");
    }
}

void lineage_print(const json_t *lineage) {
    size_t i;
    json_t *item;
    print_related(json_object_get(lineage, "related"));
    json_array_foreach(json_object_get(lineage, "copies"), i, item) {
        printf("%s is a copy of %s\n", json_get_string(item, "model", ""),
            json_get_string(item, "of_model", ""));
    }
    json_array_foreach(json_object_get(lineage, "merge"), i, item) {
        print_merge(item);
    }
    json_array_foreach(json_object_get(lineage, "bases"), i, item) {
        print_base(lineage, item);
    }
    print_read(json_array_get(json_object_get(lineage, "read"), 0));
}
