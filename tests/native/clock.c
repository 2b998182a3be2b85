/* For the tests: a wall clock that can be set for one process.
 *
 * In: WARDEN_TEST_CLOCK, a file of eight bytes: milliseconds to add, in the
 * machine's order. Out: the three ways a process asks for the time of day. Never:
 * another clock; what the kernel itself counts stays as it is.
 *
 * A server that loads modules with RTLD_DEEPBIND would hide these from them.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *offset_ms;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("WARDEN_TEST_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *page = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (page != MAP_FAILED) offset_ms = page;
}

static void add_offset(struct timespec *at) {
    int64_t offset = offset_ms ? *offset_ms : 0;
    int64_t nanoseconds = at->tv_nsec + offset % 1000 * 1000000;
    at->tv_sec += offset / 1000;
    if (nanoseconds < 0) {
        nanoseconds += 1000000000;
        at->tv_sec -= 1;
    } else if (nanoseconds >= 1000000000) {
        nanoseconds -= 1000000000;
        at->tv_sec += 1;
    }
    at->tv_nsec = nanoseconds;
}

int clock_gettime(clockid_t clock, struct timespec *at) {
    int status = (int)syscall(SYS_clock_gettime, clock, at);
    if (status == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) add_offset(at);
    return status;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return 0;
}

void *dlopen(const char *path, int flags) {
    void *(*real)(const char *, int);
    *(void **)&real = dlsym(RTLD_NEXT, "dlopen");
    return real(path, flags & ~RTLD_DEEPBIND);
}

time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}
