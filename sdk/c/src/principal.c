/* Who asks, and whom data means.
 *
 * In: names of data, and a verified principal. Out: is it meant? Names are exact, there are
 * no patterns. The rules are those of sdk/rust/src/member.rs. */
#include "internal.h"

/* Longest name in bytes: an id, a slash and 256 percent-encoded bytes. */
#define MAX_NAME_BYTES (64 + 1 + 3 * 256)

/* Longest id of an authenticator, in bytes. */
#define MAX_ID_BYTES 64

static bool is_lower_or_digit(uint8_t byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9');
}

static bool is_hexadecimal(uint8_t byte) {
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'F');
}

static bool is_plain(uint8_t byte) {
    size_t at;
    return is_lower_or_digit(byte) || (byte >= 'A' && byte <= 'Z') ||
           text_find(WARDEN_TEXT("._@:/+=,-"), byte, &at);
}

/* Only characters that a name can hold once the host has encoded it. */
static bool is_encoded(warden_string name) {
    size_t at = 0;
    while (at < name.len) {
        if (is_plain(name.ptr[at])) {
            at++;
        } else if (name.ptr[at] == '%' && name.len - at >= 3 &&
                   is_hexadecimal(name.ptr[at + 1]) && is_hexadecimal(name.ptr[at + 2])) {
            at += 3;
        } else {
            return false;
        }
    }
    return true;
}

/* Could this be the id of an authenticator? */
static bool is_id(warden_string text) {
    for (size_t at = 0; at < text.len; at++) {
        uint8_t byte = text.ptr[at];
        if (!is_lower_or_digit(byte) && byte != '-' && byte != '_') {
            return false;
        }
    }
    return text.len > 0 && text.len <= MAX_ID_BYTES;
}

static bool check_name(warden_string name, warden_string *why) {
    *why = WARDEN_TEXT("names nobody: a name takes A-Z a-z 0-9 . _ @ : / + = , - and %XX for "
                       "anything else, no patterns");
    if (name.len == 0 || name.len > MAX_NAME_BYTES || !is_encoded(name)) {
        return false;
    }
    size_t slash;
    if (!text_find(name, '/', &slash)) {
        return true;
    }
    if (slash + 1 == name.len) {
        return false;
    }
    *why = WARDEN_TEXT("names nobody: before the first '/' stands an authenticator's id (a-z, "
                       "0-9, '-', '_')");
    return is_id((warden_string){name.ptr, slash});
}

bool warden_member_parse(warden_string text, warden_member *member, warden_string *why) {
    static const struct {
        const char *word;
        size_t bytes;
    } kinds[] = {
        [WARDEN_GROUP] = {"group:", 6},
        [WARDEN_SCOPE] = {"scope:", 6},
        [WARDEN_USER] = {"user:", 5},
    };
    for (size_t kind = 0; kind < sizeof kinds / sizeof kinds[0]; kind++) {
        warden_string word = {(uint8_t *)kinds[kind].word, kinds[kind].bytes};
        if (!warden_starts_with(text, word)) {
            continue;
        }
        warden_string name = text_behind(text, word.len);
        if (!check_name(name, why)) {
            return false;
        }
        member->kind = kind;
        member->name = name;
        return true;
    }
    *why = WARDEN_TEXT("is not a member: write group:NAME, scope:NAME or user:NAME");
    return false;
}

/* INVARIANT: a name with a slash never matches as a bare one; otherwise a group `corp/x` of
 * whoever may invent group names would be the group `x` of `corp`. */
static bool answers_to(const warden_principal *principal, warden_string qualified,
                       warden_string name) {
    size_t slash;
    if (text_find(name, '/', &slash)) {
        return warden_equal(qualified, name);
    }
    warden_string before = WARDEN_JOIN(principal->authenticator, WARDEN_TEXT("/"));
    return principal->sole_authenticator && warden_starts_with(qualified, before) &&
           warden_equal(text_behind(qualified, before.len), name);
}

static bool any_answers_to(const warden_principal *principal,
                           const warden_policy_list_string_t *names, warden_string name) {
    for (size_t at = 0; at < names->len; at++) {
        if (answers_to(principal, names->ptr[at], name)) {
            return true;
        }
    }
    return false;
}

bool warden_in_group(const warden_principal *principal, warden_string name) {
    return any_answers_to(principal, &principal->groups, name);
}

bool warden_has_scope(const warden_principal *principal, warden_string name) {
    return any_answers_to(principal, &principal->scopes, name);
}

bool warden_is_user(const warden_principal *principal, warden_string name) {
    size_t slash;
    if (text_find(name, '/', &slash)) {
        return warden_equal((warden_string){name.ptr, slash}, principal->authenticator) &&
               warden_equal(text_behind(name, slash + 1), principal->name);
    }
    return principal->sole_authenticator && warden_equal(name, principal->name);
}

bool warden_member_is(const warden_member *member, const warden_principal *principal) {
    switch (member->kind) {
    case WARDEN_GROUP:
        return warden_in_group(principal, member->name);
    case WARDEN_SCOPE:
        return warden_has_scope(principal, member->name);
    case WARDEN_USER:
        return warden_is_user(principal, member->name);
    }
    return false;
}
