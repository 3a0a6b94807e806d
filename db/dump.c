/* Dumps and restores, by PostgreSQL's own programs. A dump appears whole under its name or not at
 * all. A restore is one transaction, which also begins a new epoch: workers that hold claims of the
 * timeline that it ends find themselves stale, and there is no moment in which they don't. */
#include "db/conn.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/proc.h"

static bool run_program(const char *name, const char *const argv[], struct err *err) {
    char *path = cluster_program(name);
    if (!path) {
        err_set(err, ERR_NOT_FOUND, "PostgreSQL's program '%s' is not installed", name);
        return err_hint(err, "on Debian: apt-get install postgresql-15");
    }
    const char *words[24] = { path };
    for (size_t i = 1; argv[i]; i++) {
        BUG_IF(i + 1 >= sizeof words / sizeof *words);
        words[i] = argv[i];
    }
    static const char *const kept[] = { "PATH", "HOME", "PGHOST", "PGHOSTADDR", "PGPORT", "PGUSER",
        "PGDATABASE", "PGSERVICE", "PGPASSFILE", "PGSSLMODE", "PGSSLROOTCERT", NULL };
    char **env = proc_env(kept);
    struct proc_options o = { .env = (const char *const *)env };
    struct proc_result r = { 0 };
    bool ok = proc_run(words, &o, &r, err);
    if (ok && r.exit_code)
        ok = err_set(err, ERR_FAILED, "'%s' failed: %.300s", name, strbuf_str(&r.err));
    proc_result_release(&r);
    proc_env_free(env);
    free(path);
    return ok;
}

static bool sync_path(const char *path, int flags, struct err *err) {
    int fd = open(path, flags | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (!ok)
        err_errno(err, ERR_NODE, "could not write '%s' to the disk", path);
    if (fd >= 0)
        close(fd);
    return ok;
}

static char *folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    char *dir = xstrdup(slash ? path : ".");
    if (slash)
        dir[slash > path ? slash - path : 1] = 0;
    return dir;
}

static char *beside(const char *path, const char *suffix) {
    struct strbuf b = { 0 };
    strbuf_addf(&b, "%s.%d%s", path, (int)getpid(), suffix);
    return strbuf_take(&b);
}

bool db_dump(const char *conninfo, const char *file, struct err *err) {
    char *part = beside(file, ".part"), *dir = folder_of(file);
    const char *argv[] = { "pg_dump", "--format=custom", "--schema=assay", "--file", part, "-d",
        conninfo, NULL };
    bool ok = run_program("pg_dump", argv, err) && sync_path(part, O_RDONLY, err);
    if (ok && rename(part, file) != 0)
        ok = err_errno(err, ERR_NODE, "could not write '%s'", file);
    ok = ok && sync_path(dir, O_RDONLY | O_DIRECTORY, err);
    unlink(part);
    free(part);
    free(dir);
    return ok || err_wrap(err, "dump '%s'", file);
}

/* What the dump takes for granted, as roles belong to a server and not to a database. */
static const char roles[] =
    "DO $$ DECLARE r text; BEGIN FOREACH r IN ARRAY ARRAY['owner', 'submitter', 'worker', 'site', "
    "'ops'] LOOP BEGIN EXECUTE format('CREATE ROLE %I NOLOGIN', 'assay_' || r); EXCEPTION WHEN "
    "duplicate_object OR unique_violation OR insufficient_privilege THEN NULL; END; END LOOP; END "
    "$$";

bool db_restore(const char *conninfo, const char *file, bool replace, struct err *err) {
    char *script = beside(file, ".sql");
    const char *unpack[] = { "pg_restore", "--no-owner", "--file", script, file, NULL };
    const char *load[] = { "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-1", "-d", conninfo, "-c",
        "SET client_min_messages = error", "-c", roles, "-c",
        replace ? "DROP SCHEMA IF EXISTS assay CASCADE" : "SELECT 1", "-f", script, "-c",
        "UPDATE assay.settings SET epoch = gen_random_uuid()", NULL };
    int fd = open(script, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600); /* only ours to read */
    bool ok = fd >= 0 || err_errno(err, ERR_NODE, "could not make '%s'", script);
    if (fd >= 0)
        close(fd);
    ok = ok && run_program("pg_restore", unpack, err) && run_program("psql", load, err);
    unlink(script);
    free(script);
    if (ok)
        return true;
    if (err && strstr(err->msg, "already exists"))
        err_hint(err, "the database is not empty: --replace puts the dump in its place");
    return err_wrap(err, "restore '%s'", file);
}
