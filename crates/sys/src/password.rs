//! Password hashes: `crypt_r(3)` of the system's libcrypt.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_void};

/// Size of libcrypt's `struct crypt_data`, whose layout is private.
const DATA_SIZE: usize = 32768;

#[link(name = "crypt")]
unsafe extern "C" {
    fn crypt_r(phrase: *const c_char, setting: *const c_char, data: *mut c_void) -> *mut c_char;
}

/// Whether a password has this hash. What libcrypt cannot read as a hash matches nothing.
#[must_use]
pub fn matches(password: &[u8], hash: &[u8]) -> bool {
    let (Ok(phrase), Ok(setting)) = (CString::new(password), CString::new(hash)) else { return false };
    // Aligned for whatever the structure holds.
    let mut data = vec![0u128; DATA_SIZE / size_of::<u128>()];
    // SAFETY: both strings are NUL-terminated and live through the call; `data` is zeroed, as crypt_r wants it at first, and as large
    // as its structure.
    let result = unsafe { crypt_r(phrase.as_ptr(), setting.as_ptr(), data.as_mut_ptr().cast()) };
    if result.is_null() {
        return false;
    }
    // SAFETY: a non-null result is a NUL-terminated string inside `data`, which is still there.
    let made = unsafe { CStr::from_ptr(result) };
    made.to_bytes() == hash
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with `openssl passwd`.
    #[test]
    fn known_hashes() {
        let md5 = b"$1$abcdefgh$G//4keteveJp0qb8z2DxG/";
        let sha256 = b"$5$saltsalt$gOjOtoMpVhru2uyjeJSEc/JaLQWOXMNmlOnj6T4AtC.";
        let sha512 = b"$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/";
        for hash in [md5.as_slice(), sha256, sha512] {
            assert!(matches(b"password", hash));
            assert!(!matches(b"Password", hash));
        }
        assert!(!matches(b"wrong", md5));
        assert!(!matches(b"password", b"x"));
        assert!(!matches(b"password", b""));
        assert!(!matches(b"pass\0word", md5));
    }
}
