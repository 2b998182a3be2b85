//! A request as it was read.

use super::filter::Filter;

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Which connection it came on, from 1.
    pub connection: u64,
    /// Whether that spoke TLS by then.
    pub over_tls: bool,
    /// What the answer must carry.
    pub message_id: i64,
    /// What is asked.
    pub operation: Operation,
    pub(super) tag: u64,
}

/// What is asked. Text that is not UTF-8 has marks in place of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A simple bind.
    Bind {
        /// A distinguished name, or what Active Directory takes in its place.
        name: String,
        /// Empty for an anonymous bind, and for one that does not know it is.
        password: String,
    },
    /// Any other bind.
    SaslBind {
        /// The name beside the mechanism.
        name: String,
    },
    /// A search.
    Search {
        /// Where it begins.
        base: String,
        /// How far it goes.
        scope: Scope,
        /// At most so many entries; 0 for no limit.
        size_limit: u32,
        /// At most so long; 0 for no limit.
        time_limit_seconds: u32,
        /// What is looked for.
        filter: Filter,
        /// What is wanted of it.
        attributes: Vec<String>,
    },
    /// An extended request.
    Extended {
        /// Its object identifier.
        name: String,
    },
    /// The client says good-bye; nothing is answered.
    Unbind,
    /// The client wants no answer to another request; nothing is answered.
    Abandon {
        /// That request's id.
        message_id: i64,
    },
    /// Anything else.
    Other {
        /// Its tag in RFC 4511.
        tag: u64,
    },
}

/// How far a search goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The base alone.
    Base,
    /// What lies right below it.
    One,
    /// It and everything below it.
    Tree,
}

impl Request {
    /// Whether the client asks for TLS.
    pub fn is_start_tls(&self) -> bool {
        matches!(&self.operation, Operation::Extended { name } if name == "1.3.6.1.4.1.1466.20037")
    }

    /// Whether anything is answered to it in LDAP.
    pub(super) fn wants_an_answer(&self) -> bool {
        !matches!(
            self.operation,
            Operation::Unbind | Operation::Abandon { .. }
        )
    }
}
