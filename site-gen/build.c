/* The builder: which pages there are, and the files beside them (site.h). */
#include <string.h>

#include "base/embed.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "db/db.h"
#include "site-gen/builder.h"
#include "site-gen/leaves.h"
#include "site-gen/load.h"
#include "site-gen/look.h"
#include "site-gen/shelf.h"
#include "site-gen/split.h"
#include "site-gen/stow.h"
#include "site-gen/tree.h"
#include "site-gen/view.h"

extern const struct embedded site_templates[];
extern const struct embedded site_assets[];

#define MODELS_AT_ONCE 50  /* off the shelf */
#define NAMES_AT_ONCE 1000 /* with those that are kept */

/* ---- one page, one file ---- */

static int depth_of(const char *path) {
    int n = -1;
    for (; *path; path++)
        n += *path == '/';
    return n;
}

bool put_file(struct builder *b, const char *file, const void *data, size_t n, struct err *err) {
    struct strbuf name = { 0 };
    strbuf_addf(&name, "%s%s", b->below, file);
    memory_note(&b->memory, name.text);
    bool ok = tree_put(b->tree, strbuf_str(&name), data, n, err);
    strbuf_release(&name);
    return ok;
}

/* `file` within the site; `path` is what the page is linked by. */
bool put_page(struct builder *b, const char *template, const char *path, const char *file,
    const json_t *data, const struct strbuf *plots, struct err *err) {
    struct print_job job = { .template = template,
        .path = path,
        .data = data,
        .plots = plots,
        .n_plots = plots ? b->n_figures : 0,
        .links = {
            .depth = depth_of(path), .root = b->root, .file_links = b->options->file_links } };
    if (strcmp(path, "/404.html") == 0)
        job.links.depth = -1; /* shown at any depth */
    strbuf_reset(&b->page);
    b->n_pages++;
    return press_print(b->press, &job, &b->page, err) &&
           put_file(b, file, b->page.text, b->page.len, err);
}

/* Lists and boards are named on the page of downloads. Of models, runs and tasks there is a file
 * for each page; the queue is no result. */
static bool is_listed(const char *file) {
    const char *rest = file + strlen("api/v1/");
    return (!strchr(rest, '/') && strcmp(rest, "queue.json") != 0) || str_begins(rest, "s/");
}

static void list_file(struct builder *b, const char *file, const json_t *data) {
    char hex[65];
    sha256_hex(b->page.text, b->page.len, hex);
    json_array_append_new(b->listed,
        json_pack("{s:o, s:I, s:s, s:s}", "path", json_sprintf("/%s", file), "bytes",
            (json_int_t)b->page.len, "sha256", hex, "schema", json_get_string(data, "schema", "")));
}

bool put_json(struct builder *b, const char *file, const json_t *data, struct err *err) {
    struct json_writer w;
    strbuf_reset(&b->page);
    json_writer_init(&w, &b->page, false);
    jw_json(&w, data);
    strbuf_addc(&b->page, '\n');
    if (is_listed(file))
        list_file(b, file, data);
    return put_file(b, file, b->page.text, b->page.len, err);
}

/* The page at a folder's path and its data under /api/v1/; takes `data`. */
bool put_view(struct builder *b, const char *template, const char *path, json_t *data,
    const struct strbuf *plots, struct err *err) {
    struct strbuf name = { 0 };
    strbuf_addf(&name, "%sindex.html", path + 1);
    bool ok = put_page(b, template, path, name.text, data, plots, err);
    strbuf_reset(&name);
    size_t n = strlen(path);
    strbuf_addf(&name, "api/v1%.*s.json", (int)(n > 1 ? n - 1 : n), n > 1 ? path : "/index");
    if (n == 1) {
        strbuf_reset(&name);
        strbuf_adds(&name, "api/v1/index.json");
    }
    ok = ok && put_json(b, name.text, data, err);
    json_array_append_new(b->paths, json_string(path));
    strbuf_release(&name);
    json_decref(data);
    return ok;
}

/* ---- the pages ---- */

/* A page that has no document of its own under /api/v1/. */
static bool put_leaf(
    void *arg, const char *template, const char *path, const json_t *data, struct err *err) {
    struct builder *b = arg;
    struct strbuf name = { 0 };
    strbuf_addf(&name, "%sindex.html", path + 1);
    bool ok = put_page(b, template, path, name.text, data, NULL, err);
    json_array_append_new(b->paths, json_string(path));
    strbuf_release(&name);
    return ok;
}

static bool put_leaf_file(
    void *arg, const char *file, const void *bytes, size_t n, struct err *err) {
    return put_file(arg, file, bytes, n, err);
}

/* The page has the first rows of what the document has. */
static bool put_board(
    struct builder *b, json_t *board, const struct strbuf *plots, struct err *err) {
    const struct leaf_sink sink = { put_leaf, put_leaf_file, b };
    const char *path = json_get_string(board, "path", "");
    struct strbuf name = { 0 };
    if (!board_publish(board, &sink, err))
        return false;
    json_t *leaf = board_leaf(board, 0);
    strbuf_addf(&name, "%sindex.html", path + 1);
    bool ok = put_page(b, "board.html", path, name.text, leaf, plots, err);
    json_decref(leaf);
    strbuf_reset(&name);
    strbuf_addf(&name, "api/v1%.*s.json", (int)strlen(path) - 1, path);
    ok = ok && put_json(b, name.text, board, err);
    json_array_append_new(b->paths, json_string(path));
    strbuf_release(&name);
    return ok;
}

static bool put_boards(struct builder *b, struct err *err) {
    size_t i;
    json_t *board;
    json_array_foreach(b->boards, i, board) {
        json_t *whole = board_unstowed(board);
        bool ok = put_board(b, whole, b->plots.svg[i], err);
        json_decref(whole);
        if (!ok)
            return false;
    }
    return true;
}

/* What was withdrawn keeps its address, and says why. */
static bool put_tombstones(struct builder *b, struct err *err) {
    size_t i;
    json_t *stone;
    json_array_foreach(world_list(&b->world, "tombstones"), i, stone) {
        json_t *view = view_tombstone(&b->world, stone);
        char *path = xstrdup(json_get_string(json_object_get(view, "model"), "path", ""));
        bool ok = put_view(b, "tombstone.html", path, view, NULL, err);
        free(path);
        if (!ok)
            return false;
    }
    return true;
}

/* Where there are no nights there is no page of them. */
static bool put_nights(struct builder *b, struct err *err) {
    json_t *nights = json_object_get(b->world.snapshot, "nights");
    return json_array_size(nights) == 0 ||
           put_view(b, "nights.html", "/nights/",
               json_pack("{s:s, s:O}", "schema", "assay.site.nights/1", "nights", nights), NULL,
               err);
}

/* ---- what is not a page ---- */

/* "assets/site.0123456789abcdef.css": what is kept by a reader for a year is another file once it
 * has changed. */
static char *asset_path(const struct embedded *file) {
    char hex[65];
    const char *dot = strrchr(file->name, '.');
    struct strbuf path = { 0 };
    sha256_hex(file->data, file->size, hex);
    strbuf_addf(&path, "assets/%.*s.%.16s%s", (int)(dot ? dot - file->name : 0), file->name, hex,
        dot ? dot : "");
    return strbuf_take(&path);
}

/* {"site.css": "/assets/site.....css"} for the layout. */
static json_t *asset_paths(void) {
    json_t *paths = json_object();
    for (const struct embedded *file = site_assets; file->name; file++) {
        char *path = asset_path(file);
        json_object_set_new(paths, file->name, json_sprintf("/%s", path));
        free(path);
    }
    return paths;
}

static bool put_assets(struct builder *b, struct err *err) {
    bool ok = true;
    for (const struct embedded *file = site_assets; ok && file->name; file++) {
        char *path = asset_path(file);
        ok = put_file(b, path, file->data, file->size, err);
        free(path);
    }
    return ok;
}

static bool put_bare(struct builder *b, const char *template, const char *file, const json_t *data,
    struct err *err) {
    struct print_job job = {
        .template = template, .path = "/", .data = data, .links = { .depth = 0, .root = b->root }
    };
    strbuf_reset(&b->page);
    return press_print_bare(b->press, &job, &b->page, err) &&
           put_file(b, file, b->page.text, b->page.len, err);
}

static bool put_beside(struct builder *b, const json_t *index, struct err *err) {
    json_t *empty = json_object();
    bool ok = put_page(b, "404.html", "/404.html", "404.html", empty, NULL, err) &&
              put_bare(b, "robots.txt", "robots.txt", empty, err);
    if (ok && b->options->base_url)
        ok = put_sitemap(&b->outlet, err) && put_bare(b, "feed.atom", "feed.atom", index, err);
    json_decref(empty);
    return ok;
}

static json_t *methods_view(const struct builder *b) {
    static const char *const COPIED[] = { "suite", "title", "path", "version", "sha256", "n_tasks",
        NULL };
    json_t *suites = json_array(), *board;
    size_t i;
    json_array_foreach(b->boards, i, board) {
        json_t *line = json_object();
        copy_fields(line, board, COPIED);
        json_array_append_new(suites, line);
    }
    json_t *view = json_pack("{s:s, s:o}", "schema", "assay.site.methods/1", "suites", suites);
    if (b->world.last_listed) {
        long long n = b->options->run_pages ? b->options->run_pages : RUN_PAGES_MAX;
        json_object_set_new(view, "run_pages", json_integer(n));
    }
    return view;
}

/* ---- what travels: see outlet.h ---- */

static bool outlet_page(void *arg, const char *template, const char *path, json_t *data,
    const struct strbuf *plots, size_t n_plots, struct err *err) {
    struct builder *b = arg;
    b->n_figures = n_plots;
    bool ok = put_view(b, template, path, data, plots, err);
    b->n_figures = PLOT_SECTIONS_MAX;
    return ok;
}

static bool outlet_bare(
    void *arg, const char *template, const char *file, const json_t *data, struct err *err) {
    return put_bare(arg, template, file, data, err);
}

static bool outlet_file(void *arg, const char *file, const void *data, size_t n, struct err *err) {
    return put_file(arg, file, data, n, err);
}

void builder_open_outlet(struct builder *b) {
    b->n_figures = PLOT_SECTIONS_MAX;
    b->outlet = (struct outlet) { .world = &b->world,
        .boards = b->boards,
        .options = b->options,
        .links = { .root = b->root, .file_links = b->options->file_links },
        .listed = b->listed,
        .paths = b->paths,
        .builder = b,
        .page = outlet_page,
        .bare = outlet_bare,
        .file = outlet_file };
}

static bool put_look(struct builder *b, struct err *err) {
    const struct site_look *look = b->options->look;
    const char *logo = look ? json_get_string(look->words, "logo", NULL) : NULL;
    char name[32];
    snprintf(name, sizeof name, "assets/%.16s", logo ? logo : "");
    return !look || ((!look->css.len ||
                         put_file(b, "assets/look.css", look->css.text, look->css.len, err)) &&
                        (!logo || put_file(b, name, look->logo.text, look->logo.len, err)));
}

static bool put_travel(struct builder *b, struct err *err) {
    return put_look(b, err) && put_charts(&b->outlet, &b->plots.n, b->plots.note, err) &&
           put_changes(&b->outlet, err) && put_downloads(&b->outlet, err);
}

static bool put_models_and_tasks(struct builder *b, struct err *err) {
    struct hands *hands = hands_open(b, err);
    bool ok =
        hands && put_models(b, hands, err) && put_tombstones(b, err) && put_tasks(b, hands, err);
    hands_close(hands);
    return ok;
}

static bool put_all(struct builder *b, struct err *err) {
    json_t *index = view_index(&b->world, b->boards);
    bool ok = put_assets(b, err) && put_view(b, "index.html", "/", json_incref(index), NULL, err) &&
              put_boards(b, err) && put_models_and_tasks(b, err) &&
              put_view(b, "queue.html", "/queue/", view_queue(&b->world), NULL, err) &&
              put_nights(b, err) &&
              put_view(b, "methods.html", "/methods/", methods_view(b), NULL, err) &&
              put_travel(b, err) && (!b->shelf || shelf_ok(b->shelf, err)) &&
              (*b->below || put_beside(b, index, err)); // what a server looks for at its root alone
    json_decref(index);
    return ok;
}

/* ---- from options to a site ---- */

/* "/path/" of "https://host/path", and what is below it. */
static char *root_of(const char *base_url, const char *below) {
    const char *host = base_url ? strstr(base_url, "://") : NULL;
    const char *path = host ? strchr(host + 3, '/') : NULL;
    size_t n = path ? strlen(path) : 0;
    struct strbuf out = { 0 };
    strbuf_addf(&out, "%s%s%s", n ? path : "", n && path[n - 1] == '/' ? "" : "/", below);
    return strbuf_take(&out);
}

static json_t *site_globals(const struct builder *b) {
    const struct site_options *o = b->options;
    char *base = xstrdup(o->base_url ? o->base_url : "");
    size_t n = strlen(base);
    while (n && base[n - 1] == '/')
        base[--n] = '\0';
    json_t *site =
        json_pack("{s:s, s:s, s:s}", "title", "Assay", "base", base, "as_of", b->world.as_of);
    if (o->look) {
        json_object_update(site, o->look->words);
        json_object_set_new(site, "colours", json_boolean(o->look->css.len > 0));
    }
    if (o->title)
        json_object_set_new(site, "title", json_string(o->title));
    json_object_set_new(site, "assets", asset_paths());
    free(base);
    return site;
}

static bool check_options(const struct site_options *o, struct err *err) {
    bool web = !o->base_url || strncmp(o->base_url, "https://", 8) == 0;
    bool hub = !o->hub_url || strncmp(o->hub_url, "https://", 8) == 0;
    if (!o->out || !*o->out)
        return err_set(err, ERR_USAGE, "no folder to build the site in");
    if (!web || !hub)
        return err_set(err, ERR_USAGE, "'%s' is not an address that begins with https://",
            web ? o->hub_url : o->base_url);
    return true;
}

static void open_memory(struct builder *b, const json_t *globals) {
    char program[65];
    sign_program(&b->world, globals, b->options, program);
    memory_open(&b->memory, b->tree, program, b->options->afresh);
    signer_open(&b->signer, &b->world);
}

static bool prepare(struct builder *b, struct err *err) {
    const char *hub_url = b->options->hub_url;
    bool ok = b->shelf ? world_init_shelf(&b->world, b->snapshot, b->shelf, hub_url, err)
                       : world_init(&b->world, b->snapshot, hub_url, err);
    size_t i;
    json_t *suite;
    if (!ok)
        return false;
    b->world.samples = b->options->samples;
    b->world.rank_imported =
        b->options->rank_imported ||
        (b->options->look &&
            strcmp(json_get_string(b->options->look->words, "imported", ""), "rank") == 0);
    world_page_runs(&b->world, b->options->run_pages);
    json_array_foreach(world_list(&b->world, "suites"), i, suite) {
        json_t *board = view_board(&b->world, suite);
        if (b->shelf)
            board_stow(&b->world, board);
        json_array_append_new(b->boards, board);
    }
    if (b->shelf && !shelf_ok(b->shelf, err))
        return false;
    b->globals = site_globals(b);
    if (b->shelf)
        open_memory(b, b->globals);
    b->press = press_open(site_templates, b->globals, err);
    builder_open_outlet(b);
    return b->press != NULL;
}

static void count(const struct builder *b, struct site_report *r) {
    r->n_pages += b->n_pages;
    r->n_plots += b->plots.n;
    snprintf(r->plots_note, sizeof r->plots_note, "%s", b->plots.note);
}

/* One site, into its place in the tree. */
static bool put_site(struct tree *tree, const char *below, json_t *snapshot, struct shelf *shelf,
    const struct site_options *options, struct site_report *out, struct err *err) {
    struct site_options o = *options;
    o.base_url = *below ? NULL : o.base_url; // no feed and no map of what is not for everybody
    struct builder b = { .options = &o,
        .shelf = shelf,
        .snapshot = snapshot,
        .below = below,
        .tree = tree,
        .boards = json_array(),
        .paths = json_array(),
        .listed = json_array(),
        .compared = json_array(),
        .root = root_of(options->base_url, below) };
    bool ok = prepare(&b, err);
    if (ok)
        plots_draw(&b.plots, o.gnuplot, b.boards,
            &(struct link_base) { .depth = 2, .root = b.root, .file_links = o.file_links });
    ok = ok && put_all(&b, err) && memory_write(&b.memory, err);
    count(&b, out);
    plots_release(&b.plots);
    press_close(b.press);
    if (b.signer.world)
        signer_close(&b.signer);
    memory_close(&b.memory);
    world_release(&b.world);
    json_decref(b.boards);
    json_decref(b.paths);
    json_decref(b.listed);
    json_decref(b.compared);
    json_decref(b.globals);
    strbuf_release(&b.page);
    free(b.root);
    return ok;
}

/* ---- private boards ---- */

static bool has_suite(const json_t *snapshot, const char *name) {
    size_t i;
    json_t *suite;
    json_array_foreach(json_object_get(snapshot, "suites"), i, suite) {
        if (strcmp(json_get_string(suite, "suite", ""), name) == 0)
            return true;
    }
    return false;
}

/* The open site, and each private board as a site of its own. One that nothing was asked of yet
 * has no site. */
static bool put_parts(struct tree *tree, const json_t *snapshot, const struct site_options *o,
    struct site_report *out, struct err *err) {
    json_t *open = split_part(snapshot, o->closed, NULL);
    bool ok = put_site(tree, "", open, NULL, o, out, err);
    json_decref(open);
    for (const char *const *c = o->closed; ok && *c; c++) {
        if (!has_suite(snapshot, *c))
            continue;
        struct strbuf below = { 0 };
        char *name = slug(*c);
        json_t *part = split_part(snapshot, o->closed, *c);
        strbuf_addf(&below, "s/%s/", name);
        ok = put_site(tree, below.text, part, NULL, o, out, err);
        json_decref(part);
        strbuf_release(&below);
        free(name);
    }
    return ok;
}

static bool build(json_t *snapshot, struct shelf *shelf, const struct site_options *options,
    struct site_report *out, struct err *err) {
    struct tree tree = { .lock = -1 };
    struct site_report report = { 0 };
    if (!check_options(options, err))
        return false;
    bool ok = tree_open(&tree, options->out, options->plain, err) &&
              (options->closed ? put_parts(&tree, snapshot, options, &report, err)
                               : put_site(&tree, "", snapshot, shelf, options, &report, err)) &&
              tree_commit(&tree, err);
    report.n_files = tree.n_files;
    report.n_changed = tree.n_changed;
    report.bytes = tree.bytes;
    report.packed_bytes = tree.packed_bytes;
    if (ok && out)
        *out = report;
    site_tree_release(&tree);
    return ok;
}

bool site_build(const json_t *snapshot, const struct site_options *options, struct site_report *out,
    struct err *err) {
    return build((json_t *)(uintptr_t)snapshot, NULL, options, out, err);
}

/* What a private board may show is found out in the whole document. */
static bool build_whole(
    struct db *db, const struct site_options *options, struct site_report *out, struct err *err) {
    json_t *snapshot = NULL;
    bool ok = site_load(db, &snapshot, err) && site_build(snapshot, options, out, err);
    json_decref(snapshot);
    return ok;
}

/* A run's samples are asked for on the shelf's connection, by whoever makes its pages. */
struct shelf_samples {
    struct shelf *shelf;
    struct sample_source in;
};

static bool read_samples(
    void *arg, long long run, sample_fn *take, void *to, const char **gone, struct err *err) {
    const struct shelf_samples *s = arg;
    pthread_mutex_lock(&s->shelf->lock);
    bool ok = s->in.read(s->in.arg, run, take, to, gone, err);
    pthread_mutex_unlock(&s->shelf->lock);
    return ok;
}

bool site_build_from(
    struct db *db, const struct site_options *options, struct site_report *out, struct err *err) {
    struct shelf shelf = { .db = db, .lock = PTHREAD_MUTEX_INITIALIZER, .err = ERR_INIT };
    struct shelf_samples held = { &shelf, site_samples_in(db) };
    const struct sample_source samples = { read_samples, &held };
    struct site_options o = *options;
    json_t *light = NULL;
    o.samples = &samples;
    if (o.closed)
        return build_whole(db, &o, out, err);
    if (!db_snapshot_begin(db, err))
        return false;
    bool ok = load_light(db, &light, err) && build(light, &shelf, &o, out, err);
    db_snapshot_end(db);
    json_decref(light);
    return ok;
}

bool site_page(const char *template, const json_t *data, struct strbuf *out, struct err *err) {
    json_t *site = json_pack("{s:s, s:s, s:s}", "title", "Assay", "base", "", "as_of", "");
    struct press *press = press_open(site_templates, site, err);
    struct print_job job = {
        .template = template, .path = "/", .data = data, .links = { .depth = 0, .root = "/" }
    };
    bool ok = press && press_print_bare(press, &job, out, err);
    press_close(press);
    json_decref(site);
    return ok;
}

void site_report_release(struct site_report *r) {
    strbuf_release(&r->problems);
    *r = (struct site_report) { 0 };
}
