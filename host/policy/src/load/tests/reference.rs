//! docs/policies/contract.md, made from the contract itself and the bounds in the code.
//!
//! In: `sdk/wit/policy.wit`. Out: the page; after a change that is meant, run once with
//! `UPDATE_GOLDEN=1` and read the difference.

use std::fmt::Write as _;
use std::path::Path;

use wit_parser::{Function, Interface, Resolve, Type, TypeDef, TypeDefKind, WorldItem};

use super::bounds::with_commas;
use crate::bundle::files::MAX_DATA_BYTES;
use crate::engine::LOAD_FACTOR;
use crate::error::{LONGEST_GIST, LONGEST_REFUSAL};
use crate::log::MESSAGES;
use crate::prepare::{MAX_POINTERS, MAX_TEXT_BYTES};
use crate::sandbox::ANSWER_BYTES;
use crate::verdict::{
    MAX_ALL_RULES, MAX_GRANT_RULES, MAX_GRANTS, MAX_LABEL_BYTES, MAX_LABELS, MAX_RULES,
};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// What stands above the reference, with the package's name in the place of `{}`.
const HEAD: &str = "\
# The contract of policies

What passes between warden and a policy: `{}`, in [WIT](../../sdk/wit/policy.wit). A test makes this page from that file and from
the bounds in the code. Whoever writes in Rust or C meets it through an SDK; components made by other tools meet it as it is. Names are
written `like-this` here, `like_this` in Rust, C and Python, and `likeThis` in JavaScript.

Nothing is cut to fit a bound: what goes beyond is refused as a whole, and [what a policy may use](bounds.md) says who is refused then. Only words for
people end in `…` where they are too long. A *decision* is made once for all sessions that look alike to every policy, and remembered until the policies change or
`valid-for` has passed.
";

/// What the host allows of a function, a field or a case.
fn bounds() -> Vec<(&'static str, String)> {
    let n = |number: usize| with_commas(number);
    let data = usize::try_from(MAX_DATA_BYTES).unwrap();
    let text = format!("{} bytes, one line", n(MAX_TEXT_BYTES));
    let passed_on = |most| format!("{} characters of the first line are passed on", n(most));
    let (words, refusal) = (passed_on(LONGEST_GIST), passed_on(LONGEST_REFUSAL));
    let rules = format!(
        "{}; {} rules and parts in the whole verdict",
        n(MAX_RULES),
        n(MAX_ALL_RULES)
    );
    let at_load = format!("{LOAD_FACTOR} times the processor time of `evaluate`, the same memory");
    vec![
        ("describe", at_load.clone()),
        ("configure", format!("{at_load}; of an error, {refusal}")),
        (
            "evaluate",
            format!(
                "`policy_timeout_ms` of processor time, `policy_memory_mb` of memory, {} bytes of answer",
                n(ANSWER_BYTES)
            ),
        ),
        ("labels", "what `evaluate` may use".to_owned()),
        (
            "write",
            format!(
                "{MESSAGES} messages an evaluation, {} characters of the first line of each",
                n(LONGEST_GIST)
            ),
        ),
        (
            "file.bytes",
            format!("{} in all files of a bundle together", n(data)),
        ),
        (
            "claim-selection.pointers",
            format!("{} of {} bytes each", n(MAX_POINTERS), n(MAX_TEXT_BYTES)),
        ),
        ("description.name", text.clone()),
        ("description.version", text.clone()),
        ("description.summary", text),
        (
            "grant.rules",
            format!(
                "{}; {} rules and parts in the whole verdict",
                n(MAX_GRANT_RULES),
                n(MAX_ALL_RULES)
            ),
        ),
        ("restriction.denials", rules.clone()),
        ("restriction.keys", rules.clone()),
        ("restriction.channels", rules.clone()),
        ("restriction.databases", rules),
        ("denial.public", words.clone()),
        ("denial.internal", words),
        ("verdict.grants", n(MAX_GRANTS)),
        ("verdict.restrictions", n(MAX_GRANTS)),
        (
            "verdict.labels",
            format!(
                "{} with {} bytes of name and of value, one line each",
                n(MAX_LABELS),
                n(MAX_LABEL_BYTES)
            ),
        ),
    ]
}

/// The page in the making.
struct Page<'w> {
    wit: &'w Resolve,
    text: String,
    /// Bounds that have not found their place yet.
    bounds: Vec<(&'static str, String)>,
}

impl<'w> Page<'w> {
    fn heading(&mut self, name: &str, docs: &str) {
        write!(self.text, "\n### `{name}`\n\n{docs}\n").unwrap();
    }

    fn bound(&mut self, place: &str) -> Option<String> {
        let at = self.bounds.iter().position(|(of, _)| *of == place)?;
        Some(self.bounds.remove(at).1)
    }

    fn function(&mut self, function: &Function) {
        self.heading(&function.name, docs(&function.docs, &function.name));
        let parameters: Vec<String> = function
            .params
            .iter()
            .map(|parameter| format!("{}: {}", parameter.name, self.name(&parameter.ty)))
            .collect();
        let result = function.result.as_ref();
        let result = result.map_or_else(String::new, |ty| format!(" -> {}", self.name(ty)));
        let signature = format!("func({}){result}", parameters.join(", "));
        write!(self.text, "\n```wit\n{}: {signature}\n```\n", function.name).unwrap();
        if let Some(bound) = self.bound(&function.name) {
            write!(self.text, "\nAt most: {bound}.\n").unwrap();
        }
    }

    fn types(&mut self, interface: &'w Interface) {
        for (name, id) in &interface.types {
            let ty = &self.wit.types[*id];
            self.heading(name, docs(&ty.docs, name));
            self.parts(name, ty);
        }
    }

    /// The table of a type's fields or cases.
    fn parts(&mut self, of: &str, ty: &TypeDef) {
        let (kind, parts): (_, Vec<_>) = match &ty.kind {
            TypeDefKind::Record(record) => {
                let parts = record.fields.iter();
                let parts = parts.map(|field| (&field.name, Some(&field.ty), &field.docs));
                ("field", parts.collect())
            }
            TypeDefKind::Variant(variant) => {
                let parts = variant.cases.iter();
                let parts = parts.map(|case| (&case.name, case.ty.as_ref(), &case.docs));
                ("case", parts.collect())
            }
            TypeDefKind::Enum(cases) => {
                let parts = cases.cases.iter();
                (
                    "case",
                    parts.map(|case| (&case.name, None, &case.docs)).collect(),
                )
            }
            other => panic!("{of}: the page has no form for {other:?}"),
        };
        let parts: Vec<_> = parts
            .into_iter()
            .map(|(name, ty, of_part)| {
                let place = format!("{of}.{name}");
                let ty = ty.map_or_else(String::new, |ty| self.linked(ty));
                let meaning = docs(of_part, &place).replace('\n', " ").replace('|', "\\|");
                (name, ty, meaning, self.bound(&place).unwrap_or_default())
            })
            .collect();
        let typed = parts.iter().any(|(_, ty, ..)| !ty.is_empty());
        let bounded = parts.iter().any(|(.., bound)| !bound.is_empty());
        let row = |cells: [&str; 4]| {
            let shown = [true, typed, true, bounded];
            let cells = cells.into_iter().zip(shown).filter(|(_, shown)| *shown);
            cells.fold("|".to_owned(), |row, (cell, _)| {
                // An empty cell is one space wide.
                format!("{row} {cell}{}|", if cell.is_empty() { "" } else { " " })
            })
        };
        let head = row([kind, "type", "meaning", "at most"]);
        let rule = row(["---"; 4]).replace(' ', "");
        write!(self.text, "\n{head}\n{rule}\n").unwrap();
        for (name, ty, meaning, bound) in parts {
            let row = row([&format!("`{name}`"), &ty, &meaning, &bound]);
            writeln!(self.text, "{row}").unwrap();
        }
    }

    /// A type as WIT writes it.
    fn name(&self, ty: &Type) -> String {
        let Type::Id(id) = ty else {
            return match ty {
                Type::Bool => "bool",
                Type::U8 => "u8",
                Type::U32 => "u32",
                Type::U64 => "u64",
                Type::String => "string",
                other => panic!("the page has no word for {other:?}"),
            }
            .to_owned();
        };
        let def = &self.wit.types[*id];
        let all = |types: &[Type]| {
            let names: Vec<String> = types.iter().map(|ty| self.name(ty)).collect();
            names.join(", ")
        };
        match (&def.name, &def.kind) {
            (Some(name), _) => name.clone(),
            (None, TypeDefKind::List(of)) => format!("list<{}>", self.name(of)),
            (None, TypeDefKind::Option(of)) => format!("option<{}>", self.name(of)),
            (None, TypeDefKind::Tuple(of)) => format!("tuple<{}>", all(&of.types)),
            (None, TypeDefKind::Result(of)) => {
                let side = |ty: &Option<Type>| {
                    ty.as_ref()
                        .map_or_else(|| "_".to_owned(), |ty| self.name(ty))
                };
                format!("result<{}, {}>", side(&of.ok), side(&of.err))
            }
            (None, other) => panic!("the page has no word for {other:?}"),
        }
    }

    /// The same, leading to what it is made of.
    fn linked(&self, ty: &Type) -> String {
        let name = self.name(ty);
        match self.named(ty) {
            Some(within) => format!("[`{name}`](#{within})"),
            None => format!("`{name}`"),
        }
    }

    /// The type with a name of its own that it is or holds.
    fn named(&self, ty: &Type) -> Option<&'w str> {
        let Type::Id(id) = ty else { return None };
        let def = &self.wit.types[*id];
        match (&def.name, &def.kind) {
            (Some(name), _) => Some(name),
            (None, TypeDefKind::List(of) | TypeDefKind::Option(of)) => self.named(of),
            _ => None,
        }
    }
}

/// # Panics
/// When there are none: the contract is where a part of it is explained.
fn docs<'d>(docs: &'d wit_parser::Docs, of: &str) -> &'d str {
    let text = docs.contents.as_deref().map(str::trim);
    text.filter(|text| !text.is_empty())
        .unwrap_or_else(|| panic!("sdk/wit/policy.wit says nothing about {of}"))
}

/// The page as the contract is now.
fn page() -> String {
    let mut wit = Resolve::default();
    let package = wit
        .push_file(Path::new(ROOT).join("sdk/wit/policy.wit"))
        .unwrap();
    let world = &wit.worlds[wit.packages[package].worlds["policy"]];
    let interface = |name: &str| &wit.interfaces[wit.packages[package].interfaces[name]];
    let (types, log) = (interface("types"), interface("log"));
    let mut page = Page {
        wit: &wit,
        text: HEAD.replace("{}", &wit.packages[package].name.to_string()),
        bounds: bounds(),
    };
    page.text += "\n## What a policy exports\n";
    for export in world.exports.values() {
        match export {
            WorldItem::Function(function) => page.function(function),
            other => panic!("the page has no form for {other:?}"),
        }
    }
    // Whatever else the world imports, it imports for its types.
    assert_eq!(world.imports.len(), 2 + used(world), "{:?}", world.imports);
    write!(page.text, "\n## What it may import: `log`\n\n").unwrap();
    writeln!(page.text, "{}", docs(&log.docs, "log")).unwrap();
    for function in log.functions.values() {
        page.function(function);
    }
    page.types(log);
    write!(page.text, "\n## Types\n\n{}\n", docs(&types.docs, "types")).unwrap();
    assert!(types.functions.is_empty(), "types are no functions");
    page.types(types);
    assert!(page.bounds.is_empty(), "of nothing: {:?}", page.bounds);
    page.text
}

/// Types that the world uses by name.
fn used(world: &wit_parser::World) -> usize {
    let imports = world.imports.values();
    imports
        .filter(|item| matches!(item, WorldItem::Type { .. }))
        .count()
}

#[test]
fn the_contracts_page_says_what_the_contract_and_the_code_say() {
    let page = page();
    let path = Path::new(ROOT).join("docs/policies/contract.md");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let committed = std::fs::read_to_string(&path).expect("docs/policies/contract.md");
    assert_eq!(
        page, committed,
        "read the difference, then run with UPDATE_GOLDEN=1"
    );
}
