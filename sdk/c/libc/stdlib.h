/* What of C's library the generated bindings call: the allocator of src/memory.c.
 *
 * A policy has no libc. Where a name is missing here, it is missing on purpose. */
#ifndef WARDEN_STDLIB_H
#define WARDEN_STDLIB_H

#include <stddef.h>

void *malloc(size_t bytes);
void *calloc(size_t count, size_t bytes);
void *realloc(void *old, size_t bytes);
void free(void *old);
_Noreturn void abort(void);

#endif
