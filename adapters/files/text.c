/* Bytes and numbers; also what the compiler itself wants to call in code without a libc. */
#include "tracer.h"

/* Hidden: the program's own memcpy stays the program's. */
void *memcpy(void *to, const void *from, size_t length) {
    unsigned char *out = to;
    const unsigned char *in = from;
    for (; length >= 8; length -= 8, out += 8, in += 8) {
        uint64_t word;
        __builtin_memcpy(&word, in, 8);
        __builtin_memcpy(out, &word, 8);
    }
    while (length--) *out++ = *in++;
    return to;
}

void *memset(void *to, int byte, size_t length) {
    volatile unsigned char *out = to;
    while (length--) *out++ = (unsigned char)byte;
    return to;
}

size_t length_of(const char *text) {
    size_t length = 0;
    while (text[length]) length++;
    return length;
}

bool same(const char *a, const char *b, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (a[i] != b[i]) return false;
    }
    return true;
}

bool begins(const char *text, const char *with) {
    while (*with) {
        if (*text++ != *with++) return false;
    }
    return true;
}

size_t put_number(char *out, uint32_t number) {
    char digits[10];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + number % 10);
    } while (number /= 10);
    for (size_t i = 0; i < count; i++) out[i] = digits[count - 1 - i];
    return count;
}

/* The place behind the number, or NULL if there is none. */
const char *get_number(const char *text, uint32_t *number) {
    if (*text < '0' || *text > '9') return NULL;
    uint64_t sum = 0;
    for (; *text >= '0' && *text <= '9'; text++) {
        sum = sum * 10 + (uint64_t)(*text - '0');
        if (sum > 0xffffffff) return NULL;
    }
    *number = (uint32_t)sum;
    return text;
}

char *put(char *out, const char *text, size_t length) {
    memcpy(out, text, length);
    return out + length;
}
