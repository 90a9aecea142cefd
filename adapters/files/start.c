/* The start and the end of a process: settings, arena, hello; loaded objects; goodbye. */
#include "tracer.h"
#include "loader.h"

struct tracer tracer;

enum { SETTINGS = 3 * PATH_ROOM };
/* Copies: a program may write over its own environment. */
static char settings[SETTINGS], tail[SETTINGS], python[PATH_ROOM], library[PATH_ROOM], magic[PATH_ROOM + 16];
static char profile[PATH_ROOM];
/* As `adapters/cargo/record.rs` calls it. */
static const char profile_name[] = "/titer_%m_%p%c.profraw";

static const char *value_of(char *const *list, const char *name) {
    size_t length = length_of(name);
    for (; list && *list; list++) {
        if (begins(*list, name) && (*list)[length] == '=') return *list + length + 1;
    }
    return NULL;
}

static const char *copied(char *to, size_t room, const char *text) {
    size_t length = length_of(text);
    if (length >= room) return NULL;
    put(to, text, length + 1);
    return to;
}

static bool ends(const char *text, const char *with) {
    size_t length = length_of(text), own = length_of(with);
    return length >= own && same(text + length - own, with, own);
}

/* A folder of this name at the top is cargo's if cargo has said so. */
static bool cargo_is_at(const char *root) {
    static const char tag[] = "/target/CACHEDIR.TAG";
    char path[PATH_ROOM];
    size_t length = length_of(root);
    if (length + sizeof tag > sizeof path) return false;
    put(put(path, root, length), tag, sizeof tag);
    return RAW(SYS_faccessat, AT_FDCWD, path, 0) == 0;
}

/* OWNER-WINDOW, the folder, roots; a line each. */
static bool read_settings(const char *text) {
    uint32_t owner, number;
    const char *at = get_number(text, &owner);
    if (!at || *at++ != '-') return false;
    at = get_number(at, &number);
    if (!at || *at++ != '\n' || *at != '/') return false;
    tracer.window = (uint64_t)owner << 32 | number;
    tracer.tail = copied(tail, sizeof tail, at);
    if (!tracer.tail || !copied(settings, sizeof settings, at)) return false;
    char *line = settings;
    for (int lines = 0; line; lines++) {
        char *end = line;
        while (*end && *end != '\n') end++;
        char *next = *end ? end + 1 : NULL;
        *end = 0;
        size_t length = (size_t)(end - line);
        if (lines == 0) {
            if (length >= PATH_ROOM) return false;
            tracer.magic = magic;
            tracer.magic_length = length + 8;
            put(put(magic, line, length), "/window/", 9);
        } else if (length) {
            /* A root that is left out would be a silent miss: rather nothing, which the self-check tells. */
            if (tracer.root_count == ROOTS || line[0] != '/') return false;
            while (length && line[length - 1] == '/') line[--length] = 0;
            tracer.roots[tracer.root_count++] = (struct root){line, length, cargo_is_at(line)};
        }
        line = next;
    }
    return tracer.root_count > 0;
}

/* Shared memory that may be written to its end: as large as it says, and with every block allocated, for a write into a hole of a
 * full disk would kill the program. */
static unsigned char *map_arena(const char *folder, size_t length, uint64_t *size) {
    char path[PATH_ROOM + 8];
    struct file_facts facts;
    if (length + 7 > sizeof path) return NULL;
    put(put(path, folder, length), "/arena", 7);
    long file = RAW(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
    if (file < 0) return NULL;
    long at = -1;
    if (RAW(SYS_fstat, file, &facts) == 0 && facts_size(&facts) >= PATH_ROOM && facts_blocks(&facts) * 512 >= facts_size(&facts))
        at = RAW(SYS_mmap, 0, facts_size(&facts), 3, 1, file, 0);
    RAW(SYS_close, file);
    if (at < 0 && at > -4096) return NULL;
    *size = facts_size(&facts);
    bool known = same((const char *)at, "TITERAR1", 8) && ((const uint64_t *)at)[1] == *size;
    return known ? (unsigned char *)at : NULL;
}

static int look_at_program(struct loaded *info, size_t size, void *data) {
    (void)size;
    (void)data;
    for (int i = 0; i < info->count; i++) {
        const struct segment *segment = &info->segments[i];
        if (segment->type != SEGMENT_NOTE) continue;
        const char *at = (const char *)(info->base + segment->address), *end = at + segment->size_in_memory;
        while (at + 12 <= end) {
            const uint32_t *note = (const uint32_t *)at;
            if (note[0] == 4 && same(at + 12, "Go\0", 4)) {
                static const char reason[] = "raw system call: a Go program";
                record(OPAQUE, reason, sizeof reason - 1);
                return 1;
            }
            at += 12 + ((note[0] + 3) & ~3u) + ((note[1] + 3) & ~3u);
        }
    }
    return 1; /* the first object is the program */
}

static void say_hello(void) {
    char text[PATH_ROOM];
    size_t length = put_number(text, (uint32_t)RAW(SYS_getppid, 0));
    text[length++] = ' ';
    long path = RAW(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", text + length, sizeof text - length);
    record(HELLO, text, length + (path > 0 ? (size_t)path : 0));
    if (dl_iterate_phdr) dl_iterate_phdr(look_at_program, NULL);
    objects_loaded();
}

/* In the constructor, or at the first hooked call if that comes first. Whoever comes second while it runs goes on unseen. */
__attribute__((constructor)) void start(void) {
    static uint32_t begun;
    if (!ready) find_reals();
    char *const *list = environment_now();
    if (!list || __atomic_exchange_n(&begun, 1, __ATOMIC_ACQ_REL)) return;
    const char *trace = value_of(list, "TITER_TRACE"), *folder = value_of(list, "TITER_TRACE_PYTHONPATH");
    if (!trace || !tracer.library || !read_settings(trace)) return;
    tracer.library = copied(library, sizeof library, tracer.library);
    if (!tracer.library) return;
    tracer.python = folder && *folder ? copied(python, sizeof python, folder) : NULL;
    const char *counts = value_of(list, "LLVM_PROFILE_FILE");
    if (counts && ends(counts, profile_name)) tracer.profile = copied(profile, sizeof profile, counts);
    tracer.pid = (uint32_t)RAW(SYS_getpid, 0);
    environment_strip();
    tracer.configured = true;
    tracer.arena = map_arena(tracer.magic, tracer.magic_length - 8, &tracer.arena_size);
    if (!tracer.arena) return;
    tracer.on = true;
    say_hello();
}

/* Objects that were loaded when last looked at, in this process or in the ones that it was forked from: a fork loads nothing. */
enum { KNOWN = 1024 };
static uint64_t known[KNOWN];

static bool is_new_object(const char *name) {
    uint64_t key = hash_of(OBJECT, name, length_of(name));
    uint64_t was = __atomic_exchange_n(&known[key % KNOWN], key, RELAXED);
    return was != key;
}

static int each_object(struct loaded *info, size_t size, void *data) {
    uint64_t *added = data;
    if (size >= sizeof *info) {
        if (info->added == tracer.objects_added) return 1;
        *added = info->added;
    }
    /* The program itself has no name here; hello names it. */
    if (info->name && info->name[0] && !begins(info->name, "linux-")) {
        is_new_object(info->name);
        note(OBJECT, AT_FDCWD, info->name);
    }
    return 0;
}

/* After a fork the loader's lock may be held by a thread that is not in this process: the kernel's list needs no lock. */
static void objects_mapped(void) {
    char text[PATH_ROOM + 512];
    size_t held = 0;
    long file = RAW(SYS_openat, AT_FDCWD, "/proc/self/maps", O_CLOEXEC), got;
    if (file < 0) return;
    while ((got = RAW(SYS_read, file, text + held, sizeof text - 1 - held)) > 0) {
        held += (size_t)got;
        size_t from = 0;
        for (size_t at = 0; at < held; at++) {
            if (text[at] != '\n') continue;
            text[at] = 0;
            size_t path = from;
            while (text[path] && text[path] != '/') path++;
            bool code = false;
            for (size_t i = from; i + 4 < path && text[i] != '\n'; i++) {
                if (text[i] == ' ') {
                    code = text[i + 3] == 'x';
                    break;
                }
            }
            if (code && text[path] && is_new_object(text + path)) note(OBJECT, AT_FDCWD, text + path);
            from = at + 1;
        }
        for (size_t i = from; i < held; i++) text[i - from] = text[i];
        held -= from;
        if (held >= sizeof text - 1) break;
    }
    RAW(SYS_close, file);
}

/* Shared objects inside a root, for the window that runs; only looked at again when the loader has loaded more. */
void objects_loaded(void) {
    if (!tracer.on) return;
    if (tracer.generation) {
        objects_mapped();
    } else if (dl_iterate_phdr) {
        uint64_t added = tracer.objects_added;
        dl_iterate_phdr(each_object, &added);
        tracer.objects_added = added;
    }
}

/* Once a process. A vfork child that leaves has nothing of its own to remember that by, and leaves only once. */
void say_goodbye(void) {
    if (!tracer.on) return;
    if (own_pid() == tracer.pid) {
        if (__atomic_exchange_n(&tracer.said_goodbye, true, RELAXED)) return;
        objects_loaded();
    }
    record(GOODBYE, "", 0);
}

__attribute__((destructor)) static void end(void) { say_goodbye(); }
