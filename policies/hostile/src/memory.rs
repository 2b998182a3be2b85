//! Answers of a guest, laid out in its memory by hand as the canonical ABI wants them.

/// Where the answers begin in the guest's memory.
pub(crate) const BASE: usize = 1024;

/// Bytes of a record in the canonical ABI.
#[derive(Default)]
pub(crate) struct Record(pub(crate) Vec<u8>);

impl Record {
    pub(crate) fn word(&mut self, word: usize) {
        self.0.extend(u32::try_from(word).unwrap().to_le_bytes());
    }

    pub(crate) fn pair(&mut self, (pointer, length): (usize, usize)) {
        self.word(pointer);
        self.word(length);
    }
}

/// The guest's static memory, 8-aligned throughout.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) bytes: Vec<u8>,
}

impl Memory {
    pub(crate) fn put(&mut self, bytes: &[u8]) -> usize {
        let address = BASE + self.bytes.len();
        self.bytes.extend(bytes);
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        address
    }

    pub(crate) fn text(&mut self, text: &str) -> (usize, usize) {
        (self.put(text.as_bytes()), text.len())
    }

    pub(crate) fn texts(&mut self, texts: &[String]) -> (usize, usize) {
        let mut list = Record::default();
        for text in texts {
            let text = self.text(text);
            list.pair(text);
        }
        (self.put(&list.0), texts.len())
    }
}

impl Memory {
    /// The bytes as a string of the text format.
    pub(crate) fn data(&self) -> String {
        self.bytes.iter().map(|b| format!("\\{b:02x}")).collect()
    }

    /// The first address behind them.
    pub(crate) fn end(&self) -> usize {
        BASE + self.bytes.len()
    }
}
