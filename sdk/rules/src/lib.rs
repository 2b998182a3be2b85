//! The grammar of ACL rules, shared by warden and by those who write policies.
//!
//! In comes text (from a policy, a data file, a claim); out comes a value that
//! can only say what a permission may say, and its canonical text. Nothing here
//! knows a server: whether a command exists is asked where rules are rendered.
//!
//! Only *permissions* exist. Passwords, `on` and `off`, `reset…`, selectors in
//! parentheses and whatever else an ACL string may carry are refused, with words
//! that say what to write instead.
//!
//! ```
//! use warden_rules::{AclRule, Access, Pattern};
//!
//! let rule = AclRule::parse("+CONFIG|Get")?;
//! assert_eq!(rule.to_string(), "+config|get");
//!
//! // A claim's value never widens a rule: its glob characters are escaped.
//! let mine = Pattern::prefix("tenant*:")?;
//! assert_eq!(AclRule::Keys(Access::Read, mine).to_string(), r"%R~tenant\*:*");
//! assert!(Pattern::literal("a ~*").is_err());
//! assert!(AclRule::parse("nopass").is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bound;
mod databases;
mod error;
mod name;
mod pattern;
mod places;
mod rule;
mod template;

pub use bound::Bound;
pub use databases::Databases;
pub use error::{FillError, PatternError, RuleError, TemplateError};
pub use name::{CategoryName, CommandName, MAX_NAME_BYTES};
pub use pattern::{MAX_PATTERN_BYTES, Pattern, Shape, Tail};
pub use places::{PatternTemplate, PlaceValue};
pub use rule::{Access, AclRule, Sign};
pub use template::Template;
