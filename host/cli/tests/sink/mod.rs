//! Records as a sink writes them: by the module's own code.
//!
//! In: a format, a key. Out: lines, chained and with checkpoints, whose contents tests know.

use warden_audit::chain::{Chain, hex};
use warden_audit::checkpoint::{Place, SigningKey};
use warden_audit::event::{
    Argument, Attempt, Authentication, Category, Checkpoint, Client, Command, CommandResult, Event,
    Loss, Origin, Record, Session, Start,
};
use warden_audit::settings::Payload;
use warden_audit::{Format, Numbered};

pub(crate) const FORMATS: [Format; 3] = [Format::Text, Format::Json, Format::Csv];

pub(crate) const NODE: &str = "0123456789abcdef0123456789abcdef01234567";

/// 2026-11-28T17:30:00Z, in microseconds; records come once a second from then on.
const BEGAN_US: u64 = 1_795_887_000_000_000;

/// Two keys of ed25519, made for these tests by openssl, and what verifies the first.
const KEYS: [&str; 2] = [
    "MC4CAQAwBQYDK2VwBCIEIFvG58dpD7AFAAPNm3PDyQTcyiUpUV9oIJ6sSWyqIRN8",
    "MC4CAQAwBQYDK2VwBCIEIKpsyWqjVG8LH1vqaVqNcE0cBBr5vBW9PT0kBVpSt9Fq",
];
const PUBLIC: &str = "MCowBQYDK2VwAyEAYyNmp+atOmpk65Ys8Xftrdl8gZ9t8EbAUGwfKMnsQw0=";

/// The key of that number, from 1.
pub(crate) fn key(number: usize) -> SigningKey {
    SigningKey::from_pem(pem("PRIVATE KEY", KEYS[number - 1]).as_bytes()).expect("a key")
}

/// What verifies the first key's signatures.
pub(crate) fn public_pem(number: usize) -> String {
    assert_eq!(number, 1);
    pem("PUBLIC KEY", PUBLIC)
}

fn pem(label: &str, base64: &str) -> String {
    format!("-----BEGIN {label}-----\n{base64}\n-----END {label}-----\n")
}

/// Writes records one behind the other.
pub(crate) struct Writer {
    pub(crate) format: Format,
    pub(crate) node: String,
    pub(crate) key: Option<SigningKey>,
    pub(crate) is_chained: bool,
    pub(crate) lines: Vec<String>,
    chain: Chain,
}

impl Writer {
    pub(crate) fn new(format: Format) -> Self {
        Self {
            format,
            node: NODE.to_owned(),
            key: None,
            is_chained: true,
            lines: Vec::new(),
            chain: Chain::new(),
        }
    }

    /// Whether the record at this place, from 0, is a checkpoint where there is a key.
    pub(crate) fn is_checkpoint(place: usize) -> bool {
        place % 4 == 3
    }

    /// Writes so many records: the start of the sink, a refused log-in as third, a loss as
    /// fifth, CONFIG SET as sixth, GET as all others.
    pub(crate) fn records(&mut self, count: usize) {
        for _ in 0..count {
            let place = self.lines.len();
            match &self.key {
                Some(key) if Self::is_checkpoint(place) => {
                    let vouched = Place {
                        node: &self.node,
                        sequence: place as u64,
                        chain: self.chain.value(),
                    };
                    let (public, signature) = (key.public().hex(), key.sign(&vouched));
                    self.record(
                        None,
                        Event::Checkpoint(Checkpoint {
                            key: &public,
                            signature: &signature,
                        }),
                    );
                }
                _ => self.nth(place),
            }
        }
    }

    fn nth(&mut self, place: usize) {
        match place {
            0 => self.record(
                None,
                Event::Start(Start {
                    version: "0.1.0",
                    server: "9.1.0",
                    resumed: false,
                    cut_bytes: 0,
                }),
            ),
            2 => self.record(
                Some(stranger()),
                Event::Authentication(Authentication {
                    attempt: Attempt::Failure,
                    method: "jwt",
                    user: b"mallory",
                    authenticator: "",
                    issuer: "",
                    principal: "",
                    module: "",
                    reason: "the token has expired",
                    grant: None,
                }),
            ),
            4 => self.record(
                None,
                Event::Loss(Loss {
                    records: 17,
                    cause: "buffer full",
                }),
            ),
            5 => self.record(
                Some(alice()),
                command(Category::Config, b"config|set", None),
            ),
            _ => {
                let key = Argument::Plain(b"k\"e,y\n \xff");
                self.record(Some(alice()), command(Category::Keys, b"get", Some(key)));
            }
        }
    }

    fn record<'a>(&mut self, client: Option<Client<'a>>, event: Event<'a>) {
        let sequence = self.lines.len() as u64 + 1;
        let record = Record {
            at_us: BEGAN_US + (sequence - 1) * 1_000_000,
            client,
            event,
        };
        let numbered = Numbered {
            sequence,
            node: &self.node.clone(),
            record: &record,
        };
        let payload = Payload {
            disabled: false,
            max_bytes: 1024,
        };
        let mut line = Vec::new();
        self.format.write(&mut line, numbered, payload);
        if self.is_chained {
            self.chain.seal(self.format, &mut line, 0);
        }
        self.lines
            .push(String::from_utf8(line).expect("lines are text"));
    }
}

fn stranger() -> Client<'static> {
    Client {
        id: 3,
        user: b"default",
        address: "192.0.2.1",
        port: 1234,
        ..Client::default()
    }
}

fn alice() -> Client<'static> {
    Client {
        id: 4,
        user: b"corp/alice",
        session: Some(Session {
            id: 7,
            authenticator: "corp",
            principal: "alice",
            decision: "c1",
            generation: 2,
        }),
        ..stranger()
    }
}

fn command(
    category: Category,
    name: &'static [u8],
    key: Option<Argument<'static>>,
) -> Event<'static> {
    Event::Command(Command {
        category,
        name,
        origin: Origin::Client,
        database: Some(0),
        key,
        arguments: vec![Argument::Plain(b"maxmemory"), Argument::Redacted].into(),
        left_out: 0,
        result: CommandResult::Success,
        duration_us: Some(5),
        keys_modified: Some(0),
    })
}

/// A file of these lines.
pub(crate) fn file(format: Format, lines: &[String]) -> String {
    let is_chained = lines
        .first()
        .is_none_or(|line| line.contains("chain") || format == Format::Csv);
    let header = format.header(is_chained).map(str::to_owned);
    let lines = header.into_iter().chain(lines.iter().cloned());
    lines.map(|line| line + "\n").collect()
}

/// Writes the chain of lines anew, as somebody without the key can.
pub(crate) fn rechain(format: Format, lines: &mut [String]) {
    let mut chain = Chain::new();
    for line in lines {
        let bytes = line.as_bytes();
        let sealed = warden_audit::chain::split(format, bytes).expect("a chained line");
        let mut body = sealed.body.to_vec();
        if format == Format::Json {
            body.push(b'}');
        }
        chain.seal(format, &mut body, 0);
        assert!(body.ends_with(b"}") || body.ends_with(hex(&chain.value()).as_bytes()));
        *line = String::from_utf8(body).expect("lines are text");
    }
}
