/* dlopen and dlsym, by tables (see dynamic.h). What was opened is never closed: the driver's
 * libraries keep threads and exit handlers that must not lose their code. */
#include "harness/cuda/dynamic.h"

#include <dlfcn.h>
#include <string.h>

void *dynamic_open(const char *const *names, const char **found, struct err *err) {
    char why[160] = "no name";
    for (; *names != NULL; names++) {
        void *library = dlopen(*names, RTLD_NOW | RTLD_LOCAL);
        if (library != NULL) {
            *found = *names;
            return library;
        }
        const char *said = dlerror();
        snprintf(why, sizeof why, "%s", said != NULL ? said : *names);
    }
    err_set(err, ERR_UNSUPPORTED, "%s", why);
    return NULL;
}

bool dynamic_bind(
    void *library, const struct dynamic_symbol *symbols, void *table, struct err *err) {
    for (; symbols->name != NULL; symbols++) {
        void *address = dlsym(library, symbols->name);
        if (address == NULL)
            return err_set(err, ERR_UNSUPPORTED, "it has no '%s'", symbols->name);
        memcpy((char *)table + symbols->at, &address, sizeof address);
    }
    return true;
}
