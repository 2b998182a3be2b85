//! Loopback ports for servers that are told theirs.
//!
//! In: nothing. Out: an address that was free a moment ago. It lies below the ports which
//! Linux gives to outgoing connections (`ip_local_port_range`, from 32768 on), or any
//! connection of another test could take it while a server restarts.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

const PORTS: Range<u32> = 10_000..32_000;

/// How far apart the first ports of two test processes lie whose numbers follow each
/// other: more than a process asks for, as a rule.
const APART: u32 = 61;

/// An address on loopback on which nobody listens.
///
/// # Panics
/// When there is none.
pub fn free_address() -> SocketAddr {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    let first = process::id().wrapping_mul(APART);
    PORTS
        .map(|_| {
            let next = first.wrapping_add(ASKED.fetch_add(1, Ordering::Relaxed));
            u16::try_from(PORTS.start + next % (PORTS.end - PORTS.start)).expect("a port")
        })
        .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .find(|&address| TcpListener::bind(address).is_ok())
        .expect("a loopback port is free")
}

/// The port of a [`free_address`].
pub fn free_port() -> u16 {
    free_address().port()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_twice_or_while_somebody_listens() {
        let first = free_address();
        let listener = TcpListener::bind(free_address()).unwrap();
        let taken = listener.local_addr().unwrap();
        for _ in 0..100 {
            let next = free_address();
            assert!(next != first && next != taken);
            assert!(PORTS.contains(&u32::from(next.port())));
        }
    }
}
