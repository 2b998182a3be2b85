//! The attribute on a plugin of another crate: what it says about itself, and that
//! nothing but ordinary Rust is needed to test one.

#![forbid(unsafe_code)]

use warden_plugin::{
    Answer, Client, Credential, Describe, Input, Plugin, Principal, Properties, log, plugin,
};

struct Sockets;

#[plugin(
    name = "sockets",
    summary = "Whoever comes by the Unix socket is who they say.",
    inputs(client_address, client_tls)
)]
impl Plugin for Sockets {
    fn initialise(properties: &Properties) -> Result<Self, String> {
        properties.only(&[], &[])?;
        Ok(Self)
    }

    fn authenticate(&mut self, credential: &Credential, client: &Client) -> Answer {
        let Some(user) = credential.user() else {
            return Answer::NotMine;
        };
        if client.address() != Some("unix") {
            log::warning("not by the socket");
            return Answer::refused("not by the socket");
        }
        Answer::verified(Principal::new(user))
    }
}

#[test]
fn the_description_is_what_the_attribute_says() {
    let description = Sockets::DESCRIPTION;
    assert_eq!(description.name, "sockets");
    assert_eq!(description.version, env!("CARGO_PKG_VERSION"));
    assert_eq!(
        description.summary,
        "Whoever comes by the Unix socket is who they say."
    );
    assert_eq!(description.inputs, [Input::ClientAddress, Input::ClientTls]);
}

#[test]
fn a_plugin_runs_without_wasm() {
    let mut plugin = Sockets::initialise(&Properties::new()).unwrap();
    let alice = Credential::new("").with_user("alice");
    let answer = plugin.authenticate(&alice, &Client::new());
    assert_eq!(answer, Answer::refused("not by the socket"));
    assert_eq!(
        log::take(),
        [(log::Level::Warning, "not by the socket".to_owned())]
    );
    let answer = plugin.authenticate(&alice, &Client::new().with_address("unix"));
    assert_eq!(answer, Answer::verified(Principal::new("alice")));
    plugin.close();
}
