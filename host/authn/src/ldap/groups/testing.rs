//! A directory in memory, and one that answers what a test wants.
//!
//! In come entries; out come searches over them, filters evaluated part by part. It
//! notes searches, sends values in ranges, and shows of an entry only what is asked for.

use std::collections::{BTreeMap, VecDeque};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use ldap3::asn1::{PL, StructureTag};
use warden_core::{AuthenticatorId, Reason};
use warden_settings::Section;

use super::dn::Dn;
use super::filter::IN_CHAIN;
use super::{
    Described, Entry, Filter, Identifiers, Profile, ProvedBy, Search, SearchError, Searches,
};
use crate::testing::{NOW, at};

/// Attributes whose values are distinguished names.
const NAMES: [&str; 4] = ["member", "memberof", "entrydn", "distinguishedname"];

type Attributes = BTreeMap<String, Vec<String>>;

/// Entries, and what was asked.
#[derive(Default)]
pub(super) struct Tree {
    entries: Vec<(String, Attributes)>,
    /// At most so many values of an attribute come at a time.
    pub(super) range: Option<usize>,
    /// Filter and attributes of every search.
    pub(super) asked: Vec<(Filter, Vec<String>)>,
}

impl Tree {
    /// Adds an entry of attributes as `name: value`. Its name is an attribute too.
    pub(super) fn entry(mut self, dn: &str, lines: &[&str]) -> Self {
        let mut attributes = Attributes::new();
        for line in lines {
            let (name, value) = line.split_once(": ").expect("name: value");
            let values: &mut Vec<String> = attributes.entry(name.to_owned()).or_default();
            values.push(value.to_owned());
        }
        for own in ["entryDN", "distinguishedName"] {
            attributes.insert(own.to_owned(), vec![dn.to_owned()]);
        }
        self.entries.push((dn.to_owned(), attributes));
        self
    }

    /// Adds a group of these to `ou=groups,dc=x`, and its name to their `memberOf`.
    pub(super) fn group(mut self, name: &str, members: &[&str]) -> Self {
        let dn = group(name);
        for (entry, attributes) in &mut self.entries {
            if members.contains(&entry.as_str()) {
                let member_of = attributes.entry("memberOf".to_owned()).or_default();
                member_of.push(dn.clone());
            }
        }
        let lines: Vec<String> = members.iter().map(|dn| format!("member: {dn}")).collect();
        let mut lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        lines.push("objectClass: groupOfNames");
        self.entry(&dn, &lines)
    }

    /// The entry with these attributes, as a search for it would show it.
    pub(super) fn shown(&self, dn: &str, wanted: &[&str]) -> Entry {
        let found = self.entries.iter().find(|(name, _)| same(name, dn));
        let (dn, attributes) = found.expect("the entry is there");
        let shown = wanted
            .iter()
            .flat_map(|wanted| self.selected(attributes, wanted));
        Entry::new(dn.clone(), shown).unwrap()
    }

    /// What an attribute that is asked for, with a range or without, is sent as.
    fn selected(&self, attributes: &Attributes, wanted: &str) -> Vec<(String, Vec<Vec<u8>>)> {
        let (name, first) = match wanted.split_once(";range=") {
            Some((name, range)) => {
                let first = range.split_once('-').expect("a range").0;
                (name, first.parse().expect("a number"))
            }
            None => (wanted, 0),
        };
        let mut attributes = attributes.iter();
        let Some((name, values)) = attributes.find(|(own, _)| own.eq_ignore_ascii_case(name))
        else {
            return Vec::new();
        };
        let bytes = |values: &[String]| -> Vec<Vec<u8>> {
            values
                .iter()
                .map(|text| text.clone().into_bytes())
                .collect()
        };
        let step = self.range.unwrap_or(usize::MAX);
        if first == 0 && values.len() <= step {
            return vec![(name.clone(), bytes(values))];
        }
        let end = values.len().min(first + step);
        let last = match end {
            end if end == values.len() => "*".to_owned(),
            end => (end - 1).to_string(),
        };
        vec![
            (name.clone(), Vec::new()),
            (
                format!("{name};range={first}-{last}"),
                bytes(&values[first..end]),
            ),
        ]
    }

    fn matches(&self, attributes: &Attributes, filter: &StructureTag) -> bool {
        let all = |dn: &str| -> Vec<String> {
            let found = self.entries.iter().find(|(name, _)| same(name, dn));
            found.map_or_else(Vec::new, |(_, attributes)| values(attributes, "member"))
        };
        match (filter.id, &filter.payload) {
            (0, PL::C(parts)) => parts.iter().all(|part| self.matches(attributes, part)),
            (1, PL::C(parts)) => parts.iter().any(|part| self.matches(attributes, part)),
            (2, PL::C(parts)) => !self.matches(attributes, &parts[0]),
            (3, PL::C(parts)) => {
                let (name, value) = (text(&parts[0]), text(&parts[1]));
                let held = values(attributes, &name);
                held.iter()
                    .any(|held| match NAMES.contains(&&*name.to_lowercase()) {
                        true => same(held, &value),
                        false => held.eq_ignore_ascii_case(&value),
                    })
            }
            (7, PL::P(name)) => {
                let name = String::from_utf8(name.clone()).unwrap();
                name.eq_ignore_ascii_case("objectClass") || !values(attributes, &name).is_empty()
            }
            (9, PL::C(parts)) => {
                assert_eq!(
                    (text(&parts[0]), text(&parts[1])),
                    (IN_CHAIN.into(), "member".into())
                );
                let wanted = text(&parts[2]);
                let mut seen: Vec<String> = Vec::new();
                let mut ahead = values(attributes, "member");
                while let Some(dn) = ahead.pop() {
                    if !seen.contains(&dn) {
                        ahead.extend(all(&dn));
                        seen.push(dn);
                    }
                }
                seen.iter().any(|dn| same(dn, &wanted))
            }
            other => panic!("a filter nobody sends: {other:?}"),
        }
    }
}

impl Searches for Tree {
    async fn search(&mut self, search: Search<'_>) -> Result<Vec<Entry>, SearchError> {
        let wanted = search.attributes.iter().map(|&name| name.to_owned());
        self.asked.push((search.filter.clone(), wanted.collect()));
        let base = Dn::parse(search.base).unwrap();
        let filter = &search.filter.0;
        let found = self.entries.iter().filter(|(dn, attributes)| {
            Dn::parse(dn).unwrap().lies_in(&base, search.scope) && self.matches(attributes, filter)
        });
        let found: Vec<Entry> = found
            .map(|(dn, _)| self.shown(dn, search.attributes))
            .collect();
        if found.len() > search.most_entries {
            return Err(SearchError::TooMany);
        }
        Ok(found)
    }
}

/// Gives these answers, one after the other, whatever is asked, and the last for ever.
pub(super) struct Script {
    pub(super) answers: VecDeque<Vec<Entry>>,
    pub(super) asked: usize,
}

impl Script {
    pub(super) fn new(answers: impl IntoIterator<Item = Vec<Entry>>) -> Self {
        Self {
            answers: answers.into_iter().collect(),
            asked: 0,
        }
    }
}

impl Searches for Script {
    async fn search(&mut self, search: Search<'_>) -> Result<Vec<Entry>, SearchError> {
        self.asked += 1;
        let answer = match self.answers.len() {
            0 | 1 => self.answers.front().cloned().unwrap_or_default(),
            _ => self.answers.pop_front().unwrap(),
        };
        if answer.len() > search.most_entries {
            return Err(SearchError::TooMany);
        }
        Ok(answer)
    }
}

/// An entry of attributes, each with its values.
pub(super) fn entry(dn: &str, attributes: &[(&str, &[&str])]) -> Entry {
    let attributes = attributes.iter().map(|(name, values)| {
        let values = values.iter().map(|value| value.as_bytes().to_vec());
        ((*name).to_owned(), values.collect())
    });
    Entry::new(dn.to_owned(), attributes).unwrap()
}

/// The name of a group that [`Tree::group`] makes.
pub(super) fn group(name: &str) -> String {
    format!("cn={name},ou=groups,dc=x")
}

/// Settings without a fault.
pub(super) fn profile(text: &str) -> Profile {
    let mut file = Section::parse(text.as_bytes()).unwrap();
    let profile = Profile::read(
        &mut file,
        Identifiers {
            dn: "entryDN".to_owned(),
            name: "uid".to_owned(),
        },
        false,
    );
    assert_eq!(file.finish(), [], "{text}");
    profile
}

/// What an account is, by these settings.
pub(super) fn described(
    settings: &str,
    account: &str,
    tree: &mut Tree,
) -> Result<Described, Reason> {
    let profile = profile(settings);
    let entry = tree.shown(account, &profile.wanted());
    answered(&profile, &entry, tree)
}

/// The same of an entry, and of whoever answers.
pub(super) fn answered<S: Searches>(
    profile: &Profile,
    account: &Entry,
    searches: &mut S,
) -> Result<Described, Reason> {
    let corp = AuthenticatorId::new("corp").unwrap();
    ready(sent(profile.describe(
        account,
        ProvedBy::Password,
        &corp,
        at(NOW),
        searches,
    )))
}

/// It can go to another thread.
fn sent<F: Future + Send>(future: F) -> F {
    future
}

/// What comes of it at once.
pub(super) fn ready<F: Future>(future: F) -> F::Output {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("nothing here waits"),
    }
}

fn same(one: &str, other: &str) -> bool {
    match (Dn::parse(one), Dn::parse(other)) {
        (Ok(one), Ok(other)) => one.normal() == other.normal(),
        _ => false,
    }
}

fn values(attributes: &Attributes, name: &str) -> Vec<String> {
    let mut attributes = attributes.iter();
    let found = attributes.find(|(own, _)| own.eq_ignore_ascii_case(name));
    found.map_or_else(Vec::new, |(_, values)| values.clone())
}

fn text(tag: &StructureTag) -> String {
    match &tag.payload {
        PL::P(bytes) => String::from_utf8(bytes.clone()).unwrap(),
        PL::C(_) => panic!("no text"),
    }
}
