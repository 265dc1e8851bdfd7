//! The termination state of a stream: who ended it, and in which phase (configuration manual, section 8.5; haproxy-stream, part 4).

/// Who or what ended the stream: the first character.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cause {
    /// `-`: a normal end.
    #[default]
    Normal,
    /// `L`: handled locally: redirect, return, statistics.
    Local,
    /// `c`: a client-side timeout.
    ClientTimeout,
    /// `C`: the client aborted.
    ClientAbort,
    /// `s`: a server-side timeout.
    ServerTimeout,
    /// `S`: the server aborted or refused.
    ServerAbort,
    /// `P`: a rule, a limit or a protocol check.
    Proxy,
    /// `R`: a resource was exhausted.
    Resource,
    /// `I`: an internal error.
    Internal,
    /// `D`: killed because the server went down.
    Down,
    /// `K`: killed by an administrator.
    Killed,
    /// `U`: killed because a preferred server came up.
    Up,
}

/// The phase in which it ended: the second character.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// `-`: after the end.
    #[default]
    Done,
    /// `R`: waiting for a valid request.
    Request,
    /// `Q`: in the queue.
    Queue,
    /// `C`: connecting to the server.
    Connect,
    /// `H`: waiting for the response's head.
    Headers,
    /// `D`: transferring data.
    Data,
    /// `L`: sending the last data to the client.
    Last,
    /// `T`: tarpitted.
    Tarpit,
}

/// How far the server side of a stream is: what the phase of an error follows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerSide {
    /// Nothing was asked of a server yet.
    Idle,
    /// The request is tarpitted.
    Tarpit,
    /// The stream waits in a queue.
    Queued,
    /// A server is assigned or connecting, or its failure is being retried. `local` is true when the target is the statistics page
    /// or another service inside the process.
    Connecting {
        /// Whether the target is inside the process.
        local: bool,
    },
    /// Connected; the response's head has not been received.
    WaitingHeaders,
    /// The response's data is under way.
    Data,
    /// Both messages are complete; only bytes for the client are left.
    Sending,
}

/// The phase of an error, from how far the server side is and whether the client caused it.
#[must_use]
pub fn phase(server_side: ServerSide, cause: Cause) -> Phase {
    match server_side {
        ServerSide::Idle | ServerSide::Connecting { local: true } => Phase::Request,
        ServerSide::Tarpit => Phase::Tarpit,
        ServerSide::Queued => Phase::Queue,
        ServerSide::Connecting { local: false } => Phase::Connect,
        ServerSide::WaitingHeaders => Phase::Headers,
        ServerSide::Data => Phase::Data,
        ServerSide::Sending => match cause {
            Cause::ClientAbort | Cause::ClientTimeout | Cause::Proxy => Phase::Last,
            _ => Phase::Data,
        },
    }
}

/// What the persistence cookie of the request was: the third character.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CookieRequest {
    /// `-`: cookies are not looked at.
    #[default]
    Off,
    /// `N`: none came.
    None,
    /// `I`: it names no server.
    Invalid,
    /// `D`: its server is down.
    Down,
    /// `V`: its server is usable.
    Valid,
    /// `E`: too long unused.
    Expired,
    /// `O`: too old.
    Old,
    /// `U`: not used.
    Unused,
}

/// What happened to the cookie in the response: the fourth character.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CookieResponse {
    /// `-`: cookies are not looked at.
    #[default]
    Off,
    /// `N`: none came and none was inserted.
    None,
    /// `I`: inserted.
    Inserted,
    /// `U`: its dates were updated.
    Updated,
    /// `P`: passed on as the server sent it.
    Passive,
    /// `R`: rewritten.
    Rewritten,
    /// `D`: deleted.
    Deleted,
}

/// The whole termination state. The first error that is noted stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Termination {
    cause: Cause,
    phase: Phase,
    /// The cookie of the request.
    pub cookie_request: CookieRequest,
    /// The cookie of the response.
    pub cookie_response: CookieResponse,
}

impl Termination {
    /// Notes an error; one that was noted before stays.
    pub fn note(&mut self, cause: Cause, phase: Phase) {
        if self.cause == Cause::Normal {
            self.cause = cause;
        }
        if self.phase == Phase::Done {
            self.phase = phase;
        }
    }

    /// Notes an error at the phase that follows from the server side.
    pub fn note_at(&mut self, cause: Cause, server_side: ServerSide) {
        self.note(cause, phase(server_side, cause));
    }

    /// The cause.
    #[must_use]
    pub fn cause(&self) -> Cause {
        self.cause
    }

    /// The phase.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The four characters of `%tsc`; `%ts` is the first two.
    #[must_use]
    pub fn letters(&self) -> [u8; 4] {
        let cause = match self.cause {
            Cause::Normal => b'-',
            Cause::Local => b'L',
            Cause::ClientTimeout => b'c',
            Cause::ClientAbort => b'C',
            Cause::ServerTimeout => b's',
            Cause::ServerAbort => b'S',
            Cause::Proxy => b'P',
            Cause::Resource => b'R',
            Cause::Internal => b'I',
            Cause::Down => b'D',
            Cause::Killed => b'K',
            Cause::Up => b'U',
        };
        let phase = match self.phase {
            Phase::Done => b'-',
            Phase::Request => b'R',
            Phase::Queue => b'Q',
            Phase::Connect => b'C',
            Phase::Headers => b'H',
            Phase::Data => b'D',
            Phase::Last => b'L',
            Phase::Tarpit => b'T',
        };
        let request = match self.cookie_request {
            CookieRequest::Off => b'-',
            CookieRequest::None => b'N',
            CookieRequest::Invalid => b'I',
            CookieRequest::Down => b'D',
            CookieRequest::Valid => b'V',
            CookieRequest::Expired => b'E',
            CookieRequest::Old => b'O',
            CookieRequest::Unused => b'U',
        };
        let response = match self.cookie_response {
            CookieResponse::Off => b'-',
            CookieResponse::None => b'N',
            CookieResponse::Inserted => b'I',
            CookieResponse::Updated => b'U',
            CookieResponse::Passive => b'P',
            CookieResponse::Rewritten => b'R',
            CookieResponse::Deleted => b'D',
        };
        [cause, phase, request, response]
    }

    /// Whether the log line counts as an error because of how the stream ended (`dontlog-normal`, `log-separate-errors`).
    #[must_use]
    pub fn is_error(&self) -> bool {
        !matches!(self.cause, Cause::Normal | Cause::Local)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_follow_the_first_error() {
        let mut state = Termination::default();
        assert_eq!(&state.letters(), b"----");
        state.note_at(Cause::ServerTimeout, ServerSide::WaitingHeaders);
        state.note_at(Cause::ClientAbort, ServerSide::Data);
        assert_eq!(&state.letters(), b"sH--");
    }

    #[test]
    fn phase_follows_the_server_side() {
        let cases = [
            (Cause::Proxy, ServerSide::Idle, b"PR"),
            (Cause::Proxy, ServerSide::Tarpit, b"PT"),
            (Cause::ServerTimeout, ServerSide::Queued, b"sQ"),
            (Cause::ServerAbort, ServerSide::Connecting { local: false }, b"SC"),
            (Cause::Local, ServerSide::Connecting { local: true }, b"LR"),
            (Cause::ServerAbort, ServerSide::WaitingHeaders, b"SH"),
            (Cause::ServerAbort, ServerSide::Data, b"SD"),
            (Cause::ClientTimeout, ServerSide::Sending, b"cL"),
            (Cause::Proxy, ServerSide::Sending, b"PL"),
            (Cause::ServerTimeout, ServerSide::Sending, b"sD"),
        ];
        for (cause, side, want) in cases {
            let mut state = Termination::default();
            state.note_at(cause, side);
            assert_eq!(state.letters().get(..2), Some(&want[..]), "{cause:?} {side:?}");
        }
    }
}
