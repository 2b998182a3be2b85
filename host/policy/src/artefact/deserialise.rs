//! The one unsafe operation of this crate: turning bytes into native code.
//!
//! A [`Proven`] is the proof that this node's own compiler wrote the bytes; it
//! can only be made by [`prove`], or by [`compile`] itself, and only a [`Proven`] is
//! deserialised.

use aws_lc_rs::hmac;
use wasmtime::component::Component;

use crate::digest::Digest;

/// Bytes of a HMAC-SHA-256.
const MAC_BYTES: usize = 32;

/// Code under a valid MAC of this node's key, or compiled just now.
pub(super) struct Proven<'a>(&'a [u8]);

/// The MAC over what the code was compiled from and the code.
pub(super) fn seal(key: &hmac::Key, subject: &Digest, code: &[u8]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    context.update(subject.as_bytes());
    context.update(code);
    context.sign()
}

/// Checks a sealed artefact, in constant time; `None` unless the MAC is right.
pub(super) fn prove<'a>(key: &hmac::Key, subject: &Digest, sealed: &'a [u8]) -> Option<Proven<'a>> {
    let (mac, code) = sealed.split_at_checked(MAC_BYTES)?;
    let expected = seal(key, subject, code);
    aws_lc_rs::constant_time::verify_slices_are_equal(expected.as_ref(), mac)
        .ok()
        .map(|()| Proven(code))
}

/// Compiles a component, and loads what came of it. Of all that compiling takes nothing is
/// left when what stays is put into memory: it does not come to lie behind a gigabyte that
/// is free.
///
/// # Errors
/// When it is no component.
pub(crate) fn compile(
    engine: &wasmtime::Engine,
    wasm: &[u8],
) -> wasmtime::Result<(Vec<u8>, Component)> {
    let code = engine.precompile_component(wasm)?;
    let component = deserialise(engine, Proven(&code))?;
    Ok((code, component))
}

/// Loads proven code.
///
/// # Errors
/// When it was compiled for another version or other settings of wasmtime.
#[expect(
    unsafe_code,
    reason = "wasmtime cannot check that native code is harmless; Proven is the proof that our compiler wrote it"
)]
pub(super) fn deserialise(
    engine: &wasmtime::Engine,
    proven: Proven<'_>,
) -> wasmtime::Result<Component> {
    // SAFETY: `deserialize` demands bytes that `precompile_component` returned,
    // unchanged. A `Proven` exists only where `compile` has just had them, or when
    // `prove` found them under the MAC of the node's key, which `seal` computes for
    // such output alone (its one caller is `Artefacts::keep`) and which only this node's
    // user can read. The bytes are in our memory, so no file can change under wasmtime.
    unsafe { Component::deserialize(engine, proven.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_the_sealed_code_for_the_same_subject_is_proven() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
        let (subject, other) = (Digest::of(b"wasm"), Digest::of(b"other"));
        let sealed = [seal(&key, &subject, b"code").as_ref(), b"code"].concat();
        assert!(prove(&key, &subject, &sealed).is_some());
        assert!(prove(&key, &other, &sealed).is_none());
        assert!(prove(&key, &subject, &sealed[..20]).is_none());
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert!(prove(&key, &subject, &changed).is_none(), "byte {index}");
        }
    }
}
