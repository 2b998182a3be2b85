//! How a policy's memory is laid out, so that a decision looks at little of it.
//!
//! Each decision starts from a copy of the memory that the policy had once it had read
//! its data. The beginning of that copy is there at once; what lies above is mapped as it
//! is looked at, in pieces of 64 KiB that cost some microseconds each. So what a decision
//! allocates lies where memory begins ([`Heap`]), and what is large and only read is no
//! part of the copy at all ([`Aside`]).
//!
//! This is the only part of the SDK with unsafe code. What goes wrong here is the
//! policy's own loss: the host trusts no guest.

mod aside;
mod heap;

pub use aside::Aside;
pub use heap::Heap;
