//! What a run said, sealed for those whom the manifest names.

use crate::{formats::Sealing, release::Released, session::Session};
use sealroom_protocol::{
    FileContext, FileKind, LogDetail, ParticipantId, context::log_path, receipt::SealedLog,
};
use sealroom_sandbox::Outcome;
use std::{
    fs::File,
    io::{self, Write as _},
};

/// Seals it for each reader; nothing if there is none.
pub(super) fn seal(
    session: &Session<'_>,
    number: u32,
    released: &[Released],
    outcome: &Outcome,
) -> io::Result<Vec<(SealedLog, File)>> {
    let manifest = session.manifest.manifest();
    let (_, detail) = manifest.logs();
    let limit = usize::try_from(manifest.policy.max_log_bytes).unwrap_or(usize::MAX);
    let text = text(outcome, detail, limit);
    let seal_for = |reader: ParticipantId| {
        let to = released.iter().find(|released| released.id == reader);
        let to = to.ok_or(io::ErrorKind::NotFound)?;
        let context = FileContext {
            computation: session.state.computation,
            participant: &to.public_key,
            kind: FileKind::Log,
            path: &log_path(number),
        };
        let mut out = Sealing::begin(to.suite, &to.file_key, &context, session.work_dir)?;
        out.write_all(&text)?;
        let (file, size, sha256) = out.finish()?;
        Ok((SealedLog { reader, size, sha256 }, file))
    };
    manifest.log_readers().map(|(reader, _)| seal_for(reader)).collect()
}

fn text(outcome: &Outcome, detail: LogDetail, limit: usize) -> Vec<u8> {
    let (mut text, cut) = match (detail, &outcome.raised) {
        (LogDetail::Full, _) => (outcome.log.clone(), outcome.log_truncated),
        (LogDetail::Scrubbed, None) => (Vec::new(), false),
        (LogDetail::Scrubbed, Some(raised)) => {
            (raised.as_bytes().iter().copied().take(limit).collect(), raised.len() > limit)
        }
    };
    if cut {
        text.extend_from_slice(b"\n[the log was cut off here]\n");
    }
    text
}

/// Uploads sealed logs. One that can't be stored is missing, and no reason to fail a run.
pub(super) fn put(
    session: &Session<'_>,
    number: u32,
    sealed: Vec<(SealedLog, File)>,
) -> Vec<SealedLog> {
    let stored =
        |(log, file): (SealedLog, File)| match session.server.put_log(number, log.reader, &file) {
            Ok(()) => Some(log),
            Err(error) => {
                tracing::warn!(run = number, "no log is kept for {}: {error}", log.reader);
                None
            }
        };
    sealed.into_iter().filter_map(stored).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealroom_sandbox::Exit;
    use std::time::Duration;

    #[test]
    fn a_scrubbed_log_has_nothing_that_the_code_printed() {
        let outcome = Outcome {
            exit: Exit::Code(1),
            log: b"patient 42\n".to_vec(),
            log_truncated: false,
            raised: Some("  run.py, line 3, in <module>\nKeyError\n".to_owned()),
            duration: Duration::ZERO,
            peak_memory_bytes: 0,
        };
        assert_eq!(text(&outcome, LogDetail::Full, 100), b"patient 42\n");
        let scrubbed = String::from_utf8(text(&outcome, LogDetail::Scrubbed, 100)).unwrap();
        assert_eq!(scrubbed, "  run.py, line 3, in <module>\nKeyError\n");
        let cut = text(&outcome, LogDetail::Scrubbed, 8);
        assert_eq!(cut, b"  run.py\n[the log was cut off here]\n");
        let silent = Outcome { raised: None, ..outcome };
        assert_eq!(text(&silent, LogDetail::Scrubbed, 100), b"");
    }
}
