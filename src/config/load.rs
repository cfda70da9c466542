//! Puts the layers together: built in, then the file, then the environment, then flags.

use super::bindings::{self, Bindings};
use super::file::{self, Written};
use super::headers;
use super::kafka::{self, KafkaEndpoint};
use super::keys::{self, KEYS, Kind};
use super::limits::Limits;
use super::mistake::Mistake;
use super::profile::{Door, HttpEndpoint, HttpLogin, Profile, Way};
use super::security::Section;
use crate::model::SafeText;
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The file that shows every setting and sets the defaults.
pub const SAMPLE: &str = include_str!("sample.toml");

/// Everything that settings are made from.
pub struct Layers<'a> {
    /// Path, for places, and text of the file.
    pub file: Option<(&'a str, &'a str)>,
    /// The environment.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// Flags: name as typed, dotted name without the profile (`jaeger.url`), value.
    pub flags: Vec<(&'static str, &'static str, String)>,
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The default.
    BuiltIn,
    /// A line of the file.
    File(SafeText, usize),
    /// An environment variable.
    Variable(&'static str),
    /// A flag.
    Flag(&'static str),
}

/// One setting as it came out, for `config show`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Dotted name, without the profile.
    pub name: SafeText,
    /// Value; secrets say only that they are set.
    pub value: SafeText,
    /// Where it came from.
    pub origin: Origin,
}

/// What the layers make together.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The profile to work with.
    pub profile: Profile,
    /// Every setting with its origin, by name.
    pub settings: Vec<Setting>,
    /// How the console looks.
    pub console: Console,
    /// Profiles of the file.
    pub profiles: Vec<SafeText>,
    /// What was read and is not used: place, what it is, and why that is no mistake.
    pub ignored: Vec<Mistake>,
}

/// How the console looks, whatever the profile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Console {
    /// Name of a theme, or the path of its file, with where that was said.
    pub theme: Option<(String, Origin)>,
    /// Whether only ASCII is drawn.
    pub ascii: bool,
    /// How a text reaches the terminal's clipboard, by the name of the way; `auto` without one.
    pub clipboard: Option<String>,
    /// Keys of the file. Whether there are such commands and keys, the console says.
    pub keys: Bindings,
}

/// The settings of [`Console`].
const CONSOLE: [&str; 3] = ["theme", "ascii", "clipboard"];

pub(super) type Values = BTreeMap<String, (String, Origin)>;

/// Loads the settings, or returns all mistakes of all layers.
pub fn load(layers: &Layers<'_>) -> Result<Loaded, Vec<Mistake>> {
    let (entries, mut mistakes) = layers.file.map_or_else(Default::default, |(path, text)| file::read(path, text));
    let path = layers.file.map_or("", |(path, _)| path);
    let in_file = |written: &Written| Origin::File(SafeText::new(path), written.line);
    let mut values = built_in();
    let mut profiles: Vec<&str> =
        entries.keys().filter_map(|key| key.strip_prefix("profile.")?.split('.').next()).collect();
    profiles.dedup();

    let mut chosen = entries.get("default_profile").map(|written| (written.value.clone(), in_file(written)));
    if let Some(name) = (layers.variable)("HOPSCOPE_PROFILE").filter(|name| !name.is_empty()) {
        chosen = Some((name, Origin::Variable("HOPSCOPE_PROFILE")));
    }
    if let Some((flag, _, name)) = layers.flags.iter().find(|(_, name, _)| *name == "default_profile") {
        chosen = Some((name.clone(), Origin::Flag(flag)));
    }
    if let Some((name, origin)) = &chosen
        && !profiles.contains(&name.as_str())
    {
        let fix = if profiles.is_empty() {
            "no profile is configured; add a [profile.NAME.jaeger] section".to_owned()
        } else {
            format!("known: {}", profiles.join(", "))
        };
        mistakes.push(Mistake::new(&origin.to_string(), &format!("there is no profile `{name}`"), &fix));
    }
    // One profile alone needs no choosing.
    let name = chosen
        .as_ref()
        .map_or_else(|| (profiles.len() == 1).then(|| profiles[0].to_owned()), |(name, _)| Some(name.clone()));
    let name = name.unwrap_or_else(|| "default".into());
    for (key, written) in &entries {
        let own = key.strip_prefix("profile.").and_then(|rest| rest.strip_prefix(name.as_str())?.strip_prefix('.'));
        let is_shared = |key: &str| key.starts_with("limits.") || key.starts_with("keys.") || CONSOLE.contains(&key);
        if let Some(short) = own.or_else(|| is_shared(key).then_some(key)) {
            values.insert(short.to_owned(), (written.value.clone(), in_file(written)));
        }
    }
    for key in KEYS.iter().filter(|key| key.name != "default_profile") {
        if let Some(variable) = key.variable
            && let Some(value) = (layers.variable)(variable).filter(|value| !value.is_empty())
        {
            let origin = Origin::Variable(variable);
            set(&mut values, &mut mistakes, short(key.name), key.kind, value, origin);
        }
    }
    for (flag, name, value) in layers.flags.iter().filter(|(_, name, _)| *name != "default_profile") {
        let known = KEYS.iter().find(|key| short(key.name) == *name).expect("flags name settings that exist");
        set(&mut values, &mut mistakes, name, known.kind, value.clone(), Origin::Flag(flag));
    }
    // Also those of other profiles: no program has any business with them.
    let by_name = |name: &str| keys::find(name).is_some_and(|key| key.kind == Kind::SecretName);
    let hidden: Vec<String> =
        entries.iter().filter(|(name, _)| by_name(name)).map(|(_, written)| written.value.clone()).collect();
    let mut ignored = Vec::new();
    let profile = assemble(name, &values, layers.variable, &hidden, &mut ignored, &mut mistakes);
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let console = Console {
        theme: values.get("theme").cloned(),
        ascii: values.get("ascii").is_some_and(|(value, _)| value == "true"),
        clipboard: values.get("clipboard").map(|(value, _)| value.clone()),
        keys: bindings::of(path, &entries),
    };
    let settings = values.into_iter().map(|(name, (value, origin))| {
        let secret = name.contains(".headers.");
        let value = if secret { SafeText::own("set, not shown") } else { SafeText::new(&value) };
        Setting { name: SafeText::new(&name), value, origin }
    });
    let profiles = profiles.into_iter().map(SafeText::new).collect();
    Ok(Loaded { profile, settings: settings.collect(), console, profiles, ignored })
}

fn short(name: &'static str) -> &'static str {
    name.strip_prefix("profile.*.").unwrap_or(name)
}

fn set(values: &mut Values, mistakes: &mut Vec<Mistake>, name: &str, kind: Kind, value: String, origin: Origin) {
    match keys::check(kind, &value) {
        Ok(()) => {
            values.insert(name.to_owned(), (value, origin));
        }
        Err((what, fix)) => mistakes.push(Mistake::new(&origin.to_string(), &what, fix)),
    }
}

fn built_in() -> Values {
    let limits = Limits::default();
    let rows = [
        ("limits.requests", limits.requests.to_string()),
        ("limits.bytes", format!("{}MiB", limits.bytes >> 20)),
        ("limits.rows", limits.rows.to_string()),
        ("limits.at_once", limits.at_once.to_string()),
        ("limits.scan", format!("{}GiB", limits.scan >> 30)),
        ("limits.request_timeout", format!("{}s", limits.request_timeout.as_secs())),
        ("limits.timeout", format!("{}s", limits.timeout.as_secs())),
    ];
    rows.into_iter().map(|(name, value)| (name.to_owned(), (value, Origin::BuiltIn))).collect()
}

fn assemble(
    name: String,
    values: &Values,
    variable: &dyn Fn(&str) -> Option<String>,
    hidden: &[String],
    ignored: &mut Vec<Mistake>,
    mistakes: &mut Vec<Mistake>,
) -> Profile {
    let text = |name: &str| values.get(name).map(|(value, _)| value.as_str());
    let mut limits = Limits::default();
    for (name, (value, _)) in values {
        // Every value was checked on its way in, so what cannot be set here has its mistake already.
        if let Some(name) = name.strip_prefix("limits.") {
            limits.set(name, value).ok();
        }
    }
    let mut http = |source: &'static str, tenant: &str| {
        let (ignored, mistakes) = (&mut *ignored, &mut *mistakes);
        endpoint(source, tenant, Section { source, values, variable, hidden, ignored, mistakes })
    };
    let (mut jaeger, mut tempo) = (http("jaeger", "x-tenant"), http("tempo", "X-Scope-OrgID"));
    let (mut loki, grafana) = (http("loki", "X-Scope-OrgID"), http("grafana", ""));
    if let Some(grafana) = grafana {
        let uid = |name: &str| text(name).map(str::to_owned);
        let (of_jaeger, of_tempo) = (uid("grafana.jaeger_uid"), uid("grafana.tempo_uid"));
        let through = |uid: Option<String>| Some(HttpEndpoint { grafana: Some(Door { uid }), ..grafana.clone() });
        // What has an address of its own is reached there. Of two stores of traces, one that is named is meant alone.
        let is_named = jaeger.is_some() || tempo.is_some() || of_jaeger.is_some() || of_tempo.is_some();
        for (own, uid) in [(&mut jaeger, of_jaeger), (&mut tempo, of_tempo)] {
            if own.is_none() && (uid.is_some() || !is_named) {
                *own = through(uid);
            }
        }
        loki = loki.or_else(|| through(uid("grafana.loki_uid")));
    }
    let kafka = kafka::endpoint(Section { source: "kafka", values, variable, hidden, ignored, mistakes });
    let headers = headers::map(Section { source: "headers", values, variable, hidden, ignored, mistakes });
    let kafka = kafka.map(|kafka| KafkaEndpoint { headers: headers.map(Arc::new), ..kafka });
    let kafka_rest = endpoint(
        "kafka_rest",
        "x-tenant",
        Section { source: "kafka_rest", values, variable, hidden, ignored, mistakes },
    );
    let (kafka, kafka_rest) = one_way(values, kafka, kafka_rest, mistakes);
    Profile {
        name,
        jaeger,
        tempo,
        loki,
        loki_selector: text("loki.selector").map(str::to_owned),
        kafka,
        kafka_rest,
        kafka_rest_cluster: text("kafka_rest.cluster").map(str::to_owned),
        limits,
    }
}

/// Of Kafka's brokers and a REST proxy, the one that a later layer names is meant; two in one layer are a mistake.
fn one_way<A, B>(
    values: &Values,
    brokers: Option<A>,
    proxy: Option<B>,
    mistakes: &mut Vec<Mistake>,
) -> (Option<A>, Option<B>) {
    if brokers.is_none() || proxy.is_none() {
        return (brokers, proxy);
    }
    let layer = |names: &[&str]| names.iter().filter_map(|name| Some(values.get(*name)?.1.layer())).max();
    let own = layer(&["kafka.bootstrap", "kafka.properties_file"]);
    match own.cmp(&layer(&["kafka_rest.url"])) {
        std::cmp::Ordering::Greater => (brokers, None),
        std::cmp::Ordering::Less => (None, proxy),
        std::cmp::Ordering::Equal => {
            let place = values.get("kafka_rest.url").map(|(_, origin)| origin.to_string()).unwrap_or_default();
            let fix = "keep the brokers, or the REST proxy; two profiles may have one each";
            mistakes.push(Mistake::new(&place, "there are two ways to Kafka: brokers and a REST proxy", fix));
            (brokers, None)
        }
    }
}

fn endpoint(source: &'static str, tenant_header: &str, mut section: Section<'_>) -> Option<HttpEndpoint> {
    let mut headers = Vec::new();
    if let Some(tenant) = section.text("tenant") {
        let is_victoria = section.text("url").is_some_and(|url| url.trim_end_matches('/').ends_with("/select/jaeger"));
        // VictoriaTraces knows tenants by two numbers.
        let (account, project) = tenant.split_once(':').unwrap_or((tenant, "0"));
        let named = if is_victoria {
            vec![("AccountID", account), ("ProjectID", project)]
        } else {
            vec![(tenant_header, tenant)]
        };
        headers.extend(named.into_iter().map(|(name, value)| (name.to_owned(), SecretString::from(value.to_owned()))));
    }
    if let Some(organisation) = section.text("org_id") {
        headers.push(("X-Grafana-Org-Id".to_owned(), SecretString::from(organisation.to_owned())));
    }
    let user = section.text("user").map(str::to_owned);
    let (token, password) = (section.credential("token"), section.credential("password"));
    let login = match (token, user, password) {
        (Some(_), Some(_), _) => {
            section.mistake("user", "there is a token and a user", "keep one of the two logins");
            None
        }
        (Some(token), None, _) => Some(HttpLogin::Bearer(token)),
        (None, Some(user), Some(password)) => Some(HttpLogin::Basic(user, password)),
        (None, Some(_), None) => {
            section.mistake(
                "user",
                "there is a user without a password",
                "set password_file, password_command or password_env",
            );
            None
        }
        (None, None, Some(_)) => {
            let what = "there is a password without a user";
            section.mistakes.push(Mistake::new(source, what, "add user = \"name\""));
            None
        }
        (None, None, None) => None,
    };
    let prefix = format!("{source}.headers.");
    let written = section.values.range(prefix.clone()..).take_while(|(name, _)| name.starts_with(&prefix));
    for (name, (value, _)) in written {
        headers.push((name[prefix.len()..].to_owned(), SecretString::from(value.clone())));
    }
    let secret_headers = section.secret_headers();
    let tls = section.tls();
    let no_proxy = section.text("no_proxy").map(str::to_owned);
    let way = match section.text("proxy").map(keys::proxy) {
        None | Some(Err(_)) => Way::Environment,
        Some(Ok(None)) => Way::Direct,
        Some(Ok(Some(proxy))) => Way::Proxy(proxy),
    };
    let url = section.text("url").and_then(|url| keys::url(url).ok());
    if url.is_none()
        && section.at("url").is_none()
        && (!headers.is_empty() || !secret_headers.is_empty() || login.is_some())
    {
        let what = "there are credentials or headers but no url";
        section.mistakes.push(Mistake::new(source, what, "add url = \"http://host:port\""));
    }
    url.map(|url| HttpEndpoint { url, headers, secret_headers, login, tls, way, no_proxy, grafana: None })
}

impl Origin {
    /// The number of the layer; later ones win.
    fn layer(&self) -> u8 {
        match self {
            Self::BuiltIn => 0,
            Self::File(..) => 1,
            Self::Variable(_) => 2,
            Self::Flag(_) => 3,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("built in"),
            Self::File(path, line) => write!(f, "{}:{line}", path.as_str()),
            Self::Variable(name) => write!(f, "environment {name}"),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    fn nothing(_: &str) -> Option<String> {
        None
    }

    fn with<'a>(text: &'a str, variable: &'a dyn Fn(&str) -> Option<String>) -> Layers<'a> {
        Layers { file: Some(("c.toml", text)), variable, flags: Vec::new() }
    }

    #[test]
    fn the_sample_sets_the_defaults() {
        let loaded = load(&with(SAMPLE, &nothing)).expect("the sample has no mistakes");
        assert_eq!(loaded.profile.limits, Limits::default());
        assert!(loaded.profile.jaeger.is_none() && loaded.profile.kafka.is_none());
    }

    #[test]
    fn every_line_of_the_sample_is_a_real_setting() {
        let is_setting =
            |line: &str| line.starts_with('[') || line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '));
        let all: Vec<&str> = SAMPLE
            .lines()
            .map(|line| line.strip_prefix("# ").filter(|rest| is_setting(rest)).unwrap_or(line))
            .collect();
        let (entries, mistakes) = file::read("sample", &all.join("\n"));
        assert_eq!((mistakes, entries.len()), (Vec::new(), 50));
    }

    #[test]
    fn later_layers_win_and_say_where_they_come_from() {
        let text = "[profile.a.jaeger]\nurl = \"http://a\"\n[profile.a.loki]\nurl = \"http://l\"\ntenant = \"t\"\n";
        let variable = |name: &str| (name == "HOPSCOPE_LOKI_URL").then(|| "http://env".to_owned());
        let mut layers = with(text, &variable);
        layers.flags = vec![("--jaeger", "jaeger.url", "http://flag".to_owned())];
        let loaded = load(&layers).expect("no mistakes");
        let origin = |name: &str| {
            loaded.settings.iter().find(|found| found.name.as_str() == name).map(|found| found.origin.to_string())
        };
        assert_eq!(origin("jaeger.url").as_deref(), Some("--jaeger"));
        assert_eq!(origin("loki.url").as_deref(), Some("environment HOPSCOPE_LOKI_URL"));
        assert_eq!(origin("loki.tenant").as_deref(), Some("c.toml:5"));
        assert_eq!(loaded.profile.loki.unwrap().headers[0].1.expose_secret(), "t");
    }

    #[test]
    fn the_console_looks_the_same_for_every_profile() {
        let text = "theme = \"light\"\nascii = true\n[profile.a.jaeger]\nurl = \"http://a\"\n";
        let console = load(&with(text, &nothing)).unwrap().console;
        assert_eq!((console.theme.unwrap().1.to_string(), console.ascii), ("c.toml:1".to_owned(), true));
        let variable = |name: &str| (name == "HOPSCOPE_THEME").then(|| "mono".to_owned());
        let mut layers = with(text, &variable);
        assert_eq!(load(&layers).unwrap().console.theme.unwrap().0, "mono");
        layers.flags = vec![("--theme", "theme", "dark".to_owned())];
        assert_eq!(load(&layers).unwrap().console.theme, Some(("dark".to_owned(), Origin::Flag("--theme"))));
    }

    #[test]
    fn all_mistakes_come_at_once_with_their_places() {
        let text = "colour = \"red\"\n[profile.a.jaeger]\nurl = \"jaeger\"\n[limits]\nrequests = 0\ntimeout = 5\n";
        let mistakes = load(&with(text, &nothing)).unwrap_err();
        let places: Vec<&str> = mistakes.iter().map(|mistake| mistake.place.as_str()).collect();
        assert_eq!(places.len(), 4, "{mistakes:?}");
        for place in ["c.toml:1:1", "c.toml:3:7", "c.toml:5:12", "c.toml:6:11"] {
            assert!(places.contains(&place), "{place} in {places:?}");
        }
    }
}
