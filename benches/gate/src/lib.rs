//! What hot paths are measured with, here and in the benches.

pub mod samples;
