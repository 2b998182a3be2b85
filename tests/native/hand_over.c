/* For the benches: a module that hands every AUTH to a thread, which decides nothing.
 *
 * In: any name and password; at load, for how many nanoseconds of processor time the thread
 * keeps itself busy with each. Out: the client becomes the ACL user of that name, after it was
 * blocked while one of two threads that wait for such work took it, was busy and gave it back.
 * What this costs, no module can save that keeps verification from the main thread. It
 * declares the little it needs of the module API itself.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define HANDLED 0

enum { THREADS = 2, ROOM = 65536 };

typedef int (*Auth)(void *ctx, void *name, void *password, void **error);

static int (*get_api)(const char *name, void *function);
static void (*set_attributes)(void *ctx, const char *name, int version, int api);
static void (*register_auth)(void *ctx, Auth callback);
static void *(*block)(void *ctx, Auth callback, void (*release)(void *ctx, void *data));
static int (*unblock)(void *blocked, void *data);
static int (*become)(void *ctx, const char *name, size_t length, void *callback, void *data, void *id);
static const char *(*text_of)(void *string, size_t *length);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t some = PTHREAD_COND_INITIALIZER;
static void *waiting[ROOM];
static size_t first, count;
static long long busy_ns;

static long long processor_time(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void *work(void *nothing) {
    /* As warden's workers: the main thread goes first. Of this thread alone, on Linux. */
    setpriority(PRIO_PROCESS, (id_t)gettid(), 10);
    for (;;) {
        pthread_mutex_lock(&lock);
        while (count == 0) pthread_cond_wait(&some, &lock);
        void *blocked = waiting[first];
        first = (first + 1) % ROOM;
        count--;
        pthread_mutex_unlock(&lock);
        for (long long until = processor_time() + busy_ns; processor_time() < until;) continue;
        unblock(blocked, NULL);
    }
    return nothing;
}

static int answered(void *ctx, void *name, void *password, void **error) {
    (void)password;
    (void)error;
    size_t length;
    const char *text = text_of(name, &length);
    return become(ctx, text, length, NULL, NULL, NULL);
}

static int authenticate(void *ctx, void *name, void *password, void **error) {
    (void)name;
    (void)password;
    (void)error;
    void *blocked = block(ctx, answered, NULL);
    pthread_mutex_lock(&lock);
    if (count == ROOM) abort();
    waiting[(first + count) % ROOM] = blocked;
    count++;
    pthread_mutex_unlock(&lock);
    pthread_cond_signal(&some);
    return HANDLED;
}

int ValkeyModule_OnLoad(void *ctx, void **argv, int argc) {
    get_api = *(int (**)(const char *, void *))ctx;
    get_api("ValkeyModule_SetModuleAttribs", &set_attributes);
    get_api("ValkeyModule_RegisterAuthCallback", &register_auth);
    get_api("ValkeyModule_BlockClientOnAuth", &block);
    get_api("ValkeyModule_UnblockClient", &unblock);
    get_api("ValkeyModule_AuthenticateClientWithACLUser", &become);
    get_api("ValkeyModule_StringPtrLen", &text_of);
    if (argc != 1) return 1;
    busy_ns = atoll(text_of(argv[0], &(size_t){0}));
    set_attributes(ctx, "hand_over", 1, 1);
    register_auth(ctx, authenticate);
    for (int number = 0; number < THREADS; number++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, work, NULL) != 0) return 1;
        pthread_detach(thread);
    }
    return 0;
}

int ValkeyModule_OnUnload(void *ctx) {
    (void)ctx;
    return 1;
}
