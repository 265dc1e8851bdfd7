//! `-dL`: the object files of this process, for a tarball of all that a core file needs.

use std::fmt::Write as _;

/// One path a line: the executable first, then what it has loaded.
pub(crate) fn list() -> String {
    let mut paths: Vec<String> = Vec::new();
    if let Ok(path) = std::env::current_exe() {
        paths.push(path.to_string_lossy().into_owned());
    }
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    for line in maps.lines() {
        // address perms offset dev inode path
        let mut fields = line.split_whitespace();
        let executable = fields.nth(1).is_some_and(|permissions| permissions.contains('x'));
        if let Some(path) = fields.nth(3)
            && executable
            && path.starts_with('/')
            && !paths.iter().any(|known| known == path)
        {
            paths.push(path.to_owned());
        }
    }
    paths.iter().fold(String::new(), |mut text, path| {
        let _ = writeln!(text, "{path}");
        text
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_c_library_is_among_them_once() {
        let list = super::list();
        assert_eq!(list.lines().filter(|path| path.contains("libc.so")).count(), 1);
        assert!(list.lines().all(|path| path.starts_with('/')));
    }
}
