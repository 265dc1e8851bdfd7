//! How pure crates read files: through this trait, which a shell implements.

use std::io;

/// Reads whole files named by a configuration (pattern files, error files, maps).
pub trait Files {
    /// The bytes of the file, or why it cannot be read.
    ///
    /// # Errors
    /// What the operating system says.
    fn read(&self, path: &str) -> io::Result<Vec<u8>>;
}
