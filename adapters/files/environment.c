/* Our variables: away when a program starts, so that none of it shows, and back when it starts another one. */
#include "tracer.h"

static const char PRELOAD[] = "LD_PRELOAD=", TRACE[] = "TITER_TRACE=", FOLDER[] = "TITER_TRACE_PYTHONPATH=";
static const char CHILD[] = "TITER_CHILD=", PATH[] = "PYTHONPATH=", ASAN[] = "ASAN_OPTIONS=", ORDER[] = "verify_asan_link_order=0";
static const char PROFILE[] = "LLVM_PROFILE_FILE=";
enum { OURS = 7 };

extern char **environ __attribute__((weak));
extern char **__environ __attribute__((weak));

static char ***variable(void) { return &environ ? &environ : &__environ ? &__environ : NULL; }

char *const *environment_now(void) { return variable() ? *variable() : NULL; }

/* `text` without the items equal to `item`, written to `out`; the length. */
static size_t without(char *out, const char *text, const char *item) {
    size_t length = 0, own = length_of(item);
    while (*text) {
        size_t size = 0;
        while (text[size] && text[size] != ':' && text[size] != ' ') size++;
        if (size && !(size == own && same(text, item, size))) {
            if (length) out[length++] = ':';
            /* Moved down, never up: `out` may be `text`. */
            for (size_t i = 0; i < size; i++) out[length + i] = text[i];
            length += size;
        }
        text += size + (text[size] != 0);
    }
    return length;
}

/* An upper bound of what environment_for_child writes. */
size_t environment_room(char *const *list) {
    size_t count = 0, bytes = 0;
    for (; list && list[count]; count++) {
        const char *entry = list[count];
        if (begins(entry, PRELOAD) || begins(entry, PATH) || begins(entry, ASAN))
            bytes += length_of(entry) + sizeof ORDER + length_of(tracer.library) + 8 +
                     (tracer.python ? length_of(tracer.python) : 0);
    }
    bytes += tracer.profile ? sizeof PROFILE + length_of(tracer.profile) : 0;
    bytes += length_of(tracer.library) + length_of(tracer.tail) + 2 * (tracer.python ? length_of(tracer.python) : 0);
    return (count + OURS + 1) * sizeof(char *) + bytes + 256;
}

static char *put_window(char *out) {
    uint64_t window = __atomic_load_n(&tracer.window, RELAXED);
    out += put_number(out, (uint32_t)(window >> 32));
    *out++ = '-';
    return out + put_number(out, (uint32_t)window);
}

/* theirs:ours */
static char *put_preload(char *out, const char *theirs) {
    out = put(out, PRELOAD, sizeof PRELOAD - 1);
    size_t length = without(out, theirs, tracer.library);
    out += length;
    if (length) *out++ = ':';
    out = put(out, tracer.library, length_of(tracer.library));
    *out++ = 0;
    return out;
}

static char *put_asan(char *out, const char *theirs) {
    out = put(out, ASAN, sizeof ASAN - 1);
    size_t length = length_of(theirs), own = sizeof ORDER - 1;
    out = put(out, theirs, length);
    if (length < own || !same(theirs + length - own, ORDER, own)) {
        if (length) *out++ = ':';
        out = put(out, ORDER, own);
    }
    *out++ = 0;
    return out;
}

/* ours:theirs; an empty one would become an item that means the working folder. */
static char *put_path(char *out, const char *theirs) {
    size_t own = length_of(tracer.python);
    out = put(out, PATH, sizeof PATH - 1);
    out = put(out, tracer.python, own);
    if (begins(theirs, tracer.python) && (theirs[own] == ':' || !theirs[own])) theirs += own + (theirs[own] == ':');
    if (*theirs) {
        *out++ = ':';
        out = put(out, theirs, length_of(theirs));
    }
    *out++ = 0;
    return out;
}

/* What a program's list becomes for a child that is to be traced; `room` has environment_room bytes. */
char **environment_for_child(char *const *list, char *room) {
    size_t count = 0, kept = 0;
    bool preload = false, asan = false, path = false, profile = false;
    while (list && list[count]) count++;
    char **out = (char **)room;
    char *text = room + (count + OURS + 1) * sizeof(char *);
    for (size_t i = 0; i < count; i++) {
        char *entry = list[i];
        if (begins(entry, TRACE) || begins(entry, FOLDER) || begins(entry, CHILD)) continue;
        out[kept++] = text;
        profile |= begins(entry, PROFILE);
        if (begins(entry, PRELOAD)) {
            text = put_preload(text, entry + sizeof PRELOAD - 1);
            preload = true;
        } else if (begins(entry, ASAN)) {
            text = put_asan(text, entry + sizeof ASAN - 1);
            asan = true;
        } else if (begins(entry, PATH) && tracer.python) {
            text = put_path(text, entry + sizeof PATH - 1);
            path = true;
        } else {
            out[kept - 1] = entry;
        }
    }
    if (!preload) out[kept++] = text, text = put_preload(text, "");
    if (!asan) out[kept++] = text, text = put_asan(text, "");
    if (tracer.profile && !profile) {
        out[kept++] = text;
        text = put(text, PROFILE, sizeof PROFILE - 1);
        text = put(text, tracer.profile, length_of(tracer.profile) + 1);
    }
    if (tracer.python) {
        if (!path) out[kept++] = text, text = put_path(text, "");
        out[kept++] = text;
        text = put(text, FOLDER, sizeof FOLDER - 1);
        text = put(text, tracer.python, length_of(tracer.python) + 1);
        out[kept++] = text;
        text = put_window(put(text, CHILD, sizeof CHILD - 1));
        *text++ = 0;
    }
    out[kept++] = text;
    text = put_window(put(text, TRACE, sizeof TRACE - 1));
    *text++ = '\n';
    put(text, tracer.tail, length_of(tracer.tail) + 1);
    out[kept] = NULL;
    return out;
}

/* Whether the Python that starts here will run our sitecustomize: not with -I, -E or -S in front of what it runs. */
static bool python_listens(void) {
    char line[PATH_ROOM];
    if (!somebody_defines("Py_BytesMain") && !somebody_defines("Py_Main")) return false;
    long file = RAW(SYS_openat, AT_FDCWD, "/proc/self/cmdline", O_CLOEXEC);
    if (file < 0) return false;
    long size = RAW(SYS_read, file, line, sizeof line - 1);
    RAW(SYS_close, file);
    if (size < 0) return false;
    line[size] = 0;
    const char *end = line + size, *word = line + length_of(line) + 1;
    while (word < end && word[0] == '-' && word[1]) {
        const char *next = word + length_of(word) + 1;
        if (word[1] == '-') {
            if (!word[2]) return true;
            word = begins(word, "--check-hash-based-pycs") && next < end ? next + length_of(next) + 1 : next;
            continue;
        }
        for (const char *letter = word + 1; *letter; letter++) {
            if (*letter == 'I' || *letter == 'E' || *letter == 'S') return false;
            if (*letter == 'c' || *letter == 'm') return true;
            if (*letter == 'W' || *letter == 'X') {
                if (!letter[1] && next < end) next += length_of(next) + 1;
                break;
            }
        }
        word = next;
    }
    return true;
}

/* Entry without our part; NULL if nothing of the user's is left. */
static char *stripped(char *entry, bool python_stays) {
    static char asan[1024];
    if (begins(entry, TRACE) || begins(entry, FOLDER)) return NULL;
    if (begins(entry, CHILD)) return python_stays ? entry : NULL;
    if (begins(entry, PRELOAD)) {
        char *value = entry + sizeof PRELOAD - 1;
        value[without(value, value, tracer.library)] = 0;
        return *value ? entry : NULL;
    }
    if (begins(entry, PATH) && tracer.python && !python_stays) {
        char *value = entry + sizeof PATH - 1;
        size_t own = length_of(tracer.python);
        if (!begins(value, tracer.python) || (value[own] && value[own] != ':')) return entry;
        if (!value[own]) return NULL;
        for (const char *from = value + own + 1;; from++) {
            *value++ = *from;
            if (!*from) return entry;
        }
    }
    if (begins(entry, ASAN)) {
        /* Not in its place: ASan reads the text that the kernel was given, and may do so later. */
        size_t length = length_of(entry), own = sizeof ORDER - 1;
        if (length < own || !same(entry + length - own, ORDER, own) || length >= sizeof asan) return entry;
        length -= own;
        if (entry[length - 1] == '=') return NULL;
        if (entry[length - 1] != ':') return entry;
        put(asan, entry, length - 1);
        return asan;
    }
    return entry;
}

void environment_strip(void) {
    char **list = variable() ? *variable() : NULL;
    bool python_stays = tracer.python && python_listens();
    size_t kept = 0;
    for (size_t i = 0; list && list[i]; i++) {
        char *entry = stripped(list[i], python_stays);
        if (entry) list[kept++] = entry;
    }
    if (list) list[kept] = NULL;
}

/* `system` and `popen` start a shell with libc's own list: it is lent one that holds our variables, for as long as the call lasts. */
static struct {
    uint32_t locked;
    uint32_t borrowers;
    char **own, **lent;
    char *room;
    size_t size;
} loan;

static void lock(void) {
    while (__atomic_exchange_n(&loan.locked, 1, __ATOMIC_ACQUIRE)) RAW(SYS_sched_yield, 0);
}
static void unlock(void) { __atomic_store_n(&loan.locked, 0, __ATOMIC_RELEASE); }

void environment_lend(void) {
    if (!tracer.configured || !variable()) return;
    lock();
    if (loan.borrowers++ == 0) {
        size_t need = environment_room(*variable());
        if (need > loan.size) {
            /* The old one is left where it is: another thread may be reading it. */
            long room = RAW(SYS_mmap, 0, need * 2, 3, 0x22, -1, 0);
            loan.size = room > 0 ? need * 2 : 0;
            loan.room = room > 0 ? (char *)room : NULL;
        }
        loan.lent = NULL;
        if (loan.room) {
            loan.own = *variable();
            loan.lent = environment_for_child(loan.own, loan.room);
            *variable() = loan.lent;
        }
    }
    unlock();
}

/* A list that setenv has copied in the meantime stays; only our entries in it go. */
static void take_back(char **list) {
    size_t kept = 0;
    for (size_t i = 0; list[i]; i++) {
        char *entry = list[i];
        if (entry >= loan.room && entry < loan.room + loan.size) {
            size_t name = 0;
            while (entry[name] && entry[name] != '=') name++;
            entry = NULL;
            for (char **own = loan.own; own && *own; own++) {
                if (same(*own, list[i], name + 1)) entry = *own;
            }
        }
        if (entry) list[kept++] = entry;
    }
    list[kept] = NULL;
}

static void end_loan(void) {
    if (!loan.lent) return;
    if (*variable() == loan.lent) {
        *variable() = loan.own;
    } else if (*variable()) {
        take_back(*variable());
    }
    loan.lent = NULL;
}

void environment_back(void) {
    if (!tracer.configured || !variable()) return;
    lock();
    if (loan.borrowers && --loan.borrowers == 0) end_loan();
    unlock();
}

/* The thread that borrowed is not in the child. */
void environment_forked(void) {
    loan.locked = 0;
    if (loan.borrowers) {
        loan.borrowers = 0;
        end_loan();
    }
}
