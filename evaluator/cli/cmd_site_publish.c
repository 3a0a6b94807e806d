/* assay site publish. */
#include <stdio.h>

#include "evaluator/cli/command.h"
#include "evaluator/cli/print.h"
#include "site-gen/publish.h"

static const struct option options_publish[] = {
    { "to", 0, "DEST", "a folder, [USER@]HOST:PATH, git:[REPOSITORY#]BRANCH or space:DIR" },
    { "title", 0, "TEXT", "of a Space (default: Assay)" },
    { "dry-run", 0, NULL, "say what would change, and change nothing" },
    { NULL, 0, NULL, NULL },
};

static void print_list(const char *word, const json_t *paths) {
    size_t i;
    json_t *path;
    json_array_foreach(paths, i, path) {
        char *name = printable(json_string_value(path), 1000);
        printf("%-8s%s\n", word, name);
        free(name);
    }
}

static void print_json(const struct publish_options *o, const struct publish_report *r) {
    json_t *doc =
        json_pack("{s:s, s:s, s:b, s:O, s:O, s:O, s:I, s:s*}", "schema", "assay.publish/1", "to",
            o->to, "dry_run", (int)o->dry_run, "new", r->fresh, "changed", r->changed, "gone",
            r->gone, "same", (json_int_t)r->n_same, "commit", *r->commit ? r->commit : NULL);
    print_document(doc, true);
    json_decref(doc);
}

static void print_report(
    const struct args *args, const struct publish_options *o, const struct publish_report *r) {
    if (args_has(args, "json")) {
        print_json(o, r);
        return;
    }
    if (o->dry_run) {
        print_list("new", r->fresh);
        print_list("changed", r->changed);
        print_list("gone", r->gone);
    }
    printf("%s: %s%zu new, %zu changed, %zu gone, %zu the same%s%s\n", o->to,
        o->dry_run ? "would be " : "", json_array_size(r->fresh), json_array_size(r->changed),
        json_array_size(r->gone), r->n_same, *r->commit ? ", commit " : "", r->commit);
}

static bool run_publish(const struct args *args, struct err *err) {
    struct publish_report report = { 0 };
    struct publish_options options = {
        .dir = args->n_operands ? args->operands[0] : "site",
        .to = args_get(args, "to", ""),
        .title = args_get(args, "title", NULL),
        .dry_run = args_has(args, "dry-run"),
    };
    if (!args_has(args, "to")) {
        return err_set(err, ERR_USAGE, "no place to publish to: --to DEST");
    }
    bool ok = site_publish(&options, &report, err);
    fputs(strbuf_str(&report.problems), stderr);
    if (ok) {
        print_report(args, &options, &report);
    }
    publish_report_release(&report);
    return ok;
}

const struct command cmd_site_publish = {
    .name = "site publish",
    .operands = "[DIR]",
    .summary = "put a built site where people read it",
    .details =
        "The site (default: ./site) is checked first; exit code 10 if it has something to mend, "
        "and\n"
        "then nothing goes out. What lies at DEST must be a site or nothing: other files are "
        "neither\n"
        "replaced nor taken away, and what the site no longer has goes.\n\n"
        "  /srv/www/bench              a folder\n"
        "  me@host:/srv/www            by rsync, also rsync://host/module\n"
        "  git:gh-pages                a commit on a branch of the repository here, or "
        "git:DIR#BRANCH;\n"
        "                              no working tree is touched, and nothing is pushed\n"
        "  space:DIR                   a static Space of a hub: its clone, with a README.md\n\n"
        "  assay site publish public --to git:gh-pages --dry-run\n",
    .options = { options_publish },
    .max_operands = 1,
    .run = run_publish,
};
