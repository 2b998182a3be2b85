//! What becomes of records when their sink ends, or leaves its collector.

use std::net::SocketAddr;

use super::house::{House, connections};
use crate::patience::eventually;
use crate::ports::free_address;
use crate::servers::collector::Collector;

/// A sink that would wait for minutes before its second try.
fn patient(address: SocketAddr) -> String {
    let port = address.port();
    format!("type = \"tcp\"\nhost = \"127.0.0.1\"\nport = {port}\nretry_interval_ms = 600000\n")
}

#[test]
fn a_collector_that_is_back_gets_everything_at_the_end_whatever_the_wait_was_to_be() {
    let address = free_address();
    let mut house = House::with(&patient(address));
    house.wait_for_word("Connection refused");
    house.record(5);
    let collector = Collector::at(address, None);
    assert_eq!(house.end(), 0, "{:?}", house.log());
    let lines = collector.lines();
    assert_eq!(connections(&lines, 5), [1; 5], "{lines:?}");
    assert!(lines.last().unwrap().contains(" action=audit-stop "));
    assert_eq!(house.sink().dropped(), 0);
}

#[test]
fn a_collector_that_is_back_gets_the_last_words_when_its_sink_goes_elsewhere() {
    let (former, next) = (Collector::start(), Collector::start());
    let address = former.address();
    let mut house = House::with(&patient(address));
    house.record(5);
    eventually("records", || (former.lines().len() == 6).then_some(()));
    drop(former);
    house.wait_for_word("6 records will be sent again");
    let former = Collector::at(address, None);
    house.change(&patient(next.address()));
    eventually("the next one is used", || {
        (!next.lines().is_empty()).then_some(())
    });
    let lines = former.lines();
    assert_eq!(connections(&lines, 5), [1; 5], "{lines:?}");
    assert!(lines.last().unwrap().contains(" action=audit-stop "));
    house.record(1);
    assert_eq!(house.end(), 0, "{:?}", house.log());
    assert_eq!(connections(&next.lines(), 6), [0, 0, 0, 0, 0, 1]);
    assert_eq!(house.sink().dropped(), 0);
}
