//! The lines of `show info` in the reference's order (management manual, section 9.3).
//!
//! One row a line: its name, tags, type and description stand here once; [`Info`] carries the values.

use crate::stat::Value;

/// One line.
#[derive(Clone, Copy, Debug)]
pub struct InfoLine {
    /// Position, as `typed` and `json` print it. Positions of features that this build lacks are left out.
    pub position: u32,
    /// Its name.
    pub name: &'static str,
    /// Origin, nature and scope, as `typed` prints them.
    pub tags: &'static str,
    /// The value's type, as `typed` prints it.
    pub kind: &'static str,
    /// What it says.
    pub description: &'static str,
}

const fn line(
    position: u32,
    name: &'static str,
    tags: &'static str,
    kind: &'static str,
    description: &'static str,
) -> InfoLine {
    InfoLine { position, name, tags, kind, description }
}

/// The value of every line, by name; a line without a value prints 0 or nothing by its type.
#[derive(Debug, Default)]
pub struct Info {
    values: Vec<(&'static str, Value)>,
}

impl Info {
    /// Sets a line's value.
    pub fn set(&mut self, name: &'static str, value: Value) {
        debug_assert!(LINES.iter().any(|line| line.name == name), "no line {name}");
        self.values.push((name, value));
    }

    /// Every line with its value, in order. `description` is there only when the configuration has one.
    pub fn iter(&self) -> impl Iterator<Item = (&'static InfoLine, Value)> {
        LINES.iter().filter_map(|line| {
            let value = self.values.iter().find(|(name, _)| *name == line.name);
            match value {
                Some((_, value)) => Some((line, value.clone())),
                None if line.name == "description" => None,
                None if line.kind == "str" => Some((line, Value::Text(String::new()))),
                None => Some((line, Value::U32(0))),
            }
        })
    }
}

/// All lines in order.
#[rustfmt::skip]
pub const LINES: &[InfoLine] = &[
    line(0, "Name", "POS", "str", "Product name"),
    line(1, "Version", "POS", "str", "Product version"),
    line(2, "Release_date", "POS", "str", "Date of latest source code update"),
    line(3, "Nbthread", "CGS", "u32", "Number of started threads (global.nbthread)"),
    line(4, "Nbproc", "CGS", "u32", "Number of started worker processes (historical, always 1)"),
    line(5, "Process_num", "KGP", "u32", "Relative worker process number (1)"),
    line(6, "Pid", "SGP", "u32", "This worker process identifier for the system"),
    line(7, "Uptime", "MDP", "str", "How long ago this worker process was started (days+hours+minutes+seconds)"),
    line(8, "Uptime_sec", "MDP", "u32", "How long ago this worker process was started (seconds)"),
    line(9, "Memmax_MB", "CLP", "u32", "Worker process's hard limit on memory usage in MB (-m on command line)"),
    line(10, "PoolAlloc_MB", "MGP", "u32", "Amount of memory allocated in pools (in MB)"),
    line(11, "PoolUsed_MB", "MGP", "u32", "Amount of pool memory currently used (in MB)"),
    line(12, "PoolFailed", "MCP", "u32", "Number of failed pool allocations since this worker was started"),
    line(13, "Ulimit-n", "CLP", "u32", "Hard limit on the number of per-process file descriptors"),
    line(14, "Maxsock", "CLP", "u32", "Hard limit on the number of per-process sockets"),
    line(15, "Maxconn", "CLP", "u32", "Hard limit on the number of per-process connections (configured or imposed by Ulimit-n)"),
    line(16, "Hard_maxconn", "CLP", "u32", "Hard limit on the number of per-process connections (imposed by Memmax_MB or Ulimit-n)"),
    line(17, "CurrConns", "MGP", "u32", "Current number of connections on this worker process"),
    line(18, "CumConns", "MCP", "u32", "Total number of connections on this worker process since started"),
    line(19, "CumReq", "MCP", "u32", "Total number of requests on this worker process since started"),
    line(20, "MaxSslConns", "MMP", "u32", "Hard limit on the number of per-process SSL endpoints (front+back), 0=unlimited"),
    line(21, "CurrSslConns", "MGP", "u32", "Current number of SSL endpoints on this worker process (front+back)"),
    line(22, "CumSslConns", "MCP", "u32", "Total number of SSL endpoints on this worker process since started (front+back)"),
    line(23, "Maxpipes", "CLP", "u32", "Hard limit on the number of pipes for splicing, 0=unlimited"),
    line(24, "PipesUsed", "MGP", "u32", "Current number of pipes in use in this worker process"),
    line(25, "PipesFree", "MGP", "u32", "Current number of allocated and available pipes in this worker process"),
    line(26, "ConnRate", "MRP", "u32", "Number of front connections created on this worker process over the last second"),
    line(27, "ConnRateLimit", "CLP", "u32", "Hard limit for ConnRate (global.maxconnrate)"),
    line(28, "MaxConnRate", "MMP", "u32", "Highest ConnRate reached on this worker process since started (in connections per second)"),
    line(29, "SessRate", "MRP", "u32", "Number of sessions created on this worker process over the last second"),
    line(30, "SessRateLimit", "CLP", "u32", "Hard limit for SessRate (global.maxsessrate)"),
    line(31, "MaxSessRate", "MRP", "u32", "Highest SessRate reached on this worker process since started (in sessions per second)"),
    line(32, "SslRate", "MRP", "u32", "Number of SSL connections created on this worker process over the last second"),
    line(33, "SslRateLimit", "CLP", "u32", "Hard limit for SslRate (global.maxsslrate)"),
    line(34, "MaxSslRate", "MMP", "u32", "Highest SslRate reached on this worker process since started (in connections per second)"),
    line(35, "SslFrontendKeyRate", "MGP", "u32", "Number of SSL keys created on frontends in this worker process over the last second"),
    line(36, "SslFrontendMaxKeyRate", "MMP", "u32", "Highest SslFrontendKeyRate reached on this worker process since started (in SSL keys per second)"),
    line(37, "SslFrontendSessionReuse_pct", "MGP", "u32", "Percent of frontend SSL connections which did not require a new key"),
    line(38, "SslBackendKeyRate", "MRP", "u32", "Number of SSL keys created on backends in this worker process over the last second"),
    line(39, "SslBackendMaxKeyRate", "MMP", "u32", "Highest SslBackendKeyRate reached on this worker process since started (in SSL keys per second)"),
    line(40, "SslCacheLookups", "MCP", "u32", "Total number of SSL session ID lookups in the SSL session cache on this worker since started"),
    line(41, "SslCacheMisses", "MCP", "u32", "Total number of SSL session ID lookups that didn't find a session in the SSL session cache on this worker since started"),
    line(42, "CompressBpsIn", "MRP", "u32", "Number of bytes submitted to the HTTP compressor in this worker process over the last second"),
    line(43, "CompressBpsOut", "MRP", "u32", "Number of bytes emitted by the HTTP compressor in this worker process over the last second"),
    line(44, "CompressBpsRateLim", "CLP", "u32", "Limit of CompressBpsOut beyond which HTTP compression is automatically disabled"),
    line(47, "Tasks", "MGP", "u32", "Total number of tasks in the current worker process (active + sleeping)"),
    line(48, "Run_queue", "MGP", "u32", "Total number of active tasks+tasklets in the current worker process"),
    line(49, "Idle_pct", "MaP", "u32", "Percentage of last second spent waiting in the current worker thread"),
    line(50, "node", "COS", "str", "Node name (global.node)"),
    line(51, "description", "COS", "str", "Node description (global.description)"),
    line(52, "Stopping", "MGP", "u32", "1 if the worker process is currently stopping, otherwise zero"),
    line(53, "Jobs", "MGP", "u32", "Current number of active jobs on the current worker process (frontend connections, master connections, listeners)"),
    line(54, "Unstoppable Jobs", "MGP", "u32", "Current number of unstoppable jobs on the current worker process (master connections)"),
    line(55, "Listeners", "MGP", "u32", "Current number of active listeners on the current worker process"),
    line(56, "ActivePeers", "MGP", "u32", "Current number of verified active peers connections on the current worker process"),
    line(57, "ConnectedPeers", "MGP", "u32", "Current number of peers having passed the connection step on the current worker process"),
    line(58, "DroppedLogs", "MGP", "u32", "Total number of dropped logs for current worker process since started"),
    line(59, "BusyPolling", "MGP", "u32", "1 if busy-polling is currently in use on the worker process, otherwise zero (config.busy-polling)"),
    line(60, "FailedResolutions", "MGP", "u32", "Total number of failed DNS resolutions in current worker process since started"),
    line(61, "TotalBytesOut", "MGP", "u64", "Total number of bytes emitted by current worker process since started"),
    line(62, "TotalSplicedBytesOut", "MGP", "u64", "Total number of bytes emitted by current worker process through a kernel pipe since started"),
    line(63, "BytesOutRate", "MRP", "u64", "Number of bytes emitted by current worker process over the last second"),
    line(64, "DebugCommandsIssued", "MGP", "u32", "Number of debug commands issued on this process (anything > 0 is unsafe)"),
    line(65, "CumRecvLogs", "MCP", "u32", "Total number of log messages received by log-forwarding listeners on this worker process since started"),
    line(66, "Build info", "POS", "str", "Build info"),
    line(67, "Memmax_bytes", "CLP", "u32", "Worker process's hard limit on memory usage in byes (-m on command line)"),
    line(68, "PoolAlloc_bytes", "MGP", "u64", "Amount of memory allocated in pools (in bytes)"),
    line(69, "PoolUsed_bytes", "MGP", "u64", "Amount of pool memory currently used (in bytes)"),
    line(70, "Start_time_sec", "MDP", "u32", "Start time in seconds"),
    line(71, "Tainted", "SGP", "str", "Experimental features used"),
    line(72, "TotalWarnings", "MCP", "u32", "Total warnings issued"),
    line(73, "MaxconnReached", "MCP", "u32", "Number of times an accepted connection resulted in Maxconn being reached"),
    line(74, "BootTime_ms", "MDP", "u32", "How long ago it took to parse and process the config before being ready (milliseconds)"),
    line(75, "Niced_tasks", "MGP", "u32", "Total number of active tasks+tasklets in the current worker process (Run_queue) that are niced"),
    line(76, "CurrStreams", "MGP", "u64", "Current number of streams on this worker process"),
    line(77, "CumStreams", "MGP", "u64", "Total number of streams created on this worker process since started"),
    line(78, "BlockedTrafficWarnings", "MGP", "u32", "Total number of warnings issued about traffic being blocked by too slow a task"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_is_shown_only_when_there_is_one() {
        let mut info = Info::default();
        let shown = |info: &Info| info.iter().filter(|(line, _)| line.name == "description").count();
        assert_eq!((shown(&info), info.iter().count()), (0, LINES.len() - 1));
        info.set("description", Value::Text("second".to_owned()));
        assert_eq!(shown(&info), 1);
    }
}
