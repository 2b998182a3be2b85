//! Behaviour of the registry, seen through its public surface by a server that
//! checks every action it is asked to perform.

mod acl_users;
mod admission;
mod classes;
mod closing;
mod killing;
mod model;
mod reaping;
mod renewal;
mod review;
pub(crate) mod world;
