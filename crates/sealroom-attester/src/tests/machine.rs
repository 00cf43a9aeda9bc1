//! Which attester a machine has.

use super::kernel::Kernel;
use crate::{ChooseError, Chosen, NAMES, azure, gramine, machine::Machine, tsm};
use sealroom_protocol::EvidenceKind;
use std::{fs, os::unix::net::UnixListener, sync::Arc};
use tempfile::TempDir;

const AZURE: &str = "7783-7084-3265-9085-8269-3286-77\n";

/// A machine with these files (a name that ends in `/` is a folder) and, below its configfs, this driver.
struct Made {
    root: TempDir,
    kernel: Arc<Kernel>,
}

impl Made {
    fn new(provider: Option<&'static str>, files: &[(&str, &str)]) -> Self {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            match name.ends_with('/') {
                true => fs::create_dir_all(path).unwrap(),
                false => fs::write(path, text).unwrap(),
            }
        }
        let kernel = Kernel::below(root.path(), provider).shared();
        Self { root, kernel }
    }

    fn choose(&self, name: &str) -> Result<Chosen, ChooseError> {
        Machine::at(self.root.path(), self.kernel.clone(), "http://127.0.0.1:9").choose(name)
    }

    fn auto(&self) -> (EvidenceKind, String) {
        let chosen = self.choose("auto").unwrap();
        (chosen.attester.kind(), chosen.why)
    }

    fn hardware_that_failed(&self) -> String {
        match self.choose("auto") {
            Err(ChooseError::Failed { hardware, .. }) => hardware,
            Err(error) => panic!("{error}"),
            Ok(chosen) => panic!("took {}: {}", chosen.attester.description(), chosen.why),
        }
    }
}

fn configfs() -> (String, &'static str) {
    (format!("{}/", tsm::FOLDER), "")
}

fn with_configfs(provider: Option<&'static str>, files: &[(&str, &str)]) -> Made {
    let (name, text) = configfs();
    Made::new(provider, &[files, &[(name.as_str(), text)]].concat())
}

fn enclave(attestation_type: &str) -> (String, &str) {
    (format!("{}/attestation_type", gramine::FOLDER), attestation_type)
}

#[test]
fn a_machine_without_hardware_simulates() {
    let (kind, why) = Made::new(None, &[]).auto();
    assert_eq!(kind, EvidenceKind::Simulated);
    assert_eq!(why, "no hardware was found that vouches for programs");
}

#[test]
fn a_confidential_vm_vouches_as_what_it_is() {
    assert_eq!(with_configfs(Some("sev_guest"), &[]).auto().0, EvidenceKind::Snp);
    let (kind, why) = with_configfs(Some("tdx_guest"), &[("dev/tdx_guest", "")]).auto();
    assert_eq!((kind, why.as_str()), (EvidenceKind::Tdx, "this machine has configfs-tsm"));
}

#[test]
fn an_enclave_comes_before_all_else() {
    let (name, text) = enclave("dcap");
    let machine = with_configfs(Some("sev_guest"), &[(name.as_str(), text)]);
    assert_eq!(machine.auto().0, EvidenceKind::Sgx);
}

#[test]
fn configfs_without_a_driver_is_no_hardware() {
    assert_eq!(with_configfs(None, &[]).auto().0, EvidenceKind::Simulated);
    let closed = with_configfs(Some("sev_guest"), &[]);
    closed.kernel.look().may_make = false;
    let (kind, why) = closed.auto();
    assert_eq!(kind, EvidenceKind::Simulated);
    assert!(why.ends_with("; configfs-tsm could not be looked into"), "{why}");
}

#[test]
fn hardware_that_fails_is_never_taken_for_none() {
    let (name, text) = enclave("none");
    let machine = with_configfs(Some("sev_guest"), &[(name.as_str(), text)]);
    assert_eq!(machine.hardware_that_failed(), "Gramine's attestation");
    // A driver's device, and a folder that does not serve.
    for device in ["dev/sev-guest", "dev/tdx_guest"] {
        let machine = with_configfs(None, &[(device, "")]);
        assert_eq!(machine.hardware_that_failed(), "configfs-tsm");
        let machine = with_configfs(Some("tdx_guest"), &[(device, "")]);
        machine.kernel.look().may_make = false;
        assert_eq!(machine.hardware_that_failed(), "configfs-tsm");
        let error = Made::new(None, &[(device, "")]).choose("auto").err().unwrap();
        assert!(matches!(error, ChooseError::NoWay { .. }), "{error}");
    }
    let machine = with_configfs(Some("arm_cca_guest"), &[]);
    assert_eq!(machine.hardware_that_failed(), "configfs-tsm");
    // It can't be talked to, and the chassis is of Azure.
    let machine =
        Made::new(None, &[(azure::TPM, ""), ("sys/class/dmi/id/chassis_asset_tag", AZURE)]);
    assert_eq!(machine.hardware_that_failed(), "Azure's virtual TPM");
    // `simulated` has to be asked for by name.
    let machine = with_configfs(None, &[("dev/sev-guest", "")]);
    assert_eq!(machine.choose("simulated").unwrap().attester.kind(), EvidenceKind::Simulated);
}

#[test]
fn a_tpm_that_says_nothing_is_anybodys() {
    let machine = Made::new(None, &[("dev/", "")]);
    let socket = UnixListener::bind(machine.root.path().join(azure::TPM)).unwrap();
    drop(socket);
    let (kind, why) = machine.auto();
    assert_eq!(kind, EvidenceKind::Simulated);
    assert!(why.ends_with("; a TPM could not be looked into"), "{why}");
}

#[test]
fn what_is_asked_for_by_name_is_taken_or_nothing() {
    let machine = with_configfs(Some("sev_guest"), &[]);
    for name in ["tsm", "snp"] {
        let chosen = machine.choose(name).unwrap();
        assert_eq!(chosen.attester.kind(), EvidenceKind::Snp);
        assert_eq!(chosen.why, format!("`{name}` was asked for"));
    }
    let error = machine.choose("tdx").err().unwrap();
    let (found, wanted) = (EvidenceKind::Snp, EvidenceKind::Tdx);
    assert!(
        matches!(&error, ChooseError::OtherHardware { found: f, wanted: w } if (*f, *w) == (found, wanted))
    );
    for name in ["gramine", "azure"] {
        let error = machine.choose(name).err().unwrap();
        assert!(matches!(&error, ChooseError::Unusable(of, _) if of == name), "{error}");
    }
    let error = machine.choose("sgx").err().unwrap();
    assert_eq!(
        error.to_string(),
        "there is no attester `sgx`; there are auto, tsm, snp, tdx, gramine, azure, simulated"
    );
    for name in NAMES {
        assert!(!matches!(machine.choose(name), Err(ChooseError::Unknown(_))), "{name}");
    }
}
