//! Commands with which somebody undoes every rule, or ends everybody's work.
//!
//! In: a command's name. Out: what it does, where no bound on keys, channels or databases
//! could hold it. What only reaches keys it does not name is the core's to tell
//! (`beyond_keys`).

/// What a command can do to the server and to others; `None` when it is none of these.
pub(super) fn danger(command: &str) -> Option<&'static str> {
    Some(match command {
        "acl|setuser" | "acl|deluser" | "acl|load" => "changes what anybody may do",
        "config|set" | "config|rewrite" => "changes any setting, and where files are written",
        "module|load" | "module|loadex" => "runs any code in the server",
        "module|unload" => "takes modules out of the server",
        "debug" => "ends the server or changes it at will",
        "replicaof" | "slaveof" => "replaces all data by another server's",
        "failover" => "makes another server the primary",
        "shutdown" => "ends the server",
        "migrate" => "sends keys to any address",
        "client|kill" | "client|pause" => "ends or holds up the sessions of others",
        "warden.kill" => "ends the sessions of others",
        _ => match command.split_once('|')? {
            ("cluster", "addslots" | "addslotsrange" | "bumpepoch" | "delslots")
            | ("cluster", "delslotsrange" | "failover" | "flushslots" | "forget" | "meet")
            | ("cluster", "migrateslots" | "replicate" | "reset" | "set-config-epoch")
            | ("cluster", "setslot") => "changes which server has which keys",
            _ => return None,
        },
    })
}

/// The same of what others call with their own rights, which a bound on keys denies.
pub(super) fn danger_to_callers(command: &str) -> Option<&'static str> {
    match command {
        "function|load" | "function|delete" | "function|flush" | "function|restore" => {
            Some("changes functions that others call with their own rights")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use warden_core::Server;

    #[test]
    fn what_is_dangerous_is_so_to_the_server_too() {
        let mut told = BTreeSet::new();
        for server in Server::releases().filter_map(Server::of_release) {
            for (command, categories) in &server.commands {
                if danger(command).is_some() {
                    let named = categories.contains("admin") || categories.contains("dangerous");
                    assert!(named, "{command}: {categories:?}");
                    told.insert(command.clone());
                }
            }
        }
        // A misspelt one would tell of nothing.
        assert_eq!(told.len(), 31, "{told:?}");
        assert_eq!(danger("get"), None);
        assert_eq!(danger("cluster|slots"), None);
        assert_eq!(danger("function|load"), None);
        assert!(danger_to_callers("function|load").is_some());
    }
}
