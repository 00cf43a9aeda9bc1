//! The bill of materials of an environment: CycloneDX 1.6, in JSON.
//!
//! A function of the manifest's environment alone, so that anybody who has the manifest makes the same bytes; a receipt
//! names their SHA-256. It lists what the manifest lists, for tools that read such documents.

use sealroom_protocol::{
    Digest,
    manifest::{EnvironmentPart, PackagePart},
    package::Requester,
};
use serde_cyclonedx::cyclonedx::v_1_6::{
    Component, ComponentBuilder, CycloneDxBuilder, Dependency, Hash, HashAlg, License,
    LicenseChoiceUrl, LicenseChoiceUrlVariant0ItemUrl, Metadata, Property,
};
use std::collections::BTreeMap;

/// The document.
///
/// # Panics
/// Never: all that it needs is there.
#[must_use]
pub fn cyclonedx(environment: &EnvironmentPart) -> Vec<u8> {
    let root = format!("sealroom:runtime/{}", environment.profile);
    let python = format!("pkg:generic/cpython@{}", environment.python);
    let main = ComponentBuilder::default()
        .type_("application")
        .name(format!("runtime {}", environment.profile))
        .bom_ref(root.clone())
        .properties(properties(environment))
        .build()
        .expect("a component has a type and a name");
    let interpreter = ComponentBuilder::default()
        .type_("platform")
        .name("cpython")
        .version(environment.python.clone())
        .purl(python.clone())
        .bom_ref(python.clone())
        .build()
        .expect("a component has a type and a name");
    let packages = environment.packages.iter().map(component);
    let components: Vec<Component> = [interpreter].into_iter().chain(packages).collect();
    let document = CycloneDxBuilder::default()
        .bom_format("CycloneDX")
        .spec_version("1.6")
        .serial_number(serial_number(&environment.lock_sha256))
        .version(1)
        .metadata(Metadata { component: Some(main), ..Metadata::default() })
        .components(components)
        .dependencies(dependencies(environment, root, python))
        .build()
        .expect("a document has a format and a version");
    serde_json::to_vec_pretty(&document).expect("the document is JSON")
}

fn property(name: &str, value: impl Into<String>) -> Property {
    Property { name: format!("sealroom:{name}"), value: Some(value.into()) }
}

fn properties(environment: &EnvironmentPart) -> Vec<Property> {
    let facts = [
        property("lock_sha256", environment.lock_sha256.to_string()),
        property("platform", environment.platform.clone()),
    ];
    let variables = environment.variables.iter();
    let variables = variables.map(|(name, value)| property(&format!("variable:{name}"), value));
    facts.into_iter().chain(variables).collect()
}

/// The document's own name: the lock's digest as a UUID of version 8 (RFC 9562, section 5.8).
fn serial_number(lock: &Digest) -> String {
    let mut hex: Vec<char> = lock.to_string().chars().take(32).collect();
    hex[12] = '8';
    hex[16] = 'a';
    let part = |from: usize, to: usize| hex[from..to].iter().collect::<String>();
    format!(
        "urn:uuid:{}-{}-{}-{}-{}",
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32)
    )
}

/// The package URL of a package of PyPI's form.
fn purl(package: &PackagePart) -> String {
    let version = package.version.as_str().replace('+', "%2B").replace('!', "%21");
    format!("pkg:pypi/{}@{version}", package.name)
}

fn component(package: &PackagePart) -> Component {
    let mut properties = vec![property("file", package.file.as_str())];
    properties.extend(package.built_from.iter().flat_map(|source| {
        [
            property("built_from", source.file.as_str()),
            property("built_from_sha256", source.sha256.to_string()),
        ]
    }));
    let hash = Hash { alg: HashAlg::Sha256, content: package.sha256.to_string() };
    let mut component = ComponentBuilder::default()
        .type_("library")
        .name(package.name.as_str())
        .version(package.version.as_str())
        .purl(purl(package))
        .bom_ref(purl(package))
        .hashes(vec![hash])
        .properties(properties)
        .build()
        .expect("a component has a type and a name");
    component.licenses = package.license.as_ref().map(|name| {
        // By the package's own word: an SPDX expression, or any other text.
        let license = License { name: Some(name.clone()), ..License::default() };
        LicenseChoiceUrl::Variant0(vec![LicenseChoiceUrlVariant0ItemUrl { license }])
    });
    component
}

fn dependencies(environment: &EnvironmentPart, root: String, python: String) -> Vec<Dependency> {
    let mut needs: BTreeMap<String, Vec<String>> = BTreeMap::new();
    needs.insert(root.clone(), vec![python.clone()]);
    needs.insert(python, vec![]);
    for package in &environment.packages {
        needs.entry(purl(package)).or_default();
        for requester in &package.via {
            let by = match requester {
                Requester::Code | Requester::Runtime => Some(root.clone()),
                Requester::Package(name) => environment.package(name).map(purl),
            };
            if let Some(by) = by {
                let list = needs.entry(by).or_default();
                if !list.contains(&purl(package)) {
                    list.push(purl(package));
                }
            }
        }
    }
    let dependency = |(ref_, depends_on): (String, Vec<String>)| Dependency {
        depends_on: (!depends_on.is_empty()).then_some(depends_on),
        provides: None,
        ref_,
    };
    needs.into_iter().map(dependency).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn the_same_environment_gives_the_same_document() {
        let package = PackagePart {
            name: "b".parse().unwrap(),
            version: "1.0+cpu".parse().unwrap(),
            license: Some("MIT".to_owned()),
            file: "b-1.0+cpu-py3-none-any.whl".parse().unwrap(),
            size: 1,
            sha256: Digest::of(b"b"),
            built_from: None,
            of_profile: true,
            via: [Requester::Runtime].into(),
        };
        let other = PackagePart {
            name: "c".parse().unwrap(),
            via: [Requester::Package("b".parse().unwrap())].into(),
            ..package.clone()
        };
        let packages = vec![package, other];
        let environment = EnvironmentPart {
            profile: "default".parse().unwrap(),
            python: "3.13.0".to_owned(),
            platform: "linux_x86_64".to_owned(),
            variables: [("A".to_owned(), "b".to_owned())].into(),
            lock_sha256: EnvironmentPart::digest_of(&packages),
            packages,
        };
        let bytes = cyclonedx(&environment);
        assert_eq!(bytes, cyclonedx(&environment));
        let document: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(document["components"][1]["purl"], "pkg:pypi/b@1.0%2Bcpu");
        assert_eq!(document["components"][1]["hashes"][0]["content"], Digest::of(b"b").to_string());
        let needs = document["dependencies"].as_array().unwrap();
        let of =
            |name: &str| needs.iter().find(|d| d["ref"] == *name).unwrap()["dependsOn"].clone();
        assert_eq!(of("pkg:pypi/b@1.0%2Bcpu"), serde_json::json!(["pkg:pypi/c@1.0%2Bcpu"]));
        assert_eq!(of("sealroom:runtime/default").as_array().unwrap().len(), 2);
        let mut changed = environment.clone();
        changed.packages[0].sha256 = Digest::of(b"other");
        changed.lock_sha256 = EnvironmentPart::digest_of(&changed.packages);
        assert_ne!(cyclonedx(&changed), bytes);
    }
}
