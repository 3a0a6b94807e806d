/* By rsync (see publish.h). What is there is deleted only where the marker of a site lies. */
#include <string.h>

#include "base/mem.h"
#include "site-gen/publish_parts.h"
#include "site-gen/tree.h"

static char **rsync_env(void) {
    static const char *const NAMES[] = { "PATH", "HOME", "USER", "LANG", "SSH_AUTH_SOCK",
        "RSYNC_RSH", "RSYNC_PASSWORD", NULL };
    return proc_env(NAMES);
}

static bool is_network(int code) {
    return code == 10 || code == 12 || code == 30 || code == 35 || code == 255;
}

static bool complain(const struct proc_result *result, const char *to, struct err *err) {
    const char *said = strbuf_str(&result->err);
    return err_set(err, is_network(result->exit_code) ? ERR_NETWORK : ERR_FAILED,
        "rsync to '%.100s' ended with %d: %.*s", to, result->exit_code, (int)strcspn(said, "\r\n"),
        said);
}

/* What is below a folder of the target: lines of a list, or nothing where there is no such. */
static bool list(const char *rsync, char **env, const char *to, const char *name,
    struct proc_result *result, struct err *err) {
    struct strbuf path = { 0 };
    strbuf_addf(&path, "%s%s%s", to, str_ends(to, "/") ? "" : "/", name);
    const char *const argv[] = { rsync, "--list-only", "--", path.text, NULL };
    bool ok = publish_run(argv, env, NULL, result, err);
    strbuf_release(&path);
    return ok;
}

static size_t lines_of(const char *text) {
    size_t n = 0;
    for (; *text; text++)
        n += *text == '\n';
    return n;
}

/* *ours: a site lies there, of which what is gone may go. */
static bool check_target(
    const char *rsync, char **env, const char *to, bool *ours, struct err *err) {
    struct proc_result marker = { 0 }, all = { 0 };
    bool ok = list(rsync, env, to, SITE_MARKER, &marker, err);
    *ours = ok && marker.exit_code == 0;
    if (ok && is_network(marker.exit_code))
        ok = complain(&marker, to, err);
    if (ok && !*ours) {
        ok = list(rsync, env, to, "", &all, err);
        if (ok && all.exit_code == 0 && lines_of(strbuf_str(&all.out)) > 1) { /* one is "." */
            ok = err_set(err, ERR_INPUT, "'%.200s' holds something else than a site", to);
            err_hint(err, "name an empty folder, or one that this command made");
        }
    }
    proc_result_release(&marker);
    proc_result_release(&all);
    return ok;
}

/* "<f+++++++++ path", "<f.st...... path", "*deleting   path": folders end with a slash. */
static void note_line(char *line, struct publish_report *r) {
    char *path = strchr(line, ' ');
    if (!path || str_ends(line, "/"))
        return;
    path += strspn(path, " ");
    if (str_begins(line, "*deleting"))
        json_array_append_new(r->gone, json_string(path));
    else if (line[1] == 'f' && (line[0] == '<' || line[0] == '>'))
        json_array_append_new(line[2] == '+' ? r->fresh : r->changed, json_string(path));
    else if (line[0] == '.' && line[1] == 'f')
        r->n_same++;
}

static void note_lines(char *text, struct publish_report *r) {
    for (char *save, *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        note_line(line, r);
}

bool publish_rsync(const struct publish_options *o, struct publish_report *r, struct err *err) {
    char *rsync = proc_find("rsync", NULL), **env = rsync_env();
    struct proc_result result = { 0 };
    struct strbuf from = { 0 };
    bool ours = false;
    strbuf_addf(&from, "%s/", o->dir);
    bool ok = rsync || err_set(err, ERR_NOT_FOUND, "rsync is not installed");
    ok = ok && check_target(rsync, env, o->to, &ours, err);
    if (ok) {
        const char *argv[12] = { rsync, "-rtc", "-ii", "--out-format=%i %n",
            "--exclude=/" TREE_MEMORY }; /* what the next build remembers */
        int n = 5;
        if (ours)
            argv[n++] = "--delete-delay";
        if (o->dry_run)
            argv[n++] = "--dry-run";
        argv[n++] = "--";
        argv[n++] = from.text;
        argv[n] = o->to;
        ok = publish_run(argv, env, NULL, &result, err) &&
             (result.exit_code == 0 || complain(&result, o->to, err));
    }
    if (ok && result.out.len)
        note_lines(result.out.text, r);
    proc_result_release(&result);
    strbuf_release(&from);
    proc_env_free(env);
    free(rsync);
    return ok;
}
