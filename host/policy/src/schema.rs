//! The schema of a policy's data, as its component carries it.
//!
//! In come the bytes of a `.wasm`, out goes the text of its custom section. For tools:
//! no load reads it, so that nothing in it can keep a policy from coming into force, and
//! nothing here looks at what the text says.

use wasmparser::{Parser, Payload};

use crate::error::{Fault, gist};

/// The name of the section, of the component or of a core module in it.
const SECTION: &str = "warden:data-schema";
/// The most it may hold: bounds what reading it as a JSON Schema costs.
pub(crate) const MAX_BYTES: usize = 256 << 10;

/// The text of the schema; `None` where a policy carries none.
///
/// # Errors
/// When the bytes are no WebAssembly, or the section is not what the contract says.
pub fn data_schema(wasm: &[u8]) -> Result<Option<&str>, Fault> {
    let mut found = None;
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.map_err(|e| Fault::NotComponent(gist(&e.to_string())))?;
        let Payload::CustomSection(section) = payload else {
            continue;
        };
        if section.name() == SECTION && found.replace(section.data()).is_some() {
            let twice = "stands there twice: a component carries one";
            return Err(Fault::Schema(twice.to_owned()));
        }
    }
    let Some(bytes) = found else {
        return Ok(None);
    };
    if bytes.len() > MAX_BYTES {
        let larger = format!("is larger than the bound of {MAX_BYTES} bytes");
        return Err(Fault::Schema(larger));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Some(text)),
        Err(_) => Err(Fault::Schema("is not UTF-8".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use warden_hostile::Guest;

    /// A core module, with these custom sections behind it.
    fn module(sections: &[(&str, &[u8])]) -> Vec<u8> {
        let mut module = Guest::granting(&["+get"]).wasm();
        for (name, data) in sections {
            module.extend(section(name, data));
        }
        module
    }

    fn section(name: &str, data: &[u8]) -> Vec<u8> {
        let content = [leb128(name.len()), name.into(), data.into()].concat();
        [vec![0], leb128(content.len()), content].concat()
    }

    fn leb128(mut left: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while left >= 0x80 {
            bytes.push(left as u8 | 0x80);
            left >>= 7;
        }
        bytes.push(left as u8);
        bytes
    }

    fn fault(wasm: &[u8]) -> String {
        data_schema(wasm).unwrap_err().to_string()
    }

    #[test]
    fn a_schema_is_found_in_a_module_and_in_the_component_made_of_it() {
        let with = module(&[("note", b"x"), (SECTION, b"{}"), ("producers", b"\0")]);
        assert_eq!(data_schema(&with).unwrap(), Some("{}"));
        let lifted = crate::lift::lift(&wasmtime::Engine::default(), &with).unwrap();
        assert_eq!(data_schema(&lifted).unwrap(), Some("{}"));
        let outside = [crate::lift::COMPONENT.to_vec(), section(SECTION, b"true")].concat();
        assert_eq!(data_schema(&outside).unwrap(), Some("true"));
        assert_eq!(data_schema(&module(&[])).unwrap(), None);
    }

    #[test]
    fn what_is_not_as_the_contract_says_is_refused() {
        let twice = module(&[(SECTION, b"{}"), (SECTION, b"{}")]);
        assert_eq!(
            fault(&twice),
            "its data schema stands there twice: a component carries one"
        );
        let largest = vec![b' '; MAX_BYTES];
        assert!(data_schema(&module(&[(SECTION, &largest)])).is_ok());
        let larger = vec![b' '; MAX_BYTES + 1];
        assert!(fault(&module(&[(SECTION, &larger)])).contains("262144"));
        assert!(fault(&module(&[(SECTION, b"\xff")])).contains("UTF-8"));
        assert!(fault(b"no module").starts_with("is not a component"));
        let whole = module(&[(SECTION, b"{}")]);
        assert!(fault(&whole[..whole.len() - 1]).starts_with("is not a component"));
    }
}
