//! The uninvolved client: a native user's `GET` of a key that is not there, a thousand times a
//! second.
//!
//! A sample's time counts from when it was due, not from when it could be sent: a
//! stall of the server is seen by every sample that fell into it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use warden_tests::{ADMIN_PASSWORD, Connection, Scene};

use super::stage::first_of_all;
use crate::latencies::{Latencies, micros};

const EVERY: Duration = Duration::from_millis(1);

/// A probe at work.
pub struct Probe {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<f64>>,
}

impl Probe {
    /// Begins.
    pub fn start(scene: &Scene) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let address = scene.server.address();
        let thread = std::thread::spawn(move || sample(address, &told));
        Self { stop, thread }
    }

    /// Ends, and says what it saw.
    pub fn finish(self) -> Latencies {
        self.stop.store(true, Ordering::Release);
        Latencies::of(self.thread.join().expect("the probe ends"))
    }

    /// What it sees in `time` with nothing else going on.
    pub fn idle(scene: &Scene, time: Duration) -> Latencies {
        let probe = Self::start(scene);
        std::thread::sleep(time);
        probe.finish()
    }
}

fn sample(address: SocketAddr, stop: &AtomicBool) -> Vec<f64> {
    let mut client = Connection::open(address).expect("a connection");
    client.auth("default", ADMIN_PASSWORD).expect_ok();
    get(&mut client);
    // As the server's main thread: a probe that waits for a processor measures nothing.
    first_of_all(rustix::thread::gettid());
    let mut samples = Vec::new();
    let mut due = Instant::now();
    while !stop.load(Ordering::Acquire) {
        due += EVERY;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        get(&mut client);
        samples.push(micros(due.elapsed()));
    }
    samples
}

fn get(client: &mut Connection) {
    let reply = client.run("GET nothing");
    assert!(reply.error().is_none(), "{reply}");
}
