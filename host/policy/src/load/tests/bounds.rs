//! docs/policies/bounds.md says every bound as it is in the code.

use crate::bundle::{directory, files, reading};
use crate::outline::effort::{MAX_FUNCTION_STEPS, MAX_STEPS};
use crate::{engine, error, log, outline, prepare, sandbox, schema, verdict};

/// A bound by the words of the document.
fn bounds() -> Vec<(&'static str, usize)> {
    let bytes = |bytes: u64| usize::try_from(bytes).unwrap();
    vec![
        ("bundles in the directory", directory::MAX_BUNDLES),
        (
            "bytes of all files of all bundles in the directory",
            reading::MAX_DIRECTORY_BYTES,
        ),
        (
            "files in the directory, those under `NAME.d/` included",
            directory::MAX_ENTRIES,
        ),
        (
            "directories in one another under `NAME.d/`",
            directory::MAX_DEPTH,
        ),
        ("bytes of its name", directory::MAX_NAME_BYTES),
        ("bytes of `NAME.wasm`", bytes(files::MAX_WASM_BYTES)),
        (
            "bytes of its data files together",
            bytes(files::MAX_DATA_BYTES),
        ),
        ("functions", outline::MAX_FUNCTIONS),
        ("bytes of code", outline::MAX_CODE_BYTES),
        ("steps of code", MAX_STEPS),
        ("steps of code in one function", MAX_FUNCTION_STEPS),
        (
            "types, imports, exports, globals, tables and other parts",
            outline::MAX_PARTS,
        ),
        ("modules and components inside it", outline::MAX_NESTED),
        (
            "bytes of the [schema](schema.md) it carries for its data, which no server reads",
            schema::MAX_BYTES,
        ),
        (
            "bytes of its title, version and summary, and of each claim it names",
            prepare::MAX_TEXT_BYTES,
        ),
        (
            "claims it names (it can also ask for all)",
            prepare::MAX_POINTERS,
        ),
        ("entries of all tables", sandbox::TABLE_ENTRIES),
        ("instances", sandbox::INSTANCES),
        ("memories, tables, each", sandbox::PARTS),
        ("bytes of stack", engine::STACK_BYTES),
        (
            "messages to the log",
            usize::try_from(log::MESSAGES).unwrap(),
        ),
        (
            "characters of a message, of a denial's words",
            error::LONGEST_GIST,
        ),
        ("characters of a refusal of data", error::LONGEST_REFUSAL),
        (
            "bytes of an answer, as the host holds it (24 for each text and list, and its bytes)",
            sandbox::ANSWER_BYTES,
        ),
        ("grants", verdict::MAX_GRANTS),
        ("restrictions", verdict::MAX_GRANTS),
        ("rules of a grant", verdict::MAX_GRANT_RULES),
        (
            "denials of a restriction, its bounds on keys, on channels, on databases, each",
            verdict::MAX_RULES,
        ),
        (
            "rules of all grants and restrictions together",
            verdict::MAX_ALL_RULES,
        ),
        ("labels", verdict::MAX_LABELS),
        (
            "bytes of a label's name, of its value",
            verdict::MAX_LABEL_BYTES,
        ),
    ]
}

pub(super) fn with_commas(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[test]
fn every_bound_is_documented_as_it_is() {
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/policies/bounds.md");
    let text = std::fs::read_to_string(document).unwrap();
    // The two that settings say are rows without a number.
    let documented: Vec<(&str, &str)> = text
        .lines()
        .filter_map(|line| {
            line.strip_prefix("| ")?
                .strip_suffix(" |")?
                .split_once(" | ")
        })
        .filter(|(_, most)| most.starts_with(|c: char| c.is_ascii_digit()))
        .collect();
    let real: Vec<_> = bounds()
        .into_iter()
        .map(|(what, most)| (what, with_commas(most)))
        .collect();
    let real: Vec<(&str, &str)> = real.iter().map(|(w, m)| (*w, m.as_str())).collect();
    assert_eq!(documented, real);
}

#[test]
fn a_directory_of_more_than_memory_should_hold_is_refused_before_anything_is_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    for number in 0..9 {
        let path = dir.path().join(format!("p{number}.wasm"));
        let file = std::fs::File::create(path).unwrap();
        file.set_len(files::MAX_WASM_BYTES).unwrap();
    }
    let found = directory::list(dir.path()).unwrap().bundles;
    let errors = reading::Reading::of(dir.path(), &found, None)
        .err()
        .unwrap();
    let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
    let words = "holds more than 268435456 bytes in all its policies' files";
    assert!(told.len() == 1 && told[0].contains(words), "{told:?}");
}
