//! OpenLDAP's clients `ldapsearch`, `ldapwhoami` and `ldapmodify`, each run to its end.
//!
//! Nothing of the machine's own configuration of them counts, and no run outlasts its
//! limit.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::Entry;
use crate::authority::{Authority, Identity};
use crate::parts;
use crate::patience::{PATIENCE, within};

/// A client of one directory: whom it trusts and who it is.
#[derive(Clone, Debug)]
pub struct Client {
    url: String,
    environment: Vec<(&'static str, PathBuf)>,
    start_tls: bool,
    bind: Option<(String, String)>,
    limit: Duration,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The result code of the directory, 255 when there was no answer at all; none
    /// when the client had to be ended.
    pub code: Option<i32>,
    /// What was found.
    pub output: String,
    /// What the client has to say about it.
    pub complaint: String,
}

impl Client {
    /// An anonymous client of `ldap://…` or `ldaps://…` that trusts no authority.
    pub fn at(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            environment: Vec::new(),
            start_tls: false,
            bind: None,
            limit: PATIENCE,
        }
    }

    /// Trusts this authority, whose directory must outlive the client.
    #[must_use]
    pub fn trusting(mut self, authority: &Authority) -> Self {
        self.environment
            .push(("LDAPTLS_CACERT", authority.ca_file()));
        self
    }

    /// Trusts whoever shows any certificate.
    #[must_use]
    pub(crate) fn trusting_anybody(mut self) -> Self {
        self.environment.push(("LDAPTLS_REQCERT", "never".into()));
        self
    }

    /// Shows this certificate.
    #[must_use]
    pub fn showing(mut self, identity: &Identity) -> Self {
        let files = [
            ("LDAPTLS_CERT", identity.certificate_file().to_owned()),
            ("LDAPTLS_KEY", identity.key_file().to_owned()),
        ];
        self.environment.extend(files);
        self
    }

    /// Asks for TLS first and goes no further without.
    #[must_use]
    pub fn start_tls(mut self) -> Self {
        self.start_tls = true;
        self
    }

    /// Authenticates so, with an empty password too.
    #[must_use]
    pub fn binding(mut self, dn: &str, password: &str) -> Self {
        self.bind = Some((dn.to_owned(), password.to_owned()));
        self
    }

    /// Waits no longer than this.
    #[must_use]
    pub fn waiting(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Binds and asks who it is then: `dn:…`, or `anonymous`.
    pub fn whoami(&self) -> Outcome {
        self.run("ldapwhoami", &[], "")
    }

    /// Binds and searches the whole tree below a name. No attributes means all that
    /// are not operational.
    pub fn search(&self, base: &str, filter: &str, attributes: &[&str]) -> Outcome {
        let fixed = ["-LLL", "-o", "ldif_wrap=no", "-b", base, filter];
        self.run("ldapsearch", &[&fixed, attributes].concat(), "")
    }

    /// Binds and makes the changes that LDIF describes.
    pub fn modify(&self, ldif: &str) -> Outcome {
        self.run("ldapmodify", &[], ldif)
    }

    fn run(&self, tool: &str, arguments: &[&str], input: &str) -> Outcome {
        let directory = parts::ldap();
        let mut command = Command::new(directory.join("bin").join(tool));
        command
            .env_clear()
            .env("LD_LIBRARY_PATH", directory.join("lib"))
            .envs(self.environment.iter().map(|(name, path)| (name, path)))
            .args(["-x", "-H", &self.url]);
        if self.start_tls {
            command.arg("-ZZ");
        }
        if let Some((dn, password)) = &self.bind {
            command.args(["-D", dn, "-w", password]);
        }
        run(command.args(arguments), input, self.limit)
    }
}

/// Runs a command to its end. Files instead of pipes, which fill up.
pub(crate) fn run(command: &mut Command, input: &str, limit: Duration) -> Outcome {
    let [mut given, output, complaint] =
        [(); 3].map(|()| tempfile::tempfile().expect("a temporary file"));
    std::io::Write::write_all(&mut given, input.as_bytes()).expect("a file takes text");
    given.rewind().expect("a file can be rewound");
    let share = |file: &File| file.try_clone().expect("a file can be shared");
    let mut child = command
        .stdin(Stdio::from(given))
        .stdout(share(&output))
        .stderr(share(&complaint))
        .spawn()
        .unwrap_or_else(|e| panic!("{} does not run: {e}", command.get_program().display()));
    let ended = within(limit, || child.try_wait().expect("a child can be asked"));
    if ended.is_none() {
        let _already_gone = child.kill();
        let _status = child.wait();
    }
    Outcome {
        code: ended.and_then(|status| status.code()),
        output: text(output),
        complaint: text(complaint),
    }
}

fn text(mut file: File) -> String {
    let mut bytes = Vec::new();
    file.rewind().expect("a file can be rewound");
    file.read_to_end(&mut bytes).expect("a file can be read");
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Outcome {
    /// Passes what succeeded; panics with the complaint otherwise.
    #[track_caller]
    pub fn expect_success(self) -> Self {
        assert_eq!(self.code, Some(0), "{}{}", self.output, self.complaint);
        self
    }

    /// Passes what ended with this code of the directory, for example 49.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}{}", self.output, self.complaint);
        self
    }

    /// The entries found.
    pub fn entries(&self) -> Vec<Entry> {
        Entry::all_of(&self.output)
    }
}
