/* assay model show | tensors | truncate. */
#include <inttypes.h>
#include <string.h>

#include "evaluator/cli/command.h"
#include "evaluator/cli/exchange.h"
#include "evaluator/cli/lineage.h"
#include "evaluator/cli/print.h"
#include "evaluator/hub/hub.h"
#include "harness/harness.h"

static const struct option options_truncate[] = {
    { "layers", 0, "N", "keep the first N layers" },
    { NULL, 0, NULL, NULL },
};

static const struct option options_show[] = {
    { "arch", 0, "FILE", "a Lua architecture description in place of the built-in one" },
    { "lineage", 0, NULL, "where its weights come from, by what the database knows, instead" },
    { NULL, 0, NULL, NULL },
};

static char *path_of(const struct args *args, struct err *err) {
    return hub_model_path(args_get(args, "hub", NULL), args->operands[0], err);
}

/* ---- show ---- */

/* The card's, or what a GGUF file's metadata says. */
static json_t *licence_of(const json_t *facts, const char *path) {
    const char *said = json_get_string(json_object_get(facts, "config"), "general.license", NULL);
    return said ? json_string(said) : hub_folder_licence(path);
}

static bool show_lineage(const struct args *args, struct err *err) {
    json_t *lineage = lineage_of_model(args, args->operands[0], err);
    if (lineage && args_has(args, "json")) {
        print_document(lineage, true);
    } else if (lineage) {
        lineage_print(lineage);
    }
    json_decref(lineage);
    return lineage != NULL;
}

static bool run_show(const struct args *args, struct err *err) {
    if (args_has(args, "lineage")) {
        return show_lineage(args, err);
    }
    char *path = path_of(args, err);
    json_t *facts = path ? model_describe(path, args_get(args, "arch", NULL), err) : NULL;
    if (!facts) {
        free(path);
        return false;
    }
    json_object_set_new(facts, "licence", licence_of(facts, path));
    free(path);
    print_document(facts, args_has(args, "json"));
    json_decref(facts);
    return true;
}

const struct command cmd_model_show = {
    .name = "model show",
    .operands = "MODEL",
    .summary = "what a model is: architecture, sizes, memory, tokenizer, pooling, licence",
    .options = { options_show, options_device, options_database },
    .min_operands = 1,
    .max_operands = 1,
    .run = run_show,
};

/* ---- tensors ---- */

static void write_numbers(struct json_writer *w, const char *key, const double *x, size_t n) {
    jw_key(w, key);
    jw_array(w);
    for (size_t i = 0; i < n; i++) {
        jw_double(w, x[i]);
    }
    jw_end_array(w);
}

static bool print_tensor_json(const struct tensor_report *r, void *arg, struct err *err) {
    (void)arg;
    (void)err;
    struct strbuf out = { 0 };
    struct json_writer w;
    json_writer_init(&w, &out, false);
    jw_object(&w);
    jw_kv_string(&w, "name", r->name);
    jw_kv_string(&w, "dtype", r->dtype);
    jw_key(&w, "shape");
    jw_array(&w);
    for (size_t i = 0; i < r->n_dims; i++) {
        jw_int(&w, (long long)r->shape[i]);
    }
    jw_end_array(&w);
    write_numbers(&w, "first8", r->first8, r->n_first);
    write_numbers(&w, "last8", r->last8, r->n_last);
    jw_kv_double(&w, "sum", r->sum);
    jw_kv_double(&w, "abs_sum", r->abs_sum);
    jw_end_object(&w);
    puts(strbuf_str(&out));
    strbuf_release(&out);
    return true;
}

static bool print_tensor_row(const struct tensor_report *r, void *arg, struct err *err) {
    (void)arg;
    (void)err;
    char shape[96] = "";
    size_t used = 0;
    for (size_t i = 0; i < r->n_dims && used < sizeof shape; i++) {
        used += (size_t)snprintf(
            shape + used, sizeof shape - used, "%s%" PRIu64, i ? " x " : "", r->shape[i]);
    }
    char *name = printable(r->name, 1024);
    printf("%-60s %-6s %-20s abs sum %.6g\n", name, r->dtype, shape, r->abs_sum);
    free(name);
    return true;
}

static bool run_tensors(const struct args *args, struct err *err) {
    char *path = path_of(args, err);
    bool ok = path && model_tensors(path,
                          args_has(args, "json") ? print_tensor_json : print_tensor_row, NULL, err);
    free(path);
    return ok;
}

const struct command cmd_model_tensors = {
    .name = "model tensors",
    .operands = "MODEL",
    .summary = "list the tensors of a model, .safetensors, .gguf or .bin file",
    .details = "With --json one line a tensor: name, dtype, shape (rows first), first8, last8, sum "
               "and abs_sum\n"
               "after dequantising to f32.\n",
    .options = { options_device },
    .min_operands = 1,
    .max_operands = 1,
    .run = run_tensors,
};

/* ---- truncate ---- */

static bool run_truncate(const struct args *args, struct err *err) {
    unsigned long layers;
    if (!args_get_uint(args, "layers", 0, 100000, &layers, err)) {
        return false;
    }
    if (layers == 0) {
        return err_set(err, ERR_USAGE, "'model truncate' needs --layers N");
    }
    char *source = path_of(args, err);
    bool ok = source && model_truncate(source, args->operands[1], (unsigned)layers, err);
    free(source);
    return ok;
}

const struct command cmd_model_truncate = {
    .name = "model truncate",
    .operands = "SOURCE TARGET",
    .summary = "make a shallower variant of a model: its first N layers",
    .details = "A folder gets its weights by link and a smaller config; a .gguf file gets its "
               "header rewritten.\n\n"
               "  assay model truncate ./all-MiniLM-L6-v2 ./all-MiniLM-L3 --layers 3\n",
    .options = { options_truncate },
    .min_operands = 2,
    .max_operands = 2,
    .run = run_truncate,
};
