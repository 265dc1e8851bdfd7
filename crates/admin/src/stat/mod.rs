//! `show stat`: columns, rows and the forms in which they are printed.

pub mod column;
pub mod format;
pub mod rows;
mod server_row;

/// What one cell or one line of `show info` holds.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Value {
    /// Nothing: an empty cell.
    #[default]
    Empty,
    /// u32
    U32(u64),
    /// u64
    U64(u64),
    /// s32
    S32(i64),
    /// str
    Text(String),
}

impl Value {
    /// The type's name in `typed` and `json`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Empty => "none",
            Self::U32(_) => "u32",
            Self::U64(_) => "u64",
            Self::S32(_) => "s32",
            Self::Text(_) => "str",
        }
    }

    /// The number, when it is one.
    #[must_use]
    pub fn number(&self) -> Option<i64> {
        match self {
            Self::U32(n) | Self::U64(n) => i64::try_from(*n).ok(),
            Self::S32(n) => Some(*n),
            Self::Empty | Self::Text(_) => None,
        }
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Empty => Ok(()),
            Self::U32(n) | Self::U64(n) => write!(f, "{n}"),
            Self::S32(n) => write!(f, "{n}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// The kind of object that a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    /// Frontend, type 0.
    Frontend,
    /// Backend, type 1.
    Backend,
    /// Server, type 2.
    Server,
    /// Listener, type 3.
    Listener,
}

impl Object {
    /// Its number in the column `type`, and its bit in `show stat <iid> <type> <sid>`.
    #[must_use]
    pub fn number(self) -> u32 {
        match self {
            Self::Frontend => 0,
            Self::Backend => 1,
            Self::Server => 2,
            Self::Listener => 3,
        }
    }

    /// Its letter in `typed`.
    #[must_use]
    pub fn letter(self) -> char {
        match self {
            Self::Frontend => 'F',
            Self::Backend => 'B',
            Self::Server => 'S',
            Self::Listener => 'L',
        }
    }

    /// Its name in `json`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Frontend => "Frontend",
            Self::Backend => "Backend",
            Self::Server => "Server",
            Self::Listener => "Listener",
        }
    }
}

/// One object's line.
#[derive(Clone, Debug)]
pub struct Row {
    /// What it is about.
    pub object: Object,
    /// Proxy id.
    pub iid: u32,
    /// Server or listener id, 0 for others.
    pub sid: u32,
    /// A cell a column of [`column::COLUMNS`].
    pub cells: Vec<Value>,
}

impl Row {
    /// A row of empty cells.
    #[must_use]
    pub fn new(object: Object, iid: u32, sid: u32) -> Self {
        Self { object, iid, sid, cells: vec![Value::Empty; column::COLUMNS.len()] }
    }

    /// Fills a cell.
    pub fn set(&mut self, column: usize, value: Value) {
        if let Some(cell) = self.cells.get_mut(column) {
            *cell = value;
        }
    }

    /// Fills a cell with a u32.
    pub fn u32(&mut self, column: usize, value: impl Into<u64>) {
        self.set(column, Value::U32(value.into()));
    }

    /// Fills a cell with a u64.
    pub fn u64(&mut self, column: usize, value: u64) {
        self.set(column, Value::U64(value));
    }

    /// Fills a cell with a text.
    pub fn text(&mut self, column: usize, value: impl Into<String>) {
        self.set(column, Value::Text(value.into()));
    }

    /// A cell; empty past the end.
    #[must_use]
    pub fn cell(&self, column: usize) -> &Value {
        const EMPTY: &Value = &Value::Empty;
        self.cells.get(column).unwrap_or(EMPTY)
    }
}
