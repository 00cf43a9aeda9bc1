//! A bad line: a proxy that now and then is too busy, or breaks off before it has passed an answer on.

use crate::harness::{
    http::Reply,
    liar::{self, Ask},
};
use std::{collections::HashMap, sync::Mutex};

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is answered as the server answers it.
    Passed,
    /// The server does not hear of it; the answer is 502 or 503.
    Turned(u16),
    /// The server does what it asks for; its answer is lost.
    Lost,
}

/// Starts a proxy in front of `server`, and returns its URL. It goes on until the test process ends.
/// `fate` is asked with the method, the path, and how often this account has sent this before.
pub(crate) fn start(
    server: &str,
    fate: impl Fn(&str, &str, usize) -> Fate + Send + Sync + 'static,
) -> String {
    let seen = Mutex::new(HashMap::new());
    let before = move |ask: &Ask| {
        let mut seen = seen.lock().unwrap();
        let key = (ask.method.clone(), ask.path.clone(), ask.caller.clone());
        let count: &mut usize = seen.entry(key).or_default();
        *count += 1;
        *count - 1
    };
    liar::start_between(server, move |ask, truth| match fate(&ask.method, &ask.path, before(ask)) {
        Fate::Passed => Some(truth.of(ask)),
        Fate::Lost => {
            truth.of(ask);
            None
        }
        Fate::Turned(status) => {
            let media_type = "text/html".to_owned();
            Some(Reply { status, media_type, body: b"busy".to_vec() })
        }
    })
}
