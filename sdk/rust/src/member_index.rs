//! In which of many lists of members somebody stands.
//!
//! In: lists of members, once, when the data is read; then a principal. Out: the numbers
//! of the lists that mean it. Answering takes as long for ten thousand lists as for ten,
//! and looks at little memory: a decision starts from a copy of the policy's, made page
//! by page as it is looked at.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::{Member, Principal};

/// Lists of members, to be asked who stands in which.
///
/// ```
/// use warden_sdk::{Member, MemberIndex, Principal};
///
/// let readers = [Member::parse("group:corp/analysts")?, Member::parse("user:corp/bob")?];
/// let writers = [Member::parse("user:corp/alice")?];
/// let index = MemberIndex::new([(0, readers.as_slice()), (1, writers.as_slice())]);
///
/// let alice = Principal::new("corp", "alice").with_group("corp/analysts");
/// assert_eq!(index.lists_with(&alice), [0, 1]);
/// # Ok::<(), warden_sdk::MemberError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberIndex {
    /// Of each member its hash, in order, and where it stands in the text.
    places: Vec<(u32, u32)>,
    /// A line for each member: `group:corp/analysts 0 17`, with the numbers of its lists.
    text: String,
}

impl MemberIndex {
    /// Notes who stands in which list, by the lists' numbers.
    pub fn new<'a>(lists: impl IntoIterator<Item = (u32, &'a [Member])>) -> Self {
        let mut members: Vec<(u32, [&str; 3], u32)> = Vec::new();
        for (number, list) in lists {
            members.extend(list.iter().map(|member| {
                let parts = parts(member);
                (hash(&parts), parts, number)
            }));
        }
        members.sort_unstable();
        members.dedup();
        let mut index = Self::default();
        for lists in members.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            let Some((hash, parts, _)) = lists.first() else {
                continue;
            };
            // A guest's memory has 4 GiB: no text is longer.
            let start = u32::try_from(index.text.len()).unwrap_or(u32::MAX);
            index.places.push((*hash, start));
            parts.iter().for_each(|part| index.text.push_str(part));
            for (_, _, number) in lists {
                index.text.push(' ');
                index.text.push_str(&number.to_string());
            }
            index.text.push('\n');
        }
        index.places.shrink_to_fit();
        index.text.shrink_to_fit();
        index
    }

    /// The numbers of the lists with a member that [is](Member::is) this principal,
    /// ascending, each once.
    pub fn lists_with(&self, principal: &Principal) -> Vec<u32> {
        let user = [principal.user_name()];
        let asked = [
            (GROUP, principal.groups()),
            (SCOPE, principal.scopes()),
            (USER, user.as_slice()),
        ];
        let mut lists = Vec::new();
        for (kind, qualified) in asked {
            for name in qualified.iter().flat_map(|name| principal.names_of(name)) {
                lists.extend(self.lists_of(&[kind, ":", name]));
            }
        }
        lists.sort_unstable();
        lists.dedup();
        lists
    }

    /// Where the first place of this hash, or of one above it, would be. Hashes lie evenly:
    /// it is sought around where it would be if they lay quite evenly, in a page or two.
    fn first(&self, hash: u32) -> usize {
        let all = self.places.len();
        let guess = ((u64::from(hash) * all as u64) >> 32) as usize;
        let below = |at: usize| self.places.get(at).is_some_and(|(other, _)| *other < hash);
        let mut step = 1;
        let (mut start, mut end) = (guess, guess);
        while start > 0 && !below(start - 1) {
            start = start.saturating_sub(step);
            step *= 2;
        }
        while end < all && below(end) {
            end = end.saturating_add(step).min(all);
            step *= 2;
        }
        let between = self.places.get(start..end).unwrap_or_default();
        start + between.partition_point(|(other, _)| *other < hash)
    }

    fn lists_of(&self, parts: &[&str; 3]) -> impl Iterator<Item = u32> {
        let hash = hash(parts);
        let same = self.places.get(self.first(hash)..).unwrap_or_default();
        let lists = same
            .iter()
            .take_while(|(other, _)| *other == hash)
            .filter_map(|(_, start)| self.text.get(*start as usize..)?.lines().next())
            .find_map(|line| {
                let rest = parts
                    .iter()
                    .try_fold(line, |rest, part| rest.strip_prefix(part))?;
                // A name holds no space: what is left begins with one, or it is another's.
                rest.strip_prefix(' ')
            });
        let numbers = lists.into_iter().flat_map(|lists| lists.split(' '));
        numbers.filter_map(|number| number.parse().ok())
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
fn hash(parts: &[&str; 3]) -> u32 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    // Half of it is enough to find a place.
    (hasher.finish() >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(texts: &[&str]) -> Vec<Member> {
        let parsed = texts.iter().map(|text| Member::parse(text));
        parsed.collect::<Result<_, _>>().unwrap()
    }

    fn lists(lists: &[Vec<Member>], principal: &Principal) -> Vec<u32> {
        MemberIndex::new((0..).zip(lists.iter().map(Vec::as_slice))).lists_with(principal)
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
        let same = hash(&[GROUP, ":", "corp/b"]);
        let index = MemberIndex {
            places: vec![(same, 0), (same, 15), (same, 31)],
            text: "group:corp/a 4\ngroup:corp/bc 5\ngroup:corp/b 7 9\n".to_owned(),
        };
        let b = Principal::new("corp", "x").with_group("corp/b");
        assert_eq!(index.lists_with(&b), [7, 9]);
    }
}
