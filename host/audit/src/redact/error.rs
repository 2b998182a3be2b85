//! What of the server's refusal of a command may be seen.
//!
//! In: the text of a refusal, which may quote what was sent: the name of an unknown command,
//! its arguments, a key. Out: a sentence that is written here, or the code that it begins
//! with. Never anything else of the text.

/// What a refusal begins with, and what is shown of it. The longest comes first.
const SENTENCES: [(&str, &str); 26] = [
    ("unknown command", "unknown command"),
    ("unknown subcommand", "unknown subcommand"),
    ("wrong number of arguments for", "wrong number of arguments"),
    ("DEBUG command not allowed.", "DEBUG command not allowed"),
    ("MODULE command not allowed.", "MODULE command not allowed"),
    ("Command '", "command not allowed inside a transaction"),
    ("Can't execute '", "command not allowed while subscribed"),
    (
        "Replica can't interact with the keyspace",
        "replica can't interact with the keyspace",
    ),
    (
        "NOAUTH Authentication required.",
        "NOAUTH Authentication required",
    ),
    ("NOPERM", "NOPERM"),
    (
        "OOM command not allowed when used memory > 'maxmemory'",
        "OOM command not allowed when used memory > 'maxmemory'",
    ),
    (
        "NOREPLICAS Not enough good replicas to write",
        "NOREPLICAS not enough good replicas to write",
    ),
    (
        "READONLY You can't write against a read only replica",
        "READONLY you can't write against a read only replica",
    ),
    (
        "MASTERDOWN Link with MASTER is down",
        "MASTERDOWN link with the primary is down",
    ),
    (
        "MISCONF Errors writing to the AOF file",
        "MISCONF errors writing to the append-only file",
    ),
    ("MISCONF", "MISCONF unable to persist to disk"),
    ("LOADING", "LOADING the data set is being loaded"),
    (
        "BUSY Valkey is busy running a script.",
        "BUSY running a script",
    ),
    (
        "BUSY Redis is busy running a script.",
        "BUSY running a script",
    ),
    (
        "BUSY Valkey is busy running a module command.",
        "BUSY running a module command",
    ),
    (
        "BUSY Redis is busy running a module command.",
        "BUSY running a module command",
    ),
    ("CROSSSLOT", "CROSSSLOT keys do not hash to the same slot"),
    (
        "TRYAGAIN Multiple keys request during rehashing of slot",
        "TRYAGAIN multiple keys request during rehashing of slot",
    ),
    (
        "CLUSTERDOWN Hash slot not served",
        "CLUSTERDOWN hash slot not served",
    ),
    ("CLUSTERDOWN", "CLUSTERDOWN the cluster is down"),
    ("REDIRECT", "REDIRECT"),
];

/// Longest code that is shown, in bytes.
const MAX_CODE_BYTES: usize = 16;

/// What may be seen of the reply by which the server refused a command before it ran, with or
/// without its `-` and its line end. Of a reply that is not known here only the code, `ERR`
/// where there is none.
pub fn shown_error(reply: &[u8]) -> &[u8] {
    let text = reply.strip_prefix(b"-").unwrap_or(reply);
    let text = text.strip_prefix(b"ERR ").unwrap_or(text).trim_ascii();
    let sentence = SENTENCES
        .iter()
        .find(|(begins, _)| text.starts_with(begins.as_bytes()));
    if let Some((_, shown)) = sentence {
        return shown.as_bytes();
    }
    let code = text.split(|byte| *byte == b' ').next().unwrap_or_default();
    let is_code = reply.starts_with(b"-")
        && (2..=MAX_CODE_BYTES).contains(&code.len())
        && code.iter().all(u8::is_ascii_uppercase);
    if is_code { code } else { b"ERR" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_shows_what_is_written_here_and_nothing_that_was_sent() {
        for (reply, shown) in [
            (
                "unknown command 'AUHT', with args beginning with: 'canary' ",
                "unknown command",
            ),
            (
                "-ERR unknown command 'canary', with args beginning with: \r\n",
                "unknown command",
            ),
            (
                "unknown subcommand 'canary'. Try ACL HELP.",
                "unknown subcommand",
            ),
            (
                "wrong number of arguments for 'acl|setuser' command",
                "wrong number of arguments",
            ),
            (
                "Command 'watch' not allowed inside a transaction",
                "command not allowed inside a transaction",
            ),
            (
                "-NOPERM User bob has no permissions to access the 'canary' key",
                "NOPERM",
            ),
            (
                "-NOAUTH Authentication required.\r\n",
                "NOAUTH Authentication required",
            ),
            (
                "-OOM command not allowed when used memory > 'maxmemory'.\r\n",
                "OOM command not allowed when used memory > 'maxmemory'",
            ),
            ("-BUSY canary\r\n", "BUSY"),
            (
                "-BUSY Valkey is busy running a script. You",
                "BUSY running a script",
            ),
            ("-MISCONF canary", "MISCONF unable to persist to disk"),
            ("-WHATEVER canary", "WHATEVER"),
            ("-canary", "ERR"),
            ("-CANARYCANARYCANARY", "ERR"),
            ("CANARY is what was sent", "ERR"),
            ("", "ERR"),
            ("-", "ERR"),
        ] {
            let found = std::str::from_utf8(shown_error(reply.as_bytes())).unwrap();
            assert_eq!(found, shown, "{reply}");
            assert!(!found.to_ascii_lowercase().contains("canary"), "{reply}");
        }
    }
}
