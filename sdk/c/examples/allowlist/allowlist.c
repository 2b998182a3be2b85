/* Who may do what, one line each, with room for everybody's own keys.
 *
 * In: `allowlist.txt`, whose lines name a member and rules:
 *
 *     group:corp/editors   +get +set ~drafts:* ~home:{name}:*
 *
 * `{name}` stands for the principal's name and `{department}` for the claim of that name, as
 * they are: what would be a wildcard in them is none, and a value that would live inside the
 * room of another one is refused. Out: a grant for each line whose member the principal is,
 * and labels `line` with these members. A line that needs a claim nobody has vouched for gives
 * nothing; more than 64 grants refuse the log-in. */
#include "warden.h"

#define MAX_LINES 1000
#define MAX_RULES 64

/* One line of the data. */
typedef struct {
    warden_string who;
    warden_member member;
    warden_string *rules;
    size_t count;
} entry;

static entry *entries;
static size_t entry_count;

void warden_describe(warden_description *description) {
    warden_describe_as(description, WARDEN_TEXT("allowlist"), WARDEN_TEXT("0.1.0"),
                       WARDEN_TEXT("Who may do what, one line each."));
    warden_describe_claim(description, WARDEN_TEXT("/department"));
}

/* --- Placeholders -------------------------------------------------------------------- */

typedef enum { NAME, DEPARTMENT, PLACEHOLDERS } placeholder;

static warden_string placeholder_text(placeholder which) {
    return which == NAME ? WARDEN_TEXT("{name}") : WARDEN_TEXT("{department}");
}

/* The first placeholder in the text, and where it stands. False when there is none. */
static bool next_placeholder(warden_string text, placeholder *which, size_t *at) {
    bool found = false;
    for (placeholder each = NAME; each < PLACEHOLDERS; each++) {
        size_t here;
        if (warden_find(text, placeholder_text(each), &here) && (!found || here < *at)) {
            found = true;
            *which = each;
            *at = here;
        }
    }
    return found;
}

/* The rule with these values, escaped, for its placeholders. False when one cannot stand
 * where it would: what two values reach never meets. */
static bool put(warden_string *rule, const warden_string values[PLACEHOLDERS]) {
    warden_string before = WARDEN_TEXT(""), rest = *rule, pattern;
    placeholder which;
    size_t at;
    while (next_placeholder(rest, &which, &at)) {
        before = WARDEN_JOIN(before, warden_slice(rest, 0, at));
        rest = warden_slice(rest, at + placeholder_text(which).len, rest.len);
        if (!warden_pattern_place(before, values[which], rest, &pattern)) {
            return false;
        }
        before = WARDEN_JOIN(before, pattern);
    }
    *rule = WARDEN_JOIN(before, rest);
    return true;
}

/* --- The data ------------------------------------------------------------------------ */

static bool is_pattern(warden_string rule) {
    return warden_starts_with(rule, WARDEN_TEXT("~")) ||
           warden_starts_with(rule, WARDEN_TEXT("%")) ||
           warden_starts_with(rule, WARDEN_TEXT("&"));
}

/* Whether the placeholders of a rule stand where they mean what they say: in a pattern
 * without classes and backslashes, with something behind each that no wildcard and no other
 * placeholder is. */
static bool check_places(warden_string rule) {
    size_t at, behind = 0;
    placeholder which;
    if (!is_pattern(rule) || warden_find(rule, WARDEN_TEXT("["), &at) ||
        warden_find(rule, WARDEN_TEXT("\\"), &at)) {
        return false;
    }
    while (next_placeholder(warden_slice(rule, behind, rule.len), &which, &at)) {
        if (behind > 0 && at == 0) {
            return false;
        }
        behind += at + placeholder_text(which).len;
    }
    warden_string filled = rule;
    return put(&filled, (warden_string[PLACEHOLDERS]){WARDEN_TEXT("x"), WARDEN_TEXT("x")});
}

/* The rule as far as it is the author's: with a letter for each placeholder. */
static warden_string without_places(warden_string rule) {
    placeholder which;
    size_t at;
    while (next_placeholder(rule, &which, &at)) {
        rule = WARDEN_JOIN(
            warden_slice(rule, 0, at), WARDEN_TEXT("x"),
            warden_slice(rule, at + placeholder_text(which).len, rule.len));
    }
    return rule;
}

/* Whether the rule is one, and its placeholders stand where they mean what they say. */
static bool check_rule(warden_string rule, warden_string *why) {
    size_t at;
    warden_string plain = without_places(rule);
    if (warden_find(plain, WARDEN_TEXT("{"), &at)) {
        *why = WARDEN_TEXT("no such placeholder: there are {name} and {department}");
        return false;
    }
    if (!warden_rule_check(plain, why)) {
        return false;
    }
    if (!warden_equal(plain, rule) && !check_places(rule)) {
        *why = WARDEN_TEXT("a placeholder stands in a pattern of keys or channels, not beside "
                           "a wildcard or another placeholder, and in none with a class [...], "
                           "a backslash, or wildcards on both sides of it");
        return false;
    }
    return true;
}

/* One line. False, with `why`, when it is wrong. */
static bool read_line(warden_string line, warden_string *why) {
    warden_string word;
    if (!warden_next_word(&line, &word) || warden_starts_with(word, WARDEN_TEXT("#"))) {
        return true;
    }
    entry read = {.who = word};
    if (!warden_member_parse(word, &read.member, why)) {
        *why = WARDEN_JOIN(WARDEN_TEXT("\""), word, WARDEN_TEXT("\" "), *why);
        return false;
    }
    if (word.len > WARDEN_MAX_LABEL_BYTES) {
        *why = WARDEN_TEXT("the member is longer than 256 bytes");
        return false;
    }
    while (warden_next_word(&line, &word)) {
        if (read.count == MAX_RULES) {
            *why = WARDEN_TEXT("more than 64 rules");
            return false;
        }
        if (!check_rule(word, why)) {
            *why = WARDEN_JOIN(WARDEN_TEXT("rule \""), word, WARDEN_TEXT("\": "), *why);
            return false;
        }
        read.rules = warden_grow(read.rules, read.count, sizeof *read.rules);
        read.rules[read.count++] = word;
    }
    if (read.count == 0) {
        *why = WARDEN_TEXT("no rules behind the member");
        return false;
    }
    if (entry_count == MAX_LINES) {
        *why = WARDEN_TEXT("more than 1000 lines");
        return false;
    }
    entries = warden_grow(entries, entry_count, sizeof *entries);
    entries[entry_count++] = read;
    return true;
}

static bool read_file(const warden_file *file, warden_string *error) {
    warden_string rest, line, why;
    if (!warden_file_text(file, &rest)) {
        *error = WARDEN_JOIN(file->name, WARDEN_TEXT(": not UTF-8"));
        return false;
    }
    for (uint64_t number = 1; warden_next_line(&rest, &line); number++) {
        if (!read_line(line, &why)) {
            *error = WARDEN_JOIN(file->name, WARDEN_TEXT(" line "), warden_decimal(number),
                                 WARDEN_TEXT(": "), why);
            return false;
        }
    }
    return true;
}

bool warden_configure(const warden_file *files, size_t count, warden_string *error) {
    bool any = false;
    for (size_t at = 0; at < count; at++) {
        if (!warden_ends_with(files[at].name, WARDEN_TEXT(".txt"))) {
            continue;
        }
        any = true;
        if (!read_file(&files[at], error)) {
            return false;
        }
    }
    if (!any) {
        *error = WARDEN_TEXT("no data: put a file NAME.txt beside the policy, with lines such as "
                             "\"group:corp/editors +get ~drafts:*\"");
    }
    return any;
}

/* --- The decision -------------------------------------------------------------------- */

/* Whether the line's grant could be given. */
static bool give(const entry *line, const warden_string values[PLACEHOLDERS],
                 warden_verdict *verdict) {
    warden_grant grant = {0};
    for (size_t at = 0; at < line->count; at++) {
        warden_string rule = line->rules[at];
        if (!put(&rule, values)) {
            return false;
        }
        warden_grant_rule(&grant, rule);
    }
    return warden_give(verdict, &grant);
}

/* A verdict beyond a bound is refused by the host; here it is refused in words. */
static void refuse(warden_verdict *verdict, warden_string words) {
    *verdict = (warden_verdict){0};
    warden_deny_internally(verdict, words);
}

void warden_evaluate(const warden_request *request, warden_verdict *verdict) {
    warden_string values[PLACEHOLDERS] = {[NAME] = request->principal.name};
    /* A claim that is no string is left empty: refused as a value, so that a rule that needs
     * it is. */
    warden_claim_string(request, WARDEN_TEXT("/department"), &values[DEPARTMENT]);
    warden_string given[WARDEN_MAX_GRANTS];
    for (size_t at = 0; at < entry_count; at++) {
        const entry *line = &entries[at];
        if (!warden_member_is(&line->member, &request->principal) ||
            !give(line, values, verdict)) {
            continue;
        }
        if (verdict->grants.len > WARDEN_MAX_GRANTS) {
            refuse(verdict, WARDEN_TEXT("more than 64 lines give this principal something, and "
                                        "a verdict holds 64 grants: put them together"));
            return;
        }
        given[verdict->grants.len - 1] = line->who;
    }
    warden_label_list(verdict, WARDEN_TEXT("line"), given, verdict->grants.len);
    if (verdict->labels.len > WARDEN_MAX_LABELS) {
        refuse(verdict, WARDEN_TEXT("the members of the lines that give this principal "
                                    "something do not fit into 32 labels: put them together"));
    }
}

void warden_labels(warden_known_labels *labels) {
    for (size_t at = 0; at < entry_count; at++) {
        warden_label_known(labels, WARDEN_TEXT("line"), entries[at].who);
    }
}
