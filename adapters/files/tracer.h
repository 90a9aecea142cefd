/* What the parts of the file tracer know of each other. Freestanding: no header of libc, so that one build suits every libc. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include "raw.h"
#include "names.h"

#define EXPORT __attribute__((visibility("default"), used))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define RELAXED __ATOMIC_RELAXED

enum { PATH_ROOM = 4096, ROOTS = 16 };

/* arena_v1 */
enum kind {
    READ = 1, LISTED, ABSENT, STAT, LINK, WRITTEN, UPDATED, SPAWN, FAILED, HELLO, GOODBYE, OPAQUE, WINDOW, GONE, OBJECT, WALKED,
    FORKED, REMOVED,
};

struct root {
    const char *text;
    size_t length;
    bool cargo; /* holds a `target` folder that is cargo's: its tag was there when this process started */
};

/* One for each process. All of it is written at the start, but where a line says so. */
struct tracer {
    bool on;         /* cleared for good at seccomp and chroot */
    bool configured; /* the exec hooks put our variables back */
    uint32_t pid;    /* of the process that owns this memory; a vfork child sees another one: it must not change anything here */
    uint64_t window; /* owner << 32 | number; set by the magic path */
    unsigned char *arena;
    uint64_t arena_size;
    uint32_t announced; /* the last foreign pid that said FORKED in this memory */
    uint32_t generation; /* forks that lie between the exec and this process */
    bool said_goodbye;
    uint64_t objects_added; /* the loader's count when objects were last looked at */
    const char *library; /* own path, as LD_PRELOAD has it */
    const char *tail;    /* of TITER_TRACE: "dir\nroot…" */
    const char *python;  /* the folder for children's PYTHONPATH, or NULL */
    const char *profile; /* where a test's own program counts what it runs, and so shall its children; or NULL */
    const char *magic;   /* "dir/window/" */
    size_t magic_length;
    struct root roots[ROOTS];
    int root_count;
};
extern struct tracer tracer;

/* start.c */
void start(void);
void objects_loaded(void);
void say_goodbye(void);

/* symbols.c */
extern void *reals[];
extern bool ready;
bool is_missing(int which);
bool somebody_defines(const char *name);
static inline void *real_of(int which) {
    if (UNLIKELY(!ready)) start();
    return reals[which];
}
#define REAL(name, result, ...) ((result(*)(__VA_ARGS__))real_of(R_##name))

/* arena.c */
uint32_t own_pid(void);
void record(enum kind kind, const char *text, size_t length);
void record_pid(enum kind kind, uint32_t pid, const char *text, size_t length);
void record_once(enum kind kind, const char *path, size_t length);
uint64_t hash_of(uint64_t key, const char *text, size_t length);
void record_silently(enum kind kind, const char *text, size_t length);
void forked_child(uint32_t parent);

/* paths.c */
void note(enum kind kind, int folder, const char *path);
void note_descriptor(enum kind kind, int descriptor);
long absolute(char *out, int folder, const char *path);
bool inside(const char *path, size_t length, const struct root **found);
bool failure(int folder, const char *path);
void note_result(long result, enum kind kind, int folder, const char *path);
void forget_descriptors(void);
bool is_folder(int folder, const char *path);

/* environment.c */
size_t environment_room(char *const *list);
char **environment_for_child(char *const *list, char *room);
void environment_strip(void);
void environment_lend(void);
void environment_back(void);
void environment_forked(void);
char *const *environment_now(void);

/* text.c */
void *memcpy(void *to, const void *from, size_t length);
void *memset(void *to, int byte, size_t length);
size_t length_of(const char *text);
bool same(const char *a, const char *b, size_t length);
bool begins(const char *text, const char *with);
size_t put_number(char *out, uint32_t number);
const char *get_number(const char *text, uint32_t *number);
char *put(char *out, const char *text, size_t length);

/* hooks_open.c, hooks_change.c, hooks_exec.c, hooks_process.c: what libc's `syscall` needs of them */
enum kind kind_of_flags(int flags);
void moved(int result, int from, const char *source, int to, const char *target, bool source_goes);
int removed(int result, int folder, const char *path);
enum how { BY_PATH, ALONG_PATH, BY_DESCRIPTOR, AT_FOLDER };
int exec_program(enum how how, int folder, const char *path, char *const *arguments, char *const *list, int flags);
void silence(uint32_t pid, const char *reason);

/* Weak, so that a program without a libc still loads; none of them ever had two versions that differ. */
extern int *__errno_location(void) __attribute__((weak));
static inline int error_now(void) { return __errno_location ? *__errno_location() : 0; }
static inline long fail_with(int error) {
    if (__errno_location) *__errno_location() = error;
    return -1;
}
