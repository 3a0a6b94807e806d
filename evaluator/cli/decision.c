/* See decision.h. */
#include "evaluator/cli/decision.h"

#include <pwd.h>
#include <string.h>
#include <unistd.h>

bool decision_has_reason(const struct args *args, struct err *err) {
    if (*decision_reason(args)) {
        return true;
    }
    err_set(err, ERR_USAGE, "no reason given");
    return err_hint(err, "say why with --reason TEXT: whoever asks later is told");
}

const char *decision_reason(const struct args *args) {
    return args_get(args, "reason", "");
}

const char *decision_by(const struct args *args) {
    const struct passwd *user = getpwuid(getuid());
    return args_get(args, "as", user ? user->pw_name : "somebody");
}
