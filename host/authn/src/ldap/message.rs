//! The messages of LDAP that warden sends and understands (RFC 4511 §4).
//!
//! In comes what to ask; out go its bytes, and of a directory's bytes what they say.
//! Never: a control, a referral that is followed.

use ldap3::Scope;

use super::ber::{
    self, BOOLEAN, ENUMERATED, INTEGER, Malformed, OCTET_STRING, Reader, SEQUENCE, SET,
};
use super::filter::Filter;

/// The extended operation that begins TLS (RFC 4511 §4.14).
const START_TLS: &[u8] = b"1.3.6.1.4.1.1466.20037";

/// Most attributes and values of one entry: a value of no byte takes two on its way, and
/// twelve times as many here. Of an attribute none has a tenth of them that may be used.
const MAX_VALUES: usize = 100_000;

const BIND_REQUEST: u8 = 0x60;
const BIND_RESPONSE: u8 = 0x61;
const UNBIND_REQUEST: u8 = 0x42;
const SEARCH_REQUEST: u8 = 0x63;
const SEARCH_ENTRY: u8 = 0x64;
const SEARCH_DONE: u8 = 0x65;
const SEARCH_REFERENCE: u8 = 0x73;
const EXTENDED_REQUEST: u8 = 0x77;
const EXTENDED_RESPONSE: u8 = 0x78;

/// The name, or password, in a request that has a tag of its own for it.
const CONTEXT_0: u8 = 0x80;

/// A request.
#[derive(Clone, Copy)]
pub(super) enum Request<'a> {
    /// A simple bind (§4.2).
    Bind { name: &'a str, password: &'a str },
    /// A search (§4.5).
    Search(&'a Search<'a>),
    /// From here on, TLS.
    StartTls,
    /// The end; not answered.
    Unbind,
}

/// What is searched for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Search<'a> {
    pub(crate) base: &'a str,
    pub(crate) scope: Scope,
    pub(crate) filter: &'a Filter,
    /// Attributes asked for; none means those that every user has, `1.1` none.
    pub(crate) attributes: &'a [&'a str],
    /// Most entries; 0: as many as there are.
    pub(crate) size_limit: u32,
}

/// What a directory says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Response<'a> {
    Bind(ResultCode<'a>),
    Entry(Entry),
    /// Somewhere else there may be more.
    Reference,
    Done(ResultCode<'a>),
    /// To StartTLS, or what nobody asked for: that it closes the connection.
    Extended(ResultCode<'a>),
}

/// How an operation ended (§4.1.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ResultCode<'a> {
    pub(super) code: u32,
    /// Words of the directory's own. Whoever hates us could repeat a password in them.
    pub(super) diagnostic: &'a [u8],
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) dn: String,
    /// Descriptions as the directory spells them, and their values.
    pub(crate) attributes: Vec<(String, Vec<Vec<u8>>)>,
}

impl Entry {
    /// The values of an attribute; its name is the same in any case (RFC 4512 §2.5).
    pub(crate) fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.attributes
            .iter()
            .filter(move |(description, _)| description.eq_ignore_ascii_case(name))
            .flat_map(|(_, values)| values)
            .map(Vec::as_slice)
    }
}

impl Request<'_> {
    /// More bytes than writing it takes.
    pub(super) fn most_bytes(&self) -> usize {
        64 + match self {
            Self::Bind { name, password } => name.len() + password.len(),
            Self::Search(search) => {
                let attributes = search.attributes.iter().map(|name| name.len() + 8);
                search.base.len() + search.filter.most_bytes() + attributes.sum::<usize>()
            }
            Self::StartTls | Self::Unbind => 0,
        }
    }

    /// Writes the message with this number.
    pub(super) fn write(&self, number: u32, to: &mut Vec<u8>) {
        ber::nest(to, SEQUENCE, |to| {
            ber::write_number(to, INTEGER, number);
            match self {
                Self::Bind { name, password } => ber::nest(to, BIND_REQUEST, |to| {
                    ber::write_number(to, INTEGER, 3);
                    ber::write(to, OCTET_STRING, name.as_bytes());
                    ber::write(to, CONTEXT_0, password.as_bytes());
                }),
                Self::Search(search) => ber::nest(to, SEARCH_REQUEST, |to| search.write(to)),
                Self::StartTls => ber::nest(to, EXTENDED_REQUEST, |to| {
                    ber::write(to, CONTEXT_0, START_TLS);
                }),
                Self::Unbind => ber::write(to, UNBIND_REQUEST, &[]),
            }
        });
    }
}

impl Search<'_> {
    fn write(&self, to: &mut Vec<u8>) {
        let scope = match self.scope {
            Scope::Base => 0,
            Scope::OneLevel => 1,
            Scope::Subtree => 2,
        };
        ber::write(to, OCTET_STRING, self.base.as_bytes());
        ber::write_number(to, ENUMERATED, scope);
        // Aliases are not followed: they may lead out of the base.
        ber::write_number(to, ENUMERATED, 0);
        ber::write_number(to, INTEGER, self.size_limit);
        // Who waits too long closes the connection.
        ber::write_number(to, INTEGER, 0);
        ber::write(to, BOOLEAN, &[0]);
        self.filter.write(to);
        ber::nest(to, SEQUENCE, |to| {
            for name in self.attributes {
                ber::write(to, OCTET_STRING, name.as_bytes());
            }
        });
    }
}

impl<'a> Response<'a> {
    /// The number of a message, and what it says. Controls are passed over, as is what
    /// Active Directory puts in their place.
    ///
    /// # Errors
    /// When it is no message a client may be sent.
    pub(super) fn read(message: &'a [u8]) -> Result<(u32, Self), Malformed> {
        let mut message = Reader::new(message);
        let mut parts = Reader::new(message.expect(SEQUENCE)?);
        let number = parts.number(INTEGER)?;
        let operation = parts.next()?;
        let mut content = Reader::new(operation.content);
        let response = match operation.tag {
            BIND_RESPONSE => Self::Bind(ResultCode::read(&mut content)?),
            SEARCH_ENTRY => Self::Entry(Entry::read(&mut content)?),
            SEARCH_REFERENCE => Self::Reference,
            SEARCH_DONE => Self::Done(ResultCode::read(&mut content)?),
            EXTENDED_RESPONSE => Self::Extended(ResultCode::read(&mut content)?),
            _ => return Err(Malformed),
        };
        Ok((number, response))
    }
}

impl<'a> ResultCode<'a> {
    fn read(content: &mut Reader<'a>) -> Result<Self, Malformed> {
        let code = content.number(ENUMERATED)?;
        let _matched_dn = content.expect(OCTET_STRING)?;
        let diagnostic = content.expect(OCTET_STRING)?;
        Ok(Self { code, diagnostic })
    }
}

impl Entry {
    fn read(content: &mut Reader<'_>) -> Result<Self, Malformed> {
        let dn = text(content.expect(OCTET_STRING)?)?;
        let mut list = Reader::new(content.expect(SEQUENCE)?);
        let mut attributes = Vec::new();
        let mut left = MAX_VALUES;
        while !list.is_empty() {
            left = left.checked_sub(1).ok_or(Malformed)?;
            let mut attribute = Reader::new(list.expect(SEQUENCE)?);
            let description = text(attribute.expect(OCTET_STRING)?)?;
            let mut set = Reader::new(attribute.expect(SET)?);
            let mut values = Vec::new();
            while !set.is_empty() {
                left = left.checked_sub(1).ok_or(Malformed)?;
                values.push(set.expect(OCTET_STRING)?.to_vec());
            }
            attributes.push((description, values));
        }
        Ok(Self { dn, attributes })
    }
}

fn text(bytes: &[u8]) -> Result<String, Malformed> {
    let text = std::str::from_utf8(bytes).map_err(|_| Malformed)?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(request: Request<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        request.write(7, &mut bytes);
        assert!(bytes.len() <= request.most_bytes());
        bytes
    }

    #[test]
    fn requests_are_written_as_the_standard_says() {
        let bind = Request::Bind {
            name: "cn=a",
            password: "pw",
        };
        let expected = b"\x30\x12\x02\x01\x07\x60\x0d\x02\x01\x03\x04\x04cn=a\x80\x02pw";
        assert_eq!(written(bind), expected);
        assert_eq!(
            written(Request::Unbind),
            b"\x30\x05\x02\x01\x07\x42\x00".as_slice()
        );
        let start = written(Request::StartTls);
        assert!(start.ends_with(b"\x77\x18\x80\x161.3.6.1.4.1.1466.20037"));
        let search = Search {
            base: "",
            scope: Scope::Base,
            filter: &Filter::present("objectClass"),
            attributes: &["1.1"],
            size_limit: 2,
        };
        let expected = b"\x30\x2a\x02\x01\x07\x63\x25\x04\x00\x0a\x01\x00\x0a\x01\x00\
            \x02\x01\x02\x02\x01\x00\x01\x01\x00\x87\x0bobjectClass\x30\x05\x04\x031.1";
        assert_eq!(written(Request::Search(&search)), expected);
    }

    #[test]
    fn answers_say_what_they_say() {
        let wrong = b"\x30\x0f\x02\x01\x07\x61\x0a\x0a\x01\x31\x04\x00\x04\x03bad";
        let code = ResultCode {
            code: 49,
            diagnostic: b"bad",
        };
        assert_eq!(Response::read(wrong), Ok((7, Response::Bind(code))));
        let entry = b"\x30\x21\x02\x01\x07\x64\x1c\x04\x04cn=a\x30\x14\x30\x12\x04\x03uid\x31\x0b\x04\x01a\x04\x06a\xc3\xa9\xff\xff\xff";
        let (_, response) = Response::read(entry).unwrap();
        let Response::Entry(entry) = response else {
            panic!("no entry")
        };
        assert_eq!(entry.dn, "cn=a");
        let values: Vec<_> = entry.values("UID").collect();
        assert_eq!(values, [b"a".as_slice(), b"a\xc3\xa9\xff\xff\xff"]);
    }

    #[test]
    fn an_entry_of_more_values_than_any_has_takes_no_room() {
        let entry = |attributes: usize, values: usize| {
            let mut message = Vec::new();
            ber::nest(&mut message, SEQUENCE, |to| {
                ber::write_number(to, INTEGER, 7);
                ber::nest(to, SEARCH_ENTRY, |to| {
                    ber::write(to, OCTET_STRING, b"cn=a");
                    ber::nest(to, SEQUENCE, |to| {
                        for _ in 0..attributes {
                            ber::nest(to, SEQUENCE, |to| {
                                ber::write(to, OCTET_STRING, b"uid");
                                ber::write(to, SET, &b"\x04\x00".repeat(values));
                            });
                        }
                    });
                });
            });
            Response::read(&message).map(|(number, _)| number)
        };
        assert_eq!(entry(1, MAX_VALUES - 1), Ok(7));
        assert_eq!(entry(MAX_VALUES, 0), Ok(7));
        for (attributes, values) in [(1, MAX_VALUES), (MAX_VALUES + 1, 0), (2, 50_000)] {
            assert_eq!(entry(attributes, values), Err(Malformed));
        }
    }

    /// A notice of disconnection as Active Directory sends it: its name where controls belong.
    #[test]
    fn what_nobody_asked_for_is_understood_however_it_is_put() {
        let notice = b"\x30\x28\x02\x01\x00\x78\x07\x0a\x01\x34\x04\x00\x04\x00\x8a\x1a1.3.6.1.4.1.1466.20036....";
        let (number, response) = Response::read(notice).unwrap();
        assert_eq!(number, 0);
        assert!(matches!(response, Response::Extended(code) if code.code == 52));
    }

    #[test]
    fn whatever_else_comes_is_malformed() {
        for bad in [
            b"".as_slice(),
            b"\x30\x00",
            b"\x30\x03\x02\x01\x07",
            // A request.
            b"\x30\x0c\x02\x01\x07\x60\x07\x02\x01\x03\x04\x00\x80\x00",
            // Without the words.
            b"\x30\x0a\x02\x01\x07\x61\x05\x0a\x01\x00\x04\x00",
            // A negative code.
            b"\x30\x0c\x02\x01\x07\x61\x07\x0a\x01\xff\x04\x00\x04\x00",
            // A name that is not UTF-8.
            b"\x30\x0a\x02\x01\x07\x64\x05\x04\x01\xff\x30\x00",
        ] {
            assert_eq!(Response::read(bad), Err(Malformed), "{bad:x?}");
        }
    }
}
