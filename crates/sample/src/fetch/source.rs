//! What fetches read, as the reference names it.

use super::Source;
use crate::Points;

const fn source(points: Points, name: &'static str) -> Source {
    Source { points, name }
}

pub(crate) const CONSTANT: Source = source(Points::ALL, "internal state");
pub(crate) const INTERNAL: Source = source(Points::INTERNAL, "internal state");
pub(crate) const CLIENT: Source = source(Points::CLIENT, "client address");
pub(crate) const CLIENT_SESSION: Source = source(Points::CLIENT_SESSION, "client-side connection");
pub(crate) const FRONTEND: Source = source(Points::FRONTEND, "frontend");
pub(crate) const REQUEST_HEADERS: Source = source(Points::REQUEST, "HTTP request headers");
pub(crate) const REQUEST_BUFFER: Source = source(Points::REQUEST, "request buffer");
pub(crate) const TRANSACTION: Source = source(Points::TRANSACTION, "HTTP request");
pub(crate) const BACKEND: Source = source(Points::BACKEND, "backend");
pub(crate) const SERVER: Source = source(Points::SERVER, "server");
pub(crate) const SERVER_ADDRESS: Source = source(Points::SERVER_CONNECTION, "server address");
pub(crate) const SERVER_SESSION: Source = source(Points::SERVER_CONNECTION, "server-side connection");
pub(crate) const RESPONSE: Source = source(Points::SERVER_CONNECTION, "HTTP response");
pub(crate) const RESPONSE_HEADERS: Source = source(Points::RESPONSE, "HTTP response headers");
pub(crate) const RESPONSE_BUFFER: Source = source(Points::RESPONSE, "response buffer");
pub(crate) const EITHER_HEADERS: Source =
    source(Points::EITHER, "HTTP request headers,HTTP response headers");
pub(crate) const EITHER_BUFFER: Source = source(Points::EITHER, "request buffer,response buffer");
