//! An answer over attested TLS: does the other end of this very connection hold the identity that the server shows?

use sealroom_attest::{Check, Judgement, Outcome, Rule};
use sealroom_channel::{Address, Heard};
use sealroom_protocol::{Digest, Evidence, IdentityKeys};

/// Its manifest and keys have to be those that are shown, and its evidence to be good for them over this channel.
/// What is compared with is what was checked here; of the answer only the evidence is taken.
pub(super) fn check(
    address: &Address,
    heard: &Result<Heard, String>,
    (manifest, keys): (&Digest, &IdentityKeys),
    published: &Judgement,
    judge: impl Fn(&Evidence, &[u8]) -> Judgement,
) -> Vec<Check> {
    let heard = match heard {
        Ok(heard) => heard,
        Err(why) => {
            let (rule, text) = (Rule::Channel, format!("no evidence comes from {address}: {why}"));
            let hint = "look at the address, and try again; do not approve without an answer";
            return vec![Check::failed(rule.group(), rule.code(), text, hint)];
        }
    };
    let said = &heard.answer;
    if said.manifest != *manifest {
        let text = format!("who answers at {address} is of another manifest, {}", said.manifest);
        return vec![failed(text)];
    }
    if said.keys != *keys {
        let text = format!("who answers at {address} has another identity, {}", said.keys.signing);
        return vec![failed(text)];
    }
    let judged = judge(&said.evidence, heard.binding.as_bytes());
    let mut checks: Vec<Check> = judged.verdict.failures().cloned().collect();
    // What fails alike in the published evidence is told once.
    checks.retain(|check| !published.verdict.checks.contains(check));
    for check in &mut checks {
        check.text = format!("in the answer from {address}: {}", check.text);
    }
    if judged.platforms != published.platforms {
        let rule = Rule::Composition;
        let text = format!("{address} is another machine than the published evidence names");
        checks.push(Check::failed(rule.group(), rule.code(), text, rule.hint()));
    }
    let of = |check: &&Check| check.code == Rule::ReportData.code();
    let bound = judged.verdict.checks.iter().find(of);
    let decided = judged.verdict.checks.iter().all(|check| check.outcome != Outcome::Open);
    checks.push(if bound.is_some_and(|check| check.outcome == Outcome::Failed) {
        failed(format!("the evidence from {address} is not for this connection, but for another"))
    } else if judged.verdict.is_trusted() && decided && judged.platforms == published.platforms {
        let text = format!(
            "the enclave itself answers at {address}: its evidence is for this very connection"
        );
        Check::passed(Rule::Channel.group(), Rule::Channel.code(), text)
    } else {
        failed(format!("the evidence from {address} is not accepted"))
    });
    checks
}

fn failed(text: String) -> Check {
    Check::failed(Rule::Channel.group(), Rule::Channel.code(), text, Rule::Channel.hint())
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealroom_channel::{Bounds, Endpoint, Subject};
    use sealroom_protocol::{Base64, EvidenceKind, PublicKey};
    use std::time::Duration;

    fn keys(n: u8) -> IdentityKeys {
        IdentityKeys { signing: PublicKey::from_bytes([n; 32]), sealing: Base64(vec![n; 1216]) }
    }

    fn heard() -> (Address, Heard) {
        let evidence = |data: &[u8; 64]| {
            let quote = Base64(data.to_vec());
            Some(Evidence { kind: EvidenceKind::Simulated, quote, endorsements: vec![] })
        };
        let evidence = Box::new(evidence);
        let subject = Subject { manifest: Digest::of(b"m"), keys: keys(1), evidence };
        let endpoint = Endpoint::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address: Address = endpoint.address().to_string().parse().unwrap();
        endpoint.serve(subject, Bounds::default(), || false).unwrap();
        let heard = sealroom_channel::ask(&address, Duration::from_secs(60)).unwrap();
        (address, heard)
    }

    fn judgement(outcomes: &[(Rule, Outcome)], platform: &str) -> Judgement {
        let check = |(rule, outcome): &(Rule, Outcome)| {
            let check = Check::failed(rule.group(), rule.code(), rule.code(), rule.hint());
            Check { outcome: *outcome, ..check }
        };
        Judgement {
            verdict: outcomes.iter().map(check).collect::<Vec<_>>().into(),
            fields: serde_json::Map::default(),
            platforms: vec![platform.to_owned()],
            issued: None,
            expires: None,
        }
    }

    #[test]
    fn whatever_is_not_wholly_right_is_no_channel_to_the_enclave() {
        use Outcome::{Failed, Open, Passed, Warned};
        let (address, heard) = heard();
        let good = [(Rule::ReportData, Passed), (Rule::Simulated, Warned)];
        let bad = |rule| [(Rule::ReportData, Passed), (rule, Failed)];
        let unbound = [(Rule::ReportData, Failed)];
        let open = [(Rule::ReportData, Open)];
        let (m, other) = (Digest::of(b"m"), Digest::of(b"n"));
        type Row<'a> = (&'a str, Digest, u8, &'a [(Rule, Outcome)], &'a str, Option<&'a str>);
        let rows: [Row<'_>; 8] = [
            ("all is well", m, 1, &good, "p", None),
            ("manifest", other, 1, &good, "p", Some("of another manifest")),
            ("keys", m, 2, &good, "p", Some("has another identity")),
            ("platform", m, 1, &good, "q", Some("is not accepted")),
            ("another connection's", m, 1, &unbound, "p", Some("not for this connection")),
            ("not decided", m, 1, &open, "p", Some("is not accepted")),
            ("nothing looked at", m, 1, &[], "p", Some("is not accepted")),
            ("out of date", m, 1, &bad(Rule::TcbStatus), "p", Some("is not accepted")),
        ];
        for (name, manifest, n, outcomes, platform, refused) in rows {
            // Failing alike in the published evidence takes nothing away.
            for published in [judgement(&good, "p"), judgement(outcomes, "p")] {
                let judge = |evidence: &Evidence, challenge: &[u8]| {
                    assert_eq!(challenge, heard.binding.as_bytes());
                    assert_eq!(evidence, &heard.answer.evidence);
                    judgement(outcomes, platform)
                };
                let here = (&manifest, &keys(n));
                let checks = check(&address, &Ok(heard.clone()), here, &published, judge);
                let channel = checks.iter().find(|c| c.code == Rule::Channel.code()).unwrap();
                match refused {
                    None => assert_eq!((channel.outcome, checks.len()), (Passed, 1), "{name}"),
                    Some(text) => assert!(
                        channel.outcome == Failed && channel.text.contains(text),
                        "{name}: {}",
                        channel.text
                    ),
                }
            }
        }
        let silent = Err("nobody is there".to_owned());
        let judge = |_: &Evidence, _: &[u8]| judgement(&good, "p");
        let published = judgement(&good, "p");
        let checks = check(&address, &silent, (&m, &keys(1)), &published, judge);
        assert!(matches!(&checks[..], [c] if c.outcome == Failed && c.text.contains("nobody")));
    }
}
