use super::*;
use proptest::prelude::*;
use std::{fs, path::Path};

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/attestation");

/// All captured quotes, with their names.
fn captured() -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for tee in ["sgx", "tdx"] {
        for entry in fs::read_dir(Path::new(VECTORS).join(tee)).unwrap() {
            let path = entry.unwrap().path();
            found.push((path.display().to_string(), fs::read(path.join("quote.bin")).unwrap()));
        }
    }
    assert!(found.len() >= 14, "the vectors are there");
    found
}

fn capture(name: &str) -> Vec<u8> {
    fs::read(Path::new(VECTORS).join(name).join("quote.bin")).unwrap()
}

fn sgx() -> Vec<u8> {
    capture("sgx/icelake-v3-swhardening")
}

fn td10() -> Vec<u8> {
    capture("tdx/gcp-v4-2026")
}

fn td15() -> Vec<u8> {
    capture("tdx/v5-td15-uptodate")
}

#[test]
fn every_captured_quote_is_read_to_its_end() {
    for (name, bytes) in captured() {
        let quote = Quote::parse(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(quote.core.len() + quote.padding, bytes.len(), "{name}");
        assert_eq!(quote.header.tee.name(), if name.contains("/sgx/") { "sgx" } else { "tdx" });
        assert_eq!(quote.auth.certification_type, PCK_CHAIN);
        assert!(quote.auth.certification.starts_with(b"-----BEGIN CERTIFICATE-----"), "{name}");
        assert!(!SgxReport::parse(quote.auth.qe_report).unwrap().reserved);
    }
}

#[test]
fn fields_are_read_from_their_places() {
    let bytes = sgx();
    let quote = Quote::parse(&bytes).unwrap();
    let Body::Sgx(report) = quote.body else { panic!("SGX") };
    assert_eq!(quote.signed.len(), 48 + 384);
    assert_eq!(report.mr_enclave[..4], [0xa4, 0xf4, 0x5c, 0x39]);
    assert_eq!(report.mr_signer[..4], [0x8f, 0x2d, 0xbc, 0x0f]);
    assert_eq!(report.flags(), SgxReport::INIT | SgxReport::MODE64);

    // Every field of an SGX report has a place of its own.
    let numbered: [u8; 384] = std::array::from_fn(|at| (at / 4).to_le_bytes()[0]);
    let report = SgxReport::parse(&numbered).unwrap();
    assert_eq!(report.misc_select, 0x0404_0404);
    assert_eq!(report.isv_ext_prod_id[0], 8);
    assert_eq!(report.attributes[0], 12);
    assert_eq!(report.config_id[0], 48);
    assert_eq!((report.isv_prod_id, report.isv_svn, report.config_svn), (0x4040, 0x4040, 0x4141));
    assert_eq!(report.isv_family_id[0], 76);
    assert_eq!(report.report_data[0], 80);
    assert!(report.reserved);

    let bytes = td15();
    let quote = Quote::parse(&bytes).unwrap();
    let Body::Tdx(report) = quote.body else { panic!("TDX") };
    assert_eq!(quote.signed.len(), 48 + 6 + 648);
    assert_eq!(report.mr_td[..4], [0x73, 0x48, 0x65, 0x1a]);
    assert_eq!(report.rtmr[2][..4], [0x63, 0x69, 0xb9, 0xc9]);
    assert_eq!(report.attributes(), TdReport::SEPT_VE_DISABLE);
    assert_eq!(report.td15.unwrap().tee_tcb_svn2[..3], [0x0d, 1, 4]);
    assert_eq!(report.td15.unwrap().mr_service_td, &[0; 48]);
    assert_eq!(quote.report_data()[..4], [0x94, 0x5e, 0xaa, 0xcf]);

    let bytes = td10();
    let quote = Quote::parse(&bytes).unwrap();
    let Body::Tdx(report) = quote.body else { panic!("TDX") };
    assert_eq!((quote.core.len(), quote.padding), (4935, 8000 - 4935));
    assert_eq!(report.td15, None);
}

#[test]
fn padding_does_not_make_another_quote() {
    let bytes = td10();
    let quote = Quote::parse(&bytes).unwrap();
    let bare = Quote::parse(quote.core).unwrap();
    assert_eq!(Quote { padding: quote.padding, ..bare }, quote);
}

/// A name, a quote that is good, what is done to it, what comes of it.
type Case = (&'static str, fn() -> Vec<u8>, fn(&mut Vec<u8>), QuoteError);

#[test]
fn each_fault_has_its_own_error() {
    let cases: &[Case] = &[
        ("empty", sgx, Vec::clear, QuoteError::Empty),
        ("long", sgx, |q| q.resize(MAX_BYTES + 1, 0), QuoteError::TooLong { found: 16385 }),
        ("version", sgx, |q| q[0] = 2, QuoteError::Version(2)),
        ("version 6", td15, |q| q[0] = 6, QuoteError::Version(6)),
        ("key type", sgx, |q| q[2] = 3, QuoteError::KeyType(3)),
        ("TEE", td10, |q| q[4] = 0x82, QuoteError::TeeType(0x82)),
        ("TEE, high bytes", td10, |q| q[7] = 1, QuoteError::TeeType(0x0100_0081)),
        ("TDX in 3", sgx, |q| q[4] = 0x81, QuoteError::TdxVersion),
        ("SGX in 4", td10, |q| q[4] = 0, QuoteError::SgxVersion { version: 4 }),
        ("SGX in 5", td15, |q| q[4] = 0, QuoteError::SgxVersion { version: 5 }),
        ("body is SGX's", td15, |q| q[48] = 1, QuoteError::Contradiction(1)),
        ("body 1.5ex", td15, |q| q[48] = 4, QuoteError::BodyType(4)),
        (
            "1.5 with 1.0's size",
            td15,
            |q| q[50..54].copy_from_slice(&584_u32.to_le_bytes()),
            QuoteError::BodySize { body_type: 3, found: 584, wanted: 648 },
        ),
        (
            "1.0 with 1.5's size",
            td15,
            |q| q[48] = 2,
            QuoteError::BodySize { body_type: 2, found: 648, wanted: 584 },
        ),
        ("reserved", sgx, |q| q[48 + 21] = 1, QuoteError::Reserved),
        ("auth type", td10, |q| q[48 + 584 + 4 + 128] = 5, QuoteError::AuthType(5)),
        (
            "certification type",
            sgx,
            |q| q[48 + 384 + 4 + 128 + 448 + 34] = 7,
            QuoteError::CertificationType(7),
        ),
        (
            "certification type 0",
            sgx,
            |q| q[48 + 384 + 4 + 128 + 448 + 34] = 0,
            QuoteError::CertificationType(0),
        ),
        ("padding", td10, |q| q[7999] = 1, QuoteError::Padding { at: 7999 }),
        ("padding, first", td10, |q| q[4935] = 1, QuoteError::Padding { at: 4935 }),
        ("padding, none before", sgx, |q| q.push(9), QuoteError::Padding { at: 4734 }),
        (
            "declared longer than inside",
            td10,
            |q| q[632] += 1,
            QuoteError::Surplus { part: "auth data", found: 1 },
        ),
        (
            "certification shorter than declared",
            sgx,
            |q| q[48 + 384 + 4 + 128 + 448 + 34 + 2] -= 1,
            QuoteError::Surplus { part: "auth data", found: 1 },
        ),
    ];
    for (name, good, spoil, wanted) in cases {
        let mut bytes = good();
        assert!(Quote::parse(&bytes).is_ok(), "{name}: the untouched sample");
        spoil(&mut bytes);
        assert_eq!(Quote::parse(&bytes).as_ref(), Err(wanted), "{name}");
    }
    let mut bytes = sgx();
    bytes[12] ^= 1;
    assert!(matches!(Quote::parse(&bytes), Err(QuoteError::Vendor(_))));
}

#[test]
fn every_truncation_is_an_error() {
    for (name, bytes) in captured() {
        let core = Quote::parse(&bytes).unwrap().core;
        for cut in 0..core.len() {
            assert!(Quote::parse(&core[..cut]).is_err(), "{name}, cut at {cut}");
        }
    }
}

#[test]
fn lengths_that_reach_too_far_are_errors() {
    for (bytes, at) in [(sgx(), 48 + 384), (td10(), 48 + 584), (td15(), 48 + 6 + 648)] {
        for length in [u32::MAX, 1 << 31, 1 << 20] {
            let mut bytes = bytes.clone();
            bytes[at..at + 4].copy_from_slice(&length.to_le_bytes());
            assert!(matches!(Quote::parse(&bytes), Err(QuoteError::Truncated { .. })));
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..8192)) {
        let _ = Quote::parse(&bytes);
    }

    #[test]
    fn captured_quotes_with_holes_are_read_or_refused(
        which in 0..14_usize,
        holes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let (_, mut bytes) = captured().swap_remove(which);
        for (at, value) in holes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Ok(quote) = Quote::parse(&bytes) {
            prop_assert!(quote.core.len() <= bytes.len());
        }
    }
}
