//! The machine itself, before anything is asked of a server.
//!
//! A virtual machine's processors stand still while its host does something else: on quiet hosts for microseconds, on
//! busy ones for milliseconds, and a server's callback takes as much longer. Few hosts tell their guests of it ("steal").
//! And it has a page of memory only since somebody used it: whoever is the first waits for the host, some ten
//! microseconds, now and then milliseconds, without a fault that the guest counts.

use std::fs::read_to_string;
use std::hint::black_box;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::count;
use crate::figures::Question;
use crate::latencies::{Latencies, micros, timed};
use crate::pairs::switches;

/// Memory that is used once before anything is measured, in bytes: more than a server and its clients have in any storm.
/// Never more than half of what is free.
const USED: usize = 4 << 30;

/// The smallest page there is, in bytes.
const PAGE: usize = 4096;

/// By then the host has what was used and given back.
const SETTLED_AFTER: Duration = Duration::from_secs(10);

/// How long processors are watched.
const WATCHED: Duration = Duration::from_secs(5);

/// A processor that runs nothing for longer stands still.
const STILL: Duration = Duration::from_micros(200);

/// How it is with nothing at work: what a page of memory takes that is used once, and for how long processors stand still.
pub fn look() -> Question {
    let mut question = Question::new("the machine, with nothing at work");
    let pages = use_memory();
    question.add("a page of memory, used once", "us", pages.p50);
    question.add("one in a thousand", "us", pages.p999);
    question.add("the slowest", "us", pages.max);
    // A host that is given the memory back stops processors for up to 40 ms.
    thread::sleep(SETTLED_AFTER);
    let still = stillness();
    let longest = still.iter().max().copied().unwrap_or_default();
    question.add(
        "all processors in five seconds: stood still for more than 200 us",
        "",
        count(still.len()),
    );
    question.add("the longest time", "us", micros(longest));
    question
}

/// Uses memory and gives it back; how long pages took.
fn use_memory() -> Latencies {
    let memory = read_to_string("/proc/meminfo").unwrap_or_default();
    let mut lines = memory.lines();
    let free = lines.find_map(|line| {
        line.strip_prefix("MemAvailable:")?
            .trim()
            .strip_suffix(" kB")
    });
    let free = free.and_then(|kibibytes| kibibytes.parse::<usize>().ok());
    let mut memory = vec![0_u8; USED.min(free.unwrap_or(0) * 1024 / 2)];
    let touches = memory.iter_mut().step_by(PAGE).map(|byte| {
        let ((), took) = timed(|| *byte = 1);
        took
    });
    let touches = Latencies::of(touches.collect());
    black_box(memory);
    touches
}

/// How long each processor stood still, each time that one did.
fn stillness() -> Vec<Duration> {
    let all = sched_getaffinity(None).expect("a thread runs somewhere");
    let processors = (0..CpuSet::MAX_CPU).filter(|processor| all.is_set(*processor));
    thread::scope(|scope| {
        let watchers: Vec<_> = processors
            .map(|processor| {
                scope.spawn(move || {
                    let mut this = CpuSet::new();
                    this.set(processor);
                    sched_setaffinity(None, &this).expect("a processor this thread may run on");
                    watch()
                })
            })
            .collect();
        let still = watchers.into_iter().map(|watcher| watcher.join());
        still
            .flat_map(|still| still.expect("a clock is read"))
            .collect()
    })
}

/// Times in which a thread that does nothing else did not get to read the clock, although no other was run instead: a
/// long interrupt of the guest's own is among them.
fn watch() -> Vec<Duration> {
    let switched = || switches(Path::new("/proc/thread-self"));
    let mut still = Vec::new();
    let mut before = switched();
    let begin = Instant::now();
    let mut last = begin;
    while last.duration_since(begin) < WATCHED {
        let mut now = Instant::now();
        let between = now.duration_since(last);
        if between > STILL {
            let then = switched();
            if then == before {
                still.push(between);
            }
            before = then;
            // Asking took time, too.
            now = Instant::now();
        }
        last = now;
    }
    still
}
