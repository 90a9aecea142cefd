/* libc's `syscall`. Numbers that are of no interest are jumped through to: some of them return twice. */
#include "tracer.h"

typedef long caller(long, long, long, long, long, long, long);

/* Where a call has its folder and path, and what its success means. */
static void seen(long n, long result, long a, long b, long c, long d) {
    const char *first = (const char *)a, *second = (const char *)b;
    switch (n) {
#if defined(__x86_64__)
    case SYS_open: note_result(result, kind_of_flags((int)b), AT_FDCWD, first); break;
    case SYS_stat: case SYS_lstat: case SYS_access: note_result(result, STAT, AT_FDCWD, first); break;
    case SYS_readlink: note_result(result, LINK, AT_FDCWD, first); break;
    case SYS_getdents: if (result >= 0) note_descriptor(LISTED, (int)a); break;
#endif
    case SYS_openat: note_result(result, kind_of_flags((int)c), (int)a, second); break;
    case SYS_openat2: note_result(result, kind_of_flags(result < 0 ? 0 : (int)*(const uint64_t *)c), (int)a, second); break;
    case SYS_newfstatat: case SYS_statx: case SYS_faccessat: case SYS_faccessat2: note_result(result, STAT, (int)a, second); break;
    case SYS_readlinkat: note_result(result, LINK, (int)a, second); break;
    case SYS_getdents64: if (result >= 0) note_descriptor(LISTED, (int)a); break;
    case SYS_mkdirat: note_result(result, WRITTEN, (int)a, second); break;
    case SYS_unlinkat: removed((int)result, (int)a, second); break;
    case SYS_renameat2: moved((int)result, (int)a, second, (int)c, (const char *)d, true); break;
    default: break;
    }
}

static bool watched(long n) {
    switch (n) {
#if defined(__x86_64__)
    case SYS_open: case SYS_stat: case SYS_lstat: case SYS_access: case SYS_readlink: case SYS_getdents:
#endif
    case SYS_openat: case SYS_openat2: case SYS_newfstatat: case SYS_statx: case SYS_faccessat: case SYS_faccessat2:
    case SYS_readlinkat: case SYS_getdents64: case SYS_mkdirat: case SYS_unlinkat: case SYS_renameat2: case SYS_execve:
    case SYS_execveat: case SYS_io_uring_setup: case SYS_seccomp: case SYS_pivot_root: case SYS_exit_group:
        return true;
    default:
        return false;
    }
}

/* Not inlined: the jump below must leave no frame behind. */
__attribute__((noinline)) static long watched_call(long n, long a, long b, long c, long d, long e, long f) {
    caller *real = (caller *)real_of(R_syscall);
    switch (n) {
    case SYS_execve: return exec_program(BY_PATH, AT_FDCWD, (const char *)a, (char *const *)b, (char *const *)c, 0);
    case SYS_execveat: return exec_program(AT_FOLDER, (int)a, (const char *)b, (char *const *)c, (char *const *)d, (int)e);
    /* As a kernel without it answers: what goes through a ring goes past every hook. */
    case SYS_io_uring_setup: return tracer.on ? fail_with(ENOSYS) : real(n, a, b, c, d, e, f);
    case SYS_exit_group: say_goodbye(); return real(n, a, b, c, d, e, f);
    case SYS_seccomp: case SYS_pivot_root: {
        uint32_t pid = own_pid();
        long result = real(n, a, b, c, d, e, f);
        bool filters = n == SYS_pivot_root || a == 0 || a == 1; /* strict, filter; the others only ask */
        if (result >= 0 && filters) silence(pid, n == SYS_seccomp ? "seccomp" : "pivot_root");
        return result;
    }
    default: {
        long result = real(n, a, b, c, d, e, f);
        seen(n, result, a, b, c, d);
        return result;
    }
    }
}

EXPORT long syscall(long n, long a, long b, long c, long d, long e, long f) {
    if (UNLIKELY(watched(n))) return watched_call(n, a, b, c, d, e, f);
    return ((caller *)real_of(R_syscall))(n, a, b, c, d, e, f);
}
