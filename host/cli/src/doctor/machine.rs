//! Whether the server runs on this machine, with this machine's files.
//!
//! In: whether its address is ours, and the number of its process. Out: the user
//! it runs as, or why its paths mean nothing here. A port of ours may lead into a
//! container or through a tunnel: only a process of that number and name, which
//! sees the same files, is the server.

use std::fs;
use std::path::Path;

use super::facts::Fields;
use super::finding::Untold;
use super::server::Told;

/// Where the server runs.
#[derive(Clone, Debug)]
pub(crate) enum Machine {
    /// Here, as this user.
    Here {
        /// The number of the user.
        user: u32,
    },
    /// Not here, or not to be told; the text says why.
    Elsewhere(String),
}

impl Machine {
    /// The user whose files are looked at.
    ///
    /// # Errors
    /// Where there are none to look at.
    pub(crate) fn user(&self) -> Told<u32> {
        match self {
            Self::Here { user } => Ok(*user),
            Self::Elsewhere(why) => Err(Untold::new(
                format!("not on this machine: {why}"),
                "run warden doctor where the server runs",
            )),
        }
    }
}

/// Looks for the server's process.
pub(crate) fn find(address_is_here: bool, server: &Told<Fields>) -> Machine {
    match look(address_is_here, server) {
        Ok(user) => Machine::Here { user },
        Err(why) => Machine::Elsewhere(why),
    }
}

fn look(address_is_here: bool, server: &Told<Fields>) -> Result<u32, String> {
    if !address_is_here {
        return Err("its address is not one of this machine's".to_owned());
    }
    let Ok(fields) = server else {
        return Err("INFO server, which tells its process, is not allowed".to_owned());
    };
    let number: u32 = fields
        .get("process_id")
        .and_then(|number| number.parse().ok())
        .ok_or("INFO server tells no process_id")?;
    let process = Path::new("/proc").join(number.to_string());
    let name = fs::read_to_string(process.join("comm"))
        .map_err(|_| format!("there is no process {number}"))?;
    let executable = fields.get("executable").map_or("", String::as_str);
    if !is_named(&name, executable) {
        return Err(format!("process {number} is another program"));
    }
    if let (Ok(theirs), Ok(ours)) = (
        fs::read_link(process.join("ns/mnt")),
        fs::read_link("/proc/self/ns/mnt"),
    ) && theirs != ours
    {
        return Err(format!("process {number} has a file system of its own"));
    }
    fs::read_to_string(process.join("status"))
        .ok()
        .and_then(|status| effective_user(&status))
        .ok_or_else(|| format!("the user of process {number} is not told"))
}

/// The longest name of a process that the system keeps, in bytes.
const COMM_BYTES: usize = 15;

fn is_named(comm: &str, executable: &str) -> bool {
    let file = Path::new(executable).file_name().unwrap_or_default();
    let file = file.as_encoded_bytes();
    let kept = file.get(..COMM_BYTES).unwrap_or(file);
    !kept.is_empty() && comm.trim_end_matches('\n').as_bytes() == kept
}

/// The second number of `Uid:` in /proc/PID/status.
fn effective_user(status: &str) -> Option<u32> {
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here(process: u32, executable: &str) -> Machine {
        let fields = [
            ("process_id".to_owned(), process.to_string()),
            ("executable".to_owned(), executable.to_owned()),
        ];
        find(true, &Ok(fields.into()))
    }

    #[test]
    fn our_own_process_is_here_and_ours() {
        let own = std::env::current_exe().unwrap();
        let found = here(std::process::id(), own.to_str().unwrap());
        assert!(matches!(found, Machine::Here { .. }), "{found:?}");
    }

    #[test]
    fn another_address_process_or_program_is_elsewhere() {
        let why = |machine: Machine| match machine {
            Machine::Elsewhere(why) => why,
            Machine::Here { user } => panic!("here, as {user}"),
        };
        assert!(why(find(false, &Ok(Fields::new()))).contains("address"));
        assert!(why(find(true, &Ok(Fields::new()))).contains("process_id"));
        assert!(why(here(u32::MAX, "/x/valkey-server")).contains("no process"));
        assert!(why(here(std::process::id(), "/x/valkey-server")).contains("another program"));
        assert!(why(here(std::process::id(), "")).contains("another program"));
    }

    #[test]
    fn long_names_are_compared_as_far_as_the_system_keeps_them() {
        assert!(is_named("valkey-server\n", "/usr/bin/valkey-server"));
        assert!(is_named(
            "valkey-server-w\n",
            "/usr/bin/valkey-server-with-more"
        ));
        assert!(!is_named("valkey-server\n", "/usr/bin/valkey"));
    }

    #[test]
    fn the_effective_user_is_the_second_number() {
        let status = "Name:\tx\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\n";
        assert_eq!(effective_user(status), Some(2));
        assert_eq!(effective_user("Name:\tx\n"), None);
    }
}
