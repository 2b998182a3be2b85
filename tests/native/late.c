/* For the tests: a second module, which comes and goes while others are at work.
 *
 * In: load arguments; with any, `late.read` is an administrator's command too.
 * Out: two commands that answer OK. It declares the little it needs of the module
 * API itself, so that no header has to be found.
 */
#include <stddef.h>

typedef int (*Command)(void *ctx, void **argv, int argc);

static int (*get_api)(const char *name, void *function);
static void (*set_attributes)(void *ctx, const char *name, int version, int api);
static int (*create_command)(void *ctx, const char *name, Command run, const char *flags, int first, int last,
                             int step);
static void *(*get_command)(void *ctx, const char *name);
static int (*set_categories)(void *command, const char *categories);
static int (*reply)(void *ctx, const char *text);

static int answer_ok(void *ctx, void **argv, int argc) {
    (void)argv;
    (void)argc;
    return reply(ctx, "OK");
}

static int add(void *ctx, const char *name, const char *flags, const char *categories) {
    if (create_command(ctx, name, answer_ok, flags, 0, 0, 0) != 0) return 1;
    return set_categories(get_command(ctx, name), categories);
}

int ValkeyModule_OnLoad(void *ctx, void **argv, int argc) {
    (void)argv;
    get_api = *(int (**)(const char *, void *))ctx;
    get_api("ValkeyModule_SetModuleAttribs", &set_attributes);
    get_api("ValkeyModule_CreateCommand", &create_command);
    get_api("ValkeyModule_GetCommand", &get_command);
    get_api("ValkeyModule_SetCommandACLCategories", &set_categories);
    get_api("ValkeyModule_ReplyWithSimpleString", &reply);
    set_attributes(ctx, "late", 1, 1);
    if (add(ctx, "late.read", "readonly fast", argc == 0 ? "read fast" : "admin dangerous") != 0) return 1;
    return add(ctx, "late.admin", "admin", "admin dangerous");
}

int ValkeyModule_OnUnload(void *ctx) {
    (void)ctx;
    return 0;
}
