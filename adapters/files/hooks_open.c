/* Files opened by name. Every hook calls the real function first and goes by its answer.
 * `open` takes its mode as a plain argument: on both machines the caller of a variadic function passes it in the same register. */
#include "tracer.h"

typedef unsigned mode;

enum kind kind_of_flags(int flags) {
    if (flags & (O_PATH | O_TMPFILE_BIT)) return STAT;
    int way = flags & O_ACCMODE;
    if (flags & O_TRUNC || (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL)) return WRITTEN;
    if (way == O_WRONLY) return flags & O_APPEND ? UPDATED : WRITTEN;
    return way || flags & O_CREAT ? UPDATED : READ;
}

static int opened(int result, int folder, const char *path, int flags) {
    note_result(result, kind_of_flags(flags), folder, path);
    return result;
}

#define OPEN(name) \
    EXPORT int name(const char *path, int flags, mode m) { \
        return opened(REAL(name, int, const char *, int, mode)(path, flags, m), AT_FDCWD, path, flags); \
    }
OPEN(open)
OPEN(open64)
OPEN(__open_2)
OPEN(__open64_2)

#define OPENAT(name) \
    EXPORT int name(int folder, const char *path, int flags, mode m) { \
        return opened(REAL(name, int, int, const char *, int, mode)(folder, path, flags, m), folder, path, flags); \
    }
OPENAT(openat)
OPENAT(openat64)
OPENAT(__openat_2)
OPENAT(__openat64_2)

#define CREAT(name) \
    EXPORT int name(const char *path, mode m) { \
        return opened(REAL(name, int, const char *, mode)(path, m), AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC); \
    }
CREAT(creat)
CREAT(creat64)

static enum kind kind_of_mode(const char *text) {
    bool plus = false;
    for (const char *at = text; *at && *at != ','; at++) plus |= *at == '+';
    if (text[0] == 'w') return WRITTEN;
    if (text[0] == 'a') return UPDATED;
    return plus ? UPDATED : READ;
}

static void *stream(void *result, const char *path, const char *text) {
    if (result) {
        note(kind_of_mode(text), AT_FDCWD, path);
    } else {
        failure(AT_FDCWD, path);
    }
    return result;
}

#define FOPEN(name) \
    EXPORT void *name(const char *path, const char *text) { \
        return stream(REAL(name, void *, const char *, const char *)(path, text), path, text); \
    }
FOPEN(fopen)
FOPEN(fopen64)

#define FREOPEN(name) \
    EXPORT void *name(const char *path, const char *text, void *old) { \
        return stream(REAL(name, void *, const char *, const char *, void *)(path, text, old), path, text); \
    }
FREOPEN(freopen)
FREOPEN(freopen64)

/* The template holds the name that was made. */
static int made(int result, const char *path) {
    if (result >= 0) note(WRITTEN, AT_FDCWD, path);
    return result;
}

#define MKSTEMP(name) \
    EXPORT int name(char *path) { return made(REAL(name, int, char *)(path), path); }
MKSTEMP(mkstemp)
MKSTEMP(mkstemp64)

#define MKOSTEMP(name) \
    EXPORT int name(char *path, int flags) { return made(REAL(name, int, char *, int)(path, flags), path); }
MKOSTEMP(mkostemp)
MKOSTEMP(mkostemp64)
MKOSTEMP(mkstemps)
MKOSTEMP(mkstemps64)

#define MKOSTEMPS(name) \
    EXPORT int name(char *path, int tail, int flags) { \
        return made(REAL(name, int, char *, int, int)(path, tail, flags), path); \
    }
MKOSTEMPS(mkostemps)
MKOSTEMPS(mkostemps64)

EXPORT char *mkdtemp(char *path) {
    char *result = REAL(mkdtemp, char *, char *)(path);
    made(result ? 0 : -1, path);
    return result;
}
