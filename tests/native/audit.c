/* For the tests: a module that listens as ValkeyAudit does, and has its name.
 *
 * In: every command, by a command filter; every log-in, by a callback that declines; from 9.1
 * on how commands and log-ins ended, by events. Out: nothing but `audit.heard`, which tells how
 * often each of them was called; `audit.later KEY`, which increments the key by itself, a moment
 * after it answered, and `audit.allow NAME`, which makes an ACL user in the same way; and
 * `AUDIT.LOUD KEY`, whose name is in capitals. It declares the little it needs of the module API itself.
 */
#include <stdint.h>
#include <stdio.h>

#define NOT_HANDLED 1

struct event {
    uint64_t id, version;
};

typedef int (*Command)(void *ctx, void **argv, int argc);
typedef int (*Auth)(void *ctx, void *name, void *password, void **error);
typedef void (*Listener)(void *ctx, struct event event, uint64_t detail, void *data);

static int (*get_api)(const char *name, void *function);
static void (*set_attributes)(void *ctx, const char *name, int version, int api);
static int (*create_command)(void *ctx, const char *name, Command run, const char *flags, int first, int last,
                             int step);
static int (*reply)(void *ctx, const char *text);
static void (*register_auth)(void *ctx, Auth callback);
static void *(*register_filter)(void *ctx, void (*filter)(void *words), int flags);
static uint64_t (*create_timer)(void *ctx, long long milliseconds, void (*run)(void *ctx, void *data), void *data);
static void *(*call)(void *ctx, const char *command, const char *format, ...);
static void (*free_reply)(void *reply);
static void (*retain)(void *ctx, void *string);
static void (*release)(void *ctx, void *string);
static int (*subscribe)(void *ctx, struct event event, Listener listener);

/* A client came or went; a log-in was decided; a command ended well, badly, was rejected, denied. */
static const uint64_t events[] = {4, 18, 20, 21, 22, 23};
enum { EVENTS = sizeof(events) / sizeof(events[0]), MOST = 64 };

static unsigned long filtered, asked, told[MOST];

static void filter(void *words) {
    (void)words;
    filtered++;
}

static int decline(void *ctx, void *name, void *password, void **error) {
    (void)ctx;
    (void)name;
    (void)password;
    (void)error;
    asked++;
    return NOT_HANDLED;
}

static void hear(void *ctx, struct event event, uint64_t detail, void *data) {
    (void)ctx;
    (void)detail;
    (void)data;
    if (event.id < MOST) told[event.id]++;
}

static int tell(void *ctx, void **argv, int argc) {
    (void)argv;
    (void)argc;
    char text[256];
    snprintf(text, sizeof text, "filtered=%lu asked=%lu clients=%lu logins=%lu ended=%lu", filtered, asked, told[4],
             told[18], told[20] + told[21] + told[22] + told[23]);
    return reply(ctx, text);
}

static void increment(void *ctx, void *key) {
    void *answer = call(ctx, "INCR", "s", key);
    if (answer != NULL) free_reply(answer);
    release(NULL, key);
}

static void make(void *ctx, void *name) {
    void *answer = call(ctx, "ACL", "csc", "SETUSER", name, "on");
    if (answer != NULL) free_reply(answer);
    release(NULL, name);
}

static int allow(void *ctx, void **argv, int argc) {
    if (argc != 2) return reply(ctx, "one name");
    retain(NULL, argv[1]);
    create_timer(ctx, 20, make, argv[1]);
    return reply(ctx, "OK");
}

static int loud(void *ctx, void **argv, int argc) {
    (void)argv;
    (void)argc;
    return reply(ctx, "OK");
}

static int later(void *ctx, void **argv, int argc) {
    if (argc != 2) return reply(ctx, "one key");
    retain(NULL, argv[1]);
    create_timer(ctx, 20, increment, argv[1]);
    return reply(ctx, "OK");
}

int ValkeyModule_OnLoad(void *ctx, void **argv, int argc) {
    (void)argv;
    (void)argc;
    get_api = *(int (**)(const char *, void *))ctx;
    get_api("ValkeyModule_SetModuleAttribs", &set_attributes);
    get_api("ValkeyModule_CreateCommand", &create_command);
    get_api("ValkeyModule_ReplyWithSimpleString", &reply);
    get_api("ValkeyModule_RegisterAuthCallback", &register_auth);
    get_api("ValkeyModule_RegisterCommandFilter", &register_filter);
    get_api("ValkeyModule_SubscribeToServerEvent", &subscribe);
    get_api("ValkeyModule_CreateTimer", &create_timer);
    get_api("ValkeyModule_Call", &call);
    get_api("ValkeyModule_FreeCallReply", &free_reply);
    get_api("ValkeyModule_RetainString", &retain);
    get_api("ValkeyModule_FreeString", &release);
    set_attributes(ctx, "audit", 1, 1);
    if (create_command(ctx, "audit.heard", tell, "admin", 0, 0, 0) != 0) return 1;
    if (create_command(ctx, "audit.later", later, "write", 1, 1, 1) != 0) return 1;
    if (create_command(ctx, "audit.allow", allow, "admin", 0, 0, 0) != 0) return 1;
    if (create_command(ctx, "AUDIT.LOUD", loud, "write", 1, 1, 1) != 0) return 1;
    if (register_filter(ctx, filter, 0) == NULL) return 1;
    register_auth(ctx, decline);
    for (int number = 0; number < EVENTS; number++) {
        const struct event event = {events[number], 1};
        /* 8.0 does not know most of them. */
        (void)subscribe(ctx, event, hear);
    }
    return 0;
}

int ValkeyModule_OnUnload(void *ctx) {
    (void)ctx;
    return 0;
}
