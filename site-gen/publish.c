/* Where a site goes, and whether it may (see publish.h). */
#include "site-gen/publish.h"

#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "site-gen/publish_parts.h"
#include "site-gen/site.h"

#define TIMEOUT_S 3600

static bool check(const struct publish_options *o, struct publish_report *r, struct err *err) {
    struct site_report found = { 0 };
    char *marker = path_join(o->dir, SITE_MARKER);
    bool ours = file_exists(marker);
    free(marker);
    if (!ours) {
        err_set(err, ERR_NOT_FOUND, "there is no site in '%s'", o->dir);
        return err_hint(err, "build one with 'assay site build -o %.100s'", o->dir);
    }
    bool ok = site_check(o->dir, &found, err);
    strbuf_adds(&r->problems, strbuf_str(&found.problems));
    site_report_release(&found);
    return ok;
}

/* What a hub asks of a Space that only has files. The title is quoted as JSON, which is YAML too.
 */
static void write_readme(const char *title, struct strbuf *out) {
    struct json_writer w;
    strbuf_adds(out, "---\ntitle: ");
    json_writer_init(&w, out, false);
    jw_string(&w, title ? title : "Assay");
    strbuf_adds(out, "\nsdk: static\napp_file: index.html\npinned: false\n---\n\n"
                     "Results of language models as static pages, built by `assay site build` and "
                     "put here by\n`assay site publish`. The files are not edited by hand; "
                     "/data/ lists them with their hashes.\n");
}

static bool is_remote(const char *to) {
    const char *colon = strchr(to, ':'), *slash = strchr(to, '/');
    return str_begins(to, "rsync://") || (colon && colon > to && (!slash || colon < slash));
}

static bool send(const struct publish_options *o, struct publish_report *r, struct err *err) {
    if (str_begins(o->to, "git:"))
        return publish_git(o, o->to + 4, r, err);
    if (str_begins(o->to, "space:")) {
        struct strbuf readme = { 0 };
        write_readme(o->title, &readme);
        bool ok = publish_folder(o, o->to + 6, readme.text, r, err);
        strbuf_release(&readme);
        return ok;
    }
    return is_remote(o->to) ? publish_rsync(o, r, err) : publish_folder(o, o->to, NULL, r, err);
}

static int by_name(const void *a, const void *b) {
    return strcmp(json_string_value(*(json_t *const *)a), json_string_value(*(json_t *const *)b));
}

static void sort_names(json_t *list) {
    size_t n = json_array_size(list);
    json_t **all = xcalloc(n + 1, sizeof *all);
    for (size_t i = 0; i < n; i++)
        all[i] = json_incref(json_array_get(list, i));
    qsort(all, n, sizeof *all, by_name);
    for (size_t i = 0; i < n; i++)
        json_array_set_new(list, i, all[i]);
    free(all);
}

bool site_publish(const struct publish_options *o, struct publish_report *r, struct err *err) {
    r->fresh = json_array();
    r->changed = json_array();
    r->gone = json_array();
    if (!*o->to || *o->to == '-')
        return err_set(err, ERR_USAGE, "'%s' is no place to publish to", o->to);
    bool ok = check(o, r, err) && send(o, r, err);
    sort_names(r->fresh);
    sort_names(r->changed);
    sort_names(r->gone);
    return ok;
}

void publish_report_release(struct publish_report *r) {
    json_decref(r->fresh);
    json_decref(r->changed);
    json_decref(r->gone);
    strbuf_release(&r->problems);
    *r = (struct publish_report) { 0 };
}

bool publish_run(const char *const argv[], char *const *env, const char *input,
    struct proc_result *result, struct err *err) {
    struct proc_options options = { .env = (const char *const *)env,
        .input = input,
        .input_n = input ? strlen(input) : 0,
        .output_max = (size_t)256 << 20,
        .timeout_s = TIMEOUT_S };
    if (!proc_run(argv, &options, result, err))
        return false;
    return !result->timed_out || err_set(err, ERR_NETWORK, "%s took longer than %d minutes",
                                     path_base(argv[0]), TIMEOUT_S / 60);
}
