//! Bytes of a request -> [`Request`]: pure, total, and frugal with memory.

/// Bytes of one read or one piece of a result: large enough for full speed, small enough to hold per run.
pub(crate) const LARGEST_PIECE: usize = 1 << 20;
/// Bytes before a payload.
pub(crate) const HEADER: usize = 5;
/// A name as it arrives: u32 consumer and up to 255 bytes.
const LARGEST_NAME: usize = 255;
/// Addresses every consumer at once.
const ALL: u32 = u32::MAX;

/// What a header promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    op: u8,
    /// Bytes of payload to follow; never more than the operation may take.
    pub(crate) length: usize,
}

/// Whom a result is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Addressee {
    All,
    One(u32),
}

/// One request, its numbers not yet held against the job.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request<'a> {
    Manifest,
    Read { file: u32, offset: u64, length: u32 },
    Begin { addressee: Addressee, name: &'a str },
    Chunk(&'a [u8]),
    Commit,
    Drop,
    Trace(&'a [u8]),
}

/// Why a frame is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("unknown operation {0}")]
    Operation(u8),
    #[error("operation {op} with {found} bytes, at most {limit} are allowed")]
    Length { op: u8, found: usize, limit: usize },
    #[error("a payload of the wrong size")]
    Payload,
    #[error("a read of {0} bytes, 1 to 1048576 are allowed")]
    ReadLength(u32),
    #[error("an unusable result name")]
    Name,
}

/// Decodes a header and holds its length against what the operation may take.
pub(crate) fn header(bytes: [u8; HEADER]) -> Result<Header, Malformed> {
    let [op, a, b, c, d] = bytes;
    let found = u32::from_le_bytes([a, b, c, d]) as usize;
    let limit = match op {
        1 | 5 | 6 => 0,
        2 => 16,
        3 => 4 + LARGEST_NAME,
        4 => LARGEST_PIECE,
        7 => crate::trace::LARGEST,
        _ => return Err(Malformed::Operation(op)),
    };
    if found > limit {
        return Err(Malformed::Length { op, found, limit });
    }
    Ok(Header { op, length: found })
}

/// Decodes the payload that a header announced.
pub(crate) fn request(header: Header, payload: &[u8]) -> Result<Request<'_>, Malformed> {
    if payload.len() != header.length {
        return Err(Malformed::Payload);
    }
    match header.op {
        1 => Ok(Request::Manifest),
        2 => read(payload),
        3 => begin(payload),
        4 => Ok(Request::Chunk(payload)),
        5 => Ok(Request::Commit),
        6 => Ok(Request::Drop),
        7 => Ok(Request::Trace(payload)),
        op => Err(Malformed::Operation(op)),
    }
}

fn read(payload: &[u8]) -> Result<Request<'_>, Malformed> {
    let (file, rest) = payload.split_first_chunk::<4>().ok_or(Malformed::Payload)?;
    let (offset, rest) = rest.split_first_chunk::<8>().ok_or(Malformed::Payload)?;
    let length = u32::from_le_bytes(rest.try_into().map_err(|_| Malformed::Payload)?);
    if length == 0 || length as usize > LARGEST_PIECE {
        return Err(Malformed::ReadLength(length));
    }
    Ok(Request::Read {
        file: u32::from_le_bytes(*file),
        offset: u64::from_le_bytes(*offset),
        length,
    })
}

fn begin(payload: &[u8]) -> Result<Request<'_>, Malformed> {
    let (consumer, name) = payload.split_first_chunk::<4>().ok_or(Malformed::Payload)?;
    let name = std::str::from_utf8(name).map_err(|_| Malformed::Name)?;
    if !is_result_name(name) {
        return Err(Malformed::Name);
    }
    let addressee = match u32::from_le_bytes(*consumer) {
        ALL => Addressee::All,
        one => Addressee::One(one),
    };
    Ok(Request::Begin { addressee, name })
}

/// A result's name becomes a file's name on the consumer's disk: one plain part of a path.
fn is_result_name(name: &str) -> bool {
    (1..=LARGEST_NAME).contains(&name.len())
        && !name.starts_with('.')
        && !name.chars().any(|c| matches!(c, '/' | '\\') || c.is_control())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(op: u8, payload: &[u8]) -> Result<Request<'_>, Malformed> {
        let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
        let head = header([op, length[0], length[1], length[2], length[3]])?;
        request(head, payload)
    }

    #[test]
    fn good_frames_are_understood() {
        assert_eq!(frame(1, b""), Ok(Request::Manifest));
        let read = [&1u32.to_le_bytes()[..], &2u64.to_le_bytes(), &3u32.to_le_bytes()].concat();
        assert_eq!(frame(2, &read), Ok(Request::Read { file: 1, offset: 2, length: 3 }));
        assert_eq!(
            frame(3, b"\xff\xff\xff\xffresult.bin"),
            Ok(Request::Begin { addressee: Addressee::All, name: "result.bin" })
        );
        assert_eq!(
            frame(3, "\x01\0\0\0été".as_bytes()),
            Ok(Request::Begin { addressee: Addressee::One(1), name: "été" })
        );
        assert_eq!(frame(4, b"x"), Ok(Request::Chunk(b"x")));
        assert_eq!(frame(5, b""), Ok(Request::Commit));
        assert_eq!(frame(6, b""), Ok(Request::Drop));
        assert_eq!(frame(7, b"{}"), Ok(Request::Trace(b"{}")));
    }

    #[test]
    fn each_fault_is_refused_for_its_own_reason() {
        let long_name = [&[0u8; 4][..], &[b'a'; 256]].concat();
        let faults: &[(u8, &[u8], Malformed)] = &[
            (0, b"", Malformed::Operation(0)),
            (8, b"", Malformed::Operation(8)),
            (1, b"x", Malformed::Length { op: 1, found: 1, limit: 0 }),
            (2, b"short", Malformed::Payload),
            (2, &[0; 16], Malformed::ReadLength(0)),
            (2, &[0xff; 16], Malformed::ReadLength(u32::MAX)),
            (3, b"\0\0", Malformed::Payload),
            (3, b"\0\0\0\0", Malformed::Name),
            (3, b"\0\0\0\0..", Malformed::Name),
            (3, b"\0\0\0\0a/b", Malformed::Name),
            (3, b"\0\0\0\0a\nb", Malformed::Name),
            (3, b"\0\0\0\0a\\b", Malformed::Name),
            (3, b"\0\0\0\0.bashrc", Malformed::Name),
            (3, b"\0\0\0\0\xff", Malformed::Name),
            (3, &long_name, Malformed::Length { op: 3, found: 260, limit: 259 }),
        ];
        for (op, payload, reason) in faults {
            assert_eq!(frame(*op, payload), Err(*reason), "{op} {payload:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_promise_too_much(head: [u8; HEADER], body: Vec<u8>) {
            if let Ok(head) = header(head) {
                prop_assert!(head.length <= LARGEST_PIECE);
                let _ = request(head, &body);
                if let Some(body) = body.get(..head.length) {
                    let _ = request(head, body);
                }
            }
        }

        #[test]
        fn any_accepted_name_is_one_plain_part(op in 3u8..4, body: Vec<u8>) {
            if let Ok(Request::Begin { name, .. }) = frame(op, &body) {
                prop_assert!(!name.is_empty() && !name.contains('/') && name != "..");
            }
        }
    }
}
