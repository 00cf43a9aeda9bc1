//! What the paravisor says: JSON with its keys (RFC 7517) and how the virtual machine is set up.

use crate::{Request, Rule, judging::Findings, tpm::key::AttestationKey};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};
use std::fmt;

/// The key that signs for the virtual TPM.
const ATTESTATION_KEY: &str = "HCLAkPub";
const CONFIGURATION: &str = "vm-configuration";
const SECURE_BOOT: &str = "secure-boot";
const TPM: &str = "tpm-enabled";
const CONSOLES: [&str; 2] = ["console-enabled", "interactive-console-enabled"];
const VPCI: &str = "filtered-vpci-devices-allowed";
/// Those that are switches. Whatever else is true or false might open something that nobody here knows of.
const SWITCHES: [&str; 6] = [CONSOLES[0], CONSOLES[1], VPCI, SECURE_BOOT, TPM, "tpm-persisted"];
/// Those that tell, and open nothing.
const TELLING: [&str; 3] = ["current-time", "root-cert-thumbprint", "vmUniqueId"];

/// The runtime data.
pub(super) struct Runtime(Map<String, Value>);

impl Runtime {
    /// Reads it; names that come twice are refused, at any depth.
    pub(super) fn parse(json: &[u8]) -> Result<Self, serde_json::Error> {
        match serde_json::from_slice(json)? {
            Strict(Value::Object(members)) => Ok(Self(members)),
            _ => Err(de::Error::custom("it is no object")),
        }
    }

    /// The attestation key, if there is exactly one and it can sign.
    pub(super) fn check_key(&self, found: &mut Findings) -> Option<AttestationKey> {
        match self.key() {
            Ok(key) => {
                let text =
                    format!("the runtime data names the key that signs, `{ATTESTATION_KEY}`");
                found.passed(Rule::AttestationKey, text);
                Some(key)
            }
            Err(text) => {
                let text = format!("`{ATTESTATION_KEY}` in the runtime data: {text}");
                found.failed(Rule::AttestationKey, text);
                None
            }
        }
    }

    fn key(&self) -> Result<AttestationKey, &'static str> {
        let keys =
            self.0.get("keys").and_then(Value::as_array).ok_or("there is no list of keys")?;
        let mut named = keys.iter().filter(|key| text(key, "kid") == Some(ATTESTATION_KEY));
        let key = named.next().ok_or("there is no such key")?;
        if named.next().is_some() {
            return Err("there are several keys of that name");
        }
        if text(key, "kty") != Some("RSA") {
            return Err("its type (`kty`) is not RSA");
        }
        let uses = key.get("key_ops").and_then(Value::as_array).ok_or("its use is not said")?;
        if uses.as_slice() != ["sign"] {
            return Err("it is not for signing alone (`key_ops`)");
        }
        let number = |name| {
            let bytes = text(key, name).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
            // RFC 7518, 6.3.1: without zeros in front.
            bytes.filter(|bytes| bytes.first().is_some_and(|first| *first != 0))
        };
        let n = number("n").ok_or("its modulus (`n`) can't be read")?;
        let e = number("e").ok_or("its exponent (`e`) can't be read")?;
        Ok(AttestationKey::Rsa { n, e })
    }

    /// How the virtual machine is set up.
    pub(super) fn check_configuration(&self, request: &Request<'_>, found: &mut Findings) {
        let Some(set) = self.0.get(CONFIGURATION).and_then(Value::as_object) else {
            let text = "the runtime data does not say how the machine is set up";
            return found.failed(Rule::VmConfiguration, text);
        };
        found.field("vm_configuration", set.clone());
        let before = found.checks.len();
        for (name, value) in set {
            let known = if SWITCHES.contains(&name.as_str()) {
                value.is_boolean()
            } else {
                TELLING.contains(&name.as_str()) && (value.is_string() || value.is_u64())
            };
            if !known {
                let text = format!("`{name}` is {value}, which this version does not know");
                found.failed(Rule::VmConfiguration, text);
            }
        }
        let on = |name| set.get(name).and_then(Value::as_bool);
        for needed in [SECURE_BOOT, CONSOLES[0], TPM] {
            if !set.contains_key(needed) {
                found.failed(Rule::VmConfiguration, format!("`{needed}` is not said"));
            }
        }
        if on(TPM) == Some(false) {
            let text =
                "the paravisor says that there is no virtual TPM, the evidence has a quote of one";
            found.failed(Rule::VmConfiguration, text);
        }
        if found.checks.len() > before {
            return;
        }
        let secure = on(SECURE_BOOT) == Some(true);
        let console = CONSOLES.into_iter().any(|name| on(name) == Some(true));
        let devices = on(VPCI) == Some(true);
        let summary = format!(
            "secure boot is {}, the console is {}, devices of the host are {}",
            on_off(secure),
            on_off(console),
            on_off(devices)
        );
        let Some(policy) = request.policy().map(|policy| &policy.azure) else {
            let text = format!("whether this set-up is accepted is not known here: {summary}");
            return found.open(Rule::VmConfiguration, text);
        };
        for (wrong, text) in [
            (policy.require_secure_boot && !secure, "secure boot is off"),
            (console && !policy.allow_console, "a console of the host's is on"),
            (devices && !policy.allow_vpci_devices, "devices of the host are passed on"),
        ] {
            if wrong {
                found.failed(Rule::VmConfiguration, text);
            }
        }
        if found.checks.len() == before {
            found.passed(Rule::VmConfiguration, summary);
        }
    }
}

const fn on_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

fn text<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.get(name).and_then(Value::as_str)
}

/// JSON in which no name comes twice: two readers could take different ones. (serde_json takes the last.)
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Strict(item)) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some((name, Strict(value))) = map.next_entry::<String, Strict>()? {
            if members.contains_key(&name) {
                return Err(de::Error::custom(format!("`{name}` is there twice")));
            }
            members.insert(name, value);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests;
