//! Who calls next: so many at once, normal calls before low ones and those before the lowest.
//!
//! In comes the wish for a place, with its priority; out goes a [`Place`] that lets the next
//! one in when it is dropped. Within a priority first come, first served, but while nobody
//! answers ([`Gate::serve_last_first`]). Never: a place lost, whenever a waiter or a holder
//! is dropped; more than `max_low` low ones, or as many of the lowest, waiting; one of a
//! priority turned away because of others of a lower one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// How a call queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Priority {
    /// Before every low one.
    Normal,
    /// When no normal one waits.
    Low,
    /// When nobody else waits.
    Lowest,
}

/// So many of that low priority wait already.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// The places. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Gate {
    max_low: usize,
    state: Arc<Mutex<State>>,
}

struct State {
    /// INVARIANT: while somebody waits, none is free.
    free: usize,
    normal: Queue,
    low: Queue,
    lowest: Queue,
    /// Given to the next waiter.
    number: u64,
    /// Whether a place is for whoever came last.
    last_first: bool,
}

/// Waiters by the number they drew.
type Queue = BTreeMap<u64, oneshot::Sender<Place>>;

/// The right to call; dropped, it is the next one's.
pub(crate) struct Place(Option<Gate>);

/// A waiter's entry in its queue, taken out when it waits no more.
struct Entry<'a> {
    gate: &'a Gate,
    priority: Priority,
    number: u64,
}

impl Gate {
    /// `places` calls at once; `max_low` low ones may wait, and as many of the lowest.
    pub(crate) fn new(places: usize, max_low: usize) -> Self {
        let state = State {
            free: places,
            normal: Queue::new(),
            low: Queue::new(),
            lowest: Queue::new(),
            number: 0,
            last_first: false,
        };
        Self {
            max_low,
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// A place, when one is free.
    pub(crate) fn at_once(&self) -> Option<Place> {
        let mut state = self.lock();
        state.free = state.free.checked_sub(1)?;
        Some(Place(Some(self.clone())))
    }

    /// How many places are free, and how many wait for one; `None` while somebody comes
    /// or goes.
    pub(crate) fn state(&self) -> Option<(usize, usize)> {
        let state = self.state.try_lock().ok()?;
        let waiting = [&state.normal, &state.low, &state.lowest];
        Some((state.free, waiting.iter().map(|queue| queue.len()).sum()))
    }

    /// Waits for a place. Dropped while it waits, it leaves the queue.
    ///
    /// # Errors
    /// [`Full`], at once, for a low one behind `max_low` others of its priority.
    pub(crate) async fn place(&self, priority: Priority) -> Result<Place, Full> {
        let (sender, receiver) = oneshot::channel();
        let number = {
            let mut state = self.lock();
            if state.free > 0 {
                state.free -= 1;
                return Ok(Place(Some(self.clone())));
            }
            let max_low = self.max_low;
            if priority != Priority::Normal && state.queue(priority).len() >= max_low {
                return Err(Full);
            }
            state.number += 1;
            let number = state.number;
            state.queue(priority).insert(number, sender);
            number
        };
        let _entry = Entry {
            gate: self,
            priority,
            number,
        };
        // A sender is only ever dropped by its own entry, or when it has sent.
        receiver.await.map_err(|_| Full)
    }

    /// From now on whoever came last is served first within a priority, or whoever came first.
    ///
    /// Of somebody who does not answer each place is kept for as long as a call may take, and those who wait longest
    /// have hardly any time left by then: first come, first served, every one of them would begin a call and give it up
    /// at once. Who has just come can still wait for the answer that says that it is over.
    pub(crate) fn serve_last_first(&self, last_first: bool) {
        self.lock().last_first = last_first;
    }

    /// Gives a place that has become free to whoever is next.
    fn pass_on(self) {
        loop {
            let next = {
                let mut state = self.lock();
                match state.next() {
                    Some((_, next)) => next,
                    None => {
                        state.free += 1;
                        return;
                    }
                }
            };
            // Not under the lock: sending wakes, and a place that is dropped comes here.
            match next.send(Place(Some(self.clone()))) {
                Ok(()) => return,
                Err(mut place) => place.0 = None,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes out whoever is to have a place.
    fn next(&mut self) -> Option<(u64, oneshot::Sender<Place>)> {
        let take = if self.last_first {
            Queue::pop_last
        } else {
            Queue::pop_first
        };
        let queues = [&mut self.normal, &mut self.low, &mut self.lowest];
        queues.into_iter().find_map(take)
    }

    fn queue(&mut self, priority: Priority) -> &mut Queue {
        match priority {
            Priority::Normal => &mut self.normal,
            Priority::Low => &mut self.low,
            Priority::Lowest => &mut self.lowest,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(gate) = self.0.take() {
            gate.pass_on();
        }
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        let mut state = self.gate.lock();
        let sender = state.queue(self.priority).remove(&self.number);
        drop(state);
        drop(sender);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    type Waiting = Pin<Box<dyn Future<Output = Result<Place, Full>> + Send>>;

    /// Somebody who has asked for a place.
    fn asks(gate: &Gate, priority: Priority) -> Waiting {
        let gate = gate.clone();
        let mut waiting: Waiting = Box::pin(async move { gate.place(priority).await });
        assert!(poll(&mut waiting).is_none(), "there is a free place");
        waiting
    }

    fn poll(waiting: &mut Waiting) -> Option<Result<Place, Full>> {
        let mut context = Context::from_waker(Waker::noop());
        match waiting.as_mut().poll(&mut context) {
            Poll::Ready(result) => Some(result),
            Poll::Pending => None,
        }
    }

    fn at_once(gate: &Gate, priority: Priority) -> Option<Result<Place, Full>> {
        let gate = gate.clone();
        let mut waiting: Waiting = Box::pin(async move { gate.place(priority).await });
        poll(&mut waiting)
    }

    fn taken(gate: &Gate, priority: Priority) -> Place {
        at_once(gate, priority).unwrap().unwrap()
    }

    fn is_empty(gate: &Gate, free: usize) -> bool {
        let state = gate.lock();
        let waiting = [&state.normal, &state.low, &state.lowest];
        state.free == free && waiting.iter().all(|queue| queue.is_empty())
    }

    #[test]
    fn normal_calls_go_first_and_each_kind_in_its_order() {
        use Priority::{Low, Lowest, Normal};
        let gate = Gate::new(1, 10);
        let mut place = taken(&gate, Lowest);
        let asked = [Lowest, Low, Normal, Lowest, Low, Normal];
        let mut asked = asked.map(|priority| Some(asks(&gate, priority)));
        for next in [2, 5, 1, 4, 0, 3] {
            drop(place);
            let mut got = None;
            for (index, waiting) in asked.iter_mut().enumerate() {
                if let Some(result) = waiting.as_mut().and_then(poll) {
                    assert_eq!(index, next);
                    got = Some(result.unwrap());
                    *waiting = None;
                }
            }
            place = got.unwrap();
        }
        drop(place);
        assert!(is_empty(&gate, 1));
    }

    #[test]
    fn while_nobody_answers_who_came_last_goes_first() {
        use Priority::{Low, Normal};
        let gate = Gate::new(1, 10);
        let mut place = taken(&gate, Normal);
        let mut asked = [Low, Normal, Normal, Normal].map(|priority| asks(&gate, priority));
        for (next, last_first) in [(3, true), (1, false), (2, true), (0, true)] {
            gate.serve_last_first(last_first);
            drop(place);
            place = poll(&mut asked[next]).unwrap().unwrap();
        }
        drop(place);
        drop(asked);
        assert!(is_empty(&gate, 1));
    }

    #[test]
    fn a_waiter_that_is_dropped_gives_its_turn_on() {
        let gate = Gate::new(1, 10);
        let place = taken(&gate, Priority::Normal);
        let gone = asks(&gate, Priority::Normal);
        let given = asks(&gate, Priority::Normal);
        let mut last = asks(&gate, Priority::Low);
        drop(gone);
        // `given` has the place without having looked.
        drop(place);
        assert!(poll(&mut last).is_none());
        drop(given);
        let place = poll(&mut last).unwrap().unwrap();
        assert!(at_once(&gate, Priority::Normal).is_none());
        drop(place);
        assert!(is_empty(&gate, 1));
    }

    #[test]
    fn the_newest_low_one_of_too_many_is_turned_away_and_a_normal_one_is_not() {
        use Priority::{Low, Lowest, Normal};
        let gate = Gate::new(1, 2);
        let place = taken(&gate, Normal);
        let first = asks(&gate, Lowest);
        let _second = asks(&gate, Lowest);
        assert_eq!(at_once(&gate, Lowest).unwrap().err(), Some(Full));
        let _low = [Low; 2].map(|priority| asks(&gate, priority));
        assert_eq!(at_once(&gate, Low).unwrap().err(), Some(Full));
        let _normal = [Normal; 3].map(|priority| asks(&gate, priority));
        drop(first);
        let _third = asks(&gate, Lowest);
        drop(place);
    }

    #[test]
    fn no_place_is_lost_however_many_come_and_go_at_once() {
        let gate = Gate::new(3, 1000);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .build()
            .unwrap();
        let tasks: Vec<_> = (0..2000)
            .map(|index| {
                let gate = gate.clone();
                let priority = match index % 4 {
                    0 | 1 => Priority::Normal,
                    2 => Priority::Low,
                    _ => Priority::Lowest,
                };
                let task = runtime.spawn(async move {
                    let place = gate.place(priority).await;
                    tokio::task::yield_now().await;
                    drop(place);
                });
                if index % 3 == 0 {
                    task.abort();
                }
                task
            })
            .collect();
        for task in tasks {
            let _ = runtime.block_on(task);
        }
        assert!(is_empty(&gate, 3));
    }
}
