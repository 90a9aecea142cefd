/* The functions behind the hooks: the next definition in the order in which the loader searches. Looked up here and not with dlsym,
 * which allocates when a name is missing, lies in a library of its own before glibc 2.34, and would tie this file to that version. */
#include "tracer.h"
#include "loader.h"

struct wanted {
    const char *name;
    uint32_t other;
    char answer;
};
static const struct wanted names[NAME_COUNT] = {
#define WANTED(name, other, answer) {#name, R_##other, #answer[0]},
    NAMES(WANTED)
#undef WANTED
};

void *reals[NAME_COUNT];
static uint32_t hashes[NAME_COUNT];
bool ready;

static long missing_answer(void) { return fail_with(ENOSYS); }
static void *missing_nothing(void) {
    fail_with(ENOSYS);
    return NULL;
}

struct symbol {
    uint32_t name;
    unsigned char info, other;
    uint16_t section;
    uint64_t value, size;
};

struct object {
    uint64_t base;
    const char *texts;
    const struct symbol *symbols;
    const uint16_t *versions;
    const uint32_t *gnu, *sysv;
};

static uint32_t gnu_hash(const char *name) {
    uint32_t hash = 5381;
    while (*name) hash = hash * 33 + (unsigned char)*name++;
    return hash;
}

static bool equal(const char *a, const char *b) {
    while (*a && *a == *b) a++, b++;
    return *a == *b;
}

/* glibc has relocated the entries of the table, musl has not. */
static const void *place(const struct loaded *info, uint64_t value) {
    return (const void *)(value < info->base ? info->base + value : value);
}

static bool object_of(const struct loaded *info, struct object *object) {
    const struct segment *segment = info->segments;
    memset(object, 0, sizeof *object);
    object->base = info->base;
    for (int i = 0; i < info->count; i++) {
        if (segment[i].type != SEGMENT_DYNAMIC) continue;
        for (const uint64_t *entry = (const uint64_t *)(info->base + segment[i].address); entry[0]; entry += 2) {
            const void *at = place(info, entry[1]);
            if (entry[0] == DYNAMIC_TEXTS) object->texts = at;
            if (entry[0] == DYNAMIC_SYMBOLS) object->symbols = at;
            if (entry[0] == DYNAMIC_VERSIONS) object->versions = at;
            if (entry[0] == DYNAMIC_GNU_HASH) object->gnu = at;
            if (entry[0] == DYNAMIC_HASH) object->sysv = at;
        }
    }
    return object->texts && object->symbols && (object->gnu || object->sysv);
}

/* 2: the version that new programs are linked with; 1: an older one, which only old programs get; 0: not this. */
static int rank(const struct object *object, uint32_t at, const char *name) {
    const struct symbol *symbol = &object->symbols[at];
    int type = symbol->info & 15, bind = symbol->info >> 4;
    /* A function whose address a resolver would choose is not called through here. */
    if (!symbol->section || !symbol->value || type > 2 || (bind != 1 && bind != 2)) return 0;
    if (!equal(object->texts + symbol->name, name)) return 0;
    return object->versions && object->versions[at] & 0x8000 ? 1 : 2;
}

static void *found_in(const struct object *object, const char *name, uint32_t hash) {
    uint32_t best = 0;
    if (object->gnu) {
        const uint32_t *table = object->gnu;
        uint32_t buckets = table[0], first = table[1], words = table[2], shift = table[3];
        const uint64_t *bloom = (const uint64_t *)(table + 4);
        if (!buckets || !words) return NULL;
        uint64_t word = bloom[hash / 64 % words];
        if (!(word >> hash % 64 & word >> (hash >> shift) % 64 & 1)) return NULL;
        const uint32_t *bucket = (const uint32_t *)(bloom + words), *chain = bucket + buckets;
        uint32_t at = bucket[hash % buckets];
        if (at < first) return NULL;
        for (;; at++) {
            uint32_t entry = chain[at - first];
            if ((entry | 1) == (hash | 1)) {
                int how = rank(object, at, name);
                if (how == 2) return (void *)(object->base + object->symbols[at].value);
                if (how == 1) best = at;
            }
            if (entry & 1) break;
        }
    } else {
        for (uint32_t at = 1; at < object->sysv[1]; at++) {
            int how = rank(object, at, name);
            if (how == 2) return (void *)(object->base + object->symbols[at].value);
            if (how == 1) best = at;
        }
    }
    return best ? (void *)(object->base + object->symbols[best].value) : NULL;
}

static bool is_ours(const struct loaded *info) {
    for (int i = 0; i < info->count; i++) {
        uint64_t from = info->base + info->segments[i].address;
        if (info->segments[i].type == SEGMENT_LOAD && (uint64_t)reals >= from && (uint64_t)reals < from + info->segments[i].size_in_memory)
            return true;
    }
    return false;
}

static int take_from(struct loaded *info, size_t size, void *data) {
    bool *behind_ours = data;
    struct object object;
    (void)size;
    if (!*behind_ours) {
        *behind_ours = is_ours(info);
        if (*behind_ours && info->name) tracer.library = info->name;
        return 0;
    }
    /* The kernel's own object has no name of ours; its table is not laid out for reading here. */
    if (!info->name || begins(info->name, "linux-") || !object_of(info, &object)) return 0;
    for (int i = 0; i < NAME_COUNT; i++) {
        if (!reals[i]) __atomic_store_n(&reals[i], found_in(&object, names[i].name, hashes[i]), RELAXED);
    }
    return 0;
}

/* May run twice at once (a signal handler, two constructors): both find the same. */
void find_reals(void) {
    bool behind_ours = false;
    for (int i = 0; i < NAME_COUNT; i++) hashes[i] = gnu_hash(names[i].name);
    if (dl_iterate_phdr) dl_iterate_phdr(take_from, &behind_ours);
    for (int i = 0; i < NAME_COUNT; i++) {
        if (!reals[i]) reals[i] = reals[names[i].other];
        if (!reals[i]) reals[i] = names[i].answer == 'N' ? (void *)missing_nothing : (void *)missing_answer;
    }
    __atomic_store_n(&ready, true, __ATOMIC_RELEASE);
}

bool is_missing(int which) { return reals[which] == (void *)missing_answer; }

static int look_for(struct loaded *info, size_t size, void *data) {
    struct object object;
    const char *name = data;
    (void)size;
    return !is_ours(info) && info->name && !begins(info->name, "linux-") && object_of(info, &object) &&
           found_in(&object, name, gnu_hash(name));
}

bool somebody_defines(const char *name) { return dl_iterate_phdr && dl_iterate_phdr(look_for, (void *)name); }
