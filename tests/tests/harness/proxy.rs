//! The proxy: that connections through it fare as it is told.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use warden_tests::eventually;
use warden_tests::proxy::{End, Flow, Proxy};
use warden_tests::server::{GRACE, PATIENCE};

/// A listener, a proxy in front of it, and one connection through both.
struct Stage {
    listener: TcpListener,
    proxy: Proxy,
    client: TcpStream,
    server: TcpStream,
}

impl Stage {
    fn new() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let proxy = Proxy::to(listener.local_addr().unwrap());
        let (client, server) = connection(&proxy, &listener);
        Self {
            listener,
            proxy,
            client,
            server,
        }
    }
}

fn connection(proxy: &Proxy, listener: &TcpListener) -> (TcpStream, TcpStream) {
    let client = TcpStream::connect(proxy.address()).unwrap();
    let (server, _) = listener.accept().unwrap();
    for end in [&client, &server] {
        end.set_read_timeout(Some(PATIENCE)).unwrap();
    }
    (client, server)
}

#[track_caller]
fn expect_passes(mut from: &TcpStream, mut to: &TcpStream, text: &str) {
    from.write_all(text.as_bytes()).unwrap();
    let mut bytes = vec![0; text.len()];
    to.read_exact(&mut bytes).unwrap();
    assert_eq!(bytes, text.as_bytes());
}

#[track_caller]
fn expect_silence(mut end: &TcpStream) {
    end.set_read_timeout(Some(GRACE)).unwrap();
    let error = end.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    end.set_read_timeout(Some(PATIENCE)).unwrap();
}

fn end_of(mut end: &TcpStream) -> Result<usize, ErrorKind> {
    end.read(&mut [0]).map_err(|error| error.kind())
}

#[test]
fn bytes_and_good_byes_pass_both_ways() {
    let stage = Stage::new();
    expect_passes(&stage.client, &stage.server, "there");
    expect_passes(&stage.server, &stage.client, &"back".repeat(500_000 / 4));
    assert_eq!(
        (stage.proxy.connections(), stage.proxy.open_connections()),
        (1, 1)
    );
    stage.client.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(end_of(&stage.server), Ok(0));
    expect_passes(&stage.server, &stage.client, "still open");
    drop(stage.server);
    assert_eq!(end_of(&stage.client), Ok(0));
    eventually("it is over", || {
        (stage.proxy.open_connections() == 0).then_some(())
    });
    assert_eq!(stage.proxy.connections(), 1);
}

#[test]
fn a_delay_holds_for_open_connections() {
    let stage = Stage::new();
    expect_passes(&stage.client, &stage.server, "at once");
    stage.proxy.flow(Flow::Delayed(GRACE));
    let before = Instant::now();
    expect_passes(&stage.client, &stage.server, "late");
    expect_passes(&stage.server, &stage.client, "later");
    assert!(before.elapsed() >= 2 * GRACE);
}

#[test]
fn stalled_bytes_come_when_the_stall_ends() {
    let Stage {
        listener,
        proxy,
        mut client,
        mut server,
    } = Stage::new();
    proxy.flow(Flow::Stalled);
    client.write_all(b"question").unwrap();
    expect_silence(&server);
    let (mut other, other_server) = connection(&proxy, &listener);
    other.write_all(b"x").unwrap();
    expect_silence(&other_server);
    proxy.flow(Flow::Passing);
    let mut bytes = [0; 8];
    server.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"question");
    assert_eq!(end_of(&other_server), Ok(1));
}

#[test]
fn a_half_closed_end_hears_nothing_more_but_can_still_speak() {
    let stage = Stage::new();
    stage.proxy.half_close(End::Client);
    assert_eq!(end_of(&stage.client), Ok(0));
    expect_passes(&stage.client, &stage.server, "heard");
    (&stage.server).write_all(b"lost").unwrap();
    expect_passes(&stage.client, &stage.server, "heard again");
    assert_eq!(end_of(&stage.client), Ok(0));
    stage.proxy.half_close(End::Server);
    assert_eq!(end_of(&stage.server), Ok(0));
}

#[test]
fn connections_are_closed_in_order_or_broken_off() {
    for flow in [Flow::Passing, Flow::Stalled] {
        let stage = Stage::new();
        stage.proxy.flow(flow);
        stage.proxy.close();
        assert_eq!(end_of(&stage.client), Ok(0));
        assert_eq!(end_of(&stage.server), Ok(0));

        let stage = Stage::new();
        stage.proxy.flow(flow);
        (&stage.client).write_all(b"question").unwrap();
        std::thread::sleep(Duration::from_millis(50));
        stage.proxy.reset();
        assert_eq!(end_of(&stage.client), Err(ErrorKind::ConnectionReset));
        let server = std::iter::repeat_with(|| end_of(&stage.server)).find(|end| *end != Ok(1));
        assert_eq!(server, Some(Err(ErrorKind::ConnectionReset)));
        eventually("all are gone", || {
            (stage.proxy.open_connections() == 0).then_some(())
        });
        let (client, server) = connection(&stage.proxy, &stage.listener);
        stage.proxy.flow(Flow::Passing);
        expect_passes(&client, &server, "a new one is sound");
    }
}

#[test]
fn a_writer_whom_nobody_reads_is_broken_off_too() {
    let stage = Stage::new();
    stage.client.set_nonblocking(true).unwrap();
    let piece = vec![0; 1 << 20];
    let mut full = Instant::now();
    while full.elapsed() < Duration::from_millis(300) {
        if (&stage.client).write(&piece).is_ok() {
            full = Instant::now();
        }
    }
    stage.proxy.reset();
    eventually("it is gone", || {
        (stage.proxy.open_connections() == 0).then_some(())
    });
}

#[test]
fn an_end_that_breaks_breaks_the_other() {
    let stage = Stage::new();
    let socket = socket2::SockRef::from(&stage.server);
    socket.set_linger(Some(Duration::ZERO)).unwrap();
    drop(stage.server);
    assert_eq!(end_of(&stage.client), Err(ErrorKind::ConnectionReset));
}

#[test]
fn new_connections_are_refused_and_accepted_again() {
    let stage = Stage::new();
    for _ in 0..3 {
        stage.proxy.refuse();
        let error = TcpStream::connect(stage.proxy.address()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        expect_passes(&stage.client, &stage.server, "open ones live on");
        stage.proxy.accept();
        let (client, server) = connection(&stage.proxy, &stage.listener);
        expect_passes(&client, &server, "here again");
    }
    assert_eq!(stage.proxy.connections(), 4);
    stage.proxy.refuse();
}

#[test]
fn a_server_that_is_gone_is_gone_through_the_proxy() {
    let Stage {
        listener, proxy, ..
    } = Stage::new();
    drop(listener);
    let client = TcpStream::connect(proxy.address()).unwrap();
    assert_eq!(end_of(&client), Err(ErrorKind::ConnectionReset));
}
