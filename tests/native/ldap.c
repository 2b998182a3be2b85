/* For the tests: a module that answers AUTH as valkey-ldap does, and has its name.
 *
 * In: `ldap.people`, the directory: `NAME:PASSWORD` with spaces between; settings of
 * valkey-ldap's that are only kept, to be read back with CONFIG GET. Out: a client whose name
 * and password are there becomes the ACL user of that name, after it was blocked for a while
 * on a thread of its own. Anybody else is not handled, which leaves them to the module that
 * registered before and then to the server; with `ldap.return_auth_errors yes`, and where there
 * is no such ACL user, the answer is an error and nobody else is asked. `ldap.asked` tells the
 * names it was asked about. It declares the little it needs of the module API itself.
 */
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HANDLED 0
#define NOT_HANDLED 1

typedef int (*Command)(void *ctx, void **argv, int argc);
typedef int (*Auth)(void *ctx, void *name, void *password, void **error);
typedef void *(*Get)(const char *name, void *slot);
typedef int (*Set)(const char *name, void *value, void *slot, void **error);

static int (*get_api)(const char *name, void *function);
static void (*set_attributes)(void *ctx, const char *name, int version, int api);
static int (*create_command)(void *ctx, const char *name, Command run, const char *flags, int first, int last,
                             int step);
static int (*reply)(void *ctx, const char *text);
static void (*register_auth)(void *ctx, Auth callback);
static void *(*block)(void *ctx, Auth callback, void (*release)(void *ctx, void *data));
static int (*unblock)(void *blocked, void *data);
static void *(*blocked_data)(void *ctx);
static int (*become)(void *ctx, const char *name, size_t length, void *callback, void *data, void *id);
static const char *(*text_of)(void *string, size_t *length);
static void *(*make)(void *ctx, const char *text, size_t length);
static void (*retain)(void *ctx, void *string);
static void (*release_string)(void *ctx, void *string);
static int (*register_text)(void *ctx, const char *name, const char *initial, unsigned flags, Get get, Set set,
                            void *apply, void *slot);
static int (*load_settings)(void *ctx);

/* The settings: people first, then whether a no is an error. */
static const char *const names[] = {"people",         "return_auth_errors", "servers",
                                    "auth_mode",      "search_bind_dn",     "search_bind_passwd"};
enum { SETTINGS = sizeof(names) / sizeof(names[0]) };
static void *values[SETTINGS];

static char asked[4096];

static void *get(const char *name, void *slot) {
    (void)name;
    return *(void **)slot;
}

static int set(const char *name, void *value, void *slot, void **error) {
    (void)name;
    (void)error;
    if (*(void **)slot != NULL) release_string(NULL, *(void **)slot);
    retain(NULL, value);
    *(void **)slot = value;
    return 0;
}

/* Whether the directory has this name with this password. */
static int knows(const char *name, const char *password) {
    char wanted[20000], people[20000];
    snprintf(wanted, sizeof wanted, " %s:%s ", name, password);
    snprintf(people, sizeof people, " %s ", text_of(values[0], NULL));
    return strstr(people, wanted) != NULL;
}

struct question {
    void *blocked;
    int answer;
};

static void release(void *ctx, void *data) {
    (void)ctx;
    free(data);
}

/* On the main thread, when the directory has answered. */
static int answered(void *ctx, void *name, void *password, void **error) {
    (void)password;
    size_t length;
    const char *text = text_of(name, &length);
    const struct question *question = blocked_data(ctx);
    if (question->answer) {
        if (become(ctx, text, length, NULL, NULL, NULL) == 0) return HANDLED;
        *error = make(ctx, "Failed to authenticate with ACL", 31);
        return HANDLED;
    }
    if (strcmp(text_of(values[1], NULL), "yes") != 0) return NOT_HANDLED;
    *error = make(ctx, "LDAP authentication failure", 27);
    return HANDLED;
}

static void *ask(void *data) {
    usleep(20000);
    unblock(((struct question *)data)->blocked, data);
    return NULL;
}

/* Threads that have not been waited for: their last instructions are this module's, which is
 * gone once it is unloaded. */
static pthread_t threads[256];
static unsigned started, awaited;

static void await_one(void) { pthread_join(threads[awaited++ % 256], NULL); }

static int authenticate(void *ctx, void *name, void *password, void **error) {
    (void)error;
    size_t used = strlen(asked);
    snprintf(asked + used, sizeof asked - used, "%s%s", used == 0 ? "" : " ", text_of(name, NULL));
    struct question *question = malloc(sizeof *question);
    question->answer = knows(text_of(name, NULL), text_of(password, NULL));
    question->blocked = block(ctx, answered, release);
    if (started - awaited == 256) await_one();
    if (pthread_create(&threads[started++ % 256], NULL, ask, question) != 0) abort();
    return HANDLED;
}

static int tell(void *ctx, void **argv, int argc) {
    (void)argv;
    (void)argc;
    return reply(ctx, asked);
}

int ValkeyModule_OnLoad(void *ctx, void **argv, int argc) {
    (void)argv;
    (void)argc;
    get_api = *(int (**)(const char *, void *))ctx;
    get_api("ValkeyModule_SetModuleAttribs", &set_attributes);
    get_api("ValkeyModule_CreateCommand", &create_command);
    get_api("ValkeyModule_ReplyWithSimpleString", &reply);
    get_api("ValkeyModule_RegisterAuthCallback", &register_auth);
    get_api("ValkeyModule_BlockClientOnAuth", &block);
    get_api("ValkeyModule_UnblockClient", &unblock);
    get_api("ValkeyModule_GetBlockedClientPrivateData", &blocked_data);
    get_api("ValkeyModule_AuthenticateClientWithACLUser", &become);
    get_api("ValkeyModule_StringPtrLen", &text_of);
    get_api("ValkeyModule_CreateString", &make);
    get_api("ValkeyModule_RetainString", &retain);
    get_api("ValkeyModule_FreeString", &release_string);
    get_api("ValkeyModule_RegisterStringConfig", &register_text);
    get_api("ValkeyModule_LoadConfigs", &load_settings);
    set_attributes(ctx, "ldap", 1, 1);
    if (create_command(ctx, "ldap.asked", tell, "admin", 0, 0, 0) != 0) return 1;
    for (int number = 0; number < SETTINGS; number++)
        if (register_text(ctx, names[number], "", 0, get, set, NULL, &values[number]) != 0) return 1;
    if (load_settings(ctx) != 0) return 1;
    register_auth(ctx, authenticate);
    return 0;
}

int ValkeyModule_OnUnload(void *ctx) {
    (void)ctx;
    while (awaited != started) await_one();
    return 0;
}
