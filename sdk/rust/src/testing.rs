//! Golden tables: what a policy answers to named requests, compared with a committed
//! file. Needs the feature `testing`, which belongs into `dev-dependencies`.
//!
//! In: a configured policy, requests. Out: a table of verdicts, and where it differs
//! from the one that was committed. Each request is cut to what the policy reads, as
//! the host would: what the policy did not ask for, no test can give it.
//!
//! ```
//! use warden_sdk::testing::Table;
//! use warden_sdk::{AclRule, Claim, File, Policy, Principal, Request, Verdict, policy};
//!
//! struct Readers(AclRule);
//!
//! #[policy(name = "readers", summary = "Sales read.", claims = ["/department"])]
//! impl Policy for Readers {
//!     fn configure(_: &[File]) -> Result<Self, String> {
//!         AclRule::parse("+@read").map(Self).map_err(|e| e.to_string())
//!     }
//!     fn evaluate(&self, request: &Request) -> Verdict {
//!         match request.claim_str("/department").as_deref() {
//!             Some("sales") => Verdict::new().grant([self.0.clone()]).label("role", "reader"),
//!             _ => Verdict::new(),
//!         }
//!     }
//!     fn labels(&self) -> Vec<(String, String)> {
//!         vec![("role".to_owned(), "reader".to_owned())]
//!     }
//! }
//!
//! let policy = Readers::configure(&[])?;
//! let alice = Request::new(Principal::new("corp", "alice"));
//! let mut table = Table::new(&policy);
//! table.section("alice");
//! table.ask("without a department", &alice);
//! table.ask("in sales", &alice.clone().with_claim(Claim::of("/department", "sales")));
//! table.ask("by another claim", &alice.clone().with_claim(Claim::of("/team", "sales")));
//! assert_eq!(table.to_string(), "\
//! alice
//!   without a department: no opinion
//!   in sales: grant +@read; label role=reader
//!   by another claim: no opinion
//! ");
//! assert!(table.untouched().is_empty(), "each label was brought about");
//!
//! // In a test: table.compare("golden/verdicts.txt")
//! # let file = std::env::temp_dir().join(format!("warden-golden-{}", std::process::id()));
//! # std::fs::write(&file, "alice\n  in sales: no opinion\n")?;
//! # assert!(table.compare(&file).is_err());
//! # std::fs::write(&file, table.to_string())?;
//! # table.compare(&file)?;
//! # std::fs::remove_file(&file)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::bounds;
use crate::{Describe, Input, Policy, Reads, Request};

/// Differing lines that a message shows.
const SHOWN: usize = 10;

/// What a policy answers to named requests, line by line.
#[derive(Debug)]
pub struct Table<'p, P> {
    policy: &'p P,
    text: String,
    touched: BTreeSet<(String, String)>,
}

/// A table that is not the committed one. Its `Debug` is readable, so that a test may
/// return it.
pub struct Difference {
    file: PathBuf,
    why: Why,
}

enum Why {
    /// The file cannot be read or written.
    File(std::io::Error),
    /// Lines that differ: number, committed, now.
    Lines(Vec<(usize, Option<String>, Option<String>)>),
}

impl<'p, P: Policy + Describe> Table<'p, P> {
    /// An empty table of this policy.
    pub fn new(policy: &'p P) -> Self {
        Self {
            policy,
            text: String::new(),
            touched: BTreeSet::new(),
        }
    }

    /// Begins a section; what is asked next stands under this name.
    pub fn section(&mut self, name: impl fmt::Display) {
        self.text += &format!("{name}\n");
    }

    /// Asks the policy and adds a line with its verdict. One that is beyond a
    /// [bound](crate::bounds) the host would not take: the line then says why.
    pub fn ask(&mut self, name: impl fmt::Display, request: &Request) {
        let reads = self.policy.reads();
        let reads = reads.unwrap_or_else(|| P::DESCRIPTION.reads());
        let verdict = self.policy.evaluate(&request.projected(&reads));
        for (key, list) in verdict.labels() {
            let values = list.split(',').map(|value| (key.clone(), value.to_owned()));
            self.touched.extend(values);
        }
        let reads_clock = reads.inputs().contains(&Input::Clock);
        self.text += &match bounds::refused(&verdict, reads_clock) {
            None => format!("  {name}: {verdict}\n"),
            Some(why) => format!("  {name}: refused by the host: {why}\n"),
        };
    }

    /// The labels the policy says its verdicts can carry, and no verdict here did.
    pub fn untouched(&self) -> Vec<(String, String)> {
        let mut labels = self.policy.labels();
        labels.retain(|label| !self.touched.contains(label));
        labels
    }

    /// Compares the table with a file, whose path is relative to the crate's folder.
    /// With the environment variable `UPDATE_GOLDEN` the file is written first: look at
    /// what changed before you commit it.
    ///
    /// # Errors
    /// When the file differs, or cannot be read or written.
    pub fn compare(&self, file: impl AsRef<Path>) -> Result<(), Difference> {
        let file = file.as_ref();
        let difference = |why| Difference {
            file: file.to_owned(),
            why,
        };
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(file, &self.text).map_err(|e| difference(Why::File(e)))?;
        }
        let committed = std::fs::read_to_string(file).map_err(|e| difference(Why::File(e)))?;
        if committed == self.text {
            return Ok(());
        }
        Err(difference(Why::Lines(differing(&committed, &self.text))))
    }
}

impl<P> fmt::Display for Table<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Lines that are not the same, by number from 1.
fn differing(committed: &str, now: &str) -> Vec<(usize, Option<String>, Option<String>)> {
    let (mut committed, mut now) = (committed.split('\n'), now.split('\n'));
    let mut lines = Vec::new();
    for number in 1.. {
        let (old, new) = (committed.next(), now.next());
        if old.is_none() && new.is_none() {
            break;
        }
        if old != new {
            lines.push((number, old.map(str::to_owned), new.map(str::to_owned)));
        }
    }
    lines
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        match &self.why {
            Why::File(error) => write!(f, "{file}: {error}"),
            Why::Lines(lines) => {
                let count = lines.len();
                write!(
                    f,
                    "{file}: {count} lines differ; if that is meant, run with UPDATE_GOLDEN=1"
                )?;
                for (number, old, new) in lines.iter().take(SHOWN) {
                    let text = |line: &Option<String>| line.clone().unwrap_or_default();
                    write!(
                        f,
                        "\nline {number}\n  committed {}\n  now       {}",
                        text(old),
                        text(new)
                    )?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Debug for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Difference {}

impl Request {
    /// The request as a policy that reads this is asked it. Needs the feature `testing`.
    pub fn projected(&self, reads: &Reads) -> Self {
        let input = |input| reads.inputs().contains(&input);
        let mut request = self.clone();
        request.claims.retain(|claim| match reads.claims() {
            Some(pointers) => pointers.iter().any(|pointer| pointer == claim.pointer()),
            None => claim.pointer().is_empty(),
        });
        request
            .client_address
            .take_if(|_| !input(Input::ClientAddress));
        request.client_tls.take_if(|_| !input(Input::ClientTls));
        request
            .client_certificate
            .take_if(|_| !input(Input::ClientCertificate));
        request.now_seconds.take_if(|_| !input(Input::Clock));
        request.server_role.take_if(|_| !input(Input::ServerRole));
        request
            .server_version
            .take_if(|_| !input(Input::ServerVersion));
        request
    }
}
