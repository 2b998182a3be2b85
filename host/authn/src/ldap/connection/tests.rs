//! What a connection takes of a directory that means no good.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use ldap3::Scope;
use tokio::runtime::{Builder, Runtime};

use super::super::address::Address;
use super::super::connector::Connector;
use super::super::filter::Filter;
use super::*;

const LIMIT: Duration = Duration::from_secs(10);

/// An address at which one connection is served so.
fn served(serve: impl FnOnce(TcpStream) + Send + 'static) -> (Address, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ldap://{}", listener.local_addr().unwrap());
    let thread = thread::spawn(move || serve(listener.accept().unwrap().0));
    (Address::parse(&url, false).unwrap(), thread)
}

async fn connected(address: Address) -> Result<Connection, Failure> {
    Connector::new(address, None).connect(LIMIT).await
}

/// Reads one request, and answers these bytes.
fn answer(mut socket: &TcpStream, bytes: &[u8]) {
    let mut request = [0; 1024];
    assert!(socket.read(&mut request).unwrap() > 0);
    // Who has read enough leaves.
    let _ = socket.write_all(bytes);
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn search(filter: &Filter, size_limit: u32) -> Search<'_> {
    Search {
        base: "",
        scope: Scope::Subtree,
        filter,
        attributes: &[],
        size_limit,
    }
}

/// An entry without attributes, as the answer to the first request.
const ENTRY: &[u8] = b"\x30\x0d\x02\x01\x01\x64\x08\x04\x04cn=a\x30\x00";
/// The end of the first search.
const DONE: &[u8] = b"\x30\x0c\x02\x01\x01\x65\x07\x0a\x01\x00\x04\x00\x04\x00";

fn found(answered: Vec<u8>, size_limit: u32) -> Result<Found, Failure> {
    let (address, thread) = served(move |socket| answer(&socket, &answered));
    let result = runtime().block_on(async {
        let searcher = Searcher::over(connected(address).await?);
        let filter = Filter::present("objectClass");
        let (found, _) = searcher.search(&search(&filter, size_limit), LIMIT).await?;
        Ok(found)
    });
    thread.join().unwrap();
    result
}

#[test]
fn a_bind_that_proves_nothing_is_never_sent() {
    for (name, password) in [
        ("", "password"),
        (" ", "password"),
        ("cn=a", ""),
        ("cn=a", " "),
    ] {
        let (address, thread) = served(|mut socket| {
            let mut bytes = Vec::new();
            socket.read_to_end(&mut bytes).unwrap();
            assert_eq!(bytes, b"");
        });
        runtime().block_on(async {
            let binder = Binder::over(connected(address).await.unwrap());
            let proof = Proof { name, password };
            assert!(binder.bind(proof, LIMIT).await.is_err());
        });
        thread.join().unwrap();
    }
}

#[test]
fn what_a_search_finds_comes_whole_and_within_its_limit() {
    let two = [ENTRY, ENTRY, DONE].concat();
    let all = found(two.clone(), 2).unwrap();
    assert_eq!((all.entries.len(), all.ended.code), (2, 0));
    assert_eq!(found(two.clone(), 0).unwrap().entries.len(), 2);
    let more = found(two, 1).unwrap_err();
    assert_eq!(more.to_string(), "answered with more than 1 entries");
    let cut = found([ENTRY, &DONE[..5]].concat(), 2).unwrap_err();
    assert_eq!(cut.to_string(), "hung up");
    let behind = found([ENTRY, DONE, b"x"].concat(), 2).unwrap_err();
    assert_eq!(behind.to_string(), "answered what was not asked");
}

#[test]
fn an_answer_without_end_takes_a_bounded_room() {
    let endless = found(ENTRY.repeat(1_000_000), 0).unwrap_err();
    assert_eq!(endless.to_string(), "answered with more than 8388608 bytes");
    let mut huge = b"\x30\x84\x7f\xff\xff\xff".to_vec();
    huge.resize(100_000, 0);
    let huge = found(huge, 0).unwrap_err();
    assert_eq!(huge.to_string(), "answered what is not LDAP");
}

#[test]
fn who_does_not_answer_is_given_up_in_time() {
    let (address, thread) = served(|socket| {
        let mut rest = Vec::new();
        (&socket).read_to_end(&mut rest).unwrap();
    });
    let limit = Duration::from_millis(50);
    let result = runtime().block_on(async {
        let binder = Binder::over(connected(address).await?);
        let proof = Proof {
            name: "cn=a",
            password: "p",
        };
        binder.bind(proof, limit).await.map(drop)
    });
    assert_eq!(result, Err(Failure::TooSlow(limit)));
    thread.join().unwrap();
}

#[test]
fn a_connection_is_quiet_until_something_comes_or_it_ends() {
    let (address, thread) = served(|socket| {
        answer(
            &socket,
            b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00",
        );
        answer(&socket, b"x");
    });
    runtime().block_on(async {
        let binder = Binder::over(connected(address).await.unwrap());
        let proof = Proof {
            name: "cn=a",
            password: "p",
        };
        let (ended, mut binder) = binder.bind(proof, LIMIT).await.unwrap();
        assert_eq!(ended.code, 0);
        assert!(binder.is_quiet());
        binder.0.send(&Request::StartTls).await.unwrap();
        tokio::time::timeout(LIMIT, async {
            while binder.is_quiet() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
        .unwrap();
    });
    thread.join().unwrap();
}

/// A task that has done much already is told that nothing is ready, however much is.
#[test]
fn a_connection_that_hung_up_is_not_taken_for_a_quiet_one_by_a_task_that_did_much() {
    let (address, thread) = served(drop);
    let is_quiet = runtime().block_on(async {
        let mut connection = connected(address).await.unwrap();
        thread.join().unwrap();
        let Stream::Plain(stream) = &connection.stream else {
            panic!("it is in clear");
        };
        stream.readable().await.unwrap();
        tokio::spawn(async move {
            let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
            for _ in 0..1000 {
                sender.send(()).unwrap();
            }
            poll_fn(|context| {
                while receiver.poll_recv(context).is_ready() {}
                assert!(!receiver.is_empty(), "the task may do more");
                Poll::Ready(connection.is_quiet())
            })
            .await
        })
        .await
    });
    assert!(!is_quiet.unwrap());
}
