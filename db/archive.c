/* Samples that left the database: files DIR/<2>/<sha256>.zst, each whole or not there, named by the
 * hash of its bytes. DIR is ASSAY_ARCHIVE or HOME/archive. What is read back is held against its
 * name. */
#include "db/conn.h"

#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"

#define AT_A_TIME 8 /* chunks of 8 MiB at most */

static char *archive_dir(const char *dir, struct err *err) {
    const char *named = dir ? dir : getenv("ASSAY_ARCHIVE");
    if (named && *named)
        return xstrdup(named);
    char *home = assay_home(err), *path = home ? path_join(home, "archive") : NULL;
    free(home);
    return path;
}

static char *archive_path(const char *dir, const char *sha256) {
    struct strbuf b = { 0 };
    strbuf_addf(&b, "%s/%.2s/%s.zst", dir, sha256, sha256);
    return strbuf_take(&b);
}

static bool archive_read(const char *dir, const char *sha256, struct strbuf *out, struct err *err) {
    char *path = archive_path(dir, sha256), hex[65];
    bool ok = file_read(path, CHUNK_BODY_MAX, out, err);
    sha256_hex(out->text, out->len, hex);
    if (ok && strcmp(hex, sha256) != 0)
        ok = err_set(err, ERR_INPUT, "archived samples '%s' are damaged", path);
    free(path);
    return ok;
}

void *chunk_body(const struct rows *rows, int row, size_t *n, struct err *err) {
    if (!rows_null(rows, row, "body"))
        return rows_bytes(rows, row, "body", n);
    long long number = rows_int(rows, row, "chunk");
    if (rows_bool(rows, row, "dropped")) {
        err_set(err, ERR_NOT_FOUND, "sample chunk %lld was dropped by `assay db archive --drop`",
            number);
        return NULL;
    }
    struct strbuf b = { 0 };
    char *dir = archive_dir(NULL, err);
    bool ok = dir && archive_read(dir, rows_text(rows, row, "sha256"), &b, err);
    if (dir && !ok)
        err_wrap(err, "sample chunk %lld was archived", number);
    if (dir && !ok && err && err->class == ERR_NOT_FOUND)
        err_hint(err, "ASSAY_ARCHIVE names the folder that `assay db archive` wrote to");
    free(dir);
    *n = b.len;
    if (ok)
        return strbuf_take(&b);
    strbuf_release(&b);
    return NULL;
}

/* The file first, and read back, before the database lets go of it. */
static bool keep(const char *dir, const struct rows *rows, int row, size_t *size, struct err *err) {
    const char *sha256 = rows_text(rows, row, "sha256");
    char hex[65], *path = archive_path(dir, sha256), *folder = xstrdup(path);
    *strrchr(folder, '/') = 0;
    void *body = rows_bytes(rows, row, "body", size);
    struct strbuf back = { 0 };
    sha256_hex(body, *size, hex);
    bool ok = strcmp(hex, sha256) == 0 ||
              err_set(err, ERR_INPUT, "stored sample chunk %lld of set %lld is damaged",
                  rows_int(rows, row, "chunk"), rows_int(rows, row, "set_id"));
    ok = ok && dir_make(folder, err) && file_write_atomic(path, body, *size, err) &&
         archive_read(dir, sha256, &back, err);
    strbuf_release(&back);
    free(body);
    free(folder);
    free(path);
    return ok;
}

static bool archive_row(struct db *db, const char *dir, bool drop, const struct rows *rows, int row,
    struct archive_counts *counts, struct err *err) {
    size_t size = 0;
    if (!drop && !keep(dir, rows, row, &size, err))
        return false;
    if (!db_run(db, "archive_chunk",
            DB_ARGS(db_int(rows_int(rows, row, "set_id")), db_int(rows_int(rows, row, "chunk")),
                db_text(rows_text(rows, row, "sha256")), db_text(drop ? "true" : "false")),
            err))
        return false;
    counts->chunks++;
    counts->samples += rows_int(rows, row, "n");
    counts->bytes += (long long)size;
    return true;
}

bool db_archive(struct db *db, const struct archive_options *options, struct archive_counts *counts,
    struct err *err) {
    char *dir = archive_dir(options->dir, err);
    bool ok = dir != NULL, more = true;
    *counts = (struct archive_counts) { 0 };
    while (ok && more) {
        struct rows rows = { 0 };
        ok = db_query(
            db, "archive_due", DB_ARGS(db_real(options->days), db_int(AT_A_TIME)), &rows, err);
        more = ok && rows.n > 0;
        for (int i = 0; ok && i < rows.n; i++)
            ok = archive_row(db, dir, options->drop, &rows, i, counts, err);
        rows_release(&rows);
    }
    free(dir);
    return ok;
}
