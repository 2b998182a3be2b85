/* Write valkey-warden policies in C.
 *
 * A policy is three functions, declared at the end of this file: what it is, what its data
 * files say, and what a verified principal may do. All others here help to write them.
 *
 * Nothing is ever freed, and nothing has to be: each decision starts from a fresh copy of
 * the policy's memory, which is thrown away after it. Text is UTF-8 and carries its length;
 * what is passed in stays where it is and is not copied unless a function says so.
 *
 * A function that returns `bool` returns false when it refuses, and then has changed
 * nothing but what its description names. */
#ifndef WARDEN_H
#define WARDEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "warden_policy.h"

/* --- Text ---------------------------------------------------------------------------- */

/* `ptr` and `len`, in bytes; not ended by a zero. */
typedef warden_policy_string_t warden_string;

/* A literal as text: WARDEN_TEXT("+@read"). */
#define WARDEN_TEXT(literal) ((warden_string){(uint8_t *)("" literal), sizeof(literal) - 1})

bool warden_equal(warden_string left, warden_string right);
bool warden_starts_with(warden_string text, warden_string beginning);
bool warden_ends_with(warden_string text, warden_string ending);

/* Where `part` first stands in `text`. False when nowhere. */
bool warden_find(warden_string text, warden_string part, size_t *at);

/* The bytes from `from` up to, and without, `to`; what lies beyond the text is left out. */
warden_string warden_slice(warden_string text, size_t from, size_t to);

/* Whether these bytes are UTF-8. What a policy hands to the host must be. */
bool warden_is_utf8(warden_string bytes);

/* One text after another, as new text: WARDEN_JOIN(WARDEN_TEXT("team:"), team). */
#define WARDEN_JOIN(...)                                                                     \
    warden_join((warden_string[]){__VA_ARGS__},                                              \
                sizeof((warden_string[]){__VA_ARGS__}) / sizeof(warden_string))
warden_string warden_join(const warden_string *parts, size_t count);

/* A number in decimal digits, as new text. */
warden_string warden_decimal(uint64_t number);

/* Takes the next line off `rest`, without its end. False when nothing is left. */
bool warden_next_line(warden_string *rest, warden_string *line);

/* Takes the next word off `rest`; spaces and tabs divide words. False when none is left. */
bool warden_next_word(warden_string *rest, warden_string *word);

/* --- Memory -------------------------------------------------------------------------- */

/* So many bytes of zeroes. Where the policy's memory ends, the log-in is refused. */
void *warden_allocate(size_t count, size_t bytes);

/* Room for one more at the end of an array of `count` that was grown by this function only;
 * where it lies now. */
void *warden_grow(void *array, size_t count, size_t bytes);

/* --- What comes in ------------------------------------------------------------------- */

typedef warden_policy_types_file_t warden_file;
typedef warden_policy_types_description_t warden_description;
typedef warden_policy_types_principal_t warden_principal;
typedef warden_policy_types_request_t warden_request;
typedef warden_policy_types_verdict_t warden_verdict;

/* The content of a data file. False when it is not UTF-8. */
bool warden_file_text(const warden_file *file, warden_string *text);

/* Who is meant by data: a group, a scope or a user, by exact name. */
typedef struct {
    enum { WARDEN_GROUP, WARDEN_SCOPE, WARDEN_USER } kind;
    warden_string name;
} warden_member;

/* Reads `group:corp/analysts`, `scope:corp/cache.read` or `user:corp/alice`. False, with
 * `why`, for what nobody could ever be: data that names nobody is a mistake. */
bool warden_member_parse(warden_string text, warden_member *member, warden_string *why);

/* Is this principal meant? A name without an authenticator means somebody only where there
 * is a single authenticator. There are no patterns. */
bool warden_member_is(const warden_member *member, const warden_principal *principal);

bool warden_in_group(const warden_principal *principal, warden_string name);
bool warden_has_scope(const warden_principal *principal, warden_string name);
bool warden_is_user(const warden_principal *principal, warden_string name);

/* A claim that `warden_describe` named, as JSON text (RFC 8259). False when it is absent. */
bool warden_claim_json(const warden_request *request, warden_string pointer,
                       warden_string *json);

/* A claim that is a JSON string, as new text. False when it is absent or anything else. */
bool warden_claim_string(const warden_request *request, warden_string pointer,
                         warden_string *value);

/* --- Rules --------------------------------------------------------------------------- */

/* Longest pattern of keys or channels, in bytes. */
#define WARDEN_MAX_PATTERN_BYTES 1024

typedef enum { WARDEN_READ, WARDEN_WRITE, WARDEN_READ_WRITE } warden_access;

/* Whether this is one permission: +get, -config|set, +@read, ~a:*, %R~a:*, %W~a:*, &news.*,
 * db=0,1, alldbs. False, with `why` in words for who wrote it. */
bool warden_rule_check(warden_string rule, warden_string *why);

/* The pattern that matches `value` and nothing else, or everything that begins with it, as
 * new text: `*`, `?`, `[`, `]` and `\` in it are escaped. False for a value that could end
 * the rule it stands in (white space, control characters, quotes, parentheses), that is
 * empty, too long or not UTF-8. */
bool warden_pattern_literal(warden_string value, warden_string *pattern);
bool warden_pattern_prefix(warden_string value, warden_string *pattern);

/* The same for a value with glob text on both sides, so that what two values reach never
 * meets: refused is also a value that holds the first character of `behind`, or the last one
 * of a `before` with wildcards; and any value where a wildcard stands right beside it, or
 * wildcards on both sides. As a place of the `Template` of the Rust SDK. */
bool warden_pattern_place(warden_string before, warden_string value, warden_string behind,
                          warden_string *pattern);

/* A grant in the making: rules that hold together, as one selector. It is given whole or not
 * at all: once a part was refused, `warden_give` gives nothing. Begin with
 * `warden_grant grant = {0};`. */
typedef struct {
    warden_policy_list_string_t rules;
    bool refused;
} warden_grant;

/* A rule by its text, which `warden_rule_check` must take. Nothing of that text may come from
 * a claim or a name as it is: `warden_pattern_literal` escapes it, and so do the functions
 * below. */
bool warden_grant_rule(warden_grant *grant, warden_string rule);

/* Keys, and channels, that are exactly `value`, or begin with it: text of anybody's. */
bool warden_grant_key(warden_grant *grant, warden_access access, warden_string value);
bool warden_grant_keys(warden_grant *grant, warden_access access, warden_string prefix);
bool warden_grant_channel(warden_grant *grant, warden_string value);
bool warden_grant_channels(warden_grant *grant, warden_string prefix);

/* A rule about keys or channels with a place for somebody's value:
 * warden_grant_place(&grant, WARDEN_TEXT("~"), department, WARDEN_TEXT(":*")). Take this where
 * each value has room of its own: `sales:eu` is refused, for it would live inside `sales`. See
 * `warden_pattern_place`. */
bool warden_grant_place(warden_grant *grant, warden_string before, warden_string value,
                        warden_string behind);

/* --- What goes out ------------------------------------------------------------------- */

/* What the host takes of one verdict; one with more refuses the log-in. */
#define WARDEN_MAX_GRANTS 64
#define WARDEN_MAX_GRANT_RULES 256
#define WARDEN_MAX_LABELS 32
#define WARDEN_MAX_LABEL_BYTES 256

/* Gives a grant. False, and nothing is given, when a part was refused or there is none. */
bool warden_give(warden_verdict *verdict, const warden_grant *grant);

/* A restriction in the making: denials, and bounds of keys, channels and databases, laid over
 * every grant of every policy. Begin with `warden_restriction restriction = {0};`. */
typedef struct {
    warden_policy_types_restriction_t restriction;
    bool refused;
} warden_restriction;

/* A denial (-@dangerous) or a bound by exact name or `literal*` (~app:*, &app.*, db=0). */
bool warden_restriction_rule(warden_restriction *restriction, warden_string rule);

/* Bounds keys, and channels, to those that begin with `prefix`: text of anybody's. */
bool warden_restriction_keys(warden_restriction *restriction, warden_access access,
                             warden_string prefix);
bool warden_restriction_channels(warden_restriction *restriction, warden_string prefix);

/* Bounds keys, and channels, to none at all. */
void warden_restriction_no_keys(warden_restriction *restriction);
void warden_restriction_no_channels(warden_restriction *restriction);

/* Lays a restriction over everything. When a part of it was refused, the log-in is: rights
 * must not grow because a bound could not be written. */
bool warden_restrict(warden_verdict *verdict, const warden_restriction *restriction);

/* Refuses the log-in, whatever other policies say. What the client is told, and what the log
 * and the audit trail are told. */
void warden_deny(warden_verdict *verdict, warden_string public_words);
void warden_deny_internally(warden_verdict *verdict, warden_string internal_words);

/* For how many seconds this answer holds; required of a policy that reads the clock. Of
 * several the shortest. */
void warden_valid_for(warden_verdict *verdict, uint64_t seconds);

/* For how many seconds a session may last. Of several the shortest. */
void warden_session_ttl(warden_verdict *verdict, uint64_t seconds);

/* Adds a label for log and audit. */
void warden_label(warden_verdict *verdict, warden_string key, warden_string value);

/* Adds labels that list names with commas between them: of one label as many as the host
 * takes, and further ones of the same key for the rest. */
void warden_label_list(warden_verdict *verdict, warden_string key, const warden_string *names,
                       size_t count);

/* Labels of which `warden_labels` tells. */
typedef warden_policy_list_tuple2_string_string_t warden_known_labels;
void warden_label_known(warden_known_labels *labels, warden_string key, warden_string value);

/* A line in the server's log, with the bundle's name. Never a claim as it came. */
typedef enum { WARDEN_DEBUG, WARDEN_INFO, WARDEN_WARNING, WARDEN_ERROR } warden_level;
void warden_log(warden_level level, warden_string message);

/* --- Describing ---------------------------------------------------------------------- */

void warden_describe_as(warden_description *description, warden_string name,
                        warden_string version, warden_string summary);

/* Names a claim the policy reads, by JSON Pointer (RFC 6901): `/department`. */
void warden_describe_claim(warden_description *description, warden_string pointer);

/* Names something else the policy reads: WARDEN_POLICY_TYPES_INPUT_CLOCK, …CLIENT_ADDRESS,
 * …CLIENT_TLS, …CLIENT_CERTIFICATE, …SERVER_ROLE, …SERVER_VERSION. */
void warden_describe_input(warden_description *description, warden_policy_types_input_t input);

/* --- What a policy is ---------------------------------------------------------------- */

/* Says what the policy is and what it reads, which its data, read before, may name. A request
 * carries nothing else. */
void warden_describe(warden_description *description);

/* Reads the bundle's data files, once, before the first request. False, with one line for
 * the operator: which file, where in it, what is accepted. The host then keeps the last good
 * policies, so refuse whatever is in doubt. */
bool warden_configure(const warden_file *files, size_t count, warden_string *error);

/* Decides. The verdict begins as "no opinion". The same request must give the same verdict:
 * the host remembers it. */
void warden_evaluate(const warden_request *request, warden_verdict *verdict);

/* May be left out. Names every label its verdicts can carry with the data it has read, by
 * `warden_label_known`. Only tools ask, to show what no test brings about. */
void warden_labels(warden_known_labels *labels);

#endif
