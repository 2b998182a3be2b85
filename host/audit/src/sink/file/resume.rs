//! Going on with a file that is there.
//!
//! In: a file that was opened. Out: the same, cut back to whole lines, with what its last
//! record says; or another one in its place, where it is not ours to go on with.

use std::io;
use std::path::PathBuf;

use super::FileSink;
use super::error::Error;
use super::opened::{Opened, open_to_read};
use super::rotated::{self, Kind};
use super::shape::Last;
use super::tail::{self, End};
use crate::chain::{BEGINNING, Value};

/// Where a file goes on from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resumed {
    /// The number of the last record; 0 where none is gone on from.
    pub sequence: u64,
    /// The chain value of the last record; [`BEGINNING`] where there is none.
    pub chain: Value,
    /// Bytes of a line that a crash left unfinished, taken off.
    pub cut_bytes: u64,
    /// Where a file that is not ours to go on with is now, and why it is not.
    pub aside: Option<(PathBuf, &'static str)>,
}

impl FileSink {
    /// Looks at the end of the file: goes on with it, or moves it away.
    pub(super) fn go_on(&mut self, opened: Opened) -> Result<Resumed, Error> {
        let path = &self.settings.path;
        let unread = |e: io::Error| Error::system(path, "cannot be read", &e);
        let mut resumed = Resumed {
            sequence: 0,
            chain: BEGINNING,
            cut_bytes: 0,
            aside: None,
        };
        let last = match tail::read(&opened.file, self.shape).map_err(unread)? {
            End::Ours {
                last,
                whole_bytes,
                cut_bytes,
            } => {
                if cut_bytes > 0 {
                    let cut = opened.file.set_len(whole_bytes);
                    cut.map_err(|e| Error::system(path, "cannot be cut back to whole lines", &e))?;
                    resumed.cut_bytes = cut_bytes;
                }
                self.opened = Some(opened);
                match last {
                    Some(last) => Some(last),
                    None => self.last_rotated()?,
                }
            }
            End::Foreign { why, has_lines } => {
                let aside = rotated::move_away(path, Kind::Aside, self.clock.now().wall)?;
                resumed.aside = Some((aside, why));
                self.opened = Some(Opened::open(path)?);
                if has_lines {
                    None
                } else {
                    self.last_rotated()?
                }
            }
        };
        if let Some(last) = last {
            resumed.sequence = last.sequence;
            resumed.chain = last.chain;
        }
        Ok(resumed)
    }

    /// What the last record says that was rotated away, by us or by logrotate.
    fn last_rotated(&self) -> Result<Option<Last>, Error> {
        let mut numbered = self.settings.path.clone().into_os_string();
        numbered.push(".1");
        let candidates = [
            rotated::newest(&self.settings.path)?,
            Some(PathBuf::from(numbered)),
        ];
        let ends = candidates.into_iter().flatten().filter_map(|path| {
            let file = open_to_read(&path)?;
            match tail::read(&file, self.shape) {
                Ok(End::Ours { last, .. }) => last,
                _ => None,
            }
        });
        Ok(ends.max_by_key(|last| last.sequence))
    }
}
