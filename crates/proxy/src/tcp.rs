//! TCP mode: one stream a connection, from the content rules to the end of both directions.

use crate::session::Session;
use crate::stream::Stream;

/// Serves a TCP connection to its end.
pub(crate) async fn serve(session: &mut Session) {
    let mut view = session.view();
    Stream::tcp(session, &mut view).run_tcp().await;
    session.take_back(view);
}
