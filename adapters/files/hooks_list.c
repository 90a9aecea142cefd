/* Names in folders: listed one by one, or walked by libc itself, whose inner calls no hook sees. */
#include "tracer.h"

static void *listed(void *result, const char *path) {
    note_result(result ? 0 : -1, LISTED, AT_FDCWD, path);
    return result;
}

EXPORT void *opendir(const char *path) { return listed(REAL(opendir, void *, const char *)(path), path); }

EXPORT void *fdopendir(int descriptor) {
    void *result = REAL(fdopendir, void *, int)(descriptor);
    if (result) note_descriptor(LISTED, descriptor);
    return result;
}

EXPORT long getdents64(int descriptor, void *out, size_t size) {
    long result = REAL(getdents64, long, int, void *, size_t)(descriptor, out, size);
    if (result >= 0) note_descriptor(LISTED, descriptor);
    return result;
}

typedef int chooser(const void *);
typedef int order(const void **, const void **);
#define SCANDIR(name) \
    EXPORT int name(const char *path, void ***out, chooser *choose, order *compare) { \
        int result = REAL(name, int, const char *, void ***, chooser *, order *)(path, out, choose, compare); \
        note_result(result, LISTED, AT_FDCWD, path); \
        return result; \
    }
SCANDIR(scandir)
SCANDIR(scandir64)
#define SCANDIRAT(name) \
    EXPORT int name(int folder, const char *path, void ***out, chooser *choose, order *compare) { \
        int result = REAL(name, int, int, const char *, void ***, chooser *, order *)(folder, path, out, choose, compare); \
        note_result(result, LISTED, folder, path); \
        return result; \
    }
SCANDIRAT(scandirat)
SCANDIRAT(scandirat64)

enum { GLOB_BRACE = 1 << 10, GLOB_ALTDIRFUNC = 1 << 9, GLOB_TILDE = 1 << 12, GLOB_TILDE_CHECK = 1 << 14 };

static bool wild(char letter) { return letter == '*' || letter == '?' || letter == '[' || letter == '\\'; }

/* The folder in front of the first wild card. Wild cards in the last name alone list that folder; else all below may matter. */
static void walked_for_pattern(const char *pattern, bool braces) {
    char base[PATH_ROOM];
    size_t folder = 0, at = 0;
    bool deep = false;
    while (pattern[at] && !wild(pattern[at]) && !(braces && pattern[at] == '{')) {
        if (pattern[at] == '/') folder = at + 1;
        at++;
    }
    if (at >= sizeof base) return;
    if (!pattern[at]) {
        note(RAW(SYS_faccessat, AT_FDCWD, pattern, 0) == 0 ? STAT : ABSENT, AT_FDCWD, pattern);
        return;
    }
    for (; pattern[at]; at++) deep |= pattern[at] == '/' || (braces && pattern[at] == '{');
    put(base, pattern, folder);
    base[folder] = 0;
    const char *from = folder ? base : ".";
    if (RAW(SYS_faccessat, AT_FDCWD, from, 0) != 0) note(ABSENT, AT_FDCWD, from);
    else note(deep ? WALKED : LISTED, AT_FDCWD, from);
}

static void home_for_pattern(const char *pattern, bool braces) {
    char built[PATH_ROOM];
    char *const *list = environment_now();
    for (; list && *list; list++) {
        if (!begins(*list, "HOME=")) continue;
        const char *home = *list + 5;
        size_t length = length_of(home), rest = length_of(pattern + 1);
        if (length + rest >= sizeof built) return;
        put(put(built, home, length), pattern + 1, rest + 1);
        walked_for_pattern(built, braces);
        return;
    }
}

static int globbed(int result, const char *pattern, int flags) {
    if (tracer.on && !(flags & GLOB_ALTDIRFUNC)) {
        bool home = flags & (GLOB_TILDE | GLOB_TILDE_CHECK) && pattern[0] == '~' && (pattern[1] == '/' || !pattern[1]);
        (home ? home_for_pattern : walked_for_pattern)(pattern, flags & GLOB_BRACE);
    }
    return result;
}

typedef int complaint(const char *, int);
#define GLOB(name) \
    EXPORT int name(const char *pattern, int flags, complaint *complain, void *out) { \
        return globbed(REAL(name, int, const char *, int, complaint *, void *)(pattern, flags, complain, out), pattern, flags); \
    }
GLOB(glob)
GLOB(glob64)

/* Said before the walk: the program's own function, called on the way, may never return. */
static void walks(const char *path) {
    if (!tracer.on || !path) return;
    note(RAW(SYS_faccessat, AT_FDCWD, path, 0) == 0 ? WALKED : ABSENT, AT_FDCWD, path);
}

typedef int visitor(const char *, const void *, int);
#define FTW(name) \
    EXPORT int name(const char *path, visitor *visit, int most) { \
        int (*real)(const char *, visitor *, int) = REAL(name, int, const char *, visitor *, int); \
        walks(path); \
        return real(path, visit, most); \
    }
FTW(ftw)
FTW(ftw64)

typedef int deep_visitor(const char *, const void *, int, void *);
#define NFTW(name) \
    EXPORT int name(const char *path, deep_visitor *visit, int most, int flags) { \
        int (*real)(const char *, deep_visitor *, int, int) = REAL(name, int, const char *, deep_visitor *, int, int); \
        walks(path); \
        return real(path, visit, most, flags); \
    }
NFTW(nftw)
NFTW(nftw64)

#define FTS(name) \
    EXPORT void *name(char *const *paths, int options, order *compare) { \
        void *result = REAL(name, void *, char *const *, int, order *)(paths, options, compare); \
        for (char *const *path = paths; result && *path; path++) walks(*path); \
        return result; \
    }
FTS(fts_open)
FTS(fts64_open)

/* Words that the shell would expand: each one with a wild card is a pattern; a command in them is run by libc itself. */
EXPORT int wordexp(const char *words, void *out, int flags) {
    int (*real)(const char *, void *, int) = REAL(wordexp, int, const char *, void *, int);
    environment_lend();
    int result = real(words, out, flags);
    environment_back();
    if (!tracer.on) return result;
    for (const char *at = words; *at;) {
        char word[PATH_ROOM];
        size_t size = 0;
        bool variable = false;
        while (*at == ' ' || *at == '\t' || *at == '\n') at++;
        for (; *at && *at != ' ' && *at != '\t' && *at != '\n'; at++) {
            if (*at == '`' || (*at == '$' && at[1] == '(')) {
                static const char reason[] = "a command in wordexp";
                record(OPAQUE, reason, sizeof reason - 1);
            }
            variable |= *at == '$';
            if (*at != '"' && *at != '\'' && size < sizeof word - 1) word[size++] = *at;
        }
        word[size] = 0;
        if (variable) {
            walks(".");
        } else if (word[0] == '~') {
            home_for_pattern(word, false);
        } else if (size) {
            walked_for_pattern(word, false);
        }
    }
    return result;
}
