/* Questions about a path: is it there, what is it, where does it lead. */
#include "tracer.h"

/* 1: the magic path, to be answered with success. */
static bool asked(long result, int folder, const char *path) {
    if (LIKELY(result >= 0)) {
        note(STAT, folder, path);
        return false;
    }
    return failure(folder, path);
}

/* The magic path has the facts of the root folder: the caller gets something well formed. */
#define STAT_HOOK(name) \
    EXPORT int name(const char *path, void *facts) { \
        int result = REAL(name, int, const char *, void *)(path, facts); \
        return UNLIKELY(asked(result, AT_FDCWD, path)) ? REAL(name, int, const char *, void *)("/", facts) : result; \
    }
STAT_HOOK(stat)
STAT_HOOK(stat64)
STAT_HOOK(lstat)
STAT_HOOK(lstat64)
STAT_HOOK(statfs)
STAT_HOOK(statfs64)
STAT_HOOK(statvfs)
STAT_HOOK(statvfs64)

#define FSTATAT_HOOK(name) \
    EXPORT int name(int folder, const char *path, void *facts, int flags) { \
        int result = REAL(name, int, int, const char *, void *, int)(folder, path, facts, flags); \
        return UNLIKELY(asked(result, folder, path)) ? REAL(name, int, int, const char *, void *, int)(folder, "/", facts, flags) : result; \
    }
FSTATAT_HOOK(fstatat)
FSTATAT_HOOK(fstatat64)

/* Programs built before glibc 2.33. */
#define XSTAT_HOOK(name) \
    EXPORT int name(int version, const char *path, void *facts) { \
        int result = REAL(name, int, int, const char *, void *)(version, path, facts); \
        return UNLIKELY(asked(result, AT_FDCWD, path)) ? REAL(name, int, int, const char *, void *)(version, "/", facts) : result; \
    }
XSTAT_HOOK(__xstat)
XSTAT_HOOK(__xstat64)
XSTAT_HOOK(__lxstat)
XSTAT_HOOK(__lxstat64)

#define FXSTATAT_HOOK(name) \
    EXPORT int name(int version, int folder, const char *path, void *facts, int flags) { \
        int result = REAL(name, int, int, int, const char *, void *, int)(version, folder, path, facts, flags); \
        return UNLIKELY(asked(result, folder, path)) \
                   ? REAL(name, int, int, int, const char *, void *, int)(version, folder, "/", facts, flags) \
                   : result; \
    }
FXSTATAT_HOOK(__fxstatat)
FXSTATAT_HOOK(__fxstatat64)

EXPORT int statx(int folder, const char *path, int flags, unsigned mask, void *facts) {
    int result = REAL(statx, int, int, const char *, int, unsigned, void *)(folder, path, flags, mask, facts);
    if (LIKELY(!asked(result, folder, path))) return result;
    return REAL(statx, int, int, const char *, int, unsigned, void *)(folder, "/", flags, mask, facts);
}

#define ACCESS_HOOK(name) \
    EXPORT int name(const char *path, int mode) { \
        int result = REAL(name, int, const char *, int)(path, mode); \
        return UNLIKELY(asked(result, AT_FDCWD, path)) ? 0 : result; \
    }
ACCESS_HOOK(access)
ACCESS_HOOK(euidaccess)
ACCESS_HOOK(eaccess)

EXPORT int faccessat(int folder, const char *path, int mode, int flags) {
    int result = REAL(faccessat, int, int, const char *, int, int)(folder, path, mode, flags);
    return UNLIKELY(asked(result, folder, path)) ? 0 : result;
}

EXPORT long readlink(const char *path, char *text, size_t size) {
    long result = REAL(readlink, long, const char *, char *, size_t)(path, text, size);
    note_result(result, LINK, AT_FDCWD, path);
    return result;
}
EXPORT long __readlink_chk(const char *path, char *text, size_t size, size_t room) {
    long result = REAL(__readlink_chk, long, const char *, char *, size_t, size_t)(path, text, size, room);
    note_result(result, LINK, AT_FDCWD, path);
    return result;
}
EXPORT long readlinkat(int folder, const char *path, char *text, size_t size) {
    long result = REAL(readlinkat, long, int, const char *, char *, size_t)(folder, path, text, size);
    note_result(result, LINK, folder, path);
    return result;
}
EXPORT long __readlinkat_chk(int folder, const char *path, char *text, size_t size, size_t room) {
    long result = REAL(__readlinkat_chk, long, int, const char *, char *, size_t, size_t)(folder, path, text, size, room);
    note_result(result, LINK, folder, path);
    return result;
}

/* Every folder of the way that is a link, and what the way led to. */
static void resolved(const char *path, const char *answer) {
    char way[PATH_ROOM + 8];
    char one;
    const struct root *root;
    if (!tracer.on) return;
    if (!answer) {
        failure(AT_FDCWD, path);
        return;
    }
    note(STAT, AT_FDCWD, path);
    long length = absolute(way, AT_FDCWD, path);
    if (length <= 0 || ((size_t)length == length_of(answer) && same(way, answer, (size_t)length))) return;
    note(STAT, AT_FDCWD, answer);
    for (long at = 1; at <= length; at++) {
        if (at < length && way[at] != '/') continue;
        char kept = way[at];
        way[at] = 0;
        if (inside(way, (size_t)at, &root) && RAW(SYS_readlinkat, AT_FDCWD, way, &one, 1) > 0) note(LINK, AT_FDCWD, way);
        way[at] = kept;
    }
}

EXPORT char *realpath(const char *path, char *out) {
    char *result = REAL(realpath, char *, const char *, char *)(path, out);
    resolved(path, result);
    return result;
}
EXPORT char *__realpath_chk(const char *path, char *out, size_t room) {
    char *result = REAL(__realpath_chk, char *, const char *, char *, size_t)(path, out, room);
    resolved(path, result);
    return result;
}
EXPORT char *canonicalize_file_name(const char *path) {
    char *result = REAL(canonicalize_file_name, char *, const char *)(path);
    resolved(path, result);
    return result;
}

/* -1 with errno as it was is an answer, too. */
EXPORT long pathconf(const char *path, int name) {
    long result = REAL(pathconf, long, const char *, int)(path, name);
    if (result >= 0) note(STAT, AT_FDCWD, path);
    else if (error_now() == ENOENT) note(ABSENT, AT_FDCWD, path);
    return result;
}

/* What asks or changes what is known of a file, and not what is in it: name, result, arguments, and how they are passed on. */
#define ABOUT(name, folder, arguments, ...) \
    EXPORT long name arguments { \
        long result = REAL(name, long, ABOUT_TYPES_##name)(__VA_ARGS__); \
        note_result((int)result, STAT, folder, path); \
        return result; \
    }
#define ABOUT_TYPES_getxattr const char *, const char *, void *, size_t
#define ABOUT_TYPES_lgetxattr const char *, const char *, void *, size_t
#define ABOUT_TYPES_listxattr const char *, char *, size_t
#define ABOUT_TYPES_llistxattr const char *, char *, size_t
#define ABOUT_TYPES_inotify_add_watch int, const char *, unsigned
#define ABOUT_TYPES_chmod const char *, unsigned
#define ABOUT_TYPES_fchmodat int, const char *, unsigned, int
#define ABOUT_TYPES_chown const char *, unsigned, unsigned
#define ABOUT_TYPES_lchown const char *, unsigned, unsigned
#define ABOUT_TYPES_fchownat int, const char *, unsigned, unsigned, int
#define ABOUT_TYPES_utime const char *, const void *
#define ABOUT_TYPES_utimes const char *, const void *
#define ABOUT_TYPES_lutimes const char *, const void *
#define ABOUT_TYPES_utimensat int, const char *, const void *, int
ABOUT(getxattr, AT_FDCWD, (const char *path, const char *name, void *value, size_t size), path, name, value, size)
ABOUT(lgetxattr, AT_FDCWD, (const char *path, const char *name, void *value, size_t size), path, name, value, size)
ABOUT(listxattr, AT_FDCWD, (const char *path, char *list, size_t size), path, list, size)
ABOUT(llistxattr, AT_FDCWD, (const char *path, char *list, size_t size), path, list, size)
ABOUT(inotify_add_watch, AT_FDCWD, (int watcher, const char *path, unsigned mask), watcher, path, mask)
ABOUT(chmod, AT_FDCWD, (const char *path, unsigned mode), path, mode)
ABOUT(fchmodat, folder, (int folder, const char *path, unsigned mode, int flags), folder, path, mode, flags)
ABOUT(chown, AT_FDCWD, (const char *path, unsigned user, unsigned group), path, user, group)
ABOUT(lchown, AT_FDCWD, (const char *path, unsigned user, unsigned group), path, user, group)
ABOUT(fchownat, folder, (int folder, const char *path, unsigned user, unsigned group, int flags), folder, path, user, group, flags)
ABOUT(utime, AT_FDCWD, (const char *path, const void *times), path, times)
ABOUT(utimes, AT_FDCWD, (const char *path, const void *times), path, times)
ABOUT(lutimes, AT_FDCWD, (const char *path, const void *times), path, times)
ABOUT(utimensat, folder, (int folder, const char *path, const void *times, int flags), folder, path, times, flags)

/* The name means something else once the call has succeeded. */
EXPORT int chdir(const char *path) {
    char way[PATH_ROOM + 8];
    int (*real)(const char *) = REAL(chdir, int, const char *);
    long length = -1;
    if (tracer.on && path && RAW(SYS_faccessat, AT_FDCWD, path, 0) == 0)
        length = absolute(way, AT_FDCWD, path);
    int result = real(path);
    if (result == 0 && length > 0) {
        note(STAT, AT_FDCWD, way);
    } else if (result != 0) {
        failure(AT_FDCWD, path);
    }
    return result;
}
