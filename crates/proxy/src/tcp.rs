//! TCP mode: one stream a connection, from the content rules to the end of both directions.

use crate::session::Session;
use crate::stream::Stream;

/// Serves a TCP connection to its end.
pub(crate) async fn serve(session: &mut Session) {
    let mut view = session.view();
    let mut stream = Stream::tcp(session, &mut view);
    stream.run_tcp().await;
    stream.retire();
    session.take_back(view);
}
