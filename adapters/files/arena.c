/* Records: one shared file for the whole run, reserved with one compare-and-swap, finished with one store. No lock, no call. */
#include "tracer.h"

enum { SEEN = 16384 };
static const uint32_t MAGIC = 0x52544954;
static const uint32_t COMPLETE = 0x80000000;

struct header {
    char magic[8];
    uint64_t size;
    uint64_t cursor;
    uint64_t lost;
    uint64_t late;
    uint64_t zeros[3];
};

struct frame {
    uint32_t word;
    uint32_t magic;
    uint32_t pid;
    uint32_t owner;
    uint32_t window;
    uint8_t kind;
    uint8_t zero;
    uint16_t length;
};

/* Hashes of what this process has said. Two threads may overwrite each other: that costs a duplicate, never an edge. */
static uint64_t seen[SEEN];

static void write_record(uint32_t pid, enum kind kind, const char *head, size_t head_length, const char *text, size_t length) {
    struct header *header = (struct header *)tracer.arena;
    if (length > PATH_ROOM) length = PATH_ROOM;
    uint64_t need = (sizeof(struct frame) + head_length + length + 15) & ~(uint64_t)15;
    uint64_t at = __atomic_load_n(&header->cursor, RELAXED);
    do {
        if (at < sizeof(struct header) || at % 16 || at > tracer.arena_size || need > tracer.arena_size - at) {
            __atomic_fetch_add(&header->lost, 1, RELAXED);
            return;
        }
    } while (!__atomic_compare_exchange_n(&header->cursor, &at, at + need, true, RELAXED, RELAXED));
    struct frame *frame = (struct frame *)(tracer.arena + at);
    /* At once, so that whoever is killed in the next line leaves a record that can be stepped over. */
    __atomic_store_n(&frame->word, (uint32_t)need, __ATOMIC_RELEASE);
    uint64_t window = __atomic_load_n(&tracer.window, RELAXED);
    frame->magic = MAGIC;
    frame->pid = pid;
    frame->owner = (uint32_t)(window >> 32);
    frame->window = (uint32_t)window;
    frame->kind = (uint8_t)kind;
    frame->length = (uint16_t)(head_length + length);
    char *body = put((char *)(frame + 1), head, head_length);
    put(body, text, length);
    __atomic_store_n(&frame->word, (uint32_t)need | COMPLETE, __ATOMIC_RELEASE);
}

/* The pid, asked of the kernel each time: a vfork or raw clone child runs in memory that says another one. Such a child says once
 * where it comes from; only `announced` is changed, which its parent never reads for itself. */
uint32_t own_pid(void) {
    uint32_t pid = (uint32_t)RAW(SYS_getpid, 0);
    if (UNLIKELY(pid != tracer.pid && pid != __atomic_load_n(&tracer.announced, RELAXED))) {
        __atomic_store_n(&tracer.announced, pid, RELAXED);
        char number[10];
        size_t digits = put_number(number, (uint32_t)RAW(SYS_getppid, 0));
        if (tracer.on) write_record(pid, FORKED, number, digits, "", 0);
    }
    return pid;
}

void record(enum kind kind, const char *text, size_t length) {
    if (tracer.on) write_record(own_pid(), kind, "", 0, text, length);
}

/* Without any system call: for a process that may no longer make one. */
void record_silently(enum kind kind, const char *text, size_t length) {
    if (tracer.on) write_record(tracer.pid, kind, "", 0, text, length);
}

/* "PID TEXT", or "PID" alone. */
void record_pid(enum kind kind, uint32_t pid, const char *text, size_t length) {
    if (!tracer.on) return;
    char head[12];
    size_t digits = put_number(head, pid);
    if (length) head[digits++] = ' ';
    write_record(own_pid(), kind, head, digits, text, length);
}

static uint64_t mixed(uint64_t a, uint64_t b) {
    unsigned __int128 product = (unsigned __int128)(a ^ 0x9e3779b97f4a7c15) * (b ^ 0xd6e8feb86659fd93);
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t hash_of(uint64_t key, const char *text, size_t length) {
    size_t at = 0;
    for (; at + 8 <= length; at += 8) {
        uint64_t word;
        __builtin_memcpy(&word, text + at, 8);
        key = mixed(key, word);
    }
    uint64_t rest = length;
    for (; at < length; at++) rest = rest << 8 | (unsigned char)text[at];
    return mixed(key, rest);
}

void record_once(enum kind kind, const char *path, size_t length) {
    uint32_t pid = own_pid();
    /* The pid is part of the key, so nothing has to be cleared in a forked child, nor kept apart in a vfork child. */
    uint64_t key = mixed(__atomic_load_n(&tracer.window, RELAXED), (uint64_t)pid << 32 | tracer.generation << 8 | kind);
    key = hash_of(key, path, length);
    uint64_t *slot = &seen[key % SEEN];
    if (__atomic_load_n(slot, RELAXED) == key) return;
    __atomic_store_n(slot, key, RELAXED);
    write_record(pid, kind, "", 0, path, length);
}

/* First thing in a child that has memory of its own. */
void forked_child(uint32_t parent) {
    tracer.pid = (uint32_t)RAW(SYS_getpid, 0);
    tracer.announced = 0;
    tracer.generation++;
    tracer.said_goodbye = false;
    environment_forked();
    record_pid(FORKED, parent, "", 0);
}
