//! Messages of a directory, before and after it has proved who it is.
//!
//! In: bytes of a connection.
//! Held: nobody waits for a message that is too long; what is understood of one is what
//! another reader of BER finds there: its length, its number, the result code, and of an
//! entry the name and every value.
#![no_main]

use lber::structure::{PL, StructureTag};
use libfuzzer_sys::fuzz_target;
use warden_authn::fuzzing::{Said, directory_answer};

const MAX_MESSAGE_BYTES: usize = 8 << 20;

fuzz_target!(|bytes: &[u8]| {
    let Ok(Some((length, said))) = directory_answer(bytes) else {
        return;
    };
    assert!((2..=MAX_MESSAGE_BYTES).contains(&length));
    let Some(said) = said else {
        assert!(length > bytes.len(), "a whole message is waited for");
        return;
    };
    // What is passed over need not be BER.
    let Ok((rest, message)) = lber::Parser::new().parse(bytes) else {
        return;
    };
    assert_eq!(bytes.len() - rest.len(), length);
    let parts = inner(message);
    assert_eq!(said.number, number(&parts[0]));
    same(said, inner(parts[1].clone()));
});

fn same(said: Said, operation: Vec<StructureTag>) {
    if let Some(code) = said.code {
        assert_eq!(code, number(&operation[0]));
    }
    if let Some((dn, attributes)) = said.entry {
        assert_eq!(dn.as_bytes(), bytes(&operation[0]));
        let found: Vec<_> = inner(operation[1].clone())
            .into_iter()
            .map(|attribute| {
                let parts = inner(attribute);
                let values = inner(parts[1].clone());
                let values: Vec<_> = values.iter().map(|value| bytes(value).to_vec()).collect();
                (bytes(&parts[0]).to_vec(), values)
            })
            .collect();
        let said: Vec<_> = attributes
            .into_iter()
            .map(|(name, values)| (name.into_bytes(), values))
            .collect();
        assert_eq!(said, found);
    }
}

fn inner(tag: StructureTag) -> Vec<StructureTag> {
    match tag.payload {
        PL::C(inner) => inner,
        PL::P(_) => panic!("not constructed: {tag:?}"),
    }
}

fn bytes(tag: &StructureTag) -> &[u8] {
    match &tag.payload {
        PL::P(bytes) => bytes,
        PL::C(_) => panic!("constructed: {tag:?}"),
    }
}

fn number(tag: &StructureTag) -> u32 {
    let bytes = bytes(tag);
    assert!((1..=4).contains(&bytes.len()) && bytes[0] < 0x80, "{tag:?}");
    bytes
        .iter()
        .fold(0, |number, byte| number << 8 | u32::from(*byte))
}
