//! What a client may try: a command, and the one thing it touches.

/// What a command touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touches<'a> {
    /// No key and no channel.
    Nothing,
    /// One key, read or written.
    Key {
        /// Its name.
        name: &'a [u8],
        /// Whether it is written.
        writing: bool,
    },
    /// One channel.
    Channel(&'a [u8]),
}

/// One try.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Command or subcommand.
    pub command: &'static str,
    /// The key or channel.
    pub touches: Touches<'a>,
    /// The database the client is in.
    pub database: u32,
}

/// Every try of these names: each command with what it can touch.
pub fn all<'a>(
    commands: impl Iterator<Item = &'static str>,
    names: &'a [Vec<u8>],
) -> Vec<Call<'a>> {
    let mut calls = Vec::new();
    for command in commands {
        let touched: Vec<Touches<'a>> = match command {
            "get" | "mod.get" | "type" => key(names, false),
            "set" => key(names, true),
            // A script names the keys it reads and writes.
            "eval" => [key(names, false), key(names, true)].concat(),
            "publish" | "subscribe" => names.iter().map(|name| Touches::Channel(name)).collect(),
            _ => vec![Touches::Nothing],
        };
        for touches in touched {
            calls.extend([1, 7].map(|database| Call {
                command,
                touches,
                database,
            }));
        }
    }
    calls
}

fn key(names: &[Vec<u8>], writing: bool) -> Vec<Touches<'_>> {
    names
        .iter()
        .map(|name| Touches::Key { name, writing })
        .collect()
}
