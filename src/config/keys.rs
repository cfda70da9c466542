//! Every setting there is, what its values look like, and which environment variable sets it.

use crate::model::SourceKind;
use crate::model::record::Encoding;
use std::time::Duration;
use url::Url;

/// What a value must look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any text but the empty one.
    Text,
    /// `http://` or `https://` address without user and password.
    Url,
    /// `host:port,host:port`.
    Brokers,
    /// Whole number above zero.
    Count,
    /// Bytes: a number, or one with `KiB`, `MiB`, `GiB`.
    Bytes,
    /// `500ms`, `30s`, `15m`, `1h`, `2d`.
    Duration,
    /// Name of an environment variable that holds a secret.
    SecretName,
    /// Path of a file that holds a secret.
    SecretPath,
    /// A secret itself; never printed.
    Secret,
    /// Path of a file.
    Path,
    /// `true` or `false`.
    Flag,
    /// A program and its arguments, as a list of texts.
    Command,
    /// Address of a proxy, or `none`.
    Proxy,
    /// One of Kafka's names of a protection.
    Protocol,
    /// A SASL mechanism.
    Mechanism,
    /// A way into the terminal's clipboard.
    Clipboard,
    /// A key of the console, or a list of keys.
    Keys,
    /// How a header's number is written.
    Encoding,
    /// Which one of repeated headers is the newest.
    Newest,
}

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Dotted name; `*` stands for a name that the person chose. Those below `profile.*` exist once per profile.
    pub name: &'static str,
    /// What its values look like.
    pub kind: Kind,
    /// Environment variable that sets it; wins over the file.
    pub variable: Option<&'static str>,
}

const fn key(name: &'static str, kind: Kind, variable: Option<&'static str>) -> Key {
    Key { name, kind, variable }
}

/// All settings of the file and the environment.
pub const KEYS: &[Key] = &[
    key("default_profile", Kind::Text, Some("HOPSCOPE_PROFILE")),
    key("theme", Kind::Text, Some("HOPSCOPE_THEME")),
    key("ascii", Kind::Flag, None),
    key("clipboard", Kind::Clipboard, None),
    key("keys.preset", Kind::Text, None),
    key("keys.*", Kind::Keys, None),
    key("profile.*.jaeger.url", Kind::Url, Some("HOPSCOPE_JAEGER_URL")),
    key("profile.*.jaeger.tenant", Kind::Text, Some("HOPSCOPE_JAEGER_TENANT")),
    key("profile.*.jaeger.token_env", Kind::SecretName, None),
    key("profile.*.jaeger.token_file", Kind::SecretPath, Some("HOPSCOPE_JAEGER_TOKEN_FILE")),
    key("profile.*.jaeger.headers.*", Kind::Secret, None),
    key("profile.*.jaeger.token_command", Kind::Command, None),
    key("profile.*.jaeger.user", Kind::Text, None),
    key("profile.*.jaeger.password_env", Kind::SecretName, None),
    key("profile.*.jaeger.password_file", Kind::SecretPath, None),
    key("profile.*.jaeger.password_command", Kind::Command, None),
    key("profile.*.jaeger.ca_file", Kind::Path, None),
    key("profile.*.jaeger.client_cert", Kind::Path, None),
    key("profile.*.jaeger.client_key", Kind::Path, None),
    key("profile.*.jaeger.insecure", Kind::Flag, None),
    key("profile.*.jaeger.proxy", Kind::Proxy, None),
    key("profile.*.jaeger.no_proxy", Kind::Text, None),
    key("profile.*.jaeger.server_name", Kind::Text, None),
    key("profile.*.jaeger.allow_group", Kind::Flag, None),
    key("profile.*.jaeger.headers_command.*", Kind::Command, None),
    key("profile.*.jaeger.headers_file.*", Kind::SecretPath, None),
    key("profile.*.jaeger.headers_env.*", Kind::SecretName, None),
    key("profile.*.tempo.url", Kind::Url, Some("HOPSCOPE_TEMPO_URL")),
    key("profile.*.tempo.tenant", Kind::Text, Some("HOPSCOPE_TEMPO_TENANT")),
    key("profile.*.tempo.token_env", Kind::SecretName, None),
    key("profile.*.tempo.token_file", Kind::SecretPath, Some("HOPSCOPE_TEMPO_TOKEN_FILE")),
    key("profile.*.tempo.headers.*", Kind::Secret, None),
    key("profile.*.tempo.token_command", Kind::Command, None),
    key("profile.*.tempo.user", Kind::Text, None),
    key("profile.*.tempo.password_env", Kind::SecretName, None),
    key("profile.*.tempo.password_file", Kind::SecretPath, None),
    key("profile.*.tempo.password_command", Kind::Command, None),
    key("profile.*.tempo.ca_file", Kind::Path, None),
    key("profile.*.tempo.client_cert", Kind::Path, None),
    key("profile.*.tempo.client_key", Kind::Path, None),
    key("profile.*.tempo.insecure", Kind::Flag, None),
    key("profile.*.tempo.proxy", Kind::Proxy, None),
    key("profile.*.tempo.no_proxy", Kind::Text, None),
    key("profile.*.tempo.server_name", Kind::Text, None),
    key("profile.*.tempo.allow_group", Kind::Flag, None),
    key("profile.*.tempo.headers_command.*", Kind::Command, None),
    key("profile.*.tempo.headers_file.*", Kind::SecretPath, None),
    key("profile.*.tempo.headers_env.*", Kind::SecretName, None),
    key("profile.*.loki.url", Kind::Url, Some("HOPSCOPE_LOKI_URL")),
    key("profile.*.loki.tenant", Kind::Text, Some("HOPSCOPE_LOKI_TENANT")),
    key("profile.*.loki.token_env", Kind::SecretName, None),
    key("profile.*.loki.token_file", Kind::SecretPath, Some("HOPSCOPE_LOKI_TOKEN_FILE")),
    key("profile.*.loki.headers.*", Kind::Secret, None),
    key("profile.*.loki.token_command", Kind::Command, None),
    key("profile.*.loki.user", Kind::Text, None),
    key("profile.*.loki.password_env", Kind::SecretName, None),
    key("profile.*.loki.password_file", Kind::SecretPath, None),
    key("profile.*.loki.password_command", Kind::Command, None),
    key("profile.*.loki.ca_file", Kind::Path, None),
    key("profile.*.loki.client_cert", Kind::Path, None),
    key("profile.*.loki.client_key", Kind::Path, None),
    key("profile.*.loki.insecure", Kind::Flag, None),
    key("profile.*.loki.proxy", Kind::Proxy, None),
    key("profile.*.loki.no_proxy", Kind::Text, None),
    key("profile.*.loki.server_name", Kind::Text, None),
    key("profile.*.loki.allow_group", Kind::Flag, None),
    key("profile.*.loki.headers_command.*", Kind::Command, None),
    key("profile.*.loki.headers_file.*", Kind::SecretPath, None),
    key("profile.*.loki.headers_env.*", Kind::SecretName, None),
    key("profile.*.loki.selector", Kind::Text, None),
    key("profile.*.grafana.url", Kind::Url, Some("HOPSCOPE_GRAFANA_URL")),
    key("profile.*.grafana.token_env", Kind::SecretName, None),
    key("profile.*.grafana.token_file", Kind::SecretPath, Some("HOPSCOPE_GRAFANA_TOKEN_FILE")),
    key("profile.*.grafana.headers.*", Kind::Secret, None),
    key("profile.*.grafana.token_command", Kind::Command, None),
    key("profile.*.grafana.user", Kind::Text, None),
    key("profile.*.grafana.password_env", Kind::SecretName, None),
    key("profile.*.grafana.password_file", Kind::SecretPath, None),
    key("profile.*.grafana.password_command", Kind::Command, None),
    key("profile.*.grafana.ca_file", Kind::Path, None),
    key("profile.*.grafana.client_cert", Kind::Path, None),
    key("profile.*.grafana.client_key", Kind::Path, None),
    key("profile.*.grafana.insecure", Kind::Flag, None),
    key("profile.*.grafana.proxy", Kind::Proxy, None),
    key("profile.*.grafana.no_proxy", Kind::Text, None),
    key("profile.*.grafana.server_name", Kind::Text, None),
    key("profile.*.grafana.allow_group", Kind::Flag, None),
    key("profile.*.grafana.headers_command.*", Kind::Command, None),
    key("profile.*.grafana.headers_file.*", Kind::SecretPath, None),
    key("profile.*.grafana.headers_env.*", Kind::SecretName, None),
    key("profile.*.grafana.org_id", Kind::Count, None),
    key("profile.*.grafana.jaeger_uid", Kind::Text, None),
    key("profile.*.grafana.tempo_uid", Kind::Text, None),
    key("profile.*.grafana.loki_uid", Kind::Text, None),
    key("profile.*.kafka.bootstrap", Kind::Brokers, Some("HOPSCOPE_KAFKA")),
    key("profile.*.kafka.properties_file", Kind::Path, Some("HOPSCOPE_KAFKA_PROPERTIES")),
    key("profile.*.kafka.security_protocol", Kind::Protocol, None),
    key("profile.*.kafka.sasl_mechanism", Kind::Mechanism, None),
    key("profile.*.kafka.user", Kind::Text, None),
    key("profile.*.kafka.password_env", Kind::SecretName, None),
    key("profile.*.kafka.password_file", Kind::SecretPath, None),
    key("profile.*.kafka.password_command", Kind::Command, None),
    key("profile.*.kafka.token_env", Kind::SecretName, None),
    key("profile.*.kafka.token_file", Kind::SecretPath, None),
    key("profile.*.kafka.token_command", Kind::Command, None),
    key("profile.*.kafka.ca_file", Kind::Path, None),
    key("profile.*.kafka.client_cert", Kind::Path, None),
    key("profile.*.kafka.client_key", Kind::Path, None),
    key("profile.*.kafka.insecure", Kind::Flag, None),
    key("profile.*.kafka.server_name", Kind::Text, None),
    key("profile.*.kafka.proxy", Kind::Proxy, None),
    key("profile.*.kafka.allow_group", Kind::Flag, None),
    key("profile.*.kafka.oidc_token_endpoint", Kind::Url, None),
    key("profile.*.kafka.oidc_client_id", Kind::Text, None),
    key("profile.*.kafka.oidc_client_secret_env", Kind::SecretName, None),
    key("profile.*.kafka.oidc_client_secret_file", Kind::SecretPath, None),
    key("profile.*.kafka.oidc_client_secret_command", Kind::Command, None),
    key("profile.*.kafka.oidc_scope", Kind::Text, None),
    key("profile.*.kafka.oidc_ca_file", Kind::Path, None),
    key("profile.*.kafka.aws_region", Kind::Text, None),
    key("profile.*.kafka.aws_profile", Kind::Text, None),
    key("profile.*.kafka.aws_credentials_command", Kind::Command, None),
    key("profile.*.kafka_rest.url", Kind::Url, Some("HOPSCOPE_KAFKA_REST_URL")),
    key("profile.*.kafka_rest.cluster", Kind::Text, None),
    key("profile.*.kafka_rest.token_env", Kind::SecretName, None),
    key("profile.*.kafka_rest.token_file", Kind::SecretPath, None),
    key("profile.*.kafka_rest.token_command", Kind::Command, None),
    key("profile.*.kafka_rest.user", Kind::Text, None),
    key("profile.*.kafka_rest.password_env", Kind::SecretName, None),
    key("profile.*.kafka_rest.password_file", Kind::SecretPath, None),
    key("profile.*.kafka_rest.password_command", Kind::Command, None),
    key("profile.*.kafka_rest.headers.*", Kind::Secret, None),
    key("profile.*.kafka_rest.ca_file", Kind::Path, None),
    key("profile.*.kafka_rest.client_cert", Kind::Path, None),
    key("profile.*.kafka_rest.client_key", Kind::Path, None),
    key("profile.*.kafka_rest.insecure", Kind::Flag, None),
    key("profile.*.kafka_rest.proxy", Kind::Proxy, None),
    key("profile.*.kafka_rest.no_proxy", Kind::Text, None),
    key("profile.*.kafka_rest.server_name", Kind::Text, None),
    key("profile.*.kafka_rest.allow_group", Kind::Flag, None),
    key("profile.*.kafka_rest.headers_command.*", Kind::Command, None),
    key("profile.*.kafka_rest.headers_file.*", Kind::SecretPath, None),
    key("profile.*.kafka_rest.headers_env.*", Kind::SecretName, None),
    key("profile.*.headers.original_topic", Kind::Text, None),
    key("profile.*.headers.original_partition", Kind::Text, None),
    key("profile.*.headers.original_partition_as", Kind::Encoding, None),
    key("profile.*.headers.original_offset", Kind::Text, None),
    key("profile.*.headers.original_offset_as", Kind::Encoding, None),
    key("profile.*.headers.attempt", Kind::Text, None),
    key("profile.*.headers.attempt_as", Kind::Encoding, None),
    key("profile.*.headers.group", Kind::Text, None),
    key("profile.*.headers.message_id", Kind::Text, None),
    key("profile.*.headers.correlation_id", Kind::Text, None),
    key("profile.*.headers.newest", Kind::Newest, None),
    key("limits.requests", Kind::Count, None),
    key("limits.bytes", Kind::Bytes, None),
    key("limits.rows", Kind::Count, None),
    key("limits.at_once", Kind::Count, None),
    key("limits.scan", Kind::Bytes, None),
    key("limits.request_timeout", Kind::Duration, Some("HOPSCOPE_REQUEST_TIMEOUT")),
    key("limits.timeout", Kind::Duration, Some("HOPSCOPE_TIMEOUT")),
    key("limits.*.requests", Kind::Count, None),
    key("limits.*.bytes", Kind::Bytes, None),
    key("limits.*.rows", Kind::Count, None),
    key("limits.*.at_once", Kind::Count, None),
    key("limits.*.request_timeout", Kind::Duration, None),
    key("limits.*.timeout", Kind::Duration, None),
    key("profile.*.limits.requests", Kind::Count, None),
    key("profile.*.limits.bytes", Kind::Bytes, None),
    key("profile.*.limits.rows", Kind::Count, None),
    key("profile.*.limits.at_once", Kind::Count, None),
    key("profile.*.limits.request_timeout", Kind::Duration, None),
    key("profile.*.limits.timeout", Kind::Duration, None),
    key("profile.*.limits.*.requests", Kind::Count, None),
    key("profile.*.limits.*.bytes", Kind::Bytes, None),
    key("profile.*.limits.*.rows", Kind::Count, None),
    key("profile.*.limits.*.at_once", Kind::Count, None),
    key("profile.*.limits.*.request_timeout", Kind::Duration, None),
    key("profile.*.limits.*.timeout", Kind::Duration, None),
];

/// Returns the setting of a dotted name as a file spells it.
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| {
        let mut pattern = key.name.split('.');
        // A header name may hold dots, so the last star takes the rest.
        let mut parts = name.splitn(key.name.split('.').count(), '.');
        let mut before = "";
        pattern.by_ref().zip(parts.by_ref()).all(|(want, is)| fits(std::mem::replace(&mut before, want), want, is))
            && pattern.next().is_none()
            && parts.next().is_none()
            && name.split('.').count() >= key.name.split('.').count()
    })
}

/// Says whether a part of a name fits a part of a pattern; below `limits` only the names of sources can be chosen.
fn fits(before: &str, want: &str, is: &str) -> bool {
    want == is || want == "*" && (before != "limits" || SourceKind::ALL.into_iter().any(|source| source.name() == is))
}

/// Returns the names that may stand below a table, for a mistake's remedy.
pub fn below(table: &str) -> Vec<&'static str> {
    let depth = if table.is_empty() { 0 } else { table.split('.').count() };
    let is_below = |key: &&Key| {
        let mut before = "";
        let mut pairs = key.name.split('.').zip(table.split('.')).take(depth);
        pairs.all(|(want, is)| fits(std::mem::replace(&mut before, want), want, is))
    };
    let mut names: Vec<&str> = KEYS.iter().filter(is_below).filter_map(|key| key.name.split('.').nth(depth)).collect();
    names.dedup();
    names
}

/// Says what is wrong with a value, and what to do.
pub fn check(kind: Kind, value: &str) -> Result<(), (String, &'static str)> {
    let shown = |what: &str| format!("`{value}` {what}");
    match kind {
        Kind::Text | Kind::SecretName | Kind::SecretPath | Kind::Path if value.trim().is_empty() => {
            Err(("the value is empty".into(), "write a value or remove the line"))
        }
        Kind::Text | Kind::SecretName | Kind::SecretPath | Kind::Path | Kind::Secret => Ok(()),
        Kind::Flag => match value {
            "true" | "false" => Ok(()),
            _ => Err((shown("is neither true nor false"), "write true or false")),
        },
        Kind::Command => match serde_json::from_str::<Vec<String>>(value) {
            Ok(words) if words.first().is_some_and(|program| !program.is_empty()) => Ok(()),
            // Somebody may have written the secret itself, so it is not repeated.
            _ => Err((
                "this is not a list of a program and its arguments".into(),
                "write it as [\"vault\", \"read\", \"...\"]",
            )),
        },
        Kind::Clipboard if ["auto", "osc52", "tmux", "screen", "file"].contains(&value) => Ok(()),
        Kind::Clipboard => Err((shown("is no way into a clipboard"), "write auto, osc52, tmux, screen or file")),
        Kind::Keys => match serde_json::from_str::<Vec<String>>(value) {
            Ok(keys) if !keys.is_empty() && keys.iter().all(|key| !key.is_empty()) => Ok(()),
            _ => Err(("there is no key".into(), "write a key as \"f\", a list as [\"f\", \"Ctrl-g\"], or \"none\"")),
        },
        Kind::Proxy => proxy(value).map(drop),
        Kind::Protocol if super::kafka::PROTOCOLS.iter().any(|one| one.eq_ignore_ascii_case(value)) => Ok(()),
        Kind::Protocol => Err((shown("is no security protocol"), "write PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL")),
        Kind::Mechanism => match super::kafka::Mechanism::named(value) {
            Some(_) => Ok(()),
            None => Err((
                shown("is not supported"),
                "write PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER or AWS_MSK_IAM",
            )),
        },
        Kind::Encoding => match Encoding::named(value) {
            Some(_) => Ok(()),
            None => Err((shown("is no way to write a number"), "write utf8, int32be, int64be or minimal")),
        },
        Kind::Newest => match value {
            "first" | "last" => Ok(()),
            _ => Err((shown("is neither first nor last"), "write last where new headers are appended, else first")),
        },
        Kind::Url => url(value).map(drop),
        Kind::Brokers => brokers(value).map(drop),
        Kind::Count => match value.parse::<u32>() {
            Ok(1..) => Ok(()),
            _ => Err((shown("is not a whole number above zero"), "write a number such as 120")),
        },
        Kind::Bytes => bytes(value).map(drop).ok_or_else(|| (shown("is not a size"), "write it as 64MiB or 1GiB")),
        Kind::Duration => duration(value)
            .map(drop)
            .ok_or_else(|| (shown("is not a duration"), "write it as 500ms, 30s, 15m, 1h or 2d")),
    }
}

/// Reads an address. Query and fragment are refused, and so are user and password, which would end up on screens.
pub fn url(value: &str) -> Result<Url, (String, &'static str)> {
    const FIX: &str = "write it as http://host:port or https://host/base";
    let url = Url::parse(value).map_err(|error| (format!("the address cannot be read ({error})"), FIX))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(("the address is not an http or https one".into(), FIX));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(("the address holds a user or a password".into(), "put the secret into token_env or token_file"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(("the address has a query or a fragment".into(), "give the base address alone"));
    }
    Ok(url)
}

/// Reads the address of a proxy; `None` stands for no proxy at all.
pub fn proxy(value: &str) -> Result<Option<Url>, (String, &'static str)> {
    const FIX: &str = "write it as http://host:port, https://host:port, socks5h://host:port or none";
    if value == "none" {
        return Ok(None);
    }
    let url = Url::parse(value).map_err(|error| (format!("the proxy's address cannot be read ({error})"), FIX))?;
    if !matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h") || url.host_str().is_none() {
        return Err(("the proxy's address is neither an http nor a socks5 one".into(), FIX));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(("the proxy's address holds a user or a password".into(), "use a proxy on loopback that logs in"));
    }
    Ok(Some(url))
}

/// Reads bootstrap addresses; `[v6]:port` is allowed.
pub fn brokers(value: &str) -> Result<Vec<(String, u16)>, (String, &'static str)> {
    const FIX: &str = "write it as host:9092 or host-a:9092,host-b:9092";
    let one = |part: &str| {
        let (host, port) = part.rsplit_once(':')?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let odd = host.is_empty() || host.contains(['/', '@', ' ']);
        port.parse::<u16>().ok().filter(|port| *port > 0 && !odd).map(|port| (host.to_owned(), port))
    };
    let parts = value.split(',').map(str::trim).filter(|part| !part.is_empty());
    let read: Option<Vec<_>> = parts.map(one).collect();
    match read {
        Some(list) if !list.is_empty() => Ok(list),
        // Somebody may have written a password in front of the host, so the value is not repeated.
        _ => Err(("this is not a list of host:port".into(), FIX)),
    }
}

/// Reads `500ms`, `30s`, `15m`, `1h`, `2d`; zero is none.
pub fn duration(value: &str) -> Option<Duration> {
    let value = value.trim();
    let digits = value.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = value[..digits].parse().ok().filter(|number| *number > 0)?;
    let millis = match &value[digits..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(millis).filter(|millis| *millis <= 3_660 * 86_400_000).map(Duration::from_millis)
}

/// Reads `1048576`, `64MiB`, `1GiB`; zero is none.
pub fn bytes(value: &str) -> Option<u64> {
    let value = value.trim();
    let digits = value.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = value[..digits].parse().ok().filter(|number| *number > 0)?;
    let unit = match value[digits..].trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_durations_have_units_and_are_not_zero() {
        assert_eq!(duration("90s"), Some(Duration::from_secs(90)));
        assert_eq!((duration("0s"), duration("90"), duration("s"), duration("1y")), (None, None, None, None));
        assert_eq!((bytes("2KiB"), bytes("0"), bytes("5 XB")), (Some(2048), None, None));
    }

    #[test]
    fn names_with_stars_are_found() {
        assert_eq!(find("profile.prod.loki.headers.X-A.b").map(|key| key.kind), Some(Kind::Secret));
        assert_eq!(find("profile.prod.loki.headers").map(|key| key.kind), None);
        assert_eq!(find("profile.prod.loki.address").map(|key| key.kind), None);
        assert_eq!(below("profile.x.kafka")[..2], ["bootstrap", "properties_file"]);
    }

    #[test]
    fn addresses_that_cannot_work_are_refused() {
        for bad in ["jaeger:16686", "ftp://a", "http://u:p@host", "http://host/?a=b", ""] {
            assert!(url(bad).is_err(), "{bad}");
        }
        for bad in ["", "host", "host:0", "host:70000", ":9092", "http://host:9092"] {
            assert!(brokers(bad).is_err(), "{bad}");
        }
        assert_eq!(brokers("a:1, [::1]:2").unwrap(), [("a".to_owned(), 1), ("::1".to_owned(), 2)]);
    }
}
