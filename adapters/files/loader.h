/* What the loader tells of the objects that it has loaded (ELF, 64 bits), as far as it is read here. */
#pragma once

#include "tracer.h"

enum { SEGMENT_LOAD = 1, SEGMENT_DYNAMIC = 2, SEGMENT_NOTE = 4 };
enum {
    DYNAMIC_HASH = 4, DYNAMIC_TEXTS = 5, DYNAMIC_SYMBOLS = 6, DYNAMIC_VERSIONS = 0x6ffffff0, DYNAMIC_GNU_HASH = 0x6ffffef5,
};

struct segment {
    uint32_t type, flags;
    uint64_t offset, address, physical, size_in_file, size_in_memory, align;
};

struct loaded {
    uint64_t base;
    const char *name; /* empty: the program itself */
    const struct segment *segments;
    uint16_t count;
    uint64_t added, removed; /* objects so far: the same numbers mean the same objects */
};

extern int dl_iterate_phdr(int (*each)(struct loaded *, size_t, void *), void *data) __attribute__((weak));

void find_reals(void);
