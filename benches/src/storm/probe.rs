//! The uninvolved client: a native user's `PING`, a thousand times a second.
//!
//! A sample's time counts from when it was due, not from when it could be sent: a
//! stall of the server is seen by every sample that fell into it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use warden_tests::{ADMIN_PASSWORD, Connection, Scene};

const EVERY: Duration = Duration::from_millis(1);

/// A probe at work.
pub struct Probe {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<f64>>,
}

/// Latencies in microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Latencies {
    /// The middle.
    pub p50: f64,
    /// One in a hundred is longer.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

impl Latencies {
    /// Of these samples; NaN of none.
    pub fn of(mut samples: Vec<f64>) -> Self {
        samples.sort_by(f64::total_cmp);
        let at = |part: usize, of: usize| {
            let place = (samples.len() * part / of).min(samples.len().saturating_sub(1));
            samples.get(place).copied().unwrap_or(f64::NAN)
        };
        Self {
            p50: at(1, 2),
            p99: at(99, 100),
            max: at(1, 1),
        }
    }
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
    client.run("PING").expect_text("PONG");
    // As in `stage::favour`: a probe that waits for a processor measures nothing.
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), -10);
    let mut samples = Vec::new();
    let mut due = Instant::now();
    while !stop.load(Ordering::Acquire) {
        due += EVERY;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        client.run("PING").expect_text("PONG");
        samples.push(micros(due.elapsed()));
    }
    samples
}

/// Microseconds as a float.
pub fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
