#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_targets::configuration::keepalived_conf(data));
