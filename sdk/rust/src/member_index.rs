//! What is kept for lists of members, found by who stands in them.
//!
//! In: lists of members with a line of text each, once, when the data is read; then a
//! principal. Out: the lines of the lists that mean it. Answering takes as long for ten
//! thousand lists as for ten: all of it is set [aside](Aside), and read where it must be.
//!
//! ```text
//! buckets   where the entries of each begin, and the last end; about eight fall into one
//! entries   of each member 8 bits of its hash, and where its line is
//! text      =LINE OF A LIST
//!           group:corp/analysts 17        a member, and how far behind its list's line
//! ```

use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::{Aside, Error, Member, Principal};

/// Members of a bucket, about: so many entries are compared for one name.
const BUCKET: usize = 8;
/// Lines of members begin at multiples of it, so that 24 bits say where.
const STEP: usize = 4;
/// The part of an entry that says where its line is; the rest is of its hash.
const POSITION: u32 = 0x00ff_ffff;
/// What the line of a list begins with, and that of no member.
const LIST: char = '=';
/// Bytes of a number of the first two parts.
const NUMBER: usize = 4;
/// So much of a line is read at first; most are shorter.
const LINE: usize = 128;

/// Lines of text, each for a list of members.
///
/// ```
/// use warden_sdk::{Member, MemberIndex, Principal};
///
/// let readers = [Member::parse("group:corp/analysts")?, Member::parse("user:corp/bob")?];
/// let writers = [Member::parse("user:corp/alice")?];
/// let index = MemberIndex::new([("+get", readers.as_slice()), ("+set", writers.as_slice())])?;
///
/// let alice = Principal::new("corp", "alice").with_group("corp/analysts");
/// assert_eq!(index.lines_of(&alice)?, ["+get", "+set"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct MemberIndex {
    buckets: usize,
    entries: usize,
    kept: Aside,
}

impl MemberIndex {
    /// Keeps a line for each list of members.
    ///
    /// # Errors
    /// Where what is to be kept is more than one line, or all of it more than 64 MiB.
    pub fn new<'a>(
        lists: impl IntoIterator<Item = (&'a str, &'a [Member])>,
    ) -> Result<Self, Error> {
        let mut text = String::new();
        let mut places: Vec<(u64, u32)> = Vec::new();
        for (line, members) in lists {
            if line.contains('\n') {
                return Err(Error::MoreThanALine);
            }
            let list = text.len();
            text.extend([LIST]);
            text.push_str(line);
            text.push('\n');
            for parts in members.iter().map(parts) {
                while !text.len().is_multiple_of(STEP) {
                    text.push('\n');
                }
                let position = u32::try_from(text.len() / STEP).ok();
                let position = position.filter(|position| *position <= POSITION);
                places.push((hash(&parts), position.ok_or(Error::TooMuchKept)?));
                let behind = text.len() - list;
                parts.iter().for_each(|part| text.push_str(part));
                let _infallible = writeln!(text, " {behind}");
            }
        }
        places.sort_unstable();
        Ok(Self::of(&places, &text))
    }

    /// Sets all of it aside. The places are ascending.
    fn of(places: &[(u64, u32)], text: &str) -> Self {
        let buckets = places.len().div_ceil(BUCKET).max(1);
        let starts = (0..=buckets).map(|bucket| {
            let before = places.partition_point(|(hash, _)| bucket_of(*hash, buckets) < bucket);
            // As many as a position can name at most.
            u32::try_from(before).unwrap_or(u32::MAX)
        });
        let entries = places.iter();
        let entries = entries.map(|(hash, position)| fingerprint(*hash) | position);
        let numbers = starts.chain(entries).flat_map(u32::to_le_bytes);
        Self {
            buckets,
            entries: places.len(),
            kept: Aside::new(numbers.chain(text.bytes()).collect()),
        }
    }

    /// The lines of the lists with a member that [is](Member::is) this principal, in their
    /// order, each once.
    ///
    /// # Errors
    /// Where what is kept is not what was written: nobody knows then who is meant.
    pub fn lines_of(&self, principal: &Principal) -> Result<Vec<String>, Error> {
        let user = [principal.user_name()];
        let asked = [
            (GROUP, principal.groups()),
            (SCOPE, principal.scopes()),
            (USER, user.as_slice()),
        ];
        let mut lists = Vec::new();
        for (kind, qualified) in asked {
            for name in qualified.iter().flat_map(|name| principal.names_of(name)) {
                let with = self.lists_with(&[kind, ":", name]);
                lists.extend(with.ok_or(Error::NotAsKept)?);
            }
        }
        lists.sort_unstable();
        lists.dedup();
        let line = |list| self.line(list)?.strip_prefix(LIST).map(str::to_owned);
        let lines = lists
            .into_iter()
            .map(|list| line(list).ok_or(Error::NotAsKept));
        lines.collect()
    }

    /// All lines, in their order.
    pub fn lines(&self) -> Vec<String> {
        let start = self.text();
        let mut text = vec![0; self.kept.len() - start];
        let _inside = self.kept.read(start, &mut text);
        let text = String::from_utf8_lossy(&text);
        let lines = text.lines().filter_map(|line| line.strip_prefix(LIST));
        lines.map(str::to_owned).collect()
    }

    /// Where the lines of the lists with this member begin; `None` where what is kept is
    /// not what was written.
    fn lists_with(&self, parts: &[&str; 3]) -> Option<Vec<usize>> {
        let hash = hash(parts);
        let bucket = bucket_of(hash, self.buckets);
        let mut lists = Vec::new();
        for entry in self.number(bucket)?..self.number(bucket + 1)? {
            let entry = self.number(self.buckets + 1 + entry as usize)?;
            if entry & !POSITION != fingerprint(hash) {
                continue;
            }
            let at = (entry & POSITION) as usize * STEP;
            let line = self.line(at)?;
            let rest = parts
                .iter()
                .try_fold(line.as_str(), |rest, part| rest.strip_prefix(part));
            // A name holds no space: what is left begins with one, or it is another's.
            if let Some(behind) = rest.and_then(|rest| rest.strip_prefix(' ')) {
                lists.push(at.checked_sub(behind.parse().ok()?)?);
            }
        }
        Some(lists)
    }

    /// One of the numbers before the text.
    fn number(&self, index: usize) -> Option<u32> {
        let mut bytes = [0; NUMBER];
        let is_one = index <= self.buckets + self.entries;
        (is_one && self.kept.read(index * NUMBER, &mut bytes)).then(|| u32::from_le_bytes(bytes))
    }

    /// Where the text begins.
    fn text(&self) -> usize {
        (self.buckets + 1 + self.entries) * NUMBER
    }

    /// The line of the text that begins there.
    fn line(&self, at: usize) -> Option<String> {
        let start = self.text() + at;
        let left = self.kept.len().checked_sub(start)?;
        let mut length = LINE;
        loop {
            let mut bytes = vec![0; length.min(left)];
            if !self.kept.read(start, &mut bytes) {
                return None;
            }
            if let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
                bytes.truncate(end);
                return String::from_utf8(bytes).ok();
            }
            if bytes.len() == left {
                return None;
            }
            length *= 4;
        }
    }
}

const GROUP: &str = "group";
const SCOPE: &str = "scope";
const USER: &str = "user";

fn parts(member: &Member) -> [&str; 3] {
    match member {
        Member::Group(name) => [GROUP, ":", name],
        Member::Scope(name) => [SCOPE, ":", name],
        Member::User(name) => [USER, ":", name],
    }
}

/// The same in every instance of a policy: a snapshot is searched by those after it.
fn hash(parts: &[&str; 3]) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

/// Hashes lie evenly, so that their upper half divides them. Ascending with the hash.
fn bucket_of(hash: u64, buckets: usize) -> usize {
    (((hash >> 32) * buckets as u64) >> 32) as usize
}

/// What an entry holds of a hash, where no position is.
fn fingerprint(hash: u64) -> u32 {
    hash as u32 & !POSITION
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(texts: &[&str]) -> Vec<Member> {
        let parsed = texts.iter().map(|text| Member::parse(text));
        parsed.collect::<Result<_, _>>().unwrap()
    }

    /// An index whose lines are the lists' numbers.
    fn index(lists: &[Vec<Member>]) -> MemberIndex {
        let numbers: Vec<String> = (0..lists.len()).map(|n| n.to_string()).collect();
        let lines = numbers.iter().map(String::as_str);
        MemberIndex::new(lines.zip(lists.iter().map(Vec::as_slice))).unwrap()
    }

    #[test]
    fn whoever_is_meant_twice_stands_in_a_list_once() {
        let both = members(&["user:corp/alice", "group:corp/a", "group:corp/a"]);
        let alice = Principal::new("corp", "alice").with_group("corp/a");
        let index = index(&[both.clone(), Vec::new(), both]);
        assert_eq!(index.lines_of(&alice).unwrap(), ["0", "2"]);
        assert_eq!(index.lines(), ["0", "1", "2"]);
        let empty = MemberIndex::new([]).unwrap();
        assert!(empty.lines_of(&alice).unwrap().is_empty() && empty.lines().is_empty());
    }

    #[test]
    fn a_bare_name_counts_while_there_is_a_single_authenticator() {
        let index = index(&[members(&["group:a"]), members(&["user:alice"])]);
        let alice = Principal::new("corp", "alice").with_group("corp/a");
        assert!(index.lines_of(&alice).unwrap().is_empty());
        assert_eq!(
            index.lines_of(&alice.with_sole_authenticator()).unwrap(),
            ["0", "1"]
        );
    }

    #[test]
    fn names_that_look_alike_are_told_apart() {
        // All with the hash of the one that is asked about.
        let text = "=1\n\ngroup:corp/a 4\n\ngroup:corp/bc 20\n\n\n\ngroup:corp/b 40\n";
        let hash = hash(&[GROUP, ":", "corp/b"]);
        let index = MemberIndex::of(&[1, 5, 10].map(|position| (hash, position)), text);
        let b = Principal::new("corp", "x").with_group("corp/b");
        assert_eq!(index.lines_of(&b).unwrap(), ["1"]);
    }

    #[test]
    fn everybody_is_found_among_many() {
        let lists: Vec<Vec<Member>> = (0..3000)
            .map(|n| {
                members(&[
                    &format!("group:corp/g{n}"),
                    &format!("user:corp/u{}", n / 2),
                ])
            })
            .collect();
        let index = index(&lists);
        for n in 0..3000 {
            let group = Principal::new("corp", "x").with_group(format!("corp/g{n}"));
            assert_eq!(index.lines_of(&group).unwrap(), [n.to_string()]);
            let user = Principal::new("corp", format!("u{n}"));
            let held = [2 * n, 2 * n + 1].map(|n| n.to_string());
            let held: &[String] = if n < 1500 { &held } else { &[] };
            assert_eq!(index.lines_of(&user).unwrap(), held);
        }
    }

    #[test]
    fn what_is_not_as_it_was_written_is_an_error() {
        let places = [(hash(&[GROUP, ":", "corp/b"]), 1)];
        let b = Principal::new("corp", "x").with_group("corp/b");
        for text in [
            "",
            "=1\n\n",
            "=1\n\ngroup:corp/b 4",
            "=1\n\ngroup:corp/b x\n",
            "=1\n\ngroup:corp/b 3\n",
        ] {
            let index = MemberIndex::of(&places, text);
            assert_eq!(index.lines_of(&b), Err(Error::NotAsKept), "{text:?}");
        }
    }

    #[test]
    fn a_long_line_is_read_whole() {
        let line = "+get ".repeat(1000);
        let index = MemberIndex::new([(line.as_str(), members(&["user:corp/a"]).as_slice())]);
        let lines = index.unwrap().lines_of(&Principal::new("corp", "a"));
        assert_eq!(lines.unwrap(), [line]);
    }

    #[test]
    fn what_is_kept_is_a_line() {
        let alice = members(&["user:corp/alice"]);
        let refused = MemberIndex::new([("a\nb", alice.as_slice())]);
        assert_eq!(refused.unwrap_err(), Error::MoreThanALine);
        let line = "a".repeat(POSITION as usize * STEP);
        let refused = MemberIndex::new([(line.as_str(), alice.as_slice())]);
        assert_eq!(refused.unwrap_err(), Error::TooMuchKept);
    }
}
