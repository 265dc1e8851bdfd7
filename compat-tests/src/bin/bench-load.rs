//! Load at a fixed rate, for the bench: how long answers take when requests arrive by the clock and not as fast as they are answered.
//!
//! `bench-load ADDRESS PATH RATE CONNECTIONS SECONDS` prints one JSON object. Each connection has a thread and sends every n-th
//! request at its own moment; one that finds its connection still busy at that moment counts from then on, so that a slow answer
//! is not hidden by the requests that it holds up.
#![allow(clippy::print_stdout)]

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// What one connection saw.
#[derive(Default)]
struct Seen {
    latencies_us: Vec<u32>,
    errors: u64,
}

struct Load {
    address: SocketAddr,
    request: Vec<u8>,
    /// Time between two requests of one connection.
    every: Duration,
    end: Instant,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().collect();
    let [_, address, path, rate, connections, seconds] = words.as_slice() else {
        return Err("usage: bench-load ADDRESS PATH RATE CONNECTIONS SECONDS".into());
    };
    let (rate, connections): (f64, u32) = (rate.parse()?, connections.parse()?);
    let seconds: f64 = seconds.parse()?;
    let begin = Instant::now() + Duration::from_millis(50);
    let load = Load {
        address: address.parse()?,
        request: format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").into_bytes(),
        every: Duration::from_secs_f64(f64::from(connections) / rate),
        end: begin + Duration::from_secs_f64(seconds),
    };
    let mut all = Seen::default();
    thread::scope(|scope| {
        let handles: Vec<_> = (0..connections)
            .map(|number| {
                let first = begin + load.every * number / connections;
                let load = &load;
                thread::Builder::new().stack_size(128 << 10).spawn_scoped(scope, move || load.run(first))
            })
            .collect();
        for handle in handles {
            match handle.map(thread::ScopedJoinHandle::join) {
                Ok(Ok(seen)) => {
                    all.latencies_us.extend(seen.latencies_us);
                    all.errors += seen.errors;
                }
                _ => all.errors += 1,
            }
        }
    });
    all.latencies_us.sort_unstable();
    println!(
        "{{\"requests\": {}, \"errors\": {}, \"p50_us\": {}, \"p99_us\": {}, \"p999_us\": {}}}",
        all.latencies_us.len(),
        all.errors,
        quantile(&all.latencies_us, 500),
        quantile(&all.latencies_us, 990),
        quantile(&all.latencies_us, 999),
    );
    Ok(())
}

/// The value below which so many of a thousand lie.
fn quantile(sorted: &[u32], of_thousand: usize) -> u32 {
    let at = (sorted.len() * of_thousand / 1000).min(sorted.len().saturating_sub(1));
    sorted.get(at).copied().unwrap_or(0)
}

impl Load {
    fn run(&self, first: Instant) -> Seen {
        let mut seen = Seen::default();
        let mut connection = None;
        let mut due = first;
        while due < self.end {
            let late = Instant::now() > due;
            if !late {
                thread::sleep(due.saturating_duration_since(Instant::now()));
            }
            let from = if late { due } else { Instant::now() };
            match self.exchange(&mut connection) {
                Ok(()) => {
                    let took = u32::try_from(from.elapsed().as_micros()).unwrap_or(u32::MAX);
                    seen.latencies_us.push(took);
                }
                Err(_) => {
                    seen.errors += 1;
                    connection = None;
                }
            }
            due += self.every;
        }
        seen
    }

    fn exchange(&self, connection: &mut Option<TcpStream>) -> io::Result<()> {
        let stream = match connection {
            Some(stream) => stream,
            none => {
                let stream = TcpStream::connect(self.address)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(Duration::from_secs(10)))?;
                none.insert(stream)
            }
        };
        stream.write_all(&self.request)?;
        let mut buffer = [0u8; 16 << 10];
        let (mut filled, mut left) = (0, None);
        loop {
            let n = stream.read(buffer.get_mut(filled..).unwrap_or_default())?;
            if n == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            match &mut left {
                Some(left) => *left -= n.min(*left),
                none => {
                    filled += n;
                    let head = buffer.get(..filled).unwrap_or_default();
                    let Some(size) = head.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
                    let length = content_length(head.get(..size).unwrap_or_default());
                    *none =
                        Some((size + 4 + length.ok_or(io::ErrorKind::InvalidData)?).saturating_sub(filled));
                    filled = 0;
                }
            }
            if left == Some(0) {
                return Ok(());
            }
        }
    }
}

/// The length of the body that a head of status 200 announces.
fn content_length(head: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(head).ok()?;
    let mut lines = text.split("\r\n");
    lines.next().filter(|line| line.contains(" 200 "))?;
    lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("content-length") { value.trim().parse().ok() } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_sorted_values() {
        let values: Vec<u32> = (1..=1000).collect();
        assert_eq!(
            (quantile(&values, 500), quantile(&values, 990), quantile(&values, 999)),
            (501, 991, 1000)
        );
        assert_eq!((quantile(&[7], 990), quantile(&[], 990)), (7, 0));
    }

    #[test]
    fn only_a_good_answer_has_a_length() {
        assert_eq!(content_length(b"HTTP/1.1 200 OK\r\ndate: x\r\nContent-Length: 12"), Some(12));
        assert_eq!(content_length(b"HTTP/1.1 503 No\r\ncontent-length: 12"), None);
    }
}
