/* Plans to a table or a document (see plan.h). Seconds, tokens and bytes on disk add up; memory is
 * needed by one model at a time. */
#include "evaluator/cli/plan.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "evaluator/cli/table.h"

static const char *const SUMS[] = { "requests", "reused", "tokens_asked", "tokens_computed",
    "disk_bytes" };

void plan_add(json_t *plans, const char *model, const json_t *plan) {
    json_t *row = json_pack("{s:s}", "model", model);
    json_object_update_missing(row, (json_t *)(uintptr_t)plan);
    json_array_append_new(plans, row);
}

static const char *const BILL[] = { "requests", "texts", "input_tokens", "output_tokens" };

static size_t count_bills(const json_t *plans) {
    size_t i, n = 0;
    json_t *row;
    json_array_foreach(plans, i, row) {
        n += json_object_get(row, "bill") != NULL;
    }
    return n;
}

/* Of all rows that have a bill in this currency; the caller's. */
static json_t *bill_of_all(const json_t *plans) {
    json_t *sum = json_object(), *row;
    size_t i;
    json_array_foreach(plans, i, row) {
        json_t *bill = json_object_get(row, "bill");
        for (size_t k = 0; k < sizeof BILL / sizeof *BILL; k++) {
            long long n = json_get_int(sum, BILL[k], 0) + json_get_int(bill, BILL[k], 0);
            json_object_set_new(sum, BILL[k], json_integer(n));
        }
        static const char *const AMOUNTS[] = { "amount", "most" };
        for (size_t k = 0; bill && k < 2; k++) {
            const json_t *v = json_object_get(bill, AMOUNTS[k]),
                         *so_far = json_object_get(sum, AMOUNTS[k]);
            bool known = json_is_number(v) && (!so_far || json_is_number(so_far));
            json_object_set_new(sum, AMOUNTS[k],
                known ? json_real(json_number_value(v) + json_number_value(so_far)) : json_null());
        }
        const char *unit = json_get_string(bill, "currency", NULL),
                   *known = json_get_string(sum, "currency", unit);
        if (unit) { /* what is in several currencies has no sum */
            json_object_set_new(sum, "currency", json_string(strcmp(unit, known) ? "?" : known));
        }
    }
    if (!strcmp(json_get_string(sum, "currency", ""), "?")) {
        json_object_set_new(sum, "amount", json_null());
        json_object_set_new(sum, "most", json_null());
    }
    return sum;
}

static json_t *total_of(const json_t *plans) {
    json_t *total = json_object(), *row;
    double flops = 0, seconds = 0;
    long long memory = 0, fetch = 0;
    const char *model = "";
    size_t i;
    json_array_foreach(plans, i, row) {
        for (size_t k = 0; k < sizeof SUMS / sizeof *SUMS; k++) {
            long long sum = json_get_int(total, SUMS[k], 0) + json_get_int(row, SUMS[k], 0);
            json_object_set_new(total, SUMS[k], json_integer(sum));
        }
        long long bytes = json_get_int(row, "memory_bytes", 0);
        memory = bytes > memory ? bytes : memory;
        flops += json_get_number(row, "flops", 0);
        seconds += json_get_number(row, "seconds", NAN);
        if (strcmp(model, json_get_string(row, "model", ""))) { /* each is fetched once */
            model = json_get_string(row, "model", "");
            fetch += json_get_int(row, "fetch_bytes", 0);
        }
    }
    json_object_set_new(total, "flops", json_real(flops));
    json_object_set_new(total, "seconds", isfinite(seconds) ? json_real(seconds) : json_null());
    json_object_set_new(total, "fetch_bytes", json_integer(fetch));
    json_object_set_new(total, "memory_bytes", json_integer(memory));
    if (count_bills(plans)) {
        json_object_set_new(total, "bill", bill_of_all(plans));
    }
    return total;
}

static void cell_bytes(struct table *t, long long bytes) {
    if (bytes >= 1ll << 30) {
        table_cellf(t, "%.1f GiB", (double)bytes / (1 << 30));
    } else {
        table_cellf(t, "%lld MiB", (bytes + (1 << 20) - 1) >> 20);
    }
}

static void cell_time(struct table *t, double s) {
    if (!isfinite(s)) {
        table_cell(t, NULL);
    } else if (s < 120) {
        table_cellf(t, "%.*f s", s < 10, s);
    } else if (s < 7200) {
        table_cellf(t, "%.0f min", s / 60);
    } else {
        table_cellf(t, "%.1f h", s / 3600);
    }
}

static void add_row(struct table *t, const char *model, const char *task, const json_t *row) {
    table_cell(t, model);
    table_cell(t, task);
    table_cellf(t, "%lld", json_get_int(row, "requests", 0));
    table_cellf(t, "%lld", json_get_int(row, "reused", 0));
    table_cellf(t, "%lld", json_get_int(row, "tokens_asked", 0));
    table_cellf(t, "%lld", json_get_int(row, "tokens_computed", 0));
    cell_time(t, json_get_number(row, "seconds", NAN));
    cell_bytes(t, json_get_int(row, "memory_bytes", 0));
    cell_bytes(t, json_get_int(row, "disk_bytes", 0));
    cell_bytes(t, json_get_int(row, "fetch_bytes", 0));
}

/* ---- of remote models: what it costs ---- */

static void cell_amount(struct table *t, const json_t *bill, const char *key) {
    const json_t *v = json_object_get(bill, key);
    if (json_is_number(v)) {
        table_cellf(t, "%.4f %s", json_number_value(v), json_get_string(bill, "currency", ""));
    } else {
        table_cell(t, NULL);
    }
}

static void add_bill(
    struct table *t, const char *model, const char *task, const json_t *row, const json_t *bill) {
    table_cell(t, model);
    table_cell(t, task);
    table_cellf(t, "%lld", json_get_int(row, "requests", 0));
    table_cellf(t, "%lld", json_get_int(row, "reused", 0));
    table_cellf(t, "%lld", json_get_int(bill, "requests", 0));
    table_cellf(t, "~%lld", json_get_int(bill, "input_tokens", 0));
    table_cellf(t, "≤%lld", json_get_int(bill, "output_tokens", 0));
    cell_amount(t, bill, "amount");
    cell_amount(t, bill, "most");
}

static void print_bills(const json_t *plans, const json_t *total) {
    struct table *t = table_new("Model", "Task", ">Texts", ">Known", ">Requests", ">Tokens in",
        ">Tokens out", ">Price", ">At most", NULL);
    size_t i, n = 0;
    json_t *row;
    json_array_foreach(plans, i, row) {
        if (json_object_get(row, "bill")) {
            add_bill(t, json_get_string(row, "model", ""), json_get_string(row, "task", ""), row,
                json_object_get(row, "bill"));
            n++;
        }
    }
    if (n > 1 && n == json_array_size(plans)) {
        add_bill(t, "all", "", total, json_object_get(total, "bill"));
    }
    table_print(t, true);
    puts("\nTokens are a guess (a quarter of the bytes), those of answers all that may be written; "
         "at "
         "most:\na token for each byte and what an endpoint puts around a text.");
}

static void print_work(const json_t *plans, const json_t *total) {
    struct table *t = table_new("Model", "Task", ">Requests", ">Known", ">Tokens asked",
        ">To compute", ">Time", ">Memory", ">Disk", ">To fetch", NULL);
    size_t i;
    json_t *row;
    json_array_foreach(plans, i, row) {
        if (!json_object_get(row, "bill")) {
            add_row(t, json_get_string(row, "model", ""), json_get_string(row, "task", ""), row);
        }
    }
    if (json_array_size(plans) > 1 && !count_bills(plans)) {
        add_row(t, "all", "", total);
    }
    table_print(t, true);
}

static void print_table(const json_t *plans, const json_t *total) {
    size_t n = count_bills(plans);
    if (n < json_array_size(plans)) {
        print_work(plans, total);
    }
    if (n && n < json_array_size(plans)) {
        puts("");
    }
    if (n) {
        print_bills(plans, total);
    }
}

void plan_print(const json_t *plans, bool json) {
    json_t *total = total_of(plans);
    if (json) {
        json_t *document = json_pack("{s:s, s:O, s:O}", "schema", "assay.plan/1", "plans",
            (json_t *)(uintptr_t)plans, "total", total);
        char *text = json_text(document, JSON_INDENT(2));
        puts(text);
        free(text);
        json_decref(document);
    } else {
        print_table(plans, total);
    }
    json_decref(total);
}
