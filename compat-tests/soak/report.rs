//! One line an event with the seconds since the start, and the counts for the run's record, as the Python suites write them.

use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

/// The report of one run.
pub(crate) struct Report {
    title: String,
    started_at: Instant,
    passed: u32,
    failed: Vec<String>,
}

impl Report {
    /// With nothing in it.
    pub(crate) fn new(title: &str) -> Self {
        Self { title: title.to_owned(), started_at: Instant::now(), passed: 0, failed: Vec::new() }
    }

    fn line(&self, mark: &str, text: &str) {
        println!("{:8.2} s  {mark:<4}  {text}", self.started_at.elapsed().as_secs_f64());
    }

    /// A line between parts.
    pub(crate) fn heading(&self, text: &str) {
        println!("\n== {text}");
    }

    /// Something that happened; no verdict.
    pub(crate) fn note(&self, text: &str) {
        self.line("", text);
    }

    /// Counts one assertion; `detail` is printed when it does not hold.
    pub(crate) fn check(&mut self, name: &str, holds: bool, detail: &str) {
        if holds {
            self.passed += 1;
            self.line("ok", name);
        } else {
            self.failed.push(name.to_owned());
            self.line("FAIL", &format!("{name}: {detail}"));
        }
    }

    /// The summary, the line in the run's record, and the exit code.
    pub(crate) fn close(self) -> ExitCode {
        let seconds = self.started_at.elapsed().as_secs_f64();
        println!("\n{}: {} passed, {} failed ({seconds:.0} s)", self.title, self.passed, self.failed.len());
        for name in &self.failed {
            println!("  failed: {name}");
        }
        if let Some(path) = std::env::var_os("LAB_RESULTS").filter(|path| !path.is_empty())
            && let Ok(mut file) = std::fs::OpenOptions::new().append(true).create(true).open(path)
        {
            let _ = writeln!(
                file,
                "{{\"suite\": \"{}\", \"passed\": {}, \"failed\": {}, \"skipped\": 0, \"seconds\": {seconds:.1}}}",
                self.title,
                self.passed,
                self.failed.len()
            );
        }
        if self.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
