//! Files that were read, positions in them, and the words cut from them.

use bstr::{BStr, BString, ByteSlice};

/// Index of a file in its [`SourceMap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub u32);

/// A place in a source: one stretch of bytes on one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// Line, counted from 1.
    pub line: u32,
    /// First byte in the line, counted from 0.
    pub start: u32,
    /// The byte after the last one.
    pub end: u32,
}

impl Span {
    /// The span of a whole line, for messages that have no word to point at.
    #[must_use]
    pub fn line(file: FileId, line: u32) -> Self {
        Self { file, line, start: 0, end: 0 }
    }
}

/// One file as it was read.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// Its name as the user gave it; messages print it like this.
    pub name: String,
    /// Its bytes.
    pub text: Vec<u8>,
}

/// Every file that the configuration came from, in reading order.
#[derive(Clone, Debug, Default)]
pub struct SourceMap {
    files: Vec<SourceFile>,
}

impl SourceMap {
    /// Adds a file and returns its id.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<Vec<u8>>) -> FileId {
        let id = FileId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        self.files.push(SourceFile { name: name.into(), text: text.into() });
        id
    }

    /// The file of an id, if it is one of this map's.
    #[must_use]
    pub fn file(&self, id: FileId) -> Option<&SourceFile> {
        self.files.get(id.0 as usize)
    }

    /// The name of a file; empty when the id is not of this map.
    #[must_use]
    pub fn name(&self, id: FileId) -> &str {
        self.file(id).map_or("", |f| f.name.as_str())
    }

    /// All files in reading order.
    pub fn iter(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        (0u32..).map(FileId).zip(self.files.iter())
    }
}

/// A word of a line after quotes, escapes and variables were resolved, with the place it was cut from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// The bytes; usually UTF-8, but `\xNN` may make any.
    pub text: BString,
    /// Where it stands.
    pub span: Span,
}

impl Word {
    /// The bytes as a displayable string.
    #[must_use]
    pub fn as_bstr(&self) -> &BStr {
        self.text.as_bstr()
    }

    /// The text, when it is UTF-8.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        self.text.to_str().ok()
    }

    /// The text with anything that is not UTF-8 replaced; for messages.
    #[must_use]
    pub fn lossy(&self) -> String {
        self.text.to_str_lossy().into_owned()
    }
}

impl AsRef<[u8]> for Word {
    fn as_ref(&self) -> &[u8] {
        &self.text
    }
}
