//! Rule 32: a log counts only if it gives the registers of the quote that came with it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use sealroom_attest::event_log::{Event, EventLogError, check};
use sealroom_evidence::dcap::{Body, Quote};
use std::{fs, path::Path};

/// Bytes of the first event; the others follow.
const FIRST: usize = 65;

fn captured() -> (Vec<u8>, [[u8; 48]; 4]) {
    let place = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/attestation/tdx/gcp-v4-ccel");
    let quote = fs::read(Path::new(place).join("quote.bin")).unwrap();
    let quote = Quote::parse(&quote).unwrap();
    let Body::Tdx(report) = quote.body else { panic!("TDX") };
    (fs::read(Path::new(place).join("ccel.bin")).unwrap(), report.rtmr.map(|register| *register))
}

/// Where the events start, and where each ends.
fn ends(log: &[u8]) -> Vec<usize> {
    let mut ends = vec![FIRST];
    while ends.len() < 44 {
        let start = ends[ends.len() - 1];
        let length = u32::from_le_bytes(log[start + 62..start + 66].try_into().unwrap());
        ends.push(start + 66 + length as usize);
    }
    ends
}

#[test]
fn a_captured_log_gives_the_registers_of_its_quote() {
    let (log, registers) = captured();
    let events = check(&log, &registers).unwrap();
    assert_eq!(events.len(), 43);
    // RTMR3 is untouched.
    assert!(events.iter().all(|event| event.rtmr < 3));
}

#[test]
fn words_that_no_digest_covers_are_told_apart() {
    let (log, registers) = captured();
    let events = check(&log, &registers).unwrap();
    let starting = |start: &[u8]| -> Event {
        events.iter().find(|event| event.claimed().starts_with(start)).unwrap().clone()
    };
    let covered = starting(b"Exit Boot Services Invocation");
    assert_eq!(covered.covered(), Some(covered.claimed()));
    // The digest is that of the file, these words are its name.
    assert_eq!(starting(b"/syslinux/vmlinuz.A").covered(), None);
    assert_eq!(events.iter().filter(|event| event.covered().is_some()).count(), 13);
}

#[test]
fn words_can_be_changed_but_not_covered_ones_unnoticed() {
    let (mut log, registers) = captured();
    let find = |log: &[u8], word: &[u8]| log.windows(word.len()).position(|w| w == word).unwrap();
    let at = find(&log, b"Exit Boot Services Invocation");
    log[at] ^= 1;
    let events = check(&log, &registers).unwrap();
    assert_eq!(events.iter().filter(|event| event.covered().is_some()).count(), 12);
}

#[test]
fn every_digest_and_its_register_count() {
    let (log, registers) = captured();
    for start in &ends(&log)[..43] {
        let mut changed = log.clone();
        changed[start + 14 + 20] ^= 1;
        let register = u32::from_le_bytes(log[*start..*start + 4].try_into().unwrap()) as usize - 1;
        let wanted = Err(EventLogError::Register { rtmr: register });
        assert_eq!(check(&changed, &registers), wanted, "the event at {start}");
        let mut moved = log.clone();
        moved[*start] = 4;
        assert!(check(&moved, &registers).is_err(), "the event at {start}, moved");
    }
}

#[test]
fn events_left_out_added_or_swapped_are_noticed() {
    let (log, registers) = captured();
    let ends = ends(&log);
    let event = |at: usize| &log[ends[at]..ends[at + 1]];
    let all: Vec<&[u8]> = (0..43).map(event).collect();
    let check = |events: &[&[u8]]| check(&[&log[..FIRST], &events.concat()].concat(), &registers);
    assert!(check(&all).is_ok());
    assert!(check(&all[..42]).is_err(), "the last is left out");
    assert!(check(&all[1..]).is_err(), "the first is left out");
    assert!(check(&[&all[..], &all[..1]].concat()).is_err(), "one more");
    let mut swapped = all.clone();
    swapped.swap(0, 1);
    assert!(check(&swapped).is_err(), "swapped");
    assert!(check(&[]).is_err(), "none");
}

#[test]
fn each_of_the_four_registers_is_compared() {
    let (log, registers) = captured();
    for rtmr in 0..4 {
        let mut other = registers;
        other[rtmr][47] ^= 1;
        assert_eq!(check(&log, &other), Err(EventLogError::Register { rtmr }));
    }
    assert!(matches!(check(b"", &registers), Err(EventLogError::Format(_))));
}
