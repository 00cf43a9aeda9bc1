//! The log of what a trust domain loaded: ACPI table CCEL, in TCG's crypto-agile format.
//!
//! ```text
//! first   register (4) ‖ 3 (4) ‖ zeros (20) ‖ length (4) ‖ "Spec ID Event03\0" ‖ class, versions (8) ‖ count (4) ‖
//!         count × (algorithm (2) ‖ size (2)) ‖ length (1) ‖ vendor's
//! then    register (4) ‖ kind (4) ‖ count (4) ‖ count × (algorithm (2) ‖ digest) ‖ length (4) ‖ data
//! end     0xff or zeros to the end of the area
//! ```
//!
//! All numbers are little endian. Register 1 to 4 means RTMR0 to 3 (Intel, Guest-Host Communication Interface for TDX,
//! "CCEL"; TCG PC Client Platform Firmware Profile, "Event Logging"). A register is extended with each digest in turn:
//! new = SHA-384(old ‖ digest), from zeros on.
//!
//! Who hands over a log chooses what stands in it. The digests count, once [`Log::replay`] gives what hardware vouches
//! for; an event's data count only if the digest is theirs, and for many kinds it is that of something else.

/// Bytes that a log can have at most. Firmware sets 64 to 256 KiB aside.
pub const MAX_BYTES: usize = 1 << 20;

/// Bytes of a SHA-384 digest.
pub const DIGEST: usize = 48;
const SHA384: u16 = 0x0c;
const NO_ACTION: u32 = 3;
const SIGNATURE: &[u8; 16] = b"Spec ID Event03\0";
/// Algorithms that a log can use at once.
const MAX_ALGORITHMS: u32 = 8;

/// A log, cut into its events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log<'a> {
    /// Those that extend a register, in order.
    pub events: Vec<Event<'a>>,
}

/// Something that was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// Which RTMR it extends, 0 to 3.
    pub rtmr: usize,
    /// TCG's number for its kind.
    pub kind: u32,
    /// With what it extends.
    pub digest: &'a [u8; DIGEST],
    /// What is said of it.
    pub data: &'a [u8],
}

/// Why bytes are not a log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// More than any log has.
    #[error("the log has {found} bytes, more than the {MAX_BYTES} that one can have")]
    TooLong {
        /// Its bytes.
        found: usize,
    },
    /// Cut off.
    #[error("the log ends within event {event}")]
    Truncated {
        /// Which one, from 0.
        event: usize,
    },
    /// The first event does not say that the log is of this format.
    #[error("the log does not begin with `Spec ID Event03`")]
    Header,
    /// No digests that an RTMR is extended with.
    #[error("the log has no SHA-384 digests")]
    Algorithms,
    /// Digests of other algorithms than the first event declares.
    #[error("event {event} has digests that the log does not declare")]
    Digests {
        /// Which one, from 0.
        event: usize,
    },
    /// A register that can't be extended.
    #[error("event {event} extends register {register}, known are 1 to 4 (RTMR0 to 3)")]
    Register {
        /// Which one, from 0.
        event: usize,
        /// The register.
        register: u32,
    },
}

struct Reader<'a> {
    rest: &'a [u8],
    event: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], LogError> {
        let event = self.event;
        let (taken, rest) =
            self.rest.split_at_checked(count).ok_or(LogError::Truncated { event })?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], LogError> {
        let event = self.event;
        let (taken, rest) = self.rest.split_first_chunk().ok_or(LogError::Truncated { event })?;
        self.rest = rest;
        Ok(taken)
    }

    fn u16(&mut self) -> Result<u16, LogError> {
        self.array().map(|bytes| u16::from_le_bytes(*bytes))
    }

    fn u32(&mut self) -> Result<u32, LogError> {
        self.array().map(|bytes| u32::from_le_bytes(*bytes))
    }

    fn counted(&mut self) -> Result<&'a [u8], LogError> {
        let length = self.u32()?;
        // A length that no address reaches is one that is not there.
        self.take(usize::try_from(length).unwrap_or(usize::MAX))
    }

    /// Whether only filling is left.
    fn is_filled_up(&self) -> bool {
        [0xff, 0].into_iter().any(|fill| self.rest.iter().all(|&byte| byte == fill))
    }
}

impl<'a> Log<'a> {
    /// Reads a log. Nothing of what it says is believed.
    ///
    /// # Errors
    /// The first thing that is not as it has to be.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, LogError> {
        if bytes.len() > MAX_BYTES {
            return Err(LogError::TooLong { found: bytes.len() });
        }
        let mut reader = Reader { rest: bytes, event: 0 };
        let sizes = header(&mut reader)?;
        let mut events = Vec::new();
        while !reader.is_filled_up() {
            reader.event += 1;
            events.extend(event(&mut reader, &sizes)?);
        }
        Ok(Self { events })
    }

    /// What RTMR0 to 3 have to be after these events. SHA-384 is the caller's.
    #[must_use]
    pub fn replay(&self, sha384: impl Fn(&[u8]) -> [u8; DIGEST]) -> [[u8; DIGEST]; 4] {
        let mut registers = [[0; DIGEST]; 4];
        for event in &self.events {
            let register = &mut registers[event.rtmr];
            *register = sha384([&register[..], event.digest].concat().as_slice());
        }
        registers
    }
}

/// The first event; gives the algorithms of all others, with the bytes of their digests.
fn header(reader: &mut Reader<'_>) -> Result<Vec<(u16, usize)>, LogError> {
    let (_register, kind, _digest) = (reader.u32()?, reader.u32()?, reader.array::<20>()?);
    let mut inner = Reader { rest: reader.counted()?, event: 0 };
    if kind != NO_ACTION || inner.array()? != SIGNATURE {
        return Err(LogError::Header);
    }
    inner.take(8)?;
    let count = inner.u32()?;
    if count > MAX_ALGORITHMS {
        return Err(LogError::Algorithms);
    }
    let mut sizes = Vec::new();
    for _ in 0..count {
        let (algorithm, size) = (inner.u16()?, inner.u16()?);
        if sizes.iter().any(|&(known, _)| known == algorithm) {
            return Err(LogError::Algorithms);
        }
        sizes.push((algorithm, usize::from(size)));
    }
    if sizes.contains(&(SHA384, DIGEST)) { Ok(sizes) } else { Err(LogError::Algorithms) }
}

/// The next event; `None` if it extends nothing.
fn event<'a>(
    reader: &mut Reader<'a>,
    sizes: &[(u16, usize)],
) -> Result<Option<Event<'a>>, LogError> {
    let event = reader.event;
    let (register, kind, count) = (reader.u32()?, reader.u32()?, reader.u32()?);
    if usize::try_from(count) != Ok(sizes.len()) {
        return Err(LogError::Digests { event });
    }
    let mut digest = None;
    for _ in 0..count {
        let algorithm = reader.u16()?;
        let known = sizes.iter().find(|&&(known, _)| known == algorithm);
        let &(_, size) = known.ok_or(LogError::Digests { event })?;
        let bytes = reader.take(size)?;
        if algorithm == SHA384 && digest.replace(bytes).is_some() {
            return Err(LogError::Digests { event });
        }
    }
    let digest = digest.and_then(|bytes| bytes.try_into().ok());
    let digest = digest.ok_or(LogError::Digests { event })?;
    let data = reader.counted()?;
    if kind == NO_ACTION {
        return Ok(None);
    }
    match register {
        1..=4 => Ok(Some(Event { rtmr: register as usize - 1, kind, digest, data })),
        register => Err(LogError::Register { event, register }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn captured() -> Vec<u8> {
        let path = "/../../vectors/attestation/tdx/gcp-v4-ccel/ccel.bin";
        std::fs::read(format!("{}{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
    }

    /// A log with one event.
    fn small(register: u32, kind: u32) -> Vec<u8> {
        let mut log = captured()[..32 + 33].to_vec();
        log.extend(register.to_le_bytes());
        log.extend(kind.to_le_bytes());
        log.extend(1_u32.to_le_bytes());
        log.extend(SHA384.to_le_bytes());
        log.extend([7; DIGEST]);
        log.extend(2_u32.to_le_bytes());
        log.extend(b"hi");
        log
    }

    #[test]
    fn a_captured_log_is_read_to_its_end() {
        let bytes = captured();
        let log = Log::parse(&bytes).unwrap();
        assert_eq!(log.events.len(), 43);
        assert_eq!(log.events[0].kind, 0x8000_000b);
        assert_eq!(log.events[7].data, [0; 4]);
        assert!(log.events[42].data.starts_with(b"Exit Boot Services Returned"));
        // What fills the area up does not matter.
        assert_eq!(Log::parse(&bytes[..18101]), Ok(log.clone()));
        let zeros = [&bytes[..18101], &[0; 99]].concat();
        assert_eq!(Log::parse(&zeros).unwrap().events.len(), 43);
    }

    #[test]
    fn each_register_is_extended_by_its_own_events() {
        let sum = |bytes: &[u8]| {
            let mut out = [0; DIGEST];
            for (at, byte) in bytes.iter().enumerate() {
                out[at % DIGEST] += byte + 1;
            }
            out
        };
        for register in 1..=4_usize {
            let bytes = small(register as u32, 4);
            let log = Log::parse(&bytes).unwrap();
            let wanted = Event { rtmr: register - 1, kind: 4, digest: &[7; DIGEST], data: b"hi" };
            assert_eq!(log.events, [wanted]);
            let mut registers = [[0; DIGEST]; 4];
            registers[register - 1] = [9; DIGEST];
            assert_eq!(log.replay(sum), registers);
        }
    }

    #[test]
    fn events_without_action_extend_nothing() {
        assert_eq!(Log::parse(&small(1, NO_ACTION)).unwrap().events, []);
        assert_eq!(Log::parse(&small(0, NO_ACTION)).unwrap().events, []);
    }

    /// A name, what is done to a log, what comes of it.
    type Case = (&'static str, fn(&mut Vec<u8>), LogError);

    #[test]
    fn each_fault_has_its_own_error() {
        const EVENT: usize = 32 + 33;
        let cases: &[Case] = &[
            ("empty", Vec::clear, LogError::Truncated { event: 0 }),
            ("long", |l| l.resize(MAX_BYTES + 1, 0), LogError::TooLong { found: 1_048_577 }),
            ("kind of the first", |l| l[4] = 4, LogError::Header),
            ("signature", |l| l[46] = b'2', LogError::Header),
            ("no SHA-384", |l| l[32 + 28] = 0x0b, LogError::Algorithms),
            ("SHA-384 of 32 bytes", |l| l[32 + 30] = 32, LogError::Algorithms),
            ("many algorithms", |l| l[32 + 24] = 9, LogError::Algorithms),
            ("no digest", |l| l[EVENT + 8] = 0, LogError::Digests { event: 1 }),
            ("two digests", |l| l[EVENT + 8] = 2, LogError::Digests { event: 1 }),
            ("another digest", |l| l[EVENT + 12] = 0x0b, LogError::Digests { event: 1 }),
            ("register 0", |l| l[EVENT] = 0, LogError::Register { event: 1, register: 0 }),
            ("register 5", |l| l[EVENT] = 5, LogError::Register { event: 1, register: 5 }),
            ("longer than there is", |l| l[EVENT + 65] = 1, LogError::Truncated { event: 1 }),
            ("something after", |l| l.extend([0, 0xff]), LogError::Truncated { event: 2 }),
        ];
        for (name, spoil, wanted) in cases {
            let mut log = small(1, 4);
            assert!(Log::parse(&log).is_ok());
            spoil(&mut log);
            assert_eq!(Log::parse(&log).as_ref(), Err(wanted), "{name}");
        }
    }

    #[test]
    fn a_log_that_is_cut_is_shorter_or_an_error() {
        let bytes = captured();
        for cut in 0..18101 {
            if let Ok(log) = Log::parse(&bytes[..cut]) {
                assert!(log.events.len() < 43, "cut at {cut}");
            }
        }
    }

    proptest! {
        #[test]
        fn logs_with_holes_are_read_or_refused(
            holes in proptest::collection::vec((0..18432_usize, any::<u8>()), 1..8),
        ) {
            let mut bytes = captured();
            for (at, value) in holes {
                bytes[at] = value;
            }
            let _ = Log::parse(&bytes);
        }
    }
}
