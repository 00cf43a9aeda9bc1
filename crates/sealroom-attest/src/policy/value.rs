//! A policy as JSON, with the keys of the file: for programs, and to compare policies with.

use super::{
    DcapPolicy, PcrReference, Policy, SgxReference, SnpPolicy, SnpReference, TdxPolicy,
    TdxReference,
};
use sealroom_protocol::EvidenceKind;
use serde_json::{Map, Value, json};

impl Policy {
    /// All that the policy says about what it accepts, base included, with the keys of the file and without `base`. A
    /// list that would be empty is left out, as the file wants it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        use EvidenceKind::{AzureSnp, AzureTdx, Sgx, Snp, Tdx, Tpm};
        let accepts = |kinds: &[EvidenceKind]| kinds.iter().any(|kind| self.accept.contains(kind));
        let mut out = Map::new();
        out.insert("version".to_owned(), json!(1));
        out.insert("name".to_owned(), json!(self.name));
        list(&mut out, "accept", self.accept.iter().map(|kind| json!(kind.to_string())));
        if accepts(&[Sgx]) {
            let mut table = dcap(&self.sgx.tcb);
            list(&mut table, "reference", self.sgx.references.iter().map(sgx_reference));
            out.insert("sgx".to_owned(), table.into());
        }
        if accepts(&[Tdx, AzureTdx]) {
            out.insert("tdx".to_owned(), tdx(&self.tdx).into());
        }
        if accepts(&[Snp, AzureSnp]) {
            out.insert("snp".to_owned(), snp(&self.snp).into());
        }
        if accepts(&[AzureTdx, AzureSnp]) {
            let mut table = Map::new();
            table.insert("require_secure_boot".to_owned(), json!(self.azure.require_secure_boot));
            table.insert("allow_console".to_owned(), json!(self.azure.allow_console));
            table.insert("allow_vpci_devices".to_owned(), json!(self.azure.allow_vpci_devices));
            list(&mut table, "reference", self.azure.references.iter().map(registers));
            out.insert("azure".to_owned(), table.into());
        }
        if accepts(&[Tpm]) {
            let mut table = Map::new();
            let keys = self.tpm.attestation_keys.iter().map(|key| json!(hex::encode(key)));
            list(&mut table, "attestation_keys", keys);
            list(&mut table, "reference", self.tpm.references.iter().map(registers));
            out.insert("tpm".to_owned(), table.into());
        }
        let mut table = Map::new();
        list(&mut table, "allow", self.platforms.allow.iter().flatten().map(|id| json!(id)));
        list(&mut table, "deny", self.platforms.deny.iter().map(|id| json!(id)));
        table.insert("require_allow".to_owned(), json!(self.platforms.require_allow));
        out.insert("platforms".to_owned(), table.into());
        out.into()
    }
}

fn list(table: &mut Map<String, Value>, key: &str, values: impl Iterator<Item = Value>) {
    let values: Vec<Value> = values.collect();
    if !values.is_empty() {
        table.insert(key.to_owned(), values.into());
    }
}

fn hexadecimal(table: &mut Map<String, Value>, key: &str, bytes: Option<impl AsRef<[u8]>>) {
    table.extend(bytes.map(|bytes| (key.to_owned(), json!(hex::encode(bytes)))));
}

fn dcap(tcb: &DcapPolicy) -> Map<String, Value> {
    let mut table = Map::new();
    list(&mut table, "status", tcb.statuses.iter().map(|status| json!(status.name())));
    table.insert("grace_days".to_owned(), json!(tcb.grace_days));
    table.insert("min_evaluation_data_number".to_owned(), json!(tcb.min_evaluation_data_number));
    list(&mut table, "deny_advisories", tcb.deny_advisories.iter().map(|name| json!(name)));
    table.insert("allow_smt".to_owned(), json!(tcb.allow_smt));
    table.insert("allow_dynamic_platform".to_owned(), json!(tcb.allow_dynamic_platform));
    table.insert("allow_cached_keys".to_owned(), json!(tcb.allow_cached_keys));
    table
}

fn sgx_reference(reference: &SgxReference) -> Value {
    match reference {
        SgxReference::Enclave { mrenclave } => json!({"mrenclave": hex::encode(mrenclave)}),
        SgxReference::Signer { mrsigner, isv_prod_id, min_isv_svn } => json!({
            "mrsigner": hex::encode(mrsigner),
            "isv_prod_id": isv_prod_id,
            "min_isv_svn": min_isv_svn,
        }),
    }
}

fn tdx(policy: &TdxPolicy) -> Map<String, Value> {
    let mut table = dcap(&policy.tcb);
    table.insert("allow_relaunch_advised".to_owned(), json!(policy.allow_relaunch_advised));
    list(&mut table, "service_tds", policy.service_tds.iter().map(|td| json!(hex::encode(td))));
    table.insert("xfam_allowed".to_owned(), json!(policy.xfam_allowed));
    list(&mut table, "reference", policy.references.iter().map(tdx_reference));
    table
}

fn tdx_reference(reference: &TdxReference) -> Value {
    let TdxReference { mrtd, rtmr, mr_config_id, mr_owner, mr_owner_config, mr_seam } = reference;
    let mut table = Map::new();
    hexadecimal(&mut table, "mrtd", *mrtd);
    for (key, value) in ["rtmr0", "rtmr1", "rtmr2", "rtmr3"].into_iter().zip(rtmr) {
        hexadecimal(&mut table, key, *value);
    }
    hexadecimal(&mut table, "mr_config_id", *mr_config_id);
    hexadecimal(&mut table, "mr_owner", *mr_owner);
    hexadecimal(&mut table, "mr_owner_config", *mr_owner_config);
    hexadecimal(&mut table, "mr_seam", *mr_seam);
    table.into()
}

fn snp(policy: &SnpPolicy) -> Map<String, Value> {
    let mut products = Map::new();
    for (product, least) in &policy.products {
        let mut table = Map::new();
        if *product == sealroom_evidence::snp::Product::Turin {
            table.insert("fmc".to_owned(), json!(least.fmc));
        }
        table.insert("bootloader".to_owned(), json!(least.bootloader));
        table.insert("tee".to_owned(), json!(least.tee));
        table.insert("snp".to_owned(), json!(least.snp));
        table.insert("microcode".to_owned(), json!(least.microcode));
        products.insert(product.name().to_owned(), table.into());
    }
    let flags = json!({
        "products": products,
        "max_vmpl": policy.max_vmpl,
        "min_guest_svn": policy.min_guest_svn,
        "allow_vlek": policy.allow_vlek,
        "allow_smt": policy.allow_smt,
        "require_alias_check": policy.require_alias_check,
        "require_ciphertext_hiding": policy.require_ciphertext_hiding,
        "require_rapl_disabled": policy.require_rapl_disabled,
        "require_ecc": policy.require_ecc,
        "require_tsme": policy.require_tsme,
        "require_single_socket": policy.require_single_socket,
        "allow_cxl": policy.allow_cxl,
        "require_crl": policy.require_crl,
    });
    let mut table = Map::new();
    table.extend(flags.as_object().cloned().unwrap_or_default());
    list(&mut table, "reference", policy.references.iter().map(snp_reference));
    table
}

fn snp_reference(reference: &SnpReference) -> Value {
    let SnpReference { measurement, host_data, id_key_digest, author_key_digest } = reference;
    let mut table = Map::new();
    hexadecimal(&mut table, "measurement", Some(measurement));
    hexadecimal(&mut table, "host_data", *host_data);
    hexadecimal(&mut table, "id_key_digest", *id_key_digest);
    hexadecimal(&mut table, "author_key_digest", *author_key_digest);
    table.into()
}

fn registers(reference: &PcrReference) -> Value {
    let one =
        |(number, value): (&u8, &[u8; 32])| (format!("pcr{number}"), json!(hex::encode(value)));
    reference.0.iter().map(one).collect::<Map<_, _>>().into()
}
