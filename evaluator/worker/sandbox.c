/* Order matters: descriptors and limits first, then name spaces (which need privileges), then
 * no_new_privs, Landlock and seccomp, each of which takes something away from what follows. */
#include "evaluator/worker/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"

/* Younger than the headers that we build with; the numbers are the same on every architecture. */
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
enum { LANDLOCK_ABI_TRUNCATE = 3, CALL_FCHMODAT2 = 452, CALL_SETXATTRAT = 463 };

/* What the address sanitizer reserves does not fit under any RLIMIT_AS. */
#ifdef __SANITIZE_ADDRESS__
static const bool address_space_limited = false;
#else
static const bool address_space_limited = true;
#endif

static void degrade(struct sandbox_report *report, const char *what) {
    size_t used = strlen(report->degraded);
    snprintf(report->degraded + used, sizeof report->degraded - used, "%s%s: %s", used ? "; " : "",
        what, strerror(errno));
}

/* ---- descriptors, limits, life and death ---- */

static bool close_others(const int *keep, struct err *err) {
    unsigned from = 3;
    for (; keep && *keep >= 0; keep++) {
        if ((unsigned)*keep > from && close_range(from, (unsigned)*keep - 1, 0)) {
            return err_errno(err, ERR_NODE, "could not close descriptors");
        }
        from = (unsigned)*keep + 1;
    }
    if (close_range(from, ~0U, 0)) {
        return err_errno(err, ERR_NODE, "could not close descriptors");
    }
    return true;
}

static bool limit(int which, rlim_t soft, rlim_t hard, struct err *err) {
    struct rlimit r = { .rlim_cur = soft, .rlim_max = hard };
    return !setrlimit((__rlimit_resource_t)which, &r) ||
           err_errno(err, ERR_NODE, "could not set a resource limit");
}

static bool set_limits(const struct sandbox_limits *l, struct err *err) {
    unsigned n_files = l->n_files ? l->n_files : 64,
             cpu_most = l->cpu_most_s > l->cpu_s ? l->cpu_most_s : l->cpu_s + 1;
    return limit(RLIMIT_CORE, 0, 0, err) && limit(RLIMIT_NOFILE, n_files, n_files, err) &&
           limit(RLIMIT_FSIZE, l->file_bytes, l->file_bytes, err) &&
           (!l->cpu_s || limit(RLIMIT_CPU, l->cpu_s, cpu_most, err)) &&
           (!l->memory_bytes || !address_space_limited ||
               limit(RLIMIT_AS, l->memory_bytes, l->memory_bytes, err));
}

static bool tie_to_parent(pid_t parent, struct err *err) {
    if (prctl(PR_SET_PDEATHSIG, SIGKILL)) {
        return err_errno(err, ERR_NODE, "could not tie the process to its parent");
    }
    if (parent && getppid() != parent) {
        return err_set(err, ERR_INTERRUPTED, "the parent process is gone");
    }
    return true;
}

static void leave_network(struct sandbox_report *report) {
    report->network_gone = !unshare(CLONE_NEWNET) || !unshare(CLONE_NEWUSER | CLONE_NEWNET);
    if (!report->network_gone) {
        degrade(report, "no network name space");
    }
}

/* ---- Landlock ---- */

enum { WRITABLE_MAX = 32 };

static const __u64 reading = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
static const __u64 writing =
    LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
    LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |
    LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
    LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;

static bool allow_below(int ruleset, const char *path, __u64 access, struct err *err) {
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0) {
        return err_errno(err, ERR_FAILED, "could not open '%s'", path);
    }
    struct landlock_path_beneath_attr rule = { .allowed_access = access, .parent_fd = fd };
    int failed = (int)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    if (failed && errno == EINVAL) { /* a file, to which the rights of folders don't apply */
        rule.allowed_access &= LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                               LANDLOCK_ACCESS_FS_TRUNCATE;
        failed = (int)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    }
    close(fd);
    return !failed || err_errno(err, ERR_NODE, "could not confine the process to '%s'", path);
}

/* Takes `handled` away everywhere but below the paths. False with an error class of ERR_NONE: the
 * kernel has none. */
static bool landlock(__u64 handled, const char *const *paths, __u64 allowed, struct err *err) {
    struct landlock_ruleset_attr attr = { .handled_access_fs = handled };
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
    if (ruleset < 0) {
        return false;
    }
    bool ok = true;
    for (; ok && paths && *paths; paths++) {
        ok = allow_below(ruleset, *paths, allowed, err);
    }
    if (ok && syscall(SYS_landlock_restrict_self, ruleset, 0)) {
        ok = err_errno(err, ERR_NODE, "could not confine the process");
    }
    close(ruleset);
    return ok;
}

static bool confine_writes(
    const struct sandbox_limits *l, struct sandbox_report *report, struct err *err) {
    struct err why = ERR_INIT;
    const char *paths[WRITABLE_MAX + 1] = { NULL };
    size_t n = 0;
    if (l->write_dir) {
        paths[n++] = l->write_dir;
    }
    for (size_t i = 0; l->devices && l->devices[i] && n < WRITABLE_MAX; i++) {
        paths[n++] = l->devices[i];
    }
    __u64 handled = writing;
    if (syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) >=
        LANDLOCK_ABI_TRUNCATE) {
        handled |= LANDLOCK_ACCESS_FS_TRUNCATE;
    }
    report->files_confined =
        landlock(handled, paths, handled & ~(__u64)LANDLOCK_ACCESS_FS_EXECUTE, &why);
    if (!report->files_confined && why.class != ERR_NONE) {
        *err = why;
        return false;
    }
    if (!report->files_confined) {
        degrade(report, "no Landlock");
    }
    return true;
}

bool sandbox_confine_reads(
    const char *const *paths, struct sandbox_report *report, struct err *err) {
    struct err why = ERR_INIT;
    if (!landlock(reading, paths, reading, &why)) {
        if (why.class != ERR_NONE) {
            *err = why;
            return false;
        }
        degrade(report, "reads not confined");
    }
    return true;
}

/* ---- system calls ---- */

/* All that one thread needs which reads files and writes to descriptors that it has; whatever else
 * it tries fails with EPERM. openat has a rule of its own: for reading only. */
static const int parser_calls[] = { SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(pread64),
    SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(close), SCMP_SYS(lseek), SCMP_SYS(fstat),
    SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(newfstatat), SCMP_SYS(statx), SCMP_SYS(access),
    SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat),
    SCMP_SYS(getcwd), SCMP_SYS(getdents64), SCMP_SYS(fcntl), SCMP_SYS(fadvise64), SCMP_SYS(mmap),
    SCMP_SYS(mprotect), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(brk),
    SCMP_SYS(futex), SCMP_SYS(poll), SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday),
    SCMP_SYS(getrandom), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getuid), SCMP_SYS(geteuid),
    SCMP_SYS(getrusage), SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity), SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall), SCMP_SYS(exit), SCMP_SYS(exit_group),
    SCMP_SYS(landlock_create_ruleset), SCMP_SYS(landlock_add_rule),
    SCMP_SYS(landlock_restrict_self) };

/* What asking somebody takes: resolvers bind a socket to the kernel's. */
static const int network_calls[] = { SCMP_SYS(socket), SCMP_SYS(socketpair), SCMP_SYS(connect),
    SCMP_SYS(bind) };

static const int forbidden_calls[] = { SCMP_SYS(listen), SCMP_SYS(accept), SCMP_SYS(accept4),
    SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev), SCMP_SYS(kcmp), SCMP_SYS(pidfd_getfd), SCMP_SYS(pidfd_open),
    SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(move_mount), SCMP_SYS(fsopen), SCMP_SYS(open_tree),
    SCMP_SYS(pivot_root), SCMP_SYS(chroot), SCMP_SYS(setns), SCMP_SYS(unshare), SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open), SCMP_SYS(userfaultfd), SCMP_SYS(io_uring_setup),
    SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register), SCMP_SYS(keyctl), SCMP_SYS(add_key),
    SCMP_SYS(request_key), SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(delete_module),
    SCMP_SYS(kexec_load), SCMP_SYS(reboot), SCMP_SYS(swapon), SCMP_SYS(quotactl), SCMP_SYS(acct),
    SCMP_SYS(settimeofday), SCMP_SYS(clock_settime), SCMP_SYS(personality), SCMP_SYS(fork),
    SCMP_SYS(vfork), SCMP_SYS(tkill), SCMP_SYS(rt_sigqueueinfo), SCMP_SYS(rt_tgsigqueueinfo),
    SCMP_SYS(pidfd_send_signal), SCMP_SYS(process_madvise), SCMP_SYS(truncate), SCMP_SYS(chmod),
    SCMP_SYS(fchmod), SCMP_SYS(fchmodat), CALL_FCHMODAT2, SCMP_SYS(chown), SCMP_SYS(lchown),
    SCMP_SYS(fchown), SCMP_SYS(fchownat), SCMP_SYS(setxattr), SCMP_SYS(lsetxattr),
    SCMP_SYS(fsetxattr), CALL_SETXATTRAT, SCMP_SYS(removexattr), SCMP_SYS(lremovexattr),
    SCMP_SYS(fremovexattr) };

static bool add_calls(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (seccomp_rule_add(filter, action, calls[i], 0)) {
            return false;
        }
    }
    return true;
}

static bool allow_parser(scmp_filter_ctx filter) {
    return add_calls(
               filter, SCMP_ACT_ALLOW, parser_calls, sizeof parser_calls / sizeof *parser_calls) &&
           !seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
               SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid())) &&
           !seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
               SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY));
}

/* Signals to its own threads only, limits of its own process only (0 is how the C library names
 * it). */
static bool forbid_meddling(scmp_filter_ctx filter) {
    const scmp_datum_t self = (scmp_datum_t)getpid();
    const uint32_t no = SCMP_ACT_ERRNO(EPERM);
    return !seccomp_rule_add(filter, no, SCMP_SYS(kill), 1, SCMP_A0(SCMP_CMP_NE, self)) &&
           !seccomp_rule_add(filter, no, SCMP_SYS(tgkill), 1, SCMP_A0(SCMP_CMP_NE, self)) &&
           !seccomp_rule_add(filter, no, SCMP_SYS(prlimit64), 1, SCMP_A0(SCMP_CMP_NE, 0));
}

/* Processes are made by clone: threads share the address space, others don't and are refused.
 * clone3 hides its flags from the filter, and glibc falls back on clone when it is told that there
 * is none. */
static bool forbid_for_compute(scmp_filter_ctx filter, bool remote) {
    return (remote || add_calls(filter, SCMP_ACT_ERRNO(EPERM), network_calls,
                          sizeof network_calls / sizeof *network_calls)) &&
           add_calls(filter, SCMP_ACT_ERRNO(EPERM), forbidden_calls,
               sizeof forbidden_calls / sizeof *forbidden_calls) &&
           forbid_meddling(filter) &&
           !seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) &&
           !seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
               SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_VM, 0));
}

static void filter_calls(enum sandbox_profile profile, struct sandbox_report *report) {
    bool parser = profile == SANDBOX_PARSER;
    scmp_filter_ctx filter = seccomp_init(parser ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_ALLOW);
    int failed = -1;
    if (filter &&
        (parser ? allow_parser(filter) : forbid_for_compute(filter, profile == SANDBOX_REMOTE))) {
        failed = seccomp_load(filter);
    }
    seccomp_release(filter);
    report->calls_filtered = failed == 0;
    if (failed) {
        errno = failed < -1 ? -failed : ENOSYS;
        degrade(report, "no system call filter");
    }
}

bool sandbox_enter(
    const struct sandbox_limits *limits, struct sandbox_report *report, struct err *err) {
    *report = (struct sandbox_report) { 0 };
    if (!close_others(limits->keep, err) || !tie_to_parent(limits->parent, err) ||
        !set_limits(limits, err)) {
        return false;
    }
    if (limits->profile != SANDBOX_REMOTE) {
        leave_network(report);
    }
    /* A new user name space clears the parent-death signal and the dumpable flag. */
    if (!tie_to_parent(limits->parent, err)) {
        return false;
    }
    prctl(PR_SET_DUMPABLE, 0);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) {
        return err_errno(err, ERR_NODE, "could not give up privileges");
    }
    if (!confine_writes(limits, report, err)) {
        return false;
    }
    filter_calls(limits->profile, report);
    if (!report->calls_filtered && !report->network_gone && limits->profile != SANDBOX_REMOTE) {
        return err_set(
            err, ERR_NODE, "cannot keep a child process from the network: %s", report->degraded);
    }
    return true;
}
