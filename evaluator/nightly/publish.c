/* The end of a night: its report into the database, the site built with it, the report into files.
 * While publication is frozen the site stays as it is. */
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/file.h"
#include "base/json_pool.h"
#include "base/mem.h"
#include "evaluator/nightly/night.h"
#include "site-gen/site.h"

static bool read_freeze(struct night *n, bool *frozen, struct err *err) {
    struct rows rows = { 0 };
    bool ok = db_query(n->db, "site_publication", DB_NO_ARGS, &rows, err);
    *frozen = ok && rows.n && !rows_null(&rows, 0, "frozen_at");
    if (*frozen) {
        json_object_set_new(n->report, "frozen", json_string(rows_text(&rows, 0, "reason")));
    }
    rows_release(&rows);
    return ok;
}

static const char *outcome_of(const json_t *report) {
    struct err why = ERR_INIT;
    return json_object_get(report, "stopped") ? "stopped"
           : night_verdict(report, &why)      ? "well"
           : why.class == ERR_NEGATIVE        ? "frozen"
                                              : "failures";
}

static bool tell(struct night *n, struct err *err) {
    json_object_set_new(n->report, "outcome", json_string(outcome_of(n->report)));
    if (n->o->dry_run) {
        return true;
    }
    struct rows rows = { 0 };
    char *text = json_text(n->report, JSON_COMPACT);
    bool ok = db_query(n->db, "night_tell",
        DB_ARGS(db_int(n->id), db_text(outcome_of(n->report)), db_text(text)), &rows, err);
    if (ok && !rows_bool(&rows, 0, "told")) {
        ok = err_set(err, ERR_BUSY, "another night has begun meanwhile");
    }
    rows_release(&rows);
    free(text);
    return ok;
}

/* A site that could not be built is a failure of the night, told in its report. */
static void build_site(struct night *n) {
    struct site_report built = { 0 };
    struct err why = ERR_INIT;
    const char *endpoint = getenv("HF_ENDPOINT");
    struct site_options options = { .out = n->o->site,
        .base_url = n->o->base_url,
        .title = n->o->title,
        .look = n->o->look,
        .closed = n->o->closed,
        .hub_url = endpoint && *endpoint ? NULL : "https://huggingface.co" };
    json_pool_use();
    bool ok = site_build_from(n->db, &options, &built, &why);
    json_object_set_new(n->report, "site",
        ok ? json_pack("{s:i, s:i}", "pages", built.n_pages, "changed", built.n_changed)
           : json_pack("{s:o}", "failed", night_words(why.msg)));
    night_log(n, ok ? "site: %d pages" : "site: could not be built", built.n_pages);
    site_report_release(&built);
}

static bool put(const char *dir, const char *name, const struct strbuf *text, struct err *err) {
    char *path = path_join(dir, name);
    bool ok = file_write_atomic(path, strbuf_str(text), text->len, err);
    free(path);
    return ok;
}

/* night-<when>.* for good, latest.* for whoever looks. */
static bool put_both(
    const struct night *n, const char *ending, const struct strbuf *text, struct err *err) {
    char dated[80], latest[16];
    const char *at = json_get_string(n->report, "started_at", "");
    snprintf(dated, sizeof dated, "night-%.4s%.2s%.2s-%.2s%.2s%.2s.%s", at, at + 5, at + 8, at + 11,
        at + 14, at + 17, ending);
    snprintf(latest, sizeof latest, "latest.%s", ending);
    return put(n->o->report_dir, dated, text, err) && put(n->o->report_dir, latest, text, err);
}

static bool write_files(struct night *n, struct err *err) {
    struct strbuf text = { 0 }, json = { 0 }, html = { 0 };
    struct json_writer w;
    json_writer_init(&w, &json, false);
    jw_json(&w, n->report);
    strbuf_addc(&json, '\n');
    night_text(n->report, &text);
    bool ok = dir_make(n->o->report_dir, err) &&
              site_page("night_report.html", n->report, &html, err) &&
              put_both(n, "json", &json, err) && put_both(n, "txt", &text, err) &&
              put_both(n, "html", &html, err);
    strbuf_release(&text);
    strbuf_release(&json);
    strbuf_release(&html);
    return ok;
}

bool night_publish(struct night *n, struct err *err) {
    bool frozen = false;
    json_t *hub = json_object_get(n->report, "hub"),
           *database = json_pack("{s:i}", "reconnects", (int)db_reconnects(n->db));
    json_object_set_new(hub, "waited_s", json_real(n->hub.waited_s));
    json_object_set_new(n->report, "database", database);
    if (!read_freeze(n, &frozen, err) || !tell(n, err)) {
        return false;
    }
    if (n->o->site && !n->o->dry_run && !frozen) {
        build_site(n);
    }
    return tell(n, err) && (!n->o->report_dir || write_files(n, err));
}

void night_stopped(struct night *n, const struct err *why) {
    struct err ignored = ERR_INIT;
    json_object_set_new(n->report, "stopped", night_words(why->msg));
    json_object_set_new(json_object_get(n->report, "hub"), "waited_s", json_real(n->hub.waited_s));
    if (why->class == ERR_DB || why->class == ERR_BUSY || n->o->dry_run) {
        json_object_set_new(n->report, "outcome", json_string("stopped"));
    } else if (!tell(n, &ignored)) {
        night_log(n, "the report is not kept: %s", ignored.msg);
    }
    if (n->o->report_dir && why->class != ERR_BUSY && !write_files(n, &ignored)) {
        night_log(n, "the report is not written: %s", ignored.msg);
    }
}
