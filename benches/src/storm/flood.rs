//! Log-ins that arrive at a constant rate, whatever becomes of those before them.
//!
//! In: credentials, each presented on a connection of its own. Out: how many there were,
//! what they were answered, and how long the slowest answer took. Nobody who waits for an
//! answer holds up the next.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::crowd::{Credential, answer, knock};

/// Longer than any log-in may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// When one was due, and its connection.
type Knock = (Instant, io::Result<TcpStream>);

/// A flood under way.
pub struct Flood {
    stop: Arc<AtomicBool>,
    sender: JoinHandle<Duration>,
    reader: JoinHandle<Answers>,
}

/// What they were answered, in numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Answers {
    /// `+OK`.
    pub granted: usize,
    /// `TRYAGAIN`.
    pub undecided: usize,
    /// Anything else that was answered.
    pub refused: usize,
    /// Connections that could not be made, or ended before there was an answer.
    pub broken: usize,
    /// The longest time from when one was due until its answer was there.
    pub longest: Duration,
    /// How many came in a second.
    pub rate: f64,
}

impl Flood {
    /// Begins: one log-in `every` so long, until it is stopped or there are no more.
    pub fn start(
        address: SocketAddr,
        every: Duration,
        credentials: impl Iterator<Item = Credential> + Send + 'static,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let (waiting, waited) = channel();
        Self {
            stop,
            sender: std::thread::spawn(move || {
                let started = Instant::now();
                send(address, every, credentials, &waiting, &told);
                started.elapsed()
            }),
            reader: std::thread::spawn(move || read(&waited)),
        }
    }

    /// Stops it, and waits for the answers of those who wait.
    pub fn finish(self) -> Answers {
        self.stop.store(true, Ordering::Release);
        self.to_the_end()
    }

    /// Waits until there are no more, and all are answered.
    pub fn to_the_end(self) -> Answers {
        let took = self.sender.join().expect("the sender ends").as_secs_f64();
        let mut answers = self.reader.join().expect("the reader ends");
        answers.rate = crate::count(answers.all()) / took;
        answers
    }
}

impl Answers {
    /// Of all kinds.
    pub fn all(&self) -> usize {
        self.granted + self.undecided + self.refused + self.broken
    }
}

fn send(
    address: SocketAddr,
    every: Duration,
    credentials: impl Iterator<Item = Credential>,
    waiting: &Sender<Knock>,
    stop: &AtomicBool,
) {
    let mut due = Instant::now();
    for credential in credentials.take_while(|_| !stop.load(Ordering::Acquire)) {
        due += every;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let _read_until_the_end = waiting.send((due, knock(address, &credential)));
    }
}

/// The first who came is the first to be answered, or nearly so.
fn read(waited: &Receiver<Knock>) -> Answers {
    let mut answers = Answers::default();
    for (due, stream) in waited {
        let outcome = stream.and_then(|mut stream| {
            stream.set_read_timeout(Some(PATIENCE))?;
            answer(&mut stream)
        });
        match outcome {
            Ok(()) => answers.granted += 1,
            Err(error) if error.to_string().starts_with("-TRYAGAIN") => answers.undecided += 1,
            Err(error) if error.to_string().starts_with('-') => answers.refused += 1,
            Err(_) => answers.broken += 1,
        }
        // One that is read late was answered before somebody due before it.
        answers.longest = answers.longest.max(due.elapsed());
    }
    answers
}
