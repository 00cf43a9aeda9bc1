use super::*;
use proptest::prelude::*;

const MEASUREMENT: &str = "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1";
const CHIP: &str = "d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4";

/// A file that starts from `standard` and accepts SNP.
fn hospital(more: &str) -> String {
    format!(
        "version = 1\nname = \"our hospital\"\nbase = \"standard\"\naccept = [\"snp\"]\n\
         [[snp.reference]]\nmeasurement = \"{MEASUREMENT}\"\n{more}"
    )
}

/// A file with every key, and no base.
const WHOLE: &str = include_str!("whole.toml");

/// `(name, text, error)`: one for each thing that can be wrong.
fn broken() -> Vec<(&'static str, String, &'static str)> {
    let cases = include_str!("broken.txt").split("### ").skip(1);
    let case = |case: &'static str| {
        let (name, rest) = case.split_once('\n').unwrap();
        let (text, error) = rest.rsplit_once("--- ").unwrap();
        (name, text.to_owned(), error.trim_end())
    };
    cases.map(case).collect()
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    let cases = broken();
    assert!(cases.len() > 80, "{}", cases.len());
    let mut different = Vec::new();
    for (name, text, wanted) in cases {
        let found = match Policy::parse(&text) {
            Ok(_) => "accepted".to_owned(),
            Err(error) => error.to_string(),
        };
        if found != wanted {
            different.push(format!("### {name}\n--- {found}"));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn the_shipped_ones_can_be_read_and_say_nothing_about_what_may_run() {
    for shipped in Shipped::ALL {
        let policy = file::parse_shipped(shipped.text()).unwrap();
        assert_eq!(policy.name, shipped.name());
        assert_eq!(Shipped::named(&policy.name), Some(shipped));
        assert!(policy.sgx.references.is_empty() && policy.tdx.references.is_empty());
        assert!(policy.snp.references.is_empty() && policy.azure.references.is_empty());
        assert!(!policy.explain().complete, "{shipped:?}");
        assert!(shipped.text().lines().all(|line| line.len() <= 120), "{shipped:?}");
    }
    assert_eq!(Shipped::named("lenient"), None);
}

#[test]
fn the_shipped_ones_differ_where_they_should() {
    use EvidenceKind::{Sgx, Simulated, Snp, Tdx, Tpm};
    let [standard, strict, trial] = Shipped::ALL.map(Shipped::policy);
    assert_eq!(standard.accept, BTreeSet::from([Sgx, Tdx, Snp]));
    assert_eq!(strict.accept, standard.accept);
    assert_eq!(trial.accept, BTreeSet::from([Tpm, Simulated]));
    for policy in [&standard, &strict] {
        assert!(!policy.snp.products.contains_key(&Product::Milan), "{}", policy.name);
        assert!(!policy.snp.allow_vlek && policy.snp.require_crl && policy.snp.require_alias_check);
        assert!(policy.tdx.service_tds.is_empty() && !policy.tdx.allow_relaunch_advised);
        for tcb in [&policy.sgx.tcb, &policy.tdx.tcb] {
            assert!(!tcb.statuses.contains(&TcbStatus::OutOfDate) && tcb.grace_days == 0);
        }
    }
    assert_eq!(strict.tdx.tcb.statuses, BTreeSet::from([TcbStatus::UpToDate]));
    assert!(strict.platforms.require_allow && !standard.platforms.require_allow);
    assert!(strict.snp.require_ciphertext_hiding && !standard.snp.require_ciphertext_hiding);
    let turin = Product::Turin;
    assert_eq!(strict.snp.products.get(&turin), standard.snp.products.get(&turin), "the base's");
}

#[test]
fn a_file_changes_what_it_names_and_keeps_the_rest_of_its_base() {
    let text = hospital("[snp]\nallow_smt = false\n[platforms]\ndeny = [\"3b42092f69c656d3\"]\n");
    // TOML has no table twice: the reference is the first to name `snp`.
    assert!(Policy::parse(&text).is_ok(), "{:?}", Policy::parse(&text));
    let policy = Policy::parse(&text).unwrap();
    let standard = Shipped::Standard.policy();
    assert_eq!(policy.name, "our hospital");
    assert_eq!(policy.accept, BTreeSet::from([EvidenceKind::Snp]));
    assert!(!policy.snp.allow_smt && standard.snp.allow_smt);
    assert_eq!(policy.snp.products, standard.snp.products);
    assert_eq!(policy.sgx, standard.sgx);
    let denied = format!("3b42092f69c656d3{}", "0".repeat(112));
    assert_eq!(
        policy.platforms.deny,
        BTreeSet::from([denied]),
        "a short chip id, as judging has it"
    );
}

#[test]
fn products_take_the_place_of_the_base_s() {
    let text = hospital("[snp.products.Genoa]\nsnp = 25\n");
    let products = Policy::parse(&text).unwrap().snp.products;
    let standard = Shipped::Standard.policy().snp.products;
    let genoa = Tcb { snp: 25, ..standard[&Product::Genoa] };
    assert_eq!(products, BTreeMap::from([(Product::Genoa, genoa)]));
}

#[test]
fn without_a_base_everything_is_asked_for_that_is_not_taken_back() {
    let text = format!(
        "version = 1\nname = \"x\"\naccept = [\"snp\"]\n[[snp.reference]]\nmeasurement = \"{MEASUREMENT}\"\n\
         [snp.products.Milan]\nbootloader = 4\ntee = 0\nsnp = 24\nmicrocode = 219\n"
    );
    let snp = Policy::parse(&text).unwrap().snp;
    assert!(snp.require_alias_check && snp.require_ecc && snp.require_crl);
    assert!(snp.require_ciphertext_hiding && snp.require_rapl_disabled);
    assert!(!snp.allow_vlek && !snp.allow_smt && snp.max_vmpl == 0);
}

#[test]
fn hexadecimal_digits_of_either_case_are_the_same() {
    let (lower, upper) =
        (hospital(""), hospital("").replace(MEASUREMENT, &MEASUREMENT.to_uppercase()));
    assert_ne!(lower, upper);
    assert_eq!(Policy::parse(&lower), Policy::parse(&upper));
    let chip = |id: &str| hospital(&format!("[platforms]\nallow = [\"{id}\"]\n"));
    assert_eq!(Policy::parse(&chip(CHIP)), Policy::parse(&chip(&CHIP.to_uppercase())));
    let allowed = Policy::parse(&chip(CHIP)).unwrap().platforms.allow;
    assert_eq!(allowed, Some(BTreeSet::from([CHIP.to_owned()])));
}

#[test]
fn a_file_with_nothing_of_its_own_is_its_base() {
    let text = "version = 1\nname = \"trial\"\nbase = \"trial\"\n";
    assert_eq!(Policy::parse(text), Ok(Shipped::Trial.policy()));
    // Anything else, and it has to be whole.
    assert!(Policy::parse(&format!("{text}[platforms]\nrequire_allow = false\n")).is_err());
}

#[test]
fn trying_out_needs_no_reference_values() {
    let text = "version = 1\nname = \"x\"\naccept = [\"simulated\"]\n";
    let policy = Policy::parse(text).unwrap();
    assert_eq!(policy.accept, BTreeSet::from([EvidenceKind::Simulated]));
    assert!(policy.explain().complete);
}

#[test]
fn files_that_are_too_long_are_not_read() {
    let mut text = hospital("#");
    text.push_str(&" ".repeat(MAX_FILE - text.len()));
    assert!(Policy::parse(&text).is_ok());
    text.push(' ');
    let error = Policy::parse(&text).unwrap_err();
    assert_eq!(error.line, None);
    assert!(
        error.message.starts_with("a policy can have 262144 bytes, this has 262145"),
        "{error}"
    );
    // And lists have an end, long before.
    let ids: Vec<String> = (1..=4097).map(|n| format!("\"{n:032x}\"")).collect();
    let text = hospital(&format!("[platforms]\ndeny = [{}]\n", ids.join(",")));
    let error = Policy::parse(&text).unwrap_err();
    assert_eq!(error.to_string(), "line 8: `deny` has 4097 elements; it can have 4096 at most");
}

#[test]
fn a_policy_without_a_base_can_say_everything() {
    let policy = Policy::parse(WHOLE).unwrap();
    assert_eq!(policy.sgx.references.len(), 2);
    let TdxReference { rtmr, mr_seam, mr_config_id, mr_owner, mr_owner_config, .. } =
        &policy.tdx.references[0];
    assert!(rtmr.iter().all(Option::is_some) && mr_seam.is_some() && mr_config_id.is_some());
    assert!(mr_owner.is_some() && mr_owner_config.is_some());
    assert_eq!(policy.tdx.service_tds.len(), 1);
    assert_eq!(policy.tdx.tcb.grace_days, 30);
    assert_eq!(policy.sgx.tcb.deny_advisories, BTreeSet::from(["INTEL-SA-00615".to_owned()]));
    assert_eq!(policy.azure.references[0].0.len(), 2);
    assert!(!policy.azure.require_secure_boot && policy.azure.allow_console);
    assert_eq!(policy.snp.products[&Product::Milan].microcode, 219);
    assert_eq!(policy.tpm.attestation_keys.len(), 1);
    assert_eq!(policy.platforms.allow.as_ref().unwrap().len(), 2);
    assert!(policy.explain().complete);
}

/// JSON in the syntax of TOML: inline tables, and no null.
fn toml_of(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Object(table) => {
            let pairs = table.iter().map(|(key, value)| format!("{key} = {}", toml_of(value)));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
        serde_json::Value::Array(list) => {
            format!("[{}]", list.iter().map(toml_of).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

#[test]
fn what_is_told_to_programs_is_the_whole_policy() {
    for text in [WHOLE.to_owned(), hospital("")] {
        let policy = Policy::parse(&text).unwrap();
        let json = policy.to_json();
        let lines = json.as_object().unwrap().iter();
        let again: String =
            lines.map(|(key, value)| format!("{key} = {}\n", toml_of(value))).collect();
        let again = Policy::parse(&again).unwrap();
        assert_eq!(again.to_json(), json);
        assert_eq!(again.snp, policy.snp);
        assert_eq!(again.platforms, policy.platforms);
        if text == WHOLE {
            assert_eq!(again, policy);
        }
    }
}

#[test]
fn what_is_off_by_default_is_told_with_the_reason() {
    let explanation = Shipped::Standard.policy().explain();
    let statements: Vec<&Statement> =
        explanation.sections.iter().flat_map(|section| &section.statements).collect();
    let milan = statements.iter().find(|statement| statement.text == "Milan").unwrap();
    assert_eq!(milan.effect, Effect::Refuses);
    assert!(milan.why.contains("2605.12990"));
    for key in ["[[sgx.reference]]", "[[tdx.reference]]", "[[snp.reference]]"] {
        let missing = |s: &&&Statement| s.effect == Effect::Missing && s.text.contains(key);
        assert!(statements.iter().any(|s| missing(&s)), "{key}");
    }
    let debug = statements.iter().find(|s| s.text.contains("debugged")).unwrap();
    assert_eq!(debug.effect, Effect::Refuses);
}

/// People copy them.
#[test]
fn the_examples_of_the_handbook_are_policies() {
    let page = include_str!("../../../../docs/attestation-policy.md");
    let examples: Vec<&str> =
        page.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(examples.len(), 2);
    for example in examples {
        let policy = Policy::parse(example).unwrap_or_else(|error| panic!("{error}\n{example}"));
        assert!(policy.explain().complete);
    }
}

/// Every key that a table can have, as the error for an unknown one lists them, is on the page.
#[test]
fn the_handbook_has_every_key() {
    let page = include_str!("../../../../docs/attestation-policy.md");
    let keys = WHOLE.lines().filter_map(|line| line.split_once(" = "));
    for (key, _) in keys.filter(|(key, _)| !key.starts_with("pcr")) {
        assert!(page.contains(key), "{key}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC*") {
        let _ = Policy::parse(&text);
    }

    /// Close to a policy: pieces of real ones, cut and put together anew.
    #[test]
    fn no_patchwork_makes_the_parser_panic(
        pieces in prop::collection::vec((any::<prop::sample::Index>(), 0usize..60), 1..12),
    ) {
        let all = [WHOLE, include_str!("broken.txt"), Shipped::Strict.text()].concat();
        let mut text = String::new();
        for (at, length) in pieces {
            let rest = all.chars().skip(at.index(all.len()));
            text.extend(rest.take(length));
        }
        if let Ok(policy) = Policy::parse(&text) {
            let _ = (policy.explain(), policy.to_json());
        }
    }

    /// One character of a good policy: it stays one, or is refused with a line that is there.
    #[test]
    fn a_slip_of_the_pen_is_refused_where_it_is(at in any::<prop::sample::Index>(), with in any::<char>()) {
        let at = at.index(WHOLE.chars().count());
        let text: String = WHOLE.chars().enumerate().map(|(n, c)| if n == at { with } else { c }).collect();
        if let Err(error) = Policy::parse(&text) {
            let line = error.line.unwrap_or(1);
            prop_assert!(line >= 1 && line <= text.lines().count() + 1, "{error}");
            prop_assert!(!error.message.is_empty() && error.to_string().chars().all(|c| !c.is_control()));
        }
    }
}
