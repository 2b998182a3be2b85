/* Memory that is taken and never given back.
 *
 * In: how many bytes. Out: zeroed memory, or a trap: the host refuses the log-in, as it
 * does when a policy takes more than `policy_memory_mb`. Every decision starts from a
 * fresh copy of the policy's memory, so there is nothing to give back in time. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_BYTES ((size_t)65536)
#define ALIGNMENT ((size_t)16)

/* Set by the linker: where its own data ends. */
extern uint8_t __heap_base;

/* Before each block: how long it is, which `realloc` must know. */
struct head {
    size_t bytes;
};

/* The first free byte; 0 before the first block. */
static uintptr_t next;

static uintptr_t aligned(uintptr_t address) {
    return (address + ALIGNMENT - 1) & ~(uintptr_t)(ALIGNMENT - 1);
}

/* Makes memory reach to this address, or traps. */
static void reach(uintptr_t end) {
    uintptr_t have = (uintptr_t)__builtin_wasm_memory_size(0) * PAGE_BYTES;
    if (end <= have) {
        return;
    }
    size_t pages = (end - have + PAGE_BYTES - 1) / PAGE_BYTES;
    if (__builtin_wasm_memory_grow(0, pages) == SIZE_MAX) {
        abort();
    }
}

void *malloc(size_t bytes) {
    if (next == 0) {
        next = (uintptr_t)&__heap_base;
    }
    uintptr_t start = aligned(next + sizeof(struct head));
    /* In 64 bits, so that no size wraps around. */
    uint64_t end = (uint64_t)start + bytes;
    if (end > UINTPTR_MAX - PAGE_BYTES) {
        abort();
    }
    reach((uintptr_t)end);
    next = (uintptr_t)end;
    ((struct head *)start - 1)->bytes = bytes;
    return (void *)start;
}

void *calloc(size_t count, size_t bytes) {
    size_t all;
    if (__builtin_mul_overflow(count, bytes, &all)) {
        abort();
    }
    /* Nothing was there before: WebAssembly's memory begins as zeroes. */
    return malloc(all);
}

void *realloc(void *old, size_t bytes) {
    if (old == NULL) {
        return malloc(bytes);
    }
    struct head *head = (struct head *)old - 1;
    if (bytes <= head->bytes) {
        return old;
    }
    void *block = malloc(bytes);
    memcpy(block, old, head->bytes);
    return block;
}

void free(void *old) {
    (void)old;
}

_Noreturn void abort(void) {
    __builtin_trap();
}

void *memcpy(void *restrict to, const void *restrict from, size_t bytes) {
    uint8_t *out = to;
    const uint8_t *in = from;
    for (size_t at = 0; at < bytes; at++) {
        out[at] = in[at];
    }
    return to;
}

void *memmove(void *to, const void *from, size_t bytes) {
    uint8_t *out = to;
    const uint8_t *in = from;
    if (out < in) {
        for (size_t at = 0; at < bytes; at++) {
            out[at] = in[at];
        }
    } else {
        for (size_t at = bytes; at > 0; at--) {
            out[at - 1] = in[at - 1];
        }
    }
    return to;
}

void *memset(void *to, int byte, size_t bytes) {
    uint8_t *out = to;
    for (size_t at = 0; at < bytes; at++) {
        out[at] = (uint8_t)byte;
    }
    return to;
}

int memcmp(const void *left, const void *right, size_t bytes) {
    const uint8_t *a = left;
    const uint8_t *b = right;
    for (size_t at = 0; at < bytes; at++) {
        if (a[at] != b[at]) {
            return a[at] < b[at] ? -1 : 1;
        }
    }
    return 0;
}

size_t strlen(const char *text) {
    size_t length = 0;
    while (text[length] != '\0') {
        length++;
    }
    return length;
}
