//! What the allocator holds of the machine's memory.
#![allow(unsafe_code)]

/// Gives memory that was freed back to the system: worth its time, some milliseconds, after work that needed much for once.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim touches nothing that is in use, and takes the allocator's own locks.
    unsafe {
        libc::malloc_trim(0);
    }
}
