/* Processes that begin, end, are waited for, or put themselves where this library must not follow. */
#include "tracer.h"

static int forked(int result, uint32_t parent) {
    if (result == 0) forked_child(parent);
    return result;
}

EXPORT int fork(void) {
    int (*real)(void) = REAL(fork, int, void);
    uint32_t parent = (uint32_t)RAW(SYS_getpid, 0);
    return forked(real(), parent);
}
EXPORT int _Fork(void) {
    int (*real)(void) = REAL(_Fork, int, void);
    uint32_t parent = (uint32_t)RAW(SYS_getpid, 0);
    return forked(real(), parent);
}
EXPORT int forkpty(int *master, char *name, const void *terminal, const void *size) {
    uint32_t parent = (uint32_t)RAW(SYS_getpid, 0);
    return forked(REAL(forkpty, int, int *, char *, const void *, const void *)(master, name, terminal, size), parent);
}

/* The parent ends inside libc. */
EXPORT int daemon(int stay, int keep) {
    int (*real)(int, int) = REAL(daemon, int, int, int);
    uint32_t parent = (uint32_t)RAW(SYS_getpid, 0);
    say_goodbye();
    int result = real(stay, keep);
    if ((uint32_t)RAW(SYS_getpid, 0) != parent) forked_child(parent);
    else tracer.said_goodbye = false;
    return result;
}

static int ended(int pid, int status) {
    bool stopped = (status & 0xff) == 0x7f, continued = status == 0xffff;
    if (pid > 0 && !stopped && !continued) record_pid(GONE, (uint32_t)pid, "", 0);
    return pid;
}

EXPORT int wait(int *status) {
    int own = 0;
    int *at = status ? status : &own;
    return ended(REAL(wait, int, int *)(at), *at);
}
EXPORT int waitpid(int pid, int *status, int options) {
    int own = 0;
    int *at = status ? status : &own;
    return ended(REAL(waitpid, int, int, int *, int)(pid, at, options), *at);
}
EXPORT int wait3(int *status, int options, void *usage) {
    int own = 0;
    int *at = status ? status : &own;
    return ended(REAL(wait3, int, int *, int, void *)(at, options, usage), *at);
}
EXPORT int wait4(int pid, int *status, int options, void *usage) {
    int own = 0;
    int *at = status ? status : &own;
    return ended(REAL(wait4, int, int, int *, int, void *)(pid, at, options, usage), *at);
}
EXPORT int waitid(int type, unsigned id, int *facts, int options) {
    int own[32] = {0};
    int *at = facts ? facts : own;
    int result = REAL(waitid, int, int, unsigned, int *, int)(type, id, at, options);
    bool leaves = options & 0x01000000; /* WNOWAIT: it can be waited for again */
    if (result == 0 && !leaves && at[0] && at[4] > 0 && at[2] >= 1 && at[2] <= 3) record_pid(GONE, (uint32_t)at[4], "", 0);
    return result;
}

#define EXIT(name) \
    EXPORT __attribute__((noreturn)) void name(int status) { \
        void (*real)(int) = REAL(name, void, int); \
        say_goodbye(); \
        real(status); \
        for (;;) RAW(SYS_exit_group, status); \
    }
EXIT(_exit)
EXIT(_Exit)
EXIT(quick_exit)

/* From here on a system call of ours could be the end of the program, or mean another tree. `pid` was asked before. */
void silence(uint32_t pid, const char *reason) {
    record_silently(OPAQUE, reason, length_of(reason));
    if (pid != tracer.pid) return; /* a vfork child: the memory is its parent's */
    tracer.on = false;
    tracer.configured = false;
}

enum { PR_SET_SECCOMP = 22, CLONE_NEWNS = 0x20000 };

EXPORT int prctl(int option, long a, long b, long c, long d) {
    int (*real)(int, long, long, long, long) = REAL(prctl, int, int, long, long, long, long);
    if (LIKELY(option != PR_SET_SECCOMP)) return real(option, a, b, c, d);
    uint32_t pid = own_pid();
    int result = real(option, a, b, c, d);
    if (result == 0) silence(pid, "seccomp");
    return result;
}

EXPORT int chroot(const char *path) {
    int (*real)(const char *) = REAL(chroot, int, const char *);
    struct file_facts old, new;
    bool known = RAW(SYS_newfstatat, AT_FDCWD, "/", &old, 0) == 0;
    int result = real(path);
    if (result != 0) {
        failure(AT_FDCWD, path);
    } else if (!known || RAW(SYS_newfstatat, AT_FDCWD, "/", &new, 0) != 0 || facts_inode(&old) != facts_inode(&new) ||
               facts_device(&old) != facts_device(&new)) {
        silence(own_pid(), "chroot");
    }
    return result;
}

/* Only a mount on, in or above a root changes what a path there means. */
EXPORT int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data) {
    int result = REAL(mount, int, const char *, const char *, const char *, unsigned long, const void *)(source, target, type, flags, data);
    char path[PATH_ROOM + 8];
    const struct root *root;
    bool propagation = flags & (15ul << 17) && !(flags & 4096); /* MS_UNBINDABLE to MS_SHARED, without MS_BIND */
    if (!tracer.on || result != 0 || propagation || !target) return result;
    long length = absolute(path, AT_FDCWD, target);
    if (length <= 0) return result;
    bool changes = inside(path, (size_t)length, &root);
    for (int i = 0; i < tracer.root_count; i++) changes |= begins(tracer.roots[i].text, path);
    if (changes) record(OPAQUE, "mount", 5);
    return result;
}

EXPORT int setns(int descriptor, int type) {
    int result = REAL(setns, int, int, int)(descriptor, type);
    if (result == 0 && (type == 0 || type & CLONE_NEWNS)) record(OPAQUE, "setns", 5);
    return result;
}
