/* Who may do what, one line each, with room for everybody's own keys.
 *
 * In: `allowlist.txt`, whose lines name a member and rules:
 *
 *     group:corp/editors   +get +set ~drafts:* ~home:{name}:*
 *
 * `{name}` stands for the principal's name and `{department}` for the claim of that name, as
 * they are: what would be a wildcard in them is none. Out: a grant for each line whose member
 * the principal is, and a label `line` with that member. A line that needs a claim nobody has
 * vouched for gives nothing. */
#include "warden.h"

#define MAX_LINES 1000
#define MAX_RULES 100

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

/* The rule with this value, escaped, for every placeholder of this kind. */
static bool put(warden_string *rule, placeholder which, warden_string value) {
    warden_string text = placeholder_text(which), pattern;
    size_t at, from = 0;
    if (!warden_find(*rule, text, &at)) {
        return true;
    }
    if (!warden_pattern_literal(value, &pattern)) {
        return false;
    }
    while (warden_find(warden_slice(*rule, from, rule->len), text, &at)) {
        warden_string before = warden_slice(*rule, 0, from + at);
        warden_string behind = warden_slice(*rule, from + at + text.len, rule->len);
        *rule = WARDEN_JOIN(before, pattern, behind);
        from += at + pattern.len;
    }
    return true;
}

/* --- The data ------------------------------------------------------------------------ */

/* Whether the rule is one, and its placeholders stand where they mean what they say. */
static bool check_rule(warden_string rule, warden_string *why) {
    size_t at;
    warden_string filled = rule;
    for (placeholder which = NAME; which < PLACEHOLDERS; which++) {
        put(&filled, which, WARDEN_TEXT("x"));
    }
    if (warden_find(filled, WARDEN_TEXT("{"), &at)) {
        *why = WARDEN_TEXT("no such placeholder: there are {name} and {department}");
        return false;
    }
    if (!warden_rule_check(filled, why)) {
        return false;
    }
    bool has_placeholder = !warden_equal(filled, rule);
    bool has_pattern = rule.ptr[0] == '~' || rule.ptr[0] == '%' || rule.ptr[0] == '&';
    if (has_placeholder && (!has_pattern || warden_find(rule, WARDEN_TEXT("["), &at))) {
        *why = WARDEN_TEXT("a placeholder stands in a pattern of keys or channels, and not "
                           "beside a class [...]");
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
    while (warden_next_word(&line, &word)) {
        if (read.count == MAX_RULES) {
            *why = WARDEN_TEXT("more than 100 rules");
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

static void give(const entry *line, const warden_request *request, warden_verdict *verdict) {
    warden_string department;
    warden_grant grant = {0};
    for (size_t at = 0; at < line->count; at++) {
        warden_string rule = line->rules[at];
        if (!warden_claim_string(request, WARDEN_TEXT("/department"), &department)) {
            /* Refused as a value, so that a rule that needs it is. */
            department = WARDEN_TEXT("");
        }
        if (!put(&rule, NAME, request->principal.name) || !put(&rule, DEPARTMENT, department)) {
            return;
        }
        warden_grant_rule(&grant, rule);
    }
    if (warden_give(verdict, &grant)) {
        warden_label(verdict, WARDEN_TEXT("line"), line->who);
    }
}

void warden_evaluate(const warden_request *request, warden_verdict *verdict) {
    for (size_t at = 0; at < entry_count; at++) {
        if (warden_member_is(&entries[at].member, &request->principal)) {
            give(&entries[at], request, verdict);
        }
    }
}

void warden_labels(warden_label_list *labels) {
    for (size_t at = 0; at < entry_count; at++) {
        warden_label_known(labels, WARDEN_TEXT("line"), entries[at].who);
    }
}
