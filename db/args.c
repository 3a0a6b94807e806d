/* Arguments of a statement. All travel as text, which PostgreSQL reads by the type that the
 * statement asks for; only bytes are sent as they are. */
#include "db/db.h"

#include <string.h>

struct db_arg db_null(void) {
    return (struct db_arg) { .type = DB_NULL };
}

struct db_arg db_int(long long v) {
    return (struct db_arg) { .type = DB_INT, .i = v };
}

struct db_arg db_real(double v) {
    return (struct db_arg) { .type = DB_REAL, .d = v };
}

struct db_arg db_text(const char *s) {
    if (!s)
        return db_null();
    return (struct db_arg) { .type = DB_TEXT, .data = s, .n = strlen(s) };
}

struct db_arg db_bytes(const void *data, size_t n) {
    return (struct db_arg) { .type = DB_BYTES, .data = data, .n = n };
}
