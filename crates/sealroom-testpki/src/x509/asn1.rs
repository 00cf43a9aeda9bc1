//! DER, as much of it as certificates need. Written by hand, so that tests can write what no library would.

use der::{DateTime, asn1::ObjectIdentifier};
use std::time::Duration;

/// Any value: tag, length, content.
#[must_use]
pub fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap();
    let mut out = vec![tag];
    match length {
        0..=0x7f => out.push(length as u8),
        _ => {
            let bytes = length.to_be_bytes();
            let used = &bytes[length.leading_zeros() as usize / 8..];
            out.push(0x80 | used.len() as u8);
            out.extend(used);
        }
    }
    out.extend(content);
    out
}

/// SEQUENCE.
#[must_use]
pub fn sequence<T: AsRef<[u8]>>(parts: &[T]) -> Vec<u8> {
    tlv(0x30, &join(parts))
}

/// SET; the parts have to be in order already.
#[must_use]
pub fn set<T: AsRef<[u8]>>(parts: &[T]) -> Vec<u8> {
    tlv(0x31, &join(parts))
}

/// `[number]`, EXPLICIT.
#[must_use]
pub fn explicit(number: u8, content: &[u8]) -> Vec<u8> {
    tlv(0xa0 | number, content)
}

/// INTEGER, not negative, from big endian bytes.
#[must_use]
pub fn integer(magnitude: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> = magnitude.iter().copied().skip_while(|&byte| byte == 0).collect();
    let sign = if digits.first().is_none_or(|&byte| byte >= 0x80) { &[0][..] } else { &[] };
    tlv(0x02, &[sign, &digits].concat())
}

/// INTEGER.
#[must_use]
pub fn number(value: u64) -> Vec<u8> {
    integer(&value.to_be_bytes())
}

/// ENUMERATED, below 128.
#[must_use]
pub fn enumerated(value: u8) -> Vec<u8> {
    tlv(0x0a, &[value])
}

/// BOOLEAN.
#[must_use]
pub fn boolean(value: bool) -> Vec<u8> {
    tlv(0x01, &[if value { 0xff } else { 0 }])
}

/// OCTET STRING.
#[must_use]
pub fn octet_string(content: &[u8]) -> Vec<u8> {
    tlv(0x04, content)
}

/// BIT STRING of whole bytes.
#[must_use]
pub fn bit_string(content: &[u8]) -> Vec<u8> {
    tlv(0x03, &[&[0], content].concat())
}

/// OBJECT IDENTIFIER, from numbers with dots.
#[must_use]
pub fn oid(dotted: &str) -> Vec<u8> {
    tlv(0x06, ObjectIdentifier::new(dotted).unwrap().as_bytes())
}

/// IA5String.
#[must_use]
pub fn ia5_string(text: &str) -> Vec<u8> {
    tlv(0x16, text.as_bytes())
}

/// UTCTime until 2049, GeneralizedTime from 2050, as RFC 5280, section 4.1.2.5 has it. Seconds since 1970.
#[must_use]
pub fn time(seconds: u64) -> Vec<u8> {
    let at = DateTime::from_unix_duration(Duration::from_secs(seconds)).unwrap();
    let (year, month, day) = (at.year(), at.month(), at.day());
    let (hour, minute, second) = (at.hour(), at.minutes(), at.seconds());
    let rest = format!("{month:02}{day:02}{hour:02}{minute:02}{second:02}Z");
    if year < 2050 {
        tlv(0x17, format!("{:02}{rest}", year % 100).as_bytes())
    } else {
        tlv(0x18, format!("{year:04}{rest}").as_bytes())
    }
}

fn join<T: AsRef<[u8]>>(parts: &[T]) -> Vec<u8> {
    parts.iter().flat_map(AsRef::as_ref).copied().collect()
}
