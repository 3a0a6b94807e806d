/* Finding and killing strays (see strays.h). */
#include "evaluator/worker/strays.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/err.h"

#define ENVIRONMENT_MAX 65536

void strays_stamp(char stamp[STRAYS_STAMP]) {
    uint64_t number = 0;
    BUG_IF(getrandom(&number, sizeof number, 0) != sizeof number);
    snprintf(stamp, STRAYS_STAMP, "ASSAY_JOB=%d.%016" PRIx64, (int)getpid(), number);
}

/* A process that may not be looked into is no child of ours that could start others. */
static bool has_stamp(const char *pid, const char *stamp) {
    char path[64], environment[ENVIRONMENT_MAX + 1];
    snprintf(path, sizeof path, "/proc/%.20s/environ", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, environment, ENVIRONMENT_MAX) : 0;
    if (fd >= 0) {
        close(fd);
    }
    environment[n > 0 ? n : 0] = 0;
    for (const char *at = environment, *end = at + (n > 0 ? n : 0); at < end;
         at += strlen(at) + 1) {
        if (strcmp(at, stamp) == 0) {
            return true;
        }
    }
    return false;
}

/* The descriptor is taken before the look, so that it is the one that was looked at. */
static bool kill_if_stray(const char *pid, const char *stamp) {
    int fd = pidfd_open((pid_t)atoi(pid), 0);
    bool stray = fd >= 0 && has_stamp(pid, stamp) && pidfd_send_signal(fd, SIGKILL, NULL, 0) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return stray;
}

unsigned strays_kill(const char *stamp) {
    DIR *d = opendir("/proc");
    unsigned n = 0;
    for (const struct dirent *e; d && (e = readdir(d));) {
        if (e->d_name[0] >= '1' && e->d_name[0] <= '9' && atoi(e->d_name) != getpid()) {
            n += kill_if_stray(e->d_name, stamp);
        }
    }
    if (d) {
        closedir(d);
    }
    return n;
}
