/* System calls of our own, made without libc: errno stays as the program left it, and no hook is entered again. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
static inline long raw6(long number, long a, long b, long c, long d, long e, long f) {
    register long four __asm__("r10") = d;
    register long five __asm__("r8") = e;
    register long six __asm__("r9") = f;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(four), "r"(five), "r"(six)
                     : "rcx", "r11", "memory");
    return result;
}
enum {
    SYS_read = 0, SYS_close = 3, SYS_fstat = 5, SYS_mmap = 9, SYS_munmap = 11, SYS_sched_yield = 24, SYS_getpid = 39, SYS_getcwd = 79,
    SYS_getppid = 110, SYS_exit_group = 231, SYS_openat = 257, SYS_newfstatat = 262, SYS_readlinkat = 267,
    SYS_faccessat = 269, SYS_statx = 332, SYS_clone = 56, SYS_execveat = 322, SYS_renameat2 = 316, SYS_getdents64 = 217,
    SYS_execve = 59, SYS_mkdirat = 258, SYS_unlinkat = 263, SYS_renameat = 264, SYS_seccomp = 317, SYS_pivot_root = 155,
    SYS_exit = 60,
    /* Only of this machine. */
    SYS_open = 2, SYS_stat = 4, SYS_lstat = 6, SYS_access = 21, SYS_getdents = 78, SYS_readlink = 89,
};
enum { MODE_AT = 24, MACHINE = 62, O_DIRECTORY = 0200000 };
#elif defined(__aarch64__)
static inline long raw6(long number, long a, long b, long c, long d, long e, long f) {
    register long eight __asm__("x8") = number;
    register long zero __asm__("x0") = a;
    register long one __asm__("x1") = b;
    register long two __asm__("x2") = c;
    register long three __asm__("x3") = d;
    register long four __asm__("x4") = e;
    register long five __asm__("x5") = f;
    __asm__ volatile("svc #0"
                     : "+r"(zero)
                     : "r"(eight), "r"(one), "r"(two), "r"(three), "r"(four), "r"(five)
                     : "memory", "cc");
    return zero;
}
enum {
    SYS_read = 63, SYS_close = 57, SYS_fstat = 80, SYS_mmap = 222, SYS_munmap = 215, SYS_sched_yield = 124, SYS_getpid = 172, SYS_getcwd = 17,
    SYS_getppid = 173, SYS_exit_group = 94, SYS_openat = 56, SYS_newfstatat = 79, SYS_readlinkat = 78,
    SYS_faccessat = 48, SYS_statx = 291, SYS_clone = 220, SYS_execveat = 281, SYS_renameat2 = 276, SYS_getdents64 = 61,
    SYS_execve = 221, SYS_mkdirat = 34, SYS_unlinkat = 35, SYS_renameat = 38, SYS_seccomp = 277, SYS_pivot_root = 41,
    SYS_exit = 93,
};
enum { MODE_AT = 16, MACHINE = 183, O_DIRECTORY = 040000 };
#else
#error "the file tracer knows x86-64 and aarch64"
#endif
/* The same number on both. */
enum { SYS_openat2 = 437, SYS_faccessat2 = 439, SYS_pidfd_open = 434, SYS_io_uring_setup = 425 };

#define RAW(number, ...) RAW_PICK(number, __VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define RAW_PICK(number, a, b, c, d, e, f, ...) \
    raw6(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

enum { AT_FDCWD = -100, AT_EMPTY_PATH = 0x1000, AT_SYMLINK_NOFOLLOW = 0x100, AT_REMOVEDIR = 0x200 };
enum {
    O_WRONLY = 1, O_RDWR = 2, O_ACCMODE = 3, O_CREAT = 0100, O_EXCL = 0200, O_TRUNC = 01000, O_APPEND = 02000,
    O_CLOEXEC = 02000000, O_PATH = 010000000, O_TMPFILE_BIT = 020000000,
};
enum {
    EPERM = 1, ENOENT = 2, EACCES = 13, EFAULT = 14, EEXIST = 17, EXDEV = 18, ENOTDIR = 20, EISDIR = 21, EINVAL = 22,
    ETXTBSY = 26, EROFS = 30, ERANGE = 34, ENAMETOOLONG = 36, ENXIO = 6, ENOSYS = 38, ENOTEMPTY = 39, ELOOP = 40, EOVERFLOW = 75,
};
enum { S_IFMT = 0170000, S_IFDIR = 0040000 };

/* struct stat as the kernel fills it: the same size and, but for the mode, the same places on both machines. */
struct file_facts { uint64_t words[18]; };
static inline uint64_t facts_device(const struct file_facts *f) { return f->words[0]; }
static inline uint64_t facts_inode(const struct file_facts *f) { return f->words[1]; }
static inline uint64_t facts_size(const struct file_facts *f) { return f->words[6]; }
static inline uint64_t facts_blocks(const struct file_facts *f) { return f->words[8]; }
static inline uint32_t facts_mode(const struct file_facts *f) { return *(const uint32_t *)((const char *)f + MODE_AT); }
