/* Names made, moved and taken away. */
#include "tracer.h"

static int made(int result, int folder, const char *path) {
    note_result(result, WRITTEN, folder, path);
    return result;
}

EXPORT int mkdir(const char *path, unsigned mode) {
    return made(REAL(mkdir, int, const char *, unsigned)(path, mode), AT_FDCWD, path);
}
EXPORT int mkdirat(int folder, const char *path, unsigned mode) {
    return made(REAL(mkdirat, int, int, const char *, unsigned)(folder, path, mode), folder, path);
}
EXPORT int mkfifo(const char *path, unsigned mode) {
    return made(REAL(mkfifo, int, const char *, unsigned)(path, mode), AT_FDCWD, path);
}
EXPORT int mknod(const char *path, unsigned mode, uint64_t device) {
    return made(REAL(mknod, int, const char *, unsigned, uint64_t)(path, mode, device), AT_FDCWD, path);
}
EXPORT int __xmknod(int version, const char *path, unsigned mode, void *device) {
    return made(REAL(__xmknod, int, int, const char *, unsigned, void *)(version, path, mode, device), AT_FDCWD, path);
}
EXPORT int symlink(const char *text, const char *path) {
    return made(REAL(symlink, int, const char *, const char *)(text, path), AT_FDCWD, path);
}
EXPORT int symlinkat(const char *text, int folder, const char *path) {
    return made(REAL(symlinkat, int, const char *, int, const char *)(text, folder, path), folder, path);
}

#define TRUNCATE(name) \
    EXPORT int name(const char *path, int64_t size) { \
        int result = REAL(name, int, const char *, int64_t)(path, size); \
        note_result(result, UPDATED, AT_FDCWD, path); \
        return result; \
    }
TRUNCATE(truncate)
TRUNCATE(truncate64)

/* What was at the source is now known under another name: that reads it. The question is put where the answer lies, at the target. */
void moved(int result, int from, const char *source, int to, const char *target, bool source_goes) {
    if (!tracer.on || !source || !target) return;
    if (result < 0) {
        /* Which of the two was wrong is not said. */
        int error = error_now();
        if (error == ENOENT || error == ENOTDIR) {
            note(RAW(SYS_faccessat, from, source, 0) == 0 ? STAT : ABSENT, from, source);
            note(RAW(SYS_faccessat, to, target, 0) == 0 ? STAT : ABSENT, to, target);
        } else if (error != EFAULT) {
            failure(from, source);
            failure(to, target);
        }
        return;
    }
    forget_descriptors();
    note(is_folder(to, target) ? WALKED : READ, from, source);
    if (source_goes) note(REMOVED, from, source);
    note(WRITTEN, to, target);
}

EXPORT int rename(const char *source, const char *target) {
    int result = REAL(rename, int, const char *, const char *)(source, target);
    moved(result, AT_FDCWD, source, AT_FDCWD, target, true);
    return result;
}
EXPORT int renameat(int from, const char *source, int to, const char *target) {
    int result = REAL(renameat, int, int, const char *, int, const char *)(from, source, to, target);
    moved(result, from, source, to, target, true);
    return result;
}
EXPORT int renameat2(int from, const char *source, int to, const char *target, unsigned flags) {
    int result = REAL(renameat2, int, int, const char *, int, const char *, unsigned)(from, source, to, target, flags);
    if (result == 0 && flags & 2) note(READ, to, target); /* RENAME_EXCHANGE: it is now what the source was */
    moved(result, from, source, to, target, true);
    if (result == 0 && flags & 2) note(WRITTEN, from, source);
    return result;
}
EXPORT int link(const char *source, const char *target) {
    int result = REAL(link, int, const char *, const char *)(source, target);
    moved(result, AT_FDCWD, source, AT_FDCWD, target, false);
    return result;
}
EXPORT int linkat(int from, const char *source, int to, const char *target, int flags) {
    int result = REAL(linkat, int, int, const char *, int, const char *, int)(from, source, to, target, flags);
    if (source && source[0]) moved(result, from, source, to, target, false);
    else if (result == 0) note(WRITTEN, to, target);
    return result;
}

/* A folder that could not be removed says that something is in it. */
int removed(int result, int folder, const char *path) {
    if (result >= 0) {
        forget_descriptors();
        note(REMOVED, folder, path);
    } else if (error_now() == ENOTEMPTY || error_now() == EEXIST) {
        note(LISTED, folder, path);
    } else {
        failure(folder, path);
    }
    return result;
}

EXPORT int unlink(const char *path) { return removed(REAL(unlink, int, const char *)(path), AT_FDCWD, path); }
EXPORT int rmdir(const char *path) { return removed(REAL(rmdir, int, const char *)(path), AT_FDCWD, path); }
EXPORT int remove(const char *path) { return removed(REAL(remove, int, const char *)(path), AT_FDCWD, path); }
EXPORT int unlinkat(int folder, const char *path, int flags) {
    return removed(REAL(unlinkat, int, int, const char *, int)(folder, path, flags), folder, path);
}
