//! The file as a whole: where it starts from, which kinds it accepts, and whether it contradicts itself.

use super::{
    AzurePolicy, MAX_FILE, Platforms, Policy, SnpPolicy, amd,
    document::{Item, Placed as _, Table, listed},
    error::{PolicyError, is_invisible, printable},
    intel,
    shipped::Shipped,
    tpm,
};
use sealroom_protocol::EvidenceKind;
use toml::de::DeTable;

/// Characters that a name can have.
const MAX_NAME: usize = 100;

/// Bytes that a platform's name can have: PPID and PIID, chip id. Turin's chip ids have 8, with zeros behind.
const PLATFORM_BYTES: [usize; 3] = [8, 16, 64];

/// Reads a file that somebody has written.
pub(super) fn parse(text: &str) -> Result<Policy, PolicyError> {
    if text.len() > MAX_FILE {
        let message = format!(
            "a policy can have {MAX_FILE} bytes, this has {}; split it by what the policies are for",
            text.len()
        );
        return Err(PolicyError::whole(message));
    }
    let parsed = DeTable::parse(text).map_err(|error| PolicyError::syntax(text, &error))?;
    let root = Table::root(text, parsed.get_ref());
    let policy = read(&root)?;
    // With nothing of its own it is the base under another name.
    let alias = root.items().iter().all(|item| ["version", "name", "base"].contains(&item.key()));
    if !alias {
        check(&root, &policy)?;
    }
    Ok(policy)
}

/// Reads one of ours: a base, which lacks what only its user can know.
pub(super) fn parse_shipped(text: &str) -> Result<Policy, PolicyError> {
    let parsed = DeTable::parse(text).map_err(|error| PolicyError::syntax(text, &error))?;
    read(&Table::root(text, parsed.get_ref()))
}

/// What a file without a base starts from: everything that can be asked for is asked for.
fn strictest() -> Policy {
    let snp = SnpPolicy {
        require_alias_check: true,
        require_ciphertext_hiding: true,
        require_rapl_disabled: true,
        require_ecc: true,
        require_tsme: true,
        require_single_socket: true,
        require_crl: true,
        ..SnpPolicy::default()
    };
    let azure = AzurePolicy { require_secure_boot: true, ..AzurePolicy::default() };
    Policy { snp, azure, ..Policy::default() }
}

fn read(root: &Table<'_>) -> Result<Policy, PolicyError> {
    // First, so that a file of another version is not blamed for its keys.
    let version = root.need("version", "write `version = 1`")?;
    let number: u64 = version.number(0..=u32::MAX.into())?;
    if number != 1 {
        let message = format!("this is a policy of version {number}; this program reads version 1");
        return Err(version.refuse(message));
    }
    root.only(&[
        "version",
        "name",
        "base",
        "accept",
        "sgx",
        "tdx",
        "snp",
        "azure",
        "tpm",
        "platforms",
    ])?;
    let mut policy = root.maybe("base", base)?.unwrap_or_else(strictest);
    policy.name = name(&root.need("name", "what people shall call this policy")?)?;
    root.read("accept", &mut policy.accept, |item| item.set(kind))?;
    if policy.accept.is_empty() {
        root.need("accept", "the kinds of evidence that you accept, such as [\"snp\", \"tdx\"]")?;
    }
    if let Some(item) = root.get("sgx") {
        intel::sgx(&item.table("`[sgx]`")?, &mut policy.sgx)?;
    }
    if let Some(item) = root.get("tdx") {
        intel::tdx(&item.table("`[tdx]`")?, &mut policy.tdx)?;
    }
    if let Some(item) = root.get("snp") {
        amd::snp(&item.table("`[snp]`")?, &mut policy.snp)?;
    }
    if let Some(item) = root.get("azure") {
        tpm::azure(&item.table("`[azure]`")?, &mut policy.azure)?;
    }
    if let Some(item) = root.get("tpm") {
        tpm::tpm(&item.table("`[tpm]`")?, &mut policy.tpm)?;
    }
    if let Some(item) = root.get("platforms") {
        platforms(&item.table("`[platforms]`")?, &mut policy.platforms)?;
    }
    Ok(policy)
}

fn base(item: &Item<'_>) -> Result<Policy, PolicyError> {
    let text = item.text()?;
    Shipped::named(text).map(Shipped::policy).ok_or_else(|| {
        let (found, known) = (printable(text), listed(&Shipped::ALL.map(Shipped::name)));
        item.refuse(format!("there is no policy `{found}` to start from; there are {known}"))
    })
}

fn name(item: &Item<'_>) -> Result<String, PolicyError> {
    let text = item.text()?.trim();
    let count = text.chars().count();
    if count == 0 || count > MAX_NAME {
        let message = format!("`name` has {count} characters; it has to have from 1 to {MAX_NAME}");
        return Err(item.refuse(message));
    }
    if text.chars().any(|c| c.is_control() || is_invisible(c)) {
        return Err(item.refuse("`name` has characters that nobody sees; leave them out"));
    }
    Ok(text.to_owned())
}

fn kind(item: &Item<'_>) -> Result<EvidenceKind, PolicyError> {
    const ALL: [EvidenceKind; 7] = [
        EvidenceKind::Sgx,
        EvidenceKind::Tdx,
        EvidenceKind::Snp,
        EvidenceKind::AzureTdx,
        EvidenceKind::AzureSnp,
        EvidenceKind::Tpm,
        EvidenceKind::Simulated,
    ];
    let text = item.text()?;
    let found = ALL.into_iter().find(|kind| kind.to_string() == text);
    found.ok_or_else(|| {
        let names = ALL.map(|kind| kind.to_string());
        let known = listed(&names.each_ref().map(String::as_str));
        let found = printable(text);
        let why = if text.eq_ignore_ascii_case("gpu") {
            "; this version does not verify GPUs"
        } else {
            ""
        };
        item.refuse(format!(
            "`{found}` is no kind of evidence that can be accepted{why}; there are {known}"
        ))
    })
}

fn platforms(table: &Table<'_>, platforms: &mut Platforms) -> Result<(), PolicyError> {
    table.only(&["allow", "deny", "require_allow"])?;
    table.read("require_allow", &mut platforms.require_allow, Item::flag)?;
    table.read("allow", &mut platforms.allow, |item| item.set(platform).map(Some))?;
    let Some(deny) = table.get("deny") else { return Ok(()) };
    platforms.deny = deny.set(platform)?;
    for element in deny.elements()? {
        let id = platform(&element)?;
        if platforms.allow.as_ref().is_some_and(|allow| allow.contains(&id)) {
            let id = printable(&id);
            let message =
                format!("platform {id} is in `allow` and in `deny`; leave one of them out");
            return Err(element.refuse(message));
        }
    }
    Ok(())
}

/// A platform's name, as judging gives it.
fn platform(item: &Item<'_>) -> Result<String, PolicyError> {
    let text = item.text()?.to_ascii_lowercase();
    let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hex || !PLATFORM_BYTES.contains(&(text.len() / 2)) || text.len() % 2 == 1 {
        let message = format!(
            "a platform is named by its PPID or PIID (32 hexadecimal digits) or its chip id (128, or Turin's 16); \
             `{}` is none",
            printable(&text)
        );
        return Err(item.refuse(message));
    }
    if text.bytes().all(|byte| byte == b'0') {
        // What reports have that are signed by a cloud's key: every chip of the cloud would do.
        return Err(item.refuse("a platform of zeros is none; leave it out"));
    }
    Ok(if text.len() == 16 { format!("{text:0<128}") } else { text })
}

/// Refuses what contradicts itself, and what would accept nothing without saying so.
fn check(root: &Table<'_>, policy: &Policy) -> Result<(), PolicyError> {
    use EvidenceKind::{AzureSnp, AzureTdx, Sgx, Snp, Tdx, Tpm};
    let accepts = |kinds: &[EvidenceKind]| kinds.iter().any(|kind| policy.accept.contains(kind));
    let tables: [(&str, &[EvidenceKind]); 5] = [
        ("sgx", &[Sgx]),
        ("tdx", &[Tdx, AzureTdx]),
        ("snp", &[Snp, AzureSnp]),
        ("azure", &[AzureTdx, AzureSnp]),
        ("tpm", &[Tpm]),
    ];
    for (name, kinds) in tables {
        if let (Some(item), false) = (root.get(name), accepts(kinds)) {
            let names: Vec<String> = kinds.iter().map(ToString::to_string).collect();
            let names = names.join("` or `");
            let message = format!(
                "`[{name}]` is for evidence that is not accepted; add `{names}` to `accept`, or leave the table out"
            );
            return Err(item.refuse(message));
        }
    }
    check_azure(root, policy)?;
    for kind in &policy.accept {
        check_kind(root, policy, *kind)?;
    }
    if accepts(&[Tdx]) {
        check_registers(root)?;
    }
    if let (true, Some(_)) =
        (policy.snp.allow_vlek && accepts(&[Snp, AzureSnp]), &policy.platforms.allow)
    {
        let message = "`allow_vlek` and a list of platforms contradict each other: a report that is signed by a \
                       cloud's key does not name its chip; leave one of them out";
        return Err(refuse_at(root, &[("snp", "allow_vlek"), ("platforms", "allow")], message));
    }
    if policy.platforms.require_allow && policy.platforms.allow.is_none() {
        let message = "this policy asks for a list of platforms, and has none; name them in `[platforms] allow`, or \
                       write `require_allow = false` there";
        return Err(refuse_at(root, &[("platforms", "require_allow")], message));
    }
    Ok(())
}

/// An error at the first of these keys that the file has, or where it names its base.
fn refuse_at(root: &Table<'_>, keys: &[(&str, &'static str)], message: &str) -> PolicyError {
    let place = keys.iter().find_map(|(table, key)| root.get(table)?.table("").ok()?.get(key));
    match place.or_else(|| root.get("base")) {
        Some(item) => item.refuse(message),
        None => root.refuse(message),
    }
}

/// Where the kind is accepted: in `accept`, or by the base.
fn refuse_kind(root: &Table<'_>, kind: EvidenceKind, message: String) -> PolicyError {
    let Some(accept) = root.get("accept") else { return refuse_at(root, &[], &message) };
    let elements = accept.elements().unwrap_or_default();
    let name = kind.to_string();
    let element = elements.iter().find(|item| item.text().is_ok_and(|text| text == name));
    element.unwrap_or(&accept).refuse(message)
}

/// What is measured differs: what names a whole guest here names only the paravisor there.
fn check_azure(root: &Table<'_>, policy: &Policy) -> Result<(), PolicyError> {
    use EvidenceKind::{AzureSnp, AzureTdx, Snp, Tdx};
    for (plain, azure) in [(Tdx, AzureTdx), (Snp, AzureSnp)] {
        if policy.accept.contains(&plain) && policy.accept.contains(&azure) {
            let message = format!(
                "`{plain}` and `{azure}` can't share `[[{plain}.reference]]`, which names a whole guest for the one and \
                 only the paravisor for the other; write two policies"
            );
            return Err(refuse_kind(root, azure, message));
        }
    }
    Ok(())
}

fn check_kind(root: &Table<'_>, policy: &Policy, kind: EvidenceKind) -> Result<(), PolicyError> {
    use EvidenceKind::{AzureSnp, AzureTdx, Sgx, Simulated, Snp, Tdx, Tpm};
    let intel = "states of the platform that you accept";
    // The table, whether what it has to say is there, what that is; the reference values.
    let (name, stated, what, referenced, example) = match kind {
        Sgx => (
            "sgx",
            !policy.sgx.tcb.statuses.is_empty(),
            intel,
            !policy.sgx.references.is_empty(),
            "`mrenclave`",
        ),
        Tdx | AzureTdx => {
            let (policy, example) = (&policy.tdx, "`mrtd`, `rtmr1` and `rtmr2`");
            let example = if kind == AzureTdx { "the paravisor's `mrtd`" } else { example };
            ("tdx", !policy.tcb.statuses.is_empty(), intel, !policy.references.is_empty(), example)
        }
        Snp | AzureSnp => {
            let what = "products that you accept, with their least firmware";
            let example =
                if kind == AzureSnp { "the paravisor's `measurement`" } else { "`measurement`" };
            (
                "snp",
                !policy.snp.products.is_empty(),
                what,
                !policy.snp.references.is_empty(),
                example,
            )
        }
        Tpm => {
            let keys = "keys that you accept (`attestation_keys`)";
            (
                "tpm",
                !policy.tpm.attestation_keys.is_empty(),
                keys,
                !policy.tpm.references.is_empty(),
                "`pcr4`",
            )
        }
        // Nothing that it says could be compared with anything.
        Simulated => return Ok(()),
    };
    if !stated {
        let message = format!(
            "`{kind}` is accepted, but nothing says on which terms; add a table `[{name}]` with the {what}, or start from a base"
        );
        return Err(refuse_kind(root, kind, message));
    }
    let missing = |name, example| {
        let message = format!(
            "`{kind}` is accepted, but nothing says what may run; add a `[[{name}.reference]]` with {example}, as the \
             release that you expect has it, or take `{kind}` out of `accept`"
        );
        Err(refuse_kind(root, kind, message))
    };
    if !referenced {
        return missing(name, example);
    }
    if matches!(kind, AzureTdx | AzureSnp) && policy.azure.references.is_empty() {
        return missing("azure", "`pcr4`");
    }
    Ok(())
}

/// MRTD is the firmware alone. Without the kernel (RTMR1) and its command line and initial file system (RTMR2) anyone's
/// system would do. RTMR0 is optional: it changes with the size of the machine.
fn check_registers(root: &Table<'_>) -> Result<(), PolicyError> {
    let Some(table) = root.get("tdx") else { return Ok(()) };
    for entry in table.table("`[tdx]`")?.tables("reference", "`[[tdx.reference]]`")? {
        entry.need("rtmr1", "the kernel; without it any would do under this firmware")?;
        entry.need(
            "rtmr2",
            "the kernel's command line and its initial file system; without it any would do",
        )?;
    }
    Ok(())
}
