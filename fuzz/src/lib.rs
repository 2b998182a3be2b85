//! What the fuzz targets share: a second opinion on rule strings.
//!
//! In comes the text warden renders and the rules it was given; out goes what a
//! server would make of the one and what the other may mean at most. Written from
//! the server's sources and never with warden's own readers, so that both must be
//! wrong in the same way to agree.

pub mod call;
pub mod engine;
pub mod glob;
pub mod keys;
pub mod said;
pub mod second_opinion;
pub mod split;
pub mod world;
