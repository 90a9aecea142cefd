/* Programs started: said before an exec (own pid) or after a spawn (the child's), whatever program it is and wherever it lies.
 * May run in a vfork child: its memory is its parent's, so nothing here is kept. */
#include "tracer.h"

enum { ON_STACK = 24 * 1024 };

/* A program for another machine would make its loader complain about our library on the program's standard error; so would a
 * library that is out of sight. */
static bool takes_library(const char *path) {
    struct {
        unsigned char magic[4], bits, rest[13];
        uint16_t machine;
    } head;
    if (RAW(SYS_faccessat, AT_FDCWD, tracer.library, 4) != 0) return false;
    long file = RAW(SYS_openat, AT_FDCWD, path, O_CLOEXEC);
    if (file < 0) return true;
    long size = RAW(SYS_read, file, &head, sizeof head);
    RAW(SYS_close, file);
    if (size != sizeof head || !same((const char *)head.magic, "\177ELF", 4)) return true;
    return head.bits == 2 && head.machine == MACHINE;
}

/* What the search along PATH finds; names that it does not find on its way are answers, too. */
static long found_along_path(char *out, const char *file) {
    char entry[PATH_ROOM];
    const char *search = "/bin:/usr/bin";
    size_t name = length_of(file);
    for (char *const *list = environment_now(); list && *list; list++) {
        if (begins(*list, "PATH=")) search = *list + 5;
    }
    for (;; search++) {
        size_t size = 0;
        while (search[size] && search[size] != ':') size++;
        if (size + name + 2 < sizeof entry) {
            char *at = put(entry, size ? search : ".", size ? size : 1);
            *at++ = '/';
            put(at, file, name + 1);
            if (RAW(SYS_faccessat, AT_FDCWD, entry, 1) == 0 && !is_folder(AT_FDCWD, entry)) return absolute(out, AT_FDCWD, entry);
            note(RAW(SYS_faccessat, AT_FDCWD, entry, 0) == 0 ? STAT : ABSENT, AT_FDCWD, entry);
        }
        search += size;
        if (!*search) return -1;
    }
}

static bool has_slash(const char *text) {
    while (*text && *text != '/') text++;
    return *text;
}

/* The program's absolute path for the record; its own words where it has none. */
static size_t program(char *out, int folder, const char *path, bool search) {
    long length = -1;
    if (path[0]) length = search && !has_slash(path) ? found_along_path(out, path) : absolute(out, folder, path);
    if (length > 0) return (size_t)length;
    size_t own = length_of(path);
    if (own >= PATH_ROOM) own = PATH_ROOM - 1;
    put(out, path, own);
    out[own] = 0;
    return own;
}

static size_t program_of_descriptor(char *out, int descriptor) {
    char link[32] = "/proc/self/fd/";
    link[14 + put_number(link + 14, (uint32_t)descriptor)] = 0;
    long length = descriptor < 0 ? -1 : RAW(SYS_readlinkat, AT_FDCWD, link, out, PATH_ROOM - 1);
    if (length <= 0) length = 0;
    out[length] = 0;
    return (size_t)length;
}

static void out_of_sight(const char *path) {
    char text[PATH_ROOM + 64] = "cannot be loaded into ";
    size_t length = length_of(path);
    if (length > PATH_ROOM - 32) length = PATH_ROOM - 32;
    put(text + 22, path, length);
    record(OPAQUE, text, 22 + length);
}

/* Ours put back: in the caller's frame, or in pages of its own if the list is very long. */
struct child {
    char **list;
    void *pages;
    size_t size;
};

static void child_pages(struct child *child) {
    long at = RAW(SYS_mmap, 0, child->size, 3, 0x22, -1, 0);
    child->pages = at > 0 ? (void *)at : NULL;
}

#define CHILD_ENVIRONMENT(child, path, given) \
    do { \
        (child).list = (char **)(given); \
        (child).pages = NULL; \
        if (!takes_library(path)) { \
            out_of_sight(path); \
            break; \
        } \
        (child).size = environment_room(given); \
        if ((child).size > ON_STACK) child_pages(&(child)); \
        void *child_room = (child).size > ON_STACK ? (child).pages : __builtin_alloca((child).size); \
        if (child_room) (child).list = environment_for_child(given, child_room); \
    } while (0)

static void child_done(struct child *child) {
    if (child->pages) RAW(SYS_munmap, child->pages, child->size);
}

/* ENOENT may also mean the interpreter in the first line of a script that is there. */
static void refused(int folder, const char *path) {
    if (error_now() == ENOENT && RAW(SYS_faccessat, folder, path, 0) == 0) {
        note(STAT, folder, path);
    } else {
        failure(folder, path);
    }
}

int exec_program(enum how how, int folder, const char *path, char *const *arguments, char *const *list, int flags) {
    char name[PATH_ROOM + 8];
    size_t length = 0;
    struct child child = {(char **)list, NULL, 0};
    (void)real_of(R_execve);
    /* What is no path at all is the kernel's to refuse. */
    bool watched = tracer.configured && (!path || RAW(SYS_faccessat, AT_FDCWD, path, 0) != -EFAULT);
    bool descriptor = how == BY_DESCRIPTOR || (how == AT_FOLDER && path && !path[0] && flags & AT_EMPTY_PATH);
    watched = watched && (path || descriptor);
    if (watched) {
        length = descriptor ? program_of_descriptor(name, folder) : program(name, folder, path, how == ALONG_PATH);
        record_pid(SPAWN, own_pid(), name, length);
        CHILD_ENVIRONMENT(child, name, list);
    }
    int result;
    switch (how) {
    case BY_PATH:
        result = REAL(execve, int, const char *, char *const *, char *const *)(path, arguments, child.list);
        break;
    case ALONG_PATH:
        result = REAL(execvpe, int, const char *, char *const *, char *const *)(path, arguments, child.list);
        break;
    case BY_DESCRIPTOR:
        result = REAL(fexecve, int, int, char *const *, char *const *)(folder, arguments, child.list);
        break;
    default:
        result = (int)REAL(syscall, long, long, long, long, long, long, long)(SYS_execveat, folder, (long)path, (long)arguments,
                                                                             (long)child.list, flags);
    }
    if (watched) {
        child_done(&child);
        record(FAILED, name, length);
        if (!descriptor && (how != ALONG_PATH || has_slash(path))) refused(folder, path);
    }
    return result;
}

EXPORT int execve(const char *path, char *const *arguments, char *const *list) {
    return exec_program(BY_PATH, AT_FDCWD, path, arguments, list, 0);
}
EXPORT int execv(const char *path, char *const *arguments) {
    return exec_program(BY_PATH, AT_FDCWD, path, arguments, environment_now(), 0);
}
EXPORT int execvp(const char *path, char *const *arguments) {
    return exec_program(ALONG_PATH, AT_FDCWD, path, arguments, environment_now(), 0);
}
EXPORT int execvpe(const char *path, char *const *arguments, char *const *list) {
    return exec_program(ALONG_PATH, AT_FDCWD, path, arguments, list, 0);
}
EXPORT int fexecve(int descriptor, char *const *arguments, char *const *list) {
    return exec_program(BY_DESCRIPTOR, descriptor, NULL, arguments, list, 0);
}
EXPORT int execveat(int folder, const char *path, char *const *arguments, char *const *list, int flags) {
    return exec_program(AT_FOLDER, folder, path, arguments, list, flags);
}

/* The arguments of a variadic exec as a list on the stack, and what follows the NULL. */
#define EXECL(name, how, environment_given) \
    EXPORT int name(const char *path, const char *first, ...) { \
        va_list rest; \
        size_t count = 1; \
        va_start(rest, first); \
        for (const char *word = first; word; word = va_arg(rest, const char *)) count++; \
        va_end(rest); \
        char *arguments[count + 1]; \
        va_start(rest, first); \
        arguments[0] = (char *)first; \
        for (size_t i = 1; i < count; i++) arguments[i] = va_arg(rest, char *); \
        char *const *list = environment_given ? va_arg(rest, char *const *) : environment_now(); \
        va_end(rest); \
        return exec_program(how, AT_FDCWD, path, arguments, list, 0); \
    }
EXECL(execl, BY_PATH, false)
EXECL(execlp, ALONG_PATH, false)
EXECL(execle, BY_PATH, true)

typedef int spawner(int *, const char *, const void *, const void *, char *const *, char *const *);

/* 0 and the child's pid, or an error's number. */
static int spawned(spawner *real, int *pid, const char *path, const void *actions, const void *attributes, char *const *arguments,
                   char *const *list, bool search) {
    char name[PATH_ROOM + 8];
    int own = 0;
    if (!tracer.configured || !path) return real(pid, path, actions, attributes, arguments, list);
    size_t length = program(name, AT_FDCWD, path, search);
    struct child child;
    CHILD_ENVIRONMENT(child, name, list);
    int result = real(pid ? pid : &own, path, actions, attributes, arguments, child.list);
    child_done(&child);
    if (result == 0) {
        record_pid(SPAWN, (uint32_t)(pid ? *pid : own), name, length);
        return 0;
    }
    /* Said and taken back, so that the balance of this process stays what it was. */
    record_pid(SPAWN, own_pid(), name, length);
    record(FAILED, name, length);
    if (!search || has_slash(path)) note(RAW(SYS_faccessat, AT_FDCWD, path, 0) == 0 ? STAT : ABSENT, AT_FDCWD, path);
    return result;
}

EXPORT int posix_spawn(int *pid, const char *path, const void *actions, const void *attributes, char *const *arguments, char *const *list) {
    return spawned((spawner *)real_of(R_posix_spawn), pid, path, actions, attributes, arguments, list, false);
}
EXPORT int posix_spawnp(int *pid, const char *path, const void *actions, const void *attributes, char *const *arguments, char *const *list) {
    return spawned((spawner *)real_of(R_posix_spawnp), pid, path, actions, attributes, arguments, list, true);
}

/* Where libc has none (glibc before 2.39) a program may find ours, and expects it to work. */
static int spawned_with_descriptor(int which, int plain, int *descriptor, const char *path, const void *actions, const void *attributes,
                                   char *const *arguments, char *const *list) {
    char name[PATH_ROOM + 8];
    spawner *real = (spawner *)real_of(which);
    bool search = plain == R_posix_spawnp;
    if (is_missing(which)) {
        int pid = 0;
        int result = spawned((spawner *)real_of(plain), &pid, path, actions, attributes, arguments, list, search);
        if (result) return result;
        *descriptor = (int)RAW(SYS_pidfd_open, pid, 0);
        return *descriptor < 0 ? -*descriptor : 0;
    }
    if (!tracer.configured || !path) return real(descriptor, path, actions, attributes, arguments, list);
    size_t length = program(name, AT_FDCWD, path, search);
    struct child child;
    CHILD_ENVIRONMENT(child, name, list);
    int result = real(descriptor, path, actions, attributes, arguments, child.list);
    child_done(&child);
    record_pid(SPAWN, result ? own_pid() : 0, name, length);
    if (result) record(FAILED, name, length);
    return result;
}
EXPORT int pidfd_spawn(int *descriptor, const char *path, const void *actions, const void *attributes, char *const *arguments,
                       char *const *list) {
    return spawned_with_descriptor(R_pidfd_spawn, R_posix_spawn, descriptor, path, actions, attributes, arguments, list);
}
EXPORT int pidfd_spawnp(int *descriptor, const char *path, const void *actions, const void *attributes, char *const *arguments,
                        char *const *list) {
    return spawned_with_descriptor(R_pidfd_spawnp, R_posix_spawnp, descriptor, path, actions, attributes, arguments, list);
}

/* The child will open it inside libc: what there is to see is seen now. */
EXPORT int posix_spawn_file_actions_addopen(void *actions, int descriptor, const char *path, int flags, unsigned mode) {
    int result = REAL(posix_spawn_file_actions_addopen, int, void *, int, const char *, int, unsigned)(actions, descriptor, path, flags, mode);
    if (tracer.on && result == 0) {
        bool there = RAW(SYS_faccessat, AT_FDCWD, path, 0) == 0;
        note(there || flags & O_CREAT ? kind_of_flags(flags) : ABSENT, AT_FDCWD, path);
    }
    return result;
}

/* libc does not say which pid its shell got: 0. */
EXPORT int system(const char *line) {
    int (*real)(const char *) = REAL(system, int, const char *);
    if (line) record_pid(SPAWN, 0, "/bin/sh", 7);
    environment_lend();
    int result = real(line);
    environment_back();
    if (line && result == -1) record(FAILED, "/bin/sh", 7);
    return result;
}
EXPORT void *popen(const char *line, const char *mode) {
    void *(*real)(const char *, const char *) = REAL(popen, void *, const char *, const char *);
    record_pid(SPAWN, 0, "/bin/sh", 7);
    environment_lend();
    void *result = real(line, mode);
    environment_back();
    if (!result) record(FAILED, "/bin/sh", 7);
    return result;
}
