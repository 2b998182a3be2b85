//! The server's glob, `stringmatchlen`, and names worth trying on a pattern.

/// One element of a pattern.
enum Piece {
    Star,
    Any,
    Byte(u8),
    Class {
        negated: bool,
        ranges: Vec<(u8, u8)>,
    },
}

/// Whether a name that is not empty matches.
pub fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let pieces = pieces(pattern);
    // Which beginnings of the name the pieces so far can match.
    let mut ends = vec![false; name.len() + 1];
    ends[0] = true;
    for piece in &pieces {
        if matches!(piece, Piece::Star) {
            let first = ends.iter().position(|end| *end).unwrap_or(ends.len());
            ends[first..].fill(true);
        } else {
            for at in (0..name.len()).rev() {
                ends[at + 1] = ends[at] && takes(piece, name[at]);
            }
            ends[0] = false;
        }
    }
    ends[name.len()]
}

/// Names near the edges of a pattern: some match it, some just do not.
pub fn names_near(pattern: &[u8]) -> Vec<Vec<u8>> {
    let fill = |star: &[u8], any: u8| {
        let mut name = Vec::new();
        for piece in pieces(pattern) {
            match piece {
                Piece::Star => name.extend(star),
                Piece::Any => name.push(any),
                Piece::Byte(byte) => name.push(byte),
                Piece::Class { negated, ranges } => {
                    let (low, high) = ranges.first().copied().unwrap_or((any, any));
                    name.push(if negated { high.wrapping_add(1) } else { low });
                }
            }
        }
        name
    };
    let (tight, loose) = (fill(b"", b'q'), fill(b"zz", b'*'));
    let longer = [tight.as_slice(), b"!"].concat();
    let shorter = tight[..tight.len().saturating_sub(1)].to_vec();
    vec![tight, loose, longer, shorter]
}

fn takes(piece: &Piece, byte: u8) -> bool {
    match piece {
        Piece::Star | Piece::Any => true,
        Piece::Byte(literal) => *literal == byte,
        Piece::Class { negated, ranges } => {
            ranges
                .iter()
                .any(|(low, high)| (*low..=*high).contains(&byte))
                != *negated
        }
    }
}

fn pieces(mut rest: &[u8]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    while let [first, after @ ..] = rest {
        let (piece, after) = match (first, after) {
            (b'*', _) => (Piece::Star, after),
            (b'?', _) => (Piece::Any, after),
            (b'[', class) => self::class(class),
            (b'\\', [literal, after @ ..]) => (Piece::Byte(*literal), after),
            (literal, _) => (Piece::Byte(*literal), after),
        };
        pieces.push(piece);
        rest = after;
    }
    pieces
}

/// A class and what follows its bracket; a range takes three bytes whatever they are.
fn class(text: &[u8]) -> (Piece, &[u8]) {
    let inner = text.strip_prefix(b"^");
    let negated = inner.is_some();
    let mut rest = inner.unwrap_or(text);
    let mut ranges = Vec::new();
    loop {
        let (range, after) = match rest {
            [b'\\', literal, after @ ..] => ((*literal, *literal), after),
            [] => return (Piece::Class { negated, ranges }, rest),
            [b']', after @ ..] => return (Piece::Class { negated, ranges }, after),
            [a, b'-', b, after @ ..] => ((*a.min(b), *a.max(b)), after),
            [literal, after @ ..] => ((*literal, *literal), after),
        };
        ranges.push(range);
        rest = after;
    }
}
