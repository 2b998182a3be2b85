//! Policies of too much of something, or too dear to compile.

use crate::bytes::{
    BLOCK, BR_TABLE, CALL, CONST, EMPTY, END, IF, LOCAL_GET, LOCAL_SET, MULTIPLY, Module, carrying,
    module_of_entries, nested, nested_metadata, nested_types, number, padded,
};
use crate::load::refused;
use crate::table::Hostile;
use crate::table::Strikes::InVain;

pub(crate) fn numbers() -> Vec<Hostile> {
    vec![
        refused(
            "hundred-thousand-functions",
            "has a hundred thousand functions",
            "holds more than 60000 functions",
            || carrying(&Module::of(vec![]).functions(100_000).bytes()),
        ),
        refused(
            "million-globals",
            "has a million global variables, each of them memory of the host",
            "holds more than",
            || carrying(&module_of_entries(6, 999_999, &[0x7f, 1, CONST, 0, END])),
        ),
        refused(
            "million-types",
            "has a million types",
            "holds more than",
            || carrying(&module_of_entries(1, 999_999, &[0x60, 0, 0])),
        ),
        refused(
            "million-core-imports",
            "has a module inside it with a million imports",
            "holds more than",
            || carrying(&module_of_entries(2, 999_999, &[0, 0, 0, 0])),
        ),
        refused(
            "thousand-components",
            "has a thousand components, each inside the one before",
            "nested",
            || nested(1_000),
        ),
        refused(
            "million-components",
            "has a million components, each inside the one before",
            "nested",
            || nested(1_000_000),
        ),
        refused(
            "types-in-types",
            "has a thousand types of components, each inside the one before",
            "types of components and instances in one another",
            || nested_types(1_000),
        ),
        refused(
            "million-types-in-types",
            "has a million of them",
            "types of components and instances in one another",
            || nested_types(1_000_000),
        ),
        refused(
            "types-in-metadata",
            "has metadata with a thousand types of components, each inside the one before",
            "types of components and instances in one another",
            || nested_metadata(1_000),
        ),
        Hostile::new(
            InVain,
            "ten-thousand-functions",
            "has ten thousand functions, and otherwise all is well",
            "",
            || carrying(&Module::of(vec![]).functions(10_000).bytes()),
        ),
        Hostile::new(
            InVain,
            "thirty-megabytes",
            "is 30 MB long, most of it of no use, and otherwise all is well",
            "",
            || padded(30_000_000),
        ),
    ]
}

/// A thousand values in a row: the most a function may take and give.
const MOST_VALUES: usize = 1_000;

pub(crate) fn compilation() -> Vec<Hostile> {
    let all_values = || -> Vec<u8> {
        (0..MOST_VALUES)
            .flat_map(|n| [vec![LOCAL_GET], number(n)].concat())
            .collect()
    };
    vec![
        refused(
            "million-instructions",
            "has one function of four million instructions",
            "steps",
            || {
                let body = [LOCAL_GET, 0, LOCAL_GET, 1, MULTIPLY, LOCAL_SET, 0].repeat(1_000_000);
                carrying(&Module::of(body).values(2, 0).bytes())
            },
        ),
        refused(
            "thousand-values",
            "has one function of 100,000 blocks that take and give a thousand values each",
            "steps",
            move || {
                let blocks = [BLOCK, 0, END].repeat(100_000);
                let body = [all_values(), blocks].concat();
                carrying(&Module::of(body).values(MOST_VALUES, MOST_VALUES).bytes())
            },
        ),
        refused(
            "thousand-arguments",
            "has one function of a million calls with a thousand values each",
            "steps",
            move || {
                let body = [all_values(), [CALL, 0].repeat(1_000_000)].concat();
                carrying(&Module::of(body).values(MOST_VALUES, MOST_VALUES).bytes())
            },
        ),
        refused(
            "million-branches",
            "has one branch to a million places",
            "steps",
            || {
                let targets = [number(2_000_000), vec![0; 2_000_001]].concat();
                let body = [vec![CONST, 0, BR_TABLE], targets].concat();
                carrying(&Module::of(body).bytes())
            },
        ),
        refused(
            "fifty-thousand-variables",
            "has fifty thousand functions of fifty thousand variables each",
            "steps",
            || carrying(&Module::of(vec![]).locals(50_000).functions(50_000).bytes()),
        ),
        refused(
            "blocks-by-variables",
            "has one function whose many blocks must carry many variables",
            "steps",
            || {
                const VARIABLES: usize = 20_000;
                let each = |instruction: u8, before: &[u8], after: &[u8]| -> Vec<u8> {
                    (0..VARIABLES)
                        .flat_map(|n| [before, &[instruction], &number(n), after].concat())
                        .collect()
                };
                let set = each(LOCAL_SET, &[CONST, 1], &[]);
                let blocks = [LOCAL_GET, 0, IF, EMPTY, END].repeat(100_000);
                let get = each(LOCAL_GET, &[], &[0x1a]);
                carrying(
                    &Module::of([set, blocks, get].concat())
                        .locals(VARIABLES)
                        .bytes(),
                )
            },
        ),
    ]
}
