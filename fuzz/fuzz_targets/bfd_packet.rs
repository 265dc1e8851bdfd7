#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_targets::bfd_packet::received(data));
