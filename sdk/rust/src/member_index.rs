//! In which of many lists of members somebody stands.
//!
//! In: lists of members, once, when the data is read; then a principal. Out: the numbers
//! of the lists that mean it. Answering takes as long for ten thousand lists as for ten,
//! and looks at little memory: a decision starts from a copy of the policy's, made page
//! by page as it is looked at.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use crate::{Member, Principal};

/// Lists of members, to be asked who stands in which.
///
/// ```
/// use warden_sdk::{Member, MemberIndex, Principal};
///
/// let readers = [Member::parse("group:corp/analysts")?, Member::parse("user:corp/bob")?];
/// let writers = [Member::parse("user:corp/alice")?];
/// let index = MemberIndex::new([readers.as_slice(), writers.as_slice()]);
///
/// let alice = Principal::new("corp", "alice").with_group("corp/analysts");
/// assert_eq!(index.lists_with(&alice), [0, 1]);
/// # Ok::<(), warden_sdk::MemberError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberIndex {
    /// Of each member that stands anywhere, in order. What is searched lies together.
    hashes: Vec<u32>,
    /// What belongs to the hash of the same place.
    entries: Vec<Entry>,
    /// All names, one after the other.
    names: String,
    /// The lists of all members, one after the other.
    lists: Vec<u32>,
}

/// One member that stands in at least one list.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    kind: Kind,
    name: Range<u32>,
    lists: Range<u32>,
}

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Group,
    Scope,
    User,
}

impl MemberIndex {
    /// Notes who stands in which list; the first has the number 0.
    pub fn new<'a>(lists: impl IntoIterator<Item = &'a [Member]>) -> Self {
        let mut places: Vec<(u32, Kind, &str, u32)> = Vec::new();
        for (number, list) in (0..).zip(lists) {
            places.extend(list.iter().map(|member| {
                let (kind, name) = parts(member);
                (hash(kind, name), kind, name, number)
            }));
        }
        places.sort_unstable();
        places.dedup();
        let mut index = Self::default();
        for member in places.chunk_by(|a, b| (a.0, a.1, a.2) == (b.0, b.1, b.2)) {
            let Some(&(hash, kind, name, _)) = member.first() else {
                continue;
            };
            let (names, lists) = (length(index.names.len()), length(index.lists.len()));
            index.names.push_str(name);
            index.lists.extend(member.iter().map(|place| place.3));
            index.hashes.push(hash);
            index.entries.push(Entry {
                kind,
                name: names..length(index.names.len()),
                lists: lists..length(index.lists.len()),
            });
        }
        index
    }

    /// The numbers of the lists with a member that [is](Member::is) this principal,
    /// ascending, each once.
    pub fn lists_with(&self, principal: &Principal) -> Vec<usize> {
        let user = [principal.user_name()];
        let asked = [
            (Kind::Group, principal.groups()),
            (Kind::Scope, principal.scopes()),
            (Kind::User, user.as_slice()),
        ];
        let mut lists = Vec::new();
        for (kind, qualified) in asked {
            for name in qualified.iter().flat_map(|name| principal.names_of(name)) {
                lists.extend(self.lists_of(kind, name));
            }
        }
        lists.sort_unstable();
        lists.dedup();
        lists
    }

    fn lists_of(&self, kind: Kind, name: &str) -> impl Iterator<Item = usize> {
        let hash = hash(kind, name);
        let first = self.hashes.partition_point(|other| *other < hash);
        let same = self.hashes.iter().zip(&self.entries).skip(first);
        let found = same
            .take_while(|(other, _)| **other == hash)
            .map(|(_, entry)| entry)
            .find(|entry| entry.kind == kind && self.names.get(places(&entry.name)) == Some(name));
        let lists = found.and_then(|entry| self.lists.get(places(&entry.lists)));
        lists.into_iter().flatten().map(|number| *number as usize)
    }
}

fn parts(member: &Member) -> (Kind, &str) {
    match member {
        Member::Group(name) => (Kind::Group, name),
        Member::Scope(name) => (Kind::Scope, name),
        Member::User(name) => (Kind::User, name),
    }
}

/// The same in every instance of a policy: a snapshot is searched by those after it.
fn hash(kind: Kind, name: &str) -> u32 {
    let mut hasher = DefaultHasher::new();
    (kind, name).hash(&mut hasher);
    // Half of it is enough to find a place.
    (hasher.finish() >> 32) as u32
}

/// A length as it is noted. A guest's memory has 4 GiB: no data has more.
fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn places(noted: &Range<u32>) -> Range<usize> {
    noted.start as usize..noted.end as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(texts: &[&str]) -> Vec<Member> {
        let parsed = texts.iter().map(|text| Member::parse(text));
        parsed.collect::<Result<_, _>>().unwrap()
    }

    fn lists(index: &[Vec<Member>], principal: &Principal) -> Vec<usize> {
        MemberIndex::new(index.iter().map(Vec::as_slice)).lists_with(principal)
    }

    #[test]
    fn whoever_is_meant_twice_stands_in_a_list_once() {
        let both = members(&["user:corp/alice", "group:corp/a", "group:corp/a"]);
        let alice = Principal::new("corp", "alice").with_group("corp/a");
        assert_eq!(lists(&[both.clone(), Vec::new(), both], &alice), [0, 2]);
        assert!(lists(&[], &alice).is_empty());
    }

    #[test]
    fn a_bare_name_counts_while_there_is_a_single_authenticator() {
        let bare = [members(&["group:a"]), members(&["user:alice"])];
        let alice = Principal::new("corp", "alice").with_group("corp/a");
        assert!(lists(&bare, &alice).is_empty());
        assert_eq!(lists(&bare, &alice.with_sole_authenticator()), [0, 1]);
    }

    #[test]
    fn names_of_the_same_hash_are_told_apart() {
        let index = MemberIndex {
            hashes: vec![hash(Kind::Group, "corp/b"); 2],
            entries: vec![
                Entry {
                    kind: Kind::Group,
                    name: 0..6,
                    lists: 0..1,
                },
                Entry {
                    kind: Kind::Group,
                    name: 6..12,
                    lists: 1..2,
                },
            ],
            names: "corp/acorp/b".to_owned(),
            lists: vec![4, 7],
        };
        let b = Principal::new("corp", "x").with_group("corp/b");
        assert_eq!(index.lists_with(&b), [7]);
    }
}
