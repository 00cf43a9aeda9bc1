//! What uv and pip get of this machine's environment: the ways to the index, and the caches.

use std::ffi::OsString;

/// The settings of pip that say from where and how it fetches. Others could make it do something else than it is told.
const OF_PIP: [&str; 16] = [
    "PIP_CACHE_DIR",
    "PIP_CERT",
    "PIP_CLIENT_CERT",
    "PIP_CONFIG_FILE",
    "PIP_DEFAULT_TIMEOUT",
    "PIP_DISABLE_PIP_VERSION_CHECK",
    "PIP_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS",
    "PIP_INDEX_URL",
    "PIP_KEYRING_PROVIDER",
    "PIP_NO_CACHE_DIR",
    "PIP_NO_INDEX",
    "PIP_PROXY",
    "PIP_RETRIES",
    "PIP_TIMEOUT",
    "PIP_TRUSTED_HOST",
];
/// The settings of uv that would make it do something else than it is told.
const NOT_OF_UV: [&str; 8] = [
    "UV_CUSTOM_COMPILE_COMMAND",
    "UV_NO_BUILD_ISOLATION",
    "UV_PROJECT",
    "UV_PYTHON",
    "UV_PYTHON_DOWNLOADS",
    "UV_SYSTEM_PYTHON",
    "UV_WORKING_DIR",
    "UV_WORKING_DIRECTORY",
];
const OTHERS: [&str; 17] = [
    "ALL_PROXY",
    "CURL_CA_BUNDLE",
    "HOME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NETRC",
    "NO_PROXY",
    "PATH",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "SSL_CLIENT_CERT",
    "USER",
    "all_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// What stays of an environment: the ways to the index and the caches, and nothing else.
pub(crate) fn kept(all: impl Iterator<Item = (OsString, OsString)>) -> Vec<(OsString, OsString)> {
    let is_kept = |name: &str| {
        OTHERS.contains(&name)
            || OF_PIP.contains(&name)
            || name.starts_with("XDG_")
            || (name.starts_with("UV_") && !NOT_OF_UV.contains(&name))
    };
    let mut kept: Vec<_> = all.filter(|(name, _)| name.to_str().is_some_and(is_kept)).collect();
    let has = |kept: &[(OsString, OsString)], names: &[&str]| {
        kept.iter().any(|(name, _)| names.iter().any(|n| name == n))
    };
    // uv does not know pip's variables. Who has set only those means both.
    for (of_pip, of_uv, instead) in [
        ("PIP_INDEX_URL", "UV_INDEX_URL", &["UV_INDEX_URL", "UV_DEFAULT_INDEX"][..]),
        ("PIP_EXTRA_INDEX_URL", "UV_EXTRA_INDEX_URL", &["UV_EXTRA_INDEX_URL", "UV_INDEX"][..]),
        ("PIP_CERT", "SSL_CERT_FILE", &["SSL_CERT_FILE", "SSL_CERT_DIR"][..]),
    ] {
        let value = kept.iter().find(|(name, _)| name == of_pip).map(|(_, value)| value.clone());
        if let Some(value) = value.filter(|_| !has(&kept, instead)) {
            kept.push((of_uv.into(), value));
        }
    }
    // Texts are looked through for known words.
    kept.push(("LC_ALL".into(), "C.UTF-8".into()));
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept_of(all: &[(&str, &str)]) -> Vec<(String, String)> {
        let all = all.iter().map(|(name, value)| (name.into(), value.into()));
        let text = |text: OsString| text.into_string().unwrap();
        kept(all).into_iter().map(|(name, value)| (text(name), text(value))).collect()
    }

    #[test]
    fn tools_see_only_what_they_need() {
        let names = ["PATH", "UV_INDEX_URL", "XDG_CACHE_HOME", "PIP_CERT", "NETRC", "https_proxy"];
        for name in names {
            assert!(kept_of(&[(name, "x")]).contains(&(name.to_owned(), "x".to_owned())), "{name}");
        }
        for name in
            ["SEALROOM_TOKEN", "AWS_SECRET", "PYTHONPATH", "PIP_TARGET", "UV_PYTHON", "LD_PRELOAD"]
        {
            assert!(kept_of(&[(name, "x")]).iter().all(|(kept, _)| kept != name), "{name}");
        }
    }

    #[test]
    fn an_index_that_only_pip_knows_is_told_to_uv() {
        let uv = |all: &[(&str, &str)]| {
            let of_uv = |(name, _): &(String, String)| name == "UV_INDEX_URL";
            kept_of(all).into_iter().find(of_uv).map(|(_, value)| value)
        };
        assert_eq!(uv(&[("PIP_INDEX_URL", "a")]).as_deref(), Some("a"));
        assert_eq!(uv(&[("PIP_INDEX_URL", "a"), ("UV_INDEX_URL", "b")]).as_deref(), Some("b"));
        assert_eq!(uv(&[("PIP_INDEX_URL", "a"), ("UV_DEFAULT_INDEX", "b")]), None);
    }
}
