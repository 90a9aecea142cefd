/* From what a program passed to the kernel to an absolute path inside a root, or to nothing. */
#include "tracer.h"

/* Folders whose content lock files and fingerprints speak for. */
static bool skipped(const char *path, size_t length, const struct root *root) {
    size_t at = root->length;
    for (bool first = true; at < length; first = false) {
        const char *name = path + ++at;
        size_t size = 0;
        while (at < length && path[at] != '/') at++, size++;
        if (size == 4 && same(name, ".git", 4)) return true;
        if (size == 12 && same(name, "node_modules", 12)) return true;
        if (first && root->cargo && size == 6 && same(name, "target", 6)) return true;
    }
    return false;
}

bool inside(const char *path, size_t length, const struct root **found) {
    for (int i = 0; i < tracer.root_count; i++) {
        const struct root *root = &tracer.roots[i];
        if (length < root->length || !same(path, root->text, root->length)) continue;
        if (length > root->length && path[root->length] != '/') continue;
        *found = root;
        return true;
    }
    return false;
}

/* What git itself keeps of the root's repository changes with every commit: that it was looked at is one fact, whatever was. */
static bool repository(enum kind kind, const char *path, size_t length, const struct root *root) {
    size_t end = root->length + 5;
    if (length < end || !same(path + root->length, "/.git", 5) || (length > end && path[end] != '/')) return false;
    if (kind == LISTED || kind == WALKED) record_once(LISTED, path, end);
    if (kind == READ || kind == UPDATED) record_once(READ, path, end);
    return true;
}

static void note_clean(enum kind kind, const char *path, size_t length) {
    const struct root *root;
    if (!inside(path, length, &root) || repository(kind, path, length, root)) return;
    if (!skipped(path, length, root)) record_once(kind, path, length);
}

/* Where a descriptor leads, remembered until the descriptor means another folder. Device, inode and birth tell: a number of an
 * inode is given again at once, its time of birth is not. A slot being written (odd) is not read. */
enum { DESCRIPTORS = 64, REMEMBERED = 440 };
struct remembered {
    uint32_t version;
    int descriptor;
    uint64_t device, inode, birth, length;
    char path[REMEMBERED];
};
static struct remembered descriptors[DESCRIPTORS];
static uint32_t forgotten; /* counts renames and removals; part of what has to agree, kept in `birth` */

struct statx_facts { uint32_t words[64]; };

static bool identity(int descriptor, uint64_t *device, uint64_t *inode, uint64_t *birth) {
    struct statx_facts new;
    *birth = __atomic_load_n(&forgotten, RELAXED);
    if (RAW(SYS_statx, descriptor, "", AT_EMPTY_PATH, 0x100 | 0x800, &new) == 0) {
        *device = (uint64_t)new.words[34] << 32 | new.words[35];
        *inode = (uint64_t)new.words[9] << 32 | new.words[8];
        *birth = (*birth << 56) ^ ((uint64_t)new.words[20] << 30) ^ new.words[22];
        return true;
    }
    struct file_facts old;
    if (RAW(SYS_fstat, descriptor, &old) < 0) return false;
    *device = facts_device(&old);
    *inode = facts_inode(&old);
    return true;
}

/* Said once in a window. */
static void unseen(const char *reason) {
    static uint64_t said = ~0ull;
    uint64_t window = __atomic_load_n(&tracer.window, RELAXED);
    if (__atomic_exchange_n(&said, window, RELAXED) != window) record(OPAQUE, reason, length_of(reason));
}

void forget_descriptors(void) { __atomic_fetch_add(&forgotten, 1, RELAXED); }

/* Length of the path, not terminated; -1 if the descriptor has none. */
static long descriptor_path(char *out, int descriptor) {
    uint64_t device, inode, birth;
    if (descriptor < 0 || !identity(descriptor, &device, &inode, &birth)) return -1;
    struct remembered *slot = &descriptors[descriptor % DESCRIPTORS];
    uint32_t version = __atomic_load_n(&slot->version, __ATOMIC_ACQUIRE);
    if (version % 2 == 0 && slot->descriptor == descriptor && slot->device == device && slot->inode == inode &&
        slot->birth == birth && slot->length) {
        size_t length = slot->length < REMEMBERED ? slot->length : REMEMBERED;
        put(out, slot->path, length);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (__atomic_load_n(&slot->version, RELAXED) == version) return (long)length;
    }
    char link[32] = "/proc/self/fd/";
    link[14 + put_number(link + 14, (uint32_t)descriptor)] = 0;
    long length = RAW(SYS_readlinkat, AT_FDCWD, link, out, PATH_ROOM - 1);
    if (length < 0) {
        /* No /proc, or a process that may not look at itself: what is relative to a descriptor goes unseen. */
        unseen("a descriptor whose path the kernel does not tell");
        return -1;
    }
    if (length == 0 || length >= PATH_ROOM - 1 || out[0] != '/') return -1;
    if (length > 10 && same(out + length - 10, " (deleted)", 10)) return -1;
    version &= ~1u;
    if (length <= REMEMBERED &&
        __atomic_compare_exchange_n(&slot->version, &version, version + 1, false, __ATOMIC_ACQUIRE, RELAXED)) {
        slot->descriptor = descriptor;
        slot->device = device;
        slot->inode = inode;
        slot->birth = birth;
        slot->length = (uint64_t)length;
        put(slot->path, out, (size_t)length);
        __atomic_store_n(&slot->version, version + 2, __ATOMIC_RELEASE);
    }
    return length;
}

/* `..` behind a symbolic link leads to where the link leads, not to where it lies. */
static long before(char *out, long length) {
    char one;
    out[length] = 0;
    if (length && RAW(SYS_readlinkat, AT_FDCWD, out, &one, 1) > 0) {
        long folder = RAW(SYS_openat, AT_FDCWD, out, O_PATH | O_CLOEXEC);
        if (folder >= 0) {
            char link[32] = "/proc/self/fd/";
            link[14 + put_number(link + 14, (uint32_t)folder)] = 0;
            long real = RAW(SYS_readlinkat, AT_FDCWD, link, out, PATH_ROOM - 1);
            RAW(SYS_close, folder);
            if (real > 0 && out[0] == '/') length = real;
        }
    }
    while (length && out[--length] != '/') {}
    return length;
}

/* The absolute path without dots, terminated, and its length; -1 if there is none or it is longer than a path may be. */
long absolute(char *out, int folder, const char *path) {
    long length = 0;
    if (path[0] != '/') {
        if (folder == AT_FDCWD) {
            length = RAW(SYS_getcwd, out, PATH_ROOM) - 1;
            if (length + 1 == -ERANGE || length + 1 == -ENAMETOOLONG) unseen("a working folder whose path is too long");
        } else {
            length = descriptor_path(out, folder);
        }
        if (length < 0 || out[0] != '/') return -1;
        if (length == 1) length = 0;
    }
    while (*path) {
        size_t size = 0;
        while (path[size] && path[size] != '/') size++;
        if (size == 2 && path[0] == '.' && path[1] == '.') {
            length = before(out, length);
        } else if (size && !(size == 1 && path[0] == '.')) {
            if ((size_t)length + 1 + size >= PATH_ROOM) {
                /* The kernel allows a longer one if it begins in a deep working folder. */
                if (length_of(path) < PATH_ROOM) unseen("a path that is too long");
                return -1;
            }
            out[length] = '/';
            put(out + length + 1, path, size);
            length += 1 + (long)size;
        }
        path += size;
        if (*path) path++;
    }
    if (length == 0) out[length++] = '/';
    out[length] = 0;
    return length;
}

/* On its own, so that the usual call does not pay for the buffer. */
__attribute__((noinline)) static void note_built(enum kind kind, int folder, const char *path) {
    char built[PATH_ROOM + 8];
    long length = absolute(built, folder, path);
    if (length > 0) note_clean(kind, built, (size_t)length);
}

/* No empty and no dot component: the text can be taken as it is. */
static bool is_clean(const char *path, size_t *length) {
    size_t at = 0;
    for (; path[at]; at++) {
        if (path[at] != '/') continue;
        char next = path[at + 1];
        if (next == '/' || next == 0) return false;
        if (next == '.') {
            char second = path[at + 2];
            if (second == '/' || second == 0) return false;
            if (second == '.' && (path[at + 3] == '/' || path[at + 3] == 0)) return false;
        }
    }
    *length = at;
    return true;
}

void note(enum kind kind, int folder, const char *path) {
    size_t length;
    if (!tracer.on || !path || !path[0]) return;
    if (path[0] == '/' && is_clean(path, &length)) {
        if (length < PATH_ROOM) note_clean(kind, path, length);
        return;
    }
    note_built(kind, folder, path);
}

__attribute__((noinline)) void note_descriptor(enum kind kind, int descriptor) {
    char path[PATH_ROOM + 8];
    if (!tracer.on) return;
    long length = descriptor_path(path, descriptor);
    if (length > 0) note_clean(kind, path, (size_t)length);
}

/* dir/window/OWNER-NUMBER, or dir/window/- for none. */
static bool window_set(const char *path) {
    if (!same(path, tracer.magic, tracer.magic_length)) return false;
    const char *name = path + tracer.magic_length;
    uint32_t owner = 0, number = 0;
    if (name[0] != '-' || name[1]) {
        name = get_number(name, &owner);
        if (!name || *name != '-') return false;
        name = get_number(name + 1, &number);
        if (!name || *name) return false;
    }
    objects_loaded(); /* they belong to the window that ends here */
    __atomic_store_n(&tracer.window, (uint64_t)owner << 32 | number, RELAXED);
    record(WINDOW, "", 0);
    return true;
}

/* A call that failed says something, too. True: it was the magic path, and the answer has to be success. */
bool failure(int folder, const char *path) {
    if (!tracer.on || !path) return false;
    switch (error_now()) {
    case ENOENT:
        if (path[0] == '/' && begins(path, tracer.magic) && window_set(path)) return true;
        note(ABSENT, folder, path);
        return false;
    case ENOTDIR:
        /* Either it is there and no folder, or something above it is none. */
        note(RAW(SYS_faccessat, folder, path, 0) == 0 ? STAT : ABSENT, folder, path);
        return false;
    case EPERM: case EACCES: case EEXIST: case EISDIR: case ELOOP: case ENXIO: case ETXTBSY: case EROFS: case EOVERFLOW:
    case ENOTEMPTY: case EXDEV: case EINVAL:
        note(STAT, folder, path);
        return false;
    default:
        return false;
    }
}

/* For calls that answer -1 (or NULL, passed as -1) when they fail. */
void note_result(long result, enum kind kind, int folder, const char *path) {
    if (result < 0) {
        failure(folder, path);
    } else {
        note(kind, folder, path);
    }
}

bool is_folder(int folder, const char *path) {
    struct file_facts facts;
    if (RAW(SYS_newfstatat, folder, path, &facts, AT_SYMLINK_NOFOLLOW) < 0) return false;
    return (facts_mode(&facts) & S_IFMT) == S_IFDIR;
}
