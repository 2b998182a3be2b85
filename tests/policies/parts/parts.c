/* A policy for the tests: does what the claim `do` says, a word of the SDK for C a line.
 *
 * In: lines such as `keys %W app:` or `restrict`. Out: the verdict they make. What `allowlist`
 * does not use is used here. */
#include "warden.h"

static warden_grant grant;
static warden_restriction restriction;

void warden_describe(warden_description *description) {
    warden_describe_as(description, WARDEN_TEXT("parts"), WARDEN_TEXT("0.1.0"),
                       WARDEN_TEXT("For tests: every part of the SDK for C."));
    warden_describe_claim(description, WARDEN_TEXT("/do"));
    warden_describe_claim(description, WARDEN_TEXT("/more"));
    warden_describe_input(description, WARDEN_POLICY_TYPES_INPUT_CLIENT_ADDRESS);
}

bool warden_configure(const warden_file *files, size_t count, warden_string *error) {
    (void)files;
    (void)error;
    /* Refuses any data without a word: the SDK has its own. */
    return count == 0;
}

static warden_access access_of(warden_string word) {
    if (warden_equal(word, WARDEN_TEXT("%R"))) {
        return WARDEN_READ;
    }
    return warden_equal(word, WARDEN_TEXT("%W")) ? WARDEN_WRITE : WARDEN_READ_WRITE;
}

static uint64_t number(warden_string digits) {
    uint64_t number = 0;
    for (size_t at = 0; at < digits.len; at++) {
        number = 10 * number + (uint64_t)(digits.ptr[at] - '0');
    }
    return number;
}

/* A claim with this JSON text, read as a string: "refused" when it is none. */
static warden_string read_json(warden_string json) {
    warden_policy_types_claim_t claim = {WARDEN_TEXT("/x"), json};
    warden_request request = {.claims = {&claim, 1}};
    warden_string value = WARDEN_TEXT("refused");
    warden_claim_string(&request, WARDEN_TEXT("/x"), &value);
    return value;
}

static bool is(warden_string word, const char *expected, size_t bytes) {
    return warden_equal(word, (warden_string){(uint8_t *)expected, bytes});
}
#define IS(word, literal) is(word, literal, sizeof(literal) - 1)

/* The place of `BEFORE BEHIND VALUE`, where `-` behind it is nothing. */
static void put_place(warden_string before, warden_string rest) {
    warden_string behind;
    warden_next_word(&rest, &behind);
    warden_string value = warden_slice(rest, 1, rest.len);
    if (IS(behind, "-")) {
        behind = WARDEN_TEXT("");
    }
    warden_grant_place(&grant, before, value, behind);
}

static void put_labels(warden_string rest, warden_verdict *verdict) {
    warden_string *names = NULL, name;
    size_t count = 0;
    while (warden_next_word(&rest, &name)) {
        names = warden_grow(names, count, sizeof *names);
        names[count++] = name;
    }
    warden_label_list(verdict, WARDEN_TEXT("labels"), names, count);
}

static void put(warden_string line, const warden_request *request, warden_verdict *verdict) {
    warden_string word, first;
    warden_next_word(&line, &word);
    warden_string rest = warden_slice(line, 1, line.len);
    warden_string behind = line;
    warden_next_word(&behind, &first);
    behind = warden_slice(behind, 1, behind.len);
    if (IS(word, "rule")) {
        warden_grant_rule(&grant, rest);
    } else if (IS(word, "key")) {
        warden_grant_key(&grant, access_of(first), behind);
    } else if (IS(word, "keys")) {
        warden_grant_keys(&grant, access_of(first), behind);
    } else if (IS(word, "channel")) {
        warden_grant_channel(&grant, rest);
    } else if (IS(word, "channels")) {
        warden_grant_channels(&grant, rest);
    } else if (IS(word, "place")) {
        put_place(first, behind);
    } else if (IS(word, "labels")) {
        put_labels(rest, verdict);
    } else if (IS(word, "give")) {
        bool given = warden_give(verdict, &grant);
        grant = (warden_grant){0};
        warden_label(verdict, WARDEN_TEXT("given"),
                     given ? WARDEN_TEXT("yes") : WARDEN_TEXT("no"));
    } else if (IS(word, "bound")) {
        warden_restriction_rule(&restriction, rest);
    } else if (IS(word, "bound-keys")) {
        warden_restriction_keys(&restriction, access_of(first), behind);
    } else if (IS(word, "bound-channels")) {
        warden_restriction_channels(&restriction, rest);
    } else if (IS(word, "no-keys")) {
        warden_restriction_no_keys(&restriction);
    } else if (IS(word, "no-channels")) {
        warden_restriction_no_channels(&restriction);
    } else if (IS(word, "restrict")) {
        warden_restrict(verdict, &restriction);
        restriction = (warden_restriction){0};
    } else if (IS(word, "deny")) {
        warden_deny(verdict, rest);
    } else if (IS(word, "deny-internally")) {
        warden_deny_internally(verdict, rest);
    } else if (IS(word, "valid-for")) {
        warden_valid_for(verdict, number(rest));
    } else if (IS(word, "session-ttl")) {
        warden_session_ttl(verdict, number(rest));
    } else if (IS(word, "log")) {
        warden_log(WARDEN_WARNING, rest);
    } else if (IS(word, "number")) {
        warden_label(verdict, word, warden_decimal(number(rest)));
    } else if (IS(word, "json")) {
        warden_label(verdict, word, read_json(rest));
    } else if (IS(word, "address")) {
        warden_label(verdict, word, request->client_address.val);
    } else if (IS(word, "more")) {
        warden_string json = WARDEN_TEXT("absent");
        warden_claim_json(request, WARDEN_TEXT("/more"), &json);
        warden_label(verdict, word, json);
    } else if (IS(word, "memory")) {
        for (;;) {
            warden_allocate(1024, 1024);
        }
    } else {
        warden_deny_internally(verdict, WARDEN_JOIN(WARDEN_TEXT("no such word: "), word));
    }
}

void warden_evaluate(const warden_request *request, warden_verdict *verdict) {
    warden_string rest, line;
    if (!warden_claim_string(request, WARDEN_TEXT("/do"), &rest)) {
        return;
    }
    while (warden_next_line(&rest, &line)) {
        put(line, request, verdict);
    }
}
