//! Log lines go to `tracing` with target `keepalived`: INFO lines are always shown, DEBUG ones with `--log-detail`.

/// Target of every log line.
pub(crate) const TARGET: &str = "keepalived";

/// A line that is always shown.
macro_rules! normal {
    ($($argument:tt)*) => { tracing::info!(target: crate::log::TARGET, $($argument)*) };
}

/// A line that `--log-detail` adds.
macro_rules! detail {
    ($($argument:tt)*) => { tracing::debug!(target: crate::log::TARGET, $($argument)*) };
}

pub(crate) use {detail, normal};

/// A line of the core.
pub(crate) fn event(event: &vrrp::Event) {
    match event.level() {
        vrrp::Level::Normal => normal!("{event}"),
        vrrp::Level::Detail => detail!("{event}"),
    }
}
