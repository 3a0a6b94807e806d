/* The database of a command (see database.h). */
#include "evaluator/cli/database.h"

#include "evaluator/cli/command.h"
#include "evaluator/cli/print.h"

const struct option options_database[] = {
    { "db", 0, "URL", "the database (default: ASSAY_DATABASE_URL, PG*, or a private cluster)" },
    { NULL, 0, NULL, NULL },
};

struct db *database_open(const struct args *args, struct err *err) {
    struct db_options options = { .conninfo = args_get(args, "db", NULL) };
    return db_open(&options, err);
}

bool database_print(const struct rows *rows, const char *schema, const char *key, struct err *err) {
    json_t *list = rows_to_json(rows, err);
    if (!list) {
        return false;
    }
    json_t *document = json_pack("{s:s, s:o}", "schema", schema, key, list);
    print_document(document, true);
    json_decref(document);
    return true;
}
