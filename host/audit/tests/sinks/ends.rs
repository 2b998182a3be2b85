//! What becomes of records when their sink ends, or leaves its collector.

use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixDatagram;

use super::house::{House, records};
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
    assert_eq!(records(&lines), [1, 2, 3, 4, 5], "{lines:?}");
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
    assert_eq!(records(&lines), [1, 2, 3, 4, 5], "{lines:?}");
    assert!(lines.last().unwrap().contains(" action=audit-stop "));
    house.record(1);
    assert_eq!(house.end(), 0, "{:?}", house.log());
    assert_eq!(records(&next.lines()), [6]);
    assert_eq!(house.sink().dropped(), 0);
}

/// What the buffers of a connection hold is sent again, whatever else changed meanwhile.
#[test]
fn what_a_collector_had_not_read_arrives_after_a_change_of_the_way_to_it() {
    let collector = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = collector.local_addr().unwrap();
    let mut house = House::with(&patient(address));
    house.record(100);
    let (connection, _) = collector.accept().unwrap();
    eventually("all of them are sent", || {
        (house.sink().status.records() == 101).then_some(())
    });
    // Unread: that is a reset.
    drop((connection, collector));
    house.wait_for_word("records will be sent again");
    house.change(&(patient(address) + "timeout_ms = 4000\n"));
    let collector = Collector::at(address, None);
    // Also while it is connected.
    house.record(1);
    house.change(&(patient(address) + "timeout_ms = 3000\n"));
    eventually("all of them arrive", || {
        let numbers = records(&collector.lines());
        numbers.into_iter().eq(1..=101).then_some(())
    });
    assert_eq!(house.end(), 0, "{:?}", house.log());
    assert_eq!(house.sink().dropped(), 0);
}

/// Every record arrived, or was counted as lost and kept for the next start; none both.
fn each_is_accounted_for(house: &House, all: u64, arrived: &[u64], kept: u64) {
    let log = house.log();
    assert!(arrived.iter().copied().eq(1..=all - kept), "{log:?}");
    assert!(kept > 0 && kept < all, "{kept}");
    assert_eq!(house.sink().dropped(), kept, "{log:?}");
    assert!(house.was_told("records may not have arrived"), "{log:?}");
}

#[test]
fn what_never_reached_a_collector_that_stopped_reading_is_counted_to_the_record() {
    let collector = TcpListener::bind("127.0.0.1:0").unwrap();
    let file = patient(collector.local_addr().unwrap()) + "timeout_ms = 60000\n";
    let mut house = House::with(&file);
    // More than the buffers of both sides hold.
    house.record(50_000);
    let (mut connection, _) = collector.accept().unwrap();
    let kept = house.end();
    let mut text = String::new();
    connection.read_to_string(&mut text).unwrap();
    let mut lines: Vec<&str> = text.split('\n').collect();
    // Empty, or cut: not taken whole.
    lines.pop();
    each_is_accounted_for(&house, 50_000, &records(&lines), kept);
}

#[test]
fn what_the_daemon_of_this_machine_never_got_is_counted_to_the_record() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("log");
    let daemon = UnixDatagram::bind(&socket).unwrap();
    let mut house = House::with(&format!(
        "type = \"syslog\"\nsocket = {socket:?}\ntimeout_ms = 60000\n"
    ));
    // More than the socket holds.
    house.record(5_000);
    let kept = house.end();
    each_is_accounted_for(&house, 5_000, &records(&datagrams(&daemon)), kept);
}

/// What a daemon has before it.
fn datagrams(daemon: &UnixDatagram) -> Vec<String> {
    daemon.set_nonblocking(true).unwrap();
    let mut all = Vec::new();
    let mut datagram = [0; 9_000];
    loop {
        match daemon.recv(&mut datagram) {
            Ok(bytes) => all.push(String::from_utf8(datagram[..bytes].to_vec()).unwrap()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return all,
            Err(error) => panic!("{error}"),
        }
    }
}
