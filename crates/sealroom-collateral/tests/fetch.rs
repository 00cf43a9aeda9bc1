//! Fetching from services that answer like Intel's and AMD's, from real captures; and from those that do not.
#![allow(clippy::panic, clippy::unwrap_used, reason = "tests")]

use sealroom_collateral::{Collateral, FetchError, Fetcher, Need, NeedError, Service, Update};
use sealroom_protocol::{Base64, Evidence, EvidenceKind};
use sealroom_testpki::service::{Answer, Service as Fake};
use serde_json::Value;
use std::{fs, path::PathBuf, time::Duration};

const NOW: u64 = 1_700_000_000;

fn vectors(folder: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/attestation")).join(folder)
}

fn read(case: &str, file: &str) -> Vec<u8> {
    fs::read(vectors(case).join(file)).unwrap()
}

fn json(case: &str, file: &str) -> Value {
    serde_json::from_slice(&read(case, file)).unwrap()
}

/// The cases of a kind: `tdx/gcp-v4-2026`, …
fn cases(kind: &str) -> Vec<String> {
    let folders = fs::read_dir(vectors(kind)).unwrap();
    let name = |entry: fs::DirEntry| format!("{kind}/{}", entry.file_name().to_string_lossy());
    let found: Vec<String> = folders.map(|entry| name(entry.unwrap())).collect();
    assert!(found.len() > 3, "{found:?}");
    found
}

fn evidence(kind: EvidenceKind, quote: Vec<u8>, endorsements: &[&[u8]]) -> Evidence {
    let endorsements = endorsements.iter().map(|item| Base64(item.to_vec())).collect();
    Evidence { kind, quote: Base64(quote), endorsements }
}

fn need(evidence: &Evidence) -> Need {
    Need::of(evidence).unwrap().unwrap()
}

fn fetcher(fake: &Fake) -> Fetcher {
    let url = fake.url();
    let service = Service::new(Some(&url), Some(&url), Update::Standard).unwrap();
    Fetcher::new(service).with_time_limit(Duration::from_secs(5))
}

/// The FMSPC and the CA's name that a set is for.
fn names(set: &Value) -> (String, &'static str) {
    let info: Value = serde_json::from_str(set["tcb_info"].as_str().unwrap()).unwrap();
    let fmspc = info["fmspc"].as_str().unwrap().to_uppercase();
    let chain = set["pck_crl"].as_str().unwrap();
    let platform = chain.contains(&hex::encode("PCK Platform CA"));
    (fmspc, if platform { "platform" } else { "processor" })
}

#[test]
fn intel_sets_come_together_byte_for_byte() {
    for (kind, tee) in [(EvidenceKind::Sgx, "sgx"), (EvidenceKind::Tdx, "tdx")] {
        for case in cases(tee) {
            let mut set = json(&case, "collateral.json");
            // Some have it twice: here, and in the quote.
            set.as_object_mut().unwrap().remove("pck_certificate_chain");
            let (fmspc, ca) = names(&set);
            let fake = Fake::start();
            let mut targets = fake.intel(tee, &fmspc, ca, &set).to_vec();
            let evidence = evidence(kind, read(&case, "quote.bin"), &[]);
            let need = need(&evidence);
            let fetcher = fetcher(&fake);
            let found = fetcher.fetch(kind, &need, NOW).unwrap_or_else(|e| panic!("{case}: {e}"));
            let [Base64(item)] = found.endorsements.as_slice() else { panic!("{case}") };
            assert!(serde_json::from_slice::<Value>(item).unwrap() == set, "{case}");
            let mut asked = fake.asked();
            targets.sort();
            asked.sort();
            assert_eq!(asked, targets, "{case}: nothing else is asked");
            assert!(need.is_met_by(&found), "{case}");
            assert_eq!(Collateral::read(&found.write()).unwrap(), found, "{case}");
        }
    }
}

#[test]
fn amd_chains_come_together() {
    let mut products = std::collections::BTreeSet::new();
    for case in cases("snp") {
        let [vek, ask, ark] = ["vek.der", "ask.der", "ark.der"].map(|file| read(&case, file));
        let expected = json(&case, "expected.json");
        let fields = &expected["fields"];
        if fields["product"].is_null() {
            continue;
        }
        let (product, vlek) = (fields["product"].as_str().unwrap(), fields["signer"] == "VLEK");
        let target = vcek_target(fields);
        let crl = crl(&ark);
        let fake = Fake::start();
        let (sort, vcek) = if vlek { ("vlek", None) } else { ("vcek", Some(&vek[..])) };
        let vcek = vcek.map(|vcek| (target.as_str(), vcek));
        fake.amd(sort, product, vcek, [&ask, &ark], &crl);
        let leaf: &[&[u8]] = if vlek { &[&vek] } else { &[] };
        let evidence = evidence(EvidenceKind::Snp, read(&case, "report.bin"), leaf);
        let need = need(&evidence);
        let found = fetcher(&fake).fetch(EvidenceKind::Snp, &need, NOW);
        let found = found.unwrap_or_else(|error| panic!("{case}: {error}"));
        let items: Vec<_> = found.endorsements.iter().map(|item| &item.0).collect();
        assert!(items == [&vek, &ask, &ark, &crl], "{case}");
        assert!(need.is_met_by(&found), "{case}");
        products.insert((product.to_owned(), sort));
    }
    assert_eq!(products.len(), 4, "{products:?}");
}

/// What AMD's service is asked for a chip's certificate.
fn vcek_target(fields: &Value) -> String {
    let (product, chip) =
        (fields["product"].as_str().unwrap(), fields["chip_id"].as_str().unwrap());
    let part = |name: &str| fields["reported_tcb"][name].as_u64().unwrap();
    let turin = product == "Turin";
    let (chip, fmc) = if turin {
        (&chip[..16], format!("fmcSPL={:02}&", part("fmc")))
    } else {
        (chip, String::new())
    };
    let [bl, tee, snp, ucode] = ["bl", "tee", "snp", "ucode"].map(part);
    format!(
        "/vcek/v1/{product}/{chip}?{fmc}blSPL={bl:02}&teeSPL={tee:02}&snpSPL={snp:02}&ucodeSPL={ucode:02}"
    )
}

/// A revocation list in the name of `root`, which nobody has signed: Intel's with another name in it.
fn crl(root: &[u8]) -> Vec<u8> {
    use der::{Decode as _, Encode as _};
    use x509_cert::{Certificate, certificate::Rfc5280, crl::CertificateList};
    let intel = json("tdx/gcp-v4-2026", "collateral.json");
    let intel = hex::decode(intel["root_ca_crl"].as_str().unwrap()).unwrap();
    let mut list = CertificateList::<Rfc5280>::from_der(&intel).unwrap();
    let root = Certificate::from_der(root).unwrap();
    list.tbs_cert_list.issuer = root.tbs_certificate().subject().clone();
    list.to_der().unwrap()
}

#[test]
fn a_report_that_names_no_processor_is_asked_for_among_those_that_it_can_be_of() {
    let case = "snp/milan-v2-vcek";
    let [vek, ask, ark] = ["vek.der", "ask.der", "ark.der"].map(|file| read(case, file));
    let bare = evidence(EvidenceKind::Snp, read(case, "report.bin"), &[]);
    let shown = need(&bare).to_string();
    assert!(shown.starts_with("snp, Milan or Genoa, chip "), "{shown}");
    // A Genoa of that version would be asked for second.
    let fake = Fake::start();
    let error = fetcher(&fake).fetch(EvidenceKind::Snp, &need(&bare), NOW).unwrap_err();
    assert!(matches!(error, FetchError::Status { status: 404, .. }), "{error}");
    assert_eq!(fake.asked().len(), 2);
    assert!(fake.asked()[1].starts_with("/vcek/v1/Genoa/"));
    // The chip's certificate came along: it is not asked for.
    fake.amd("vcek", "Milan", None, [&ask, &ark], &crl(&ark));
    let whole = evidence(EvidenceKind::Snp, read(case, "report.bin"), &[&vek, &ask, &ark]);
    let found = fetcher(&fake).fetch(EvidenceKind::Snp, &need(&whole), NOW).unwrap();
    assert_eq!((found.endorsements.len(), &found.endorsements[0].0), (4, &vek));
    assert_eq!(fake.asked().len(), 4);
}

#[test]
fn a_certificate_of_another_chip_is_not_used() {
    let case = "snp/milan-v3-vcek";
    let other = read("snp/milan-v2-vcek", "vek.der");
    let [vek, ask, ark] = ["vek.der", "ask.der", "ark.der"].map(|file| read(case, file));
    let stale = evidence(EvidenceKind::Snp, read(case, "report.bin"), &[&other, &ask, &ark]);
    let target = vcek_target(&json(case, "expected.json")["fields"]);
    let fake = Fake::start();
    fake.amd("vcek", "Milan", Some((&target, &vek)), [&ask, &ark], &crl(&ark));
    let found = fetcher(&fake).fetch(EvidenceKind::Snp, &need(&stale), NOW).unwrap();
    assert_eq!(found.endorsements[0].0, vek, "neither the host's");
    fake.answer(&target, Answer::body(other));
    let error = fetcher(&fake).fetch(EvidenceKind::Snp, &need(&stale), NOW).unwrap_err();
    assert!(error.to_string().contains("another chip or firmware"), "nor the service's: {error}");
}

#[test]
fn what_came_in_a_certificate_table_is_used() {
    let case = "snp/genoa-v3-certtable";
    let [vek, ask, ark] = ["vek.der", "ask.der", "ark.der"].map(|file| read(case, file));
    let table = read(case, "auxblob.bin");
    let evidence = evidence(EvidenceKind::Snp, read(case, "report.bin"), &[&table]);
    let fake = Fake::start();
    let targets = fake.amd("vcek", "Genoa", None, [&ask, &ark], &crl(&ark));
    let found = fetcher(&fake).fetch(EvidenceKind::Snp, &need(&evidence), NOW).unwrap();
    assert_eq!(found.endorsements[0].0, vek);
    assert_eq!(fake.asked(), targets);
    // A table that can't be read is one that is not there.
    let spoiled =
        Evidence { endorsements: vec![Base64(table[..100].to_vec())], ..evidence.clone() };
    let bare = Evidence { endorsements: vec![], ..evidence };
    assert_eq!(need(&spoiled), need(&bare));
}

#[test]
fn a_paravisors_evidence_needs_what_its_hardware_needs() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let hcl = |case: &str| STANDARD.encode(read(case, "hcl_report.bin"));
    let case = "snp/genoa-v3-azure-vtpm";
    let bundle = |mut parts: Value| {
        for part in ["message", "signature"] {
            parts[part] = "AAAA".into();
        }
        parts["pcrs"] = serde_json::json!({});
        parts.to_string()
    };
    let snp = bundle(serde_json::json!({ "hcl": hcl(case) }));
    let azure = evidence(EvidenceKind::AzureSnp, snp.into_bytes(), &[]);
    let bare = evidence(EvidenceKind::Snp, read(case, "report.bin"), &[]);
    assert_eq!(need(&azure), need(&bare));
    let case = "tdx/azure-v4-vtpm";
    let quote = STANDARD.encode(read(case, "quote.bin"));
    let tdx = bundle(serde_json::json!({ "hcl": hcl(case), "td_quote": quote }));
    let azure = evidence(EvidenceKind::AzureTdx, tdx.into_bytes(), &[]);
    assert_eq!(need(&azure), need(&evidence(EvidenceKind::Tdx, read(case, "quote.bin"), &[])));
    for kind in [EvidenceKind::AzureSnp, EvidenceKind::AzureTdx] {
        let empty = bundle(serde_json::json!({}));
        let bad = bundle(serde_json::json!({ "hcl": "AAAA", "td_quote": "AAAA" }));
        for quote in ["", "{}", &empty, &bad] {
            assert!(Need::of(&evidence(kind, quote.into(), &[])).is_err(), "{kind}: {quote}");
        }
    }
}

#[test]
fn software_needs_nothing_and_the_unreadable_says_why() {
    for kind in [EvidenceKind::Simulated, EvidenceKind::Tpm] {
        assert_eq!(Need::of(&evidence(kind, b"whatever".to_vec(), &[])).unwrap(), None);
    }
    let vlek = read("snp/milan-v3-vlek", "report.bin");
    let found = Need::of(&evidence(EvidenceKind::Snp, vlek, &[]));
    assert!(matches!(found, Err(NeedError::NoVlek)), "{found:?}");
    let mut hidden = read("snp/milan-v3-vcek", "report.bin");
    hidden[0x1a0..0x1e0].fill(0);
    let found = Need::of(&evidence(EvidenceKind::Snp, hidden, &[]));
    assert!(matches!(found, Err(NeedError::NoChip)), "{found:?}");
    for kind in [EvidenceKind::Sgx, EvidenceKind::Tdx, EvidenceKind::Snp] {
        assert!(Need::of(&evidence(kind, vec![], &[])).is_err());
    }
}

/// An Intel service for one case, and what to ask it.
fn intel() -> (Fake, [String; 4], Need) {
    let case = "tdx/gcp-v4-2026";
    let (fake, set) = (Fake::start(), json(case, "collateral.json"));
    let (fmspc, ca) = names(&set);
    let targets = fake.intel("tdx", &fmspc, ca, &set);
    (fake, targets, need(&evidence(EvidenceKind::Tdx, read(case, "quote.bin"), &[])))
}

#[test]
fn a_hostile_service_is_refused_for_what_it_does() {
    type Wanted = fn(&FetchError) -> bool;
    let location = vec![("location".to_owned(), "http://127.0.0.1:1/".to_owned())];
    let huge = vec![b' '; (1 << 20) + 1];
    let other = |text: &str| Answer::with_chain("TCB-Info-Issuer-Chain", &chain(), text);
    let is_content: Wanted = |error| matches!(error, FetchError::Content { .. });
    let faults: Vec<(&str, usize, Answer, Wanted)> = vec![
        ("404", 0, Answer::Page(404, vec![], vec![]), |e| {
            matches!(e, FetchError::Status { status: 404, .. })
        }),
        ("500", 3, Answer::Page(500, vec![], vec![]), |e| {
            matches!(e, FetchError::Status { status: 500, .. })
        }),
        ("redirect", 1, Answer::Page(302, location, vec![]), |e| {
            matches!(e, FetchError::Redirect { status: 302, .. })
        }),
        ("huge", 2, Answer::body(huge), |e| matches!(e, FetchError::TooLarge { .. })),
        ("endless", 3, Answer::Endless, |e| matches!(e, FetchError::TooLarge { .. })),
        ("silent", 0, Answer::Silence(Duration::from_secs(30)), |e| {
            matches!(e, FetchError::Slow { seconds: 1, .. })
        }),
        ("no header", 0, Answer::body(r#"{"tcbInfo":{},"signature":""}"#), |e| {
            matches!(e, FetchError::Header { header: "TCB-Info-Issuer-Chain", .. })
        }),
        ("no chain", 0, Answer::with_chain("TCB-Info-Issuer-Chain", "hello", "{}"), |e| {
            matches!(e, FetchError::Header { .. })
        }),
        ("no JSON", 0, other("hello"), is_content),
        ("other JSON", 0, other(r#"{"signature":"00"}"#), is_content),
        (
            "not signed",
            0,
            other(
                r#"{"tcbInfo":{"id":"TDX","issueDate":"2026-01-01T00:00:00Z","nextUpdate":"2026-01-01T00:00:00Z","fmspc":"00806F050000"},"signature":"00"}"#,
            ),
            is_content,
        ),
        ("no list", 3, Answer::body("hello"), is_content),
        ("empty", 2, Answer::body(""), is_content),
        ("too deep", 0, other(&"[".repeat(100_000)), is_content),
    ];
    for (name, at, answer, wanted) in faults {
        let (fake, targets, need) = intel();
        fake.answer(&targets[at], answer);
        let fetcher = fetcher(&fake).with_time_limit(Duration::from_secs(1));
        let error = fetcher.fetch(EvidenceKind::Tdx, &need, NOW).unwrap_err();
        assert!(wanted(&error), "{name}: {error:?}");
        assert!(error.to_string().contains(&targets[at]), "{name} names the address: {error}");
        assert!(!error.hint().is_empty());
    }
}

fn chain() -> String {
    json("tdx/gcp-v4-2026", "collateral.json")["tcb_info_issuer_chain"].as_str().unwrap().to_owned()
}

#[test]
fn information_about_another_platform_is_refused() {
    let (fake, targets, need) = intel();
    let set = json("tdx/gnr-v4-outofdate-noadvisory", "collateral.json");
    let text = |name: &str| set[name].as_str().unwrap();
    let body = format!(
        r#"{{"tcbInfo":{},"signature":"{}"}}"#,
        text("tcb_info"),
        text("tcb_info_signature")
    );
    let answer = Answer::with_chain("TCB-Info-Issuer-Chain", &chain(), body);
    fake.answer(&targets[0], answer);
    let error = fetcher(&fake).fetch(EvidenceKind::Tdx, &need, NOW).unwrap_err();
    assert!(error.to_string().contains("not the TCB info of TDX"), "{error}");
    let (fake, targets, need) = intel();
    let root =
        hex::decode(json("tdx/gcp-v4-2026", "collateral.json")["root_ca_crl"].as_str().unwrap());
    fake.answer(
        &targets[2],
        Answer::with_chain("SGX-PCK-CRL-Issuer-Chain", &chain(), root.unwrap()),
    );
    let error = fetcher(&fake).fetch(EvidenceKind::Tdx, &need, NOW).unwrap_err();
    assert!(error.to_string().contains("a list of `Intel SGX Root CA`"), "{error}");
}

#[test]
fn nobody_there_is_said_so() {
    let url = "http://127.0.0.1:1";
    let service = Service::new(Some(url), None, Update::Early).unwrap();
    let (_, _, need) = intel();
    let error = Fetcher::new(service).fetch(EvidenceKind::Tdx, &need, NOW).unwrap_err();
    let FetchError::Unreachable { url, .. } = &error else { panic!("{error:?}") };
    assert!(url.ends_with("/tdx/certification/v4/tcb?fmspc=00806F050000&update=early"), "{url}");
}

#[test]
fn nobody_is_asked_whom_nobody_has_named() {
    let (fake, _, need) = intel();
    let service = Service::new(None, Some(&fake.url()), Update::Standard).unwrap();
    let error = Fetcher::new(service).fetch(EvidenceKind::Tdx, &need, NOW).unwrap_err();
    assert!(matches!(error, FetchError::NoService { amd: false }), "{error}");
    assert!(fake.asked().is_empty());
}

#[test]
fn answers_are_kept_for_a_day_or_until_they_run_out() {
    let (fake, _, need) = intel();
    let fetcher = fetcher(&fake);
    // The TCB info runs out on 2026-07-30T07:53:47Z.
    let late = 1_785_398_027;
    let fetch = |now: u64, asked: usize| {
        fetcher.fetch(EvidenceKind::Tdx, &need, now).unwrap();
        assert_eq!(fake.asked().len(), asked, "at {now}");
    };
    fetch(NOW, 4);
    fetch(NOW + 86_399, 4);
    fetch(NOW + 86_400, 8);
    fetch(late - 1, 12);
    // What has run out is asked for again, and nothing else.
    fetch(late, 13);
}

#[test]
fn a_refused_answer_is_not_kept() {
    let (fake, targets, need) = intel();
    let good = json("tdx/gcp-v4-2026", "collateral.json");
    fake.answer(&targets[3], Answer::body("hello"));
    let fetcher = fetcher(&fake);
    fetcher.fetch(EvidenceKind::Tdx, &need, NOW).unwrap_err();
    fake.answer(&targets[3], Answer::body(good["root_ca_crl"].as_str().unwrap()));
    fetcher.fetch(EvidenceKind::Tdx, &need, NOW).unwrap();
}

#[test]
fn addresses_are_of_the_operators_making() {
    for bad in ["pccs.example", "ftp://pccs.example", "https://u@pccs.example", "https://x/?a=b"] {
        assert!(Service::new(Some(bad), None, Update::Standard).is_err(), "{bad}");
        assert!(Service::new(None, Some(bad), Update::Standard).is_err(), "{bad}");
    }
    let whole =
        Service::new(Some("https://pccs.example/sgx/certification/v4/"), None, Update::Standard);
    let base = Service::new(Some("https://pccs.example"), None, Update::Standard);
    assert_eq!(whole.unwrap(), base.unwrap());
}
