//! Messages of RFC 4511 in the library's terms: requests taken apart, answers put together.

use lber::common::TagClass;
use lber::structure::{PL, StructureTag};
use lber::structures::{ASNTag, Enumerated, Integer};
use lber::universal::Types;

use super::filter::Filter;
use super::request::{Operation, Scope};
use crate::ldap::Entry;

/// Tags of `protocolOp`.
pub(super) const BIND: u64 = 0;
pub(super) const SEARCH: u64 = 3;
const ENTRY: u64 = 4;
const SEARCH_DONE: u64 = 5;
const REFERENCE: u64 = 19;
pub(super) const EXTENDED: u64 = 23;
pub(super) const EXTENDED_ANSWER: u64 = 24;

/// What a result says.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    pub(super) code: u32,
    pub(super) diagnostic: String,
    pub(super) referrals: Vec<String>,
}

/// The tag of the result that ends the answer to a request of this tag.
pub(super) fn result_of(request: u64) -> u64 {
    if request == SEARCH {
        SEARCH_DONE
    } else {
        request + 1
    }
}

/// A whole message.
pub(super) fn message(id: i64, operation: StructureTag) -> StructureTag {
    sequence(vec![integer(id), operation])
}

pub(super) fn entry(entry: &Entry) -> StructureTag {
    let attributes = entry.attributes.iter().map(|(name, values)| {
        let values = values.iter().map(|value| octets(value)).collect();
        sequence(vec![octets(name.as_bytes()), set(values)])
    });
    let parts = vec![octets(entry.dn.as_bytes()), sequence(attributes.collect())];
    constructed(TagClass::Application, ENTRY, parts)
}

pub(super) fn reference(url: &str) -> StructureTag {
    constructed(
        TagClass::Application,
        REFERENCE,
        vec![octets(url.as_bytes())],
    )
}

pub(super) fn result(tag: u64, verdict: &Verdict) -> StructureTag {
    constructed(TagClass::Application, tag, verdict_parts(verdict))
}

/// RFC 4511 §4.4.1: the server says that it will hang up.
pub(super) fn notice_of_disconnection(verdict: &Verdict) -> StructureTag {
    let name = StructureTag {
        class: TagClass::Context,
        id: 10,
        payload: PL::P(b"1.3.6.1.4.1.1466.20036".to_vec()),
    };
    let mut parts = verdict_parts(verdict);
    parts.push(name);
    constructed(TagClass::Application, EXTENDED_ANSWER, parts)
}

fn verdict_parts(verdict: &Verdict) -> Vec<StructureTag> {
    let code = Enumerated {
        inner: i64::from(verdict.code),
        ..Enumerated::default()
    };
    let mut parts = vec![
        code.into_structure(),
        octets(b""),
        octets(verdict.diagnostic.as_bytes()),
    ];
    if !verdict.referrals.is_empty() {
        let urls = verdict.referrals.iter().map(|url| octets(url.as_bytes()));
        parts.push(constructed(TagClass::Context, 3, urls.collect()));
    }
    parts
}

/// The id of a message, the tag of its operation, and what is asked; none when it is
/// not a request of the protocol.
pub(super) fn request(message: StructureTag) -> Option<(i64, u64, Operation)> {
    let mut parts = message.expect_constructed()?.into_iter();
    let id = number(parts.next()?)?;
    let operation = parts.next()?;
    let tag = operation.match_class(TagClass::Application)?;
    Some((id, tag.id, self::operation(tag)?))
}

fn operation(tag: StructureTag) -> Option<Operation> {
    match tag.id {
        BIND => bind(tag.expect_constructed()?),
        2 => Some(Operation::Unbind),
        SEARCH => search(tag.expect_constructed()?),
        16 => Some(Operation::Abandon {
            message_id: number(tag)?,
        }),
        EXTENDED => Some(Operation::Extended {
            name: text(tag.expect_constructed()?.into_iter().next()?)?,
        }),
        other => Some(Operation::Other { tag: other }),
    }
}

fn bind(parts: Vec<StructureTag>) -> Option<Operation> {
    let mut parts = parts.into_iter().skip(1);
    let name = text(parts.next()?)?;
    let proof = parts.next()?;
    if proof.id != 0 {
        return Some(Operation::SaslBind { name });
    }
    Some(Operation::Bind {
        name,
        password: text(proof)?,
    })
}

fn search(parts: Vec<StructureTag>) -> Option<Operation> {
    let mut parts = parts.into_iter();
    let base = text(parts.next()?)?;
    let scope = match number(parts.next()?)? {
        0 => Scope::Base,
        1 => Scope::One,
        _ => Scope::Tree,
    };
    let _how_aliases_are_followed = parts.next()?;
    let size_limit = number(parts.next()?)?;
    let time_limit = number(parts.next()?)?;
    let _whether_names_are_enough = parts.next()?;
    let filter = Filter::of(parts.next()?)?;
    let names = parts.next()?.expect_constructed()?.into_iter();
    Some(Operation::Search {
        base,
        scope,
        size_limit: size_limit.try_into().ok()?,
        time_limit_seconds: time_limit.try_into().ok()?,
        filter,
        attributes: names.map(text).collect::<Option<_>>()?,
    })
}

fn number(tag: StructureTag) -> Option<i64> {
    let bytes = tag.expect_primitive()?;
    let fits = bytes.len() < 8;
    fits.then(|| {
        bytes
            .iter()
            .fold(0, |sum, byte| sum << 8 | i64::from(*byte))
    })
}

pub(super) fn text(tag: StructureTag) -> Option<String> {
    Some(String::from_utf8_lossy(&tag.expect_primitive()?).into_owned())
}

fn integer(inner: i64) -> StructureTag {
    let integer = Integer {
        inner,
        ..Integer::default()
    };
    integer.into_structure()
}

fn octets(bytes: &[u8]) -> StructureTag {
    StructureTag {
        class: TagClass::Universal,
        id: Types::OctetString as u64,
        payload: PL::P(bytes.to_vec()),
    }
}

fn sequence(parts: Vec<StructureTag>) -> StructureTag {
    constructed(TagClass::Universal, Types::Sequence as u64, parts)
}

fn set(parts: Vec<StructureTag>) -> StructureTag {
    constructed(TagClass::Universal, Types::Set as u64, parts)
}

fn constructed(class: TagClass, id: u64, parts: Vec<StructureTag>) -> StructureTag {
    StructureTag {
        class,
        id,
        payload: PL::C(parts),
    }
}
