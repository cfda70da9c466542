//! One HTTP client for the sources that speak HTTP: leases, time-outs, caps, retries and the words for every failure.

mod answer;
mod client;
mod grafana;
mod login;
mod retry;
mod words;

use super::checkup::{self, WayIn};
use super::lease::{Budget, Lease};
use super::secret::Hush;
use super::shell::quote;
use super::tls;
use crate::config::{HttpEndpoint, HttpLogin};
use crate::model::{Answer, Fault, FaultKind, Nanos, SafeText, SourceKind};
pub use answer::{BodySink, Fetched, Head, looks_like_html};
use client::Ready;
use login::Logins;
use reqwest::header::{CONTENT_ENCODING, DATE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use retry::Retries;
use secrecy::ExposeSecret;
use std::fmt::Write as _;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use url::Url;

/// Bytes kept of the body of an answer that is no success.
const ERROR_TEXT: usize = 64 << 10;
/// The shortest text of one row: a tuple of a time and a line, or a span, is longer.
const ROW: u64 = 16;

/// One endpoint; connections are made when first needed and kept.
#[derive(Debug)]
pub struct Http {
    endpoint: HttpEndpoint,
    source: SourceKind,
    client: OnceLock<Result<Ready, String>>,
    logins: Logins,
    /// How far the server's clock was ahead of ours in its last answer.
    ahead: Mutex<Option<Nanos>>,
    behind: grafana::Behind,
}

/// Parameters, in order.
type Pairs<'a> = &'a [(&'a str, String)];

/// A request that can be made again.
struct Plan<'a> {
    method: Method,
    url: Url,
    headers: HeaderMap,
    form: &'a [(&'a str, String)],
    line: SafeText,
    asked: SafeText,
}

/// Why a try ended, and whether another one may help.
struct Failure {
    fault: Fault,
    again: bool,
    /// Whether the server did not know who asks (HTTP 401): secrets run out.
    is_unknown: bool,
}

impl Http {
    /// Returns a client of `endpoint`; nothing is connected yet.
    pub fn new(endpoint: &HttpEndpoint, kind: SourceKind) -> Self {
        Self {
            endpoint: endpoint.clone(),
            source: kind,
            client: OnceLock::new(),
            logins: Logins::of(endpoint),
            ahead: Mutex::default(),
            behind: grafana::Behind::default(),
        }
    }

    /// Returns how far the server's clock is ahead of ours, by the `Date` of its last answer: to a second, and to the length
    /// of the request.
    pub fn clock_offset(&self) -> Option<Nanos> {
        *self.ahead.lock().expect("no holder panics")
    }

    /// Adds to what a source is how far the way there can be trusted.
    pub fn with_remark(&self, known: &SafeText) -> SafeText {
        self.remark().map_or_else(|| known.clone(), |remark| format!("{}; {remark}", known.as_str()).into())
    }

    /// Returns a remark about how far the way there can be trusted.
    pub fn remark(&self) -> Option<&'static str> {
        tls::remark(&self.endpoint.tls, self.client.get()?.as_ref().ok()?.roots)
    }

    fn ready(&self) -> Result<&Ready, String> {
        let build = || {
            let ready = client::build(&self.endpoint)?;
            if let Some((user, password)) = &ready.proxy_login {
                self.logins.hush().add_login(user, password.expose_secret());
            }
            Ok(ready)
        };
        self.client.get_or_init(build).as_ref().map_err(Clone::clone)
    }

    /// Returns the base URL without credentials.
    pub fn address(&self) -> SafeText {
        SafeText::new(bare(&self.endpoint.url).as_str().trim_end_matches('/'))
    }

    /// Returns the way in, for an examination.
    pub fn way_in(&self) -> WayIn {
        let endpoint = &self.endpoint;
        let login = match (&endpoint.login, endpoint.headers.is_empty()) {
            (Some(HttpLogin::Bearer(_)), _) => SafeText::own("a bearer token"),
            (Some(HttpLogin::Basic(user, _)), _) => SafeText::from(format!("name {user} and a password")),
            (None, false) => {
                let names: Vec<&str> = endpoint.headers.iter().map(|(name, _)| name.as_str()).collect();
                SafeText::from(format!("headers {}", names.join(", ")))
            }
            (None, true) => SafeText::own("no login is configured"),
        };
        WayIn {
            places: checkup::place(&endpoint.url).into_iter().collect(),
            tls: (endpoint.url.scheme() == "https").then(|| endpoint.tls.clone()),
            has_proxy: client::has_proxy(endpoint),
            login,
        }
    }

    /// Gets `path` below the base URL. `path` begins with `/` and is percent-encoded; `query` and `headers` are not
    /// secret and are shown to people.
    pub async fn get(
        &self,
        budget: &Budget,
        path: &str,
        query: &[(&str, String)],
        headers: &[(&str, &str)],
        sink: &mut dyn BodySink,
    ) -> Fetched {
        self.call(budget, Method::GET, path, (query, &[]), headers, sink).await
    }

    /// Posts a form to `path`: only for Loki's query routes, which read a long query this way and change nothing.
    pub async fn post_form(
        &self,
        budget: &Budget,
        path: &str,
        form: &[(&str, String)],
        headers: &[(&str, &str)],
        sink: &mut dyn BodySink,
    ) -> Fetched {
        self.call(budget, Method::POST, path, (&[], form), headers, sink).await
    }

    async fn call(
        &self,
        budget: &Budget,
        method: Method,
        path: &str,
        (query, form): (Pairs<'_>, Pairs<'_>),
        headers: &[(&str, &str)],
        sink: &mut dyn BodySink,
    ) -> Fetched {
        let mut before = Vec::new();
        let below = match self.below(budget, &mut before).await {
            Ok(below) => below,
            Err(fault) => return Fetched { exchanges: before, asked: fault.asked.clone(), outcome: Err(fault) },
        };
        let plan = self.plan(method, &format!("{below}{path}"), query, form, headers);
        let mut fetched = self.judged(self.fetch(budget, plan, sink).await);
        fetched.exchanges.splice(0..0, before);
        fetched
    }

    /// Returns the fault for an answer that is no success.
    pub fn failed(&self, asked: &SafeText, head: &Head) -> Fault {
        let words = head.text.trim();
        let words = if looks_like_html(words.as_bytes()) { "a web page".into() } else { words.to_owned() };
        let colon = if words.is_empty() { "" } else { ": " };
        let came = SafeText::from(format!("HTTP {}{colon}{words}", head.status)).cut(400);
        let hint = match head.status {
            404 => "check the URL and its base path: the server has no such route",
            429 => "the server limits requests: narrow the question or wait",
            500.. => "look at the server's own log",
            _ => "the server did not take the request: check its version and limits",
        };
        self.fault(FaultKind::Failed, asked, came, hint)
    }

    /// Returns the fault for a web page where data was expected.
    pub fn web_page(&self, asked: &SafeText) -> Fault {
        let hint = "check the URL and its base path, and whether a login page stands in front";
        self.fault(FaultKind::Damaged, asked, SafeText::own("a web page (HTML) instead of data"), hint)
    }

    /// Returns a fault of this source. Some servers repeat the header that they refuse, so secrets are taken out of `came`.
    pub fn fault(&self, kind: FaultKind, asked: &SafeText, came: SafeText, hint: &'static str) -> Fault {
        let came = self.hush().text(came);
        Fault { source: self.source, kind, asked: asked.clone(), came, hint: SafeText::own(hint) }
    }

    /// Takes secrets out of an answer's notes, which can hold the server's own words.
    pub fn without_secrets(&self, outcome: Result<Answer, Fault>) -> Result<Answer, Fault> {
        outcome.map(|mut answer| {
            for note in &mut answer.notes {
                note.text = self.hush().text(note.text.clone());
            }
            answer
        })
    }

    /// Returns what takes this endpoint's secrets out of words.
    pub fn hush(&self) -> &Hush {
        self.logins.hush()
    }

    fn plan<'a>(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, String)],
        form: &'a [(&'a str, String)],
        headers: &[(&str, &str)],
    ) -> Plan<'a> {
        let mut url = self.endpoint.url.clone();
        url.set_path(&format!("{}{path}", self.endpoint.url.path().trim_end_matches('/')));
        url.set_query(None);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let shown = bare(&url);
        // Without -g, curl takes brackets and braces for patterns.
        let flags = if shown.as_str().contains(['[', ']', '{', '}']) { "-gsS" } else { "-sS" };
        let mut line = format!("curl {flags} {}", quote(shown.as_str()));
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            if let (Ok(key), Ok(content)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
                all.insert(key, content);
                write!(line, " -H {}", quote(&format!("{name}: {value}"))).expect("a string takes any text");
            }
        }
        for (name, value) in &self.endpoint.headers {
            if let (Ok(key), Ok(mut content)) =
                (name.parse::<HeaderName>(), HeaderValue::from_str(value.expose_secret()))
            {
                content.set_sensitive(true);
                all.insert(key, content);
                write!(line, " -H {}", quote(&format!("{name}: ***"))).expect("a string takes any text");
            }
        }
        for (name, value) in form {
            // What a screen would show otherwise than it is goes with escapes.
            let (option, word) = if SafeText::new(value).as_str() == value {
                ("--data-urlencode", format!("{name}={value}"))
            } else {
                ("--data", url::form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish())
            };
            write!(line, " {option} {}", quote(&word)).expect("a string takes any text");
        }
        client::curl(&self.endpoint, &mut line);
        let asked = SafeText::from(format!("{method} {shown}"));
        Plan { method, url, headers: all, form, line: line.into(), asked }
    }

    /// Waits for a secret as long as the request may take.
    async fn within<T>(
        &self,
        (plan, budget, deadline): (&Plan<'_>, &Budget, Instant),
        secret: impl Future<Output = Result<T, String>>,
    ) -> Result<T, Fault> {
        let end = |kind, came: String, hint| Err(self.fault(kind, &plan.asked, came.into(), hint));
        tokio::select! {
            biased;
            () = budget.cancelled() => end(FaultKind::Cancelled, "cancelled".into(), "ask again"),
            got = timeout_at(deadline, secret) => match got {
                Ok(Ok(got)) => Ok(got),
                Ok(Err(why)) => {
                    let hint = "run the secret's command by hand, or look at its file: the secret must be there, alone";
                    end(FaultKind::Refused, why, hint)
                }
                Err(_) => {
                    let came = "the secret's command had not ended when the request's time was over".into();
                    end(FaultKind::TimedOut, came, "run it by hand, or raise the request time-out")
                }
            }
        }
    }

    async fn fetch(&self, budget: &Budget, mut plan: Plan<'_>, sink: &mut dyn BodySink) -> Fetched {
        let (mut exchanges, asked) = (Vec::new(), plan.asked.clone());
        let mut retries = Retries::default();
        let (mut renewed, mut sent) = (false, None);
        let outcome = loop {
            let lease = match budget.lease().await {
                Ok(lease) => lease,
                Err(fault) => break Err(fault),
            };
            let waits_for = (&plan, budget, lease.deadline());
            let sent = match &mut sent {
                Some(sent) => sent,
                None => match self.within(waits_for, self.logins.headers()).await {
                    Ok(made) => sent.insert(made),
                    Err(fault) => break Err(fault),
                },
            };
            let until = lease.deadline();
            plan.headers.extend(sent.headers.clone());
            let underway = lease.begin(plan.line.clone());
            let (mut bytes, mut asks_wait, before) = (0, None, sink.rows());
            let tried = self.attempt(&plan, &lease, sink, &mut bytes, &mut asks_wait).await;
            // A turn is for a request, not for the wait until the next one.
            drop(lease);
            let status = match &tried {
                Ok(head) if head.is_success() => SafeText::own("ok"),
                Ok(head) => SafeText::from(head.status.to_string()),
                Err(failure) => failure.fault.came.cut(120),
            };
            exchanges.push(underway.done(bytes, sink.rows().saturating_sub(before), status));
            let again = match &tried {
                Ok(head) => retry::is_worth(head.status, &head.text),
                Err(failure) => failure.again,
            };
            match &tried {
                Ok(head) if head.is_success() => self.logins.took(sent),
                // It may have run out since it was fetched.
                Err(failure) if failure.is_unknown && !std::mem::replace(&mut renewed, true) => {
                    let waits_for = (&plan, budget, until);
                    match self.within(waits_for, self.logins.renew(sent)).await {
                        Ok(true) => continue,
                        Ok(false) => {}
                        Err(fault) => break Err(fault),
                    }
                }
                _ => {}
            }
            let done = tried.map_err(|failure| failure.fault);
            let wait = again.then(|| retries.next(asks_wait, budget.time_left())).flatten();
            let Some(wait) = wait else { break done };
            tokio::select! {
                () = budget.cancelled() => break done,
                () = tokio::time::sleep(wait) => {}
            }
        };
        Fetched { exchanges, asked, outcome }
    }

    async fn attempt(
        &self,
        plan: &Plan<'_>,
        lease: &Lease,
        sink: &mut dyn BodySink,
        bytes: &mut u64,
        asks_wait: &mut Option<Duration>,
    ) -> Result<Head, Failure> {
        let ready = self.ready().map_err(|why| {
            let hint = "check the PEM files and the proxy that the settings name";
            self.end(FaultKind::Unsupported, plan, why, hint)
        })?;
        let request = ready.client.request(plan.method.clone(), plan.url.clone()).headers(plan.headers.clone());
        let request = if plan.form.is_empty() { request } else { form(request, plan.form) };
        let talk = async {
            let answer = match request.send().await {
                Ok(answer) => answer,
                Err(error) => return Err(self.broken(plan, ready, &error, 0).await),
            };
            let ours = jiff::Timestamp::now().as_second();
            *asks_wait = retry::asked_wait(answer.headers(), ours);
            if let Some(theirs) = answer.headers().get(DATE).and_then(retry::instant) {
                *self.ahead.lock().expect("no holder panics") = Some(Nanos::from_secs(theirs.saturating_sub(ours)));
            }
            self.read((plan, ready), lease, answer, sink, bytes).await
        };
        let result = tokio::select! {
            biased;
            () = lease.cancelled() => None,
            result = timeout_at(lease.deadline(), talk) => Some(result),
        };
        match result {
            None => Err(self.end(FaultKind::Cancelled, plan, "cancelled".to_owned(), "ask again")),
            Some(Ok(result)) => result,
            Some(Err(_)) => {
                let came = format!("no whole answer in time; {bytes} bytes had arrived");
                Err(self.end(FaultKind::TimedOut, plan, came, "narrow the time range, or raise the request time-out"))
            }
        }
    }

    async fn read(
        &self,
        (plan, ready): (&Plan<'_>, &Ready),
        lease: &Lease,
        mut answer: Response,
        sink: &mut dyn BodySink,
        bytes: &mut u64,
    ) -> Result<Head, Failure> {
        let status = answer.status();
        // What was asked for is unpacked already, and then the header is gone.
        if let Some(coding) = answer.headers().get(CONTENT_ENCODING).filter(|coding| *coding != "identity") {
            let came = format!("the body is packed as {coding:?}, which was not asked for");
            return Err(self.end(FaultKind::Damaged, plan, came, "check what stands in front of the server"));
        }
        let mut text = Vec::new();
        loop {
            let chunk = match answer.chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break,
                // The status of a refusal tells more than the loss of its text.
                Err(_) if !status.is_success() => break,
                Err(error) => return Err(self.broken(plan, ready, &error, *bytes).await),
            };
            *bytes += chunk.len() as u64;
            let admitted = lease.admit(chunk.len() as u64);
            if status.is_success() {
                match take(sink, lease, &chunk[..admitted as usize]) {
                    Taken::All => {}
                    Taken::Enough => match sink.too_much() {
                        Some(came) => {
                            let hint = "check that the URL is the source's own, or narrow the question";
                            return Err(self.end(FaultKind::TooLarge, plan, came, hint));
                        }
                        None => break,
                    },
                    Taken::NoRowsLeft => {
                        let came = format!("budget of rows spent after {} rows of this answer", sink.rows());
                        let hint = "narrow the question, or raise limits.rows (--budget rows=...)";
                        return Err(self.end(FaultKind::TooLarge, plan, came, hint));
                    }
                }
            }
            if admitted < chunk.len() as u64 {
                let came = format!("budget of bytes spent after {bytes} bytes of this answer");
                let hint = "narrow the question, or raise limits.bytes (--budget bytes=...)";
                return Err(self.end(FaultKind::TooLarge, plan, came, hint));
            }
            if !status.is_success() {
                text.extend_from_slice(&chunk[..chunk.len().min(ERROR_TEXT - text.len())]);
                if text.len() == ERROR_TEXT {
                    break;
                }
            }
        }
        let mut head = Head { status: status.as_u16(), text: self.hush().words(&String::from_utf8_lossy(&text)) };
        let hint = match status {
            _ if words::wants_tls(head.status, &head.text) => {
                let came = "what answers there speaks TLS, and was asked in plain text".to_owned();
                let hint = "write https:// instead of http:// in the URL, or check the port";
                return Err(self.end(FaultKind::Unreachable, plan, came, hint));
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                "check the tenant and authorisation headers of the profile"
            }
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                head.text = "the proxy wants a login".into();
                "check proxy and no_proxy in the profile; use a proxy on loopback that logs in"
            }
            _ if status.is_redirection() => {
                let target = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok());
                head.text = target.map_or_else(|| "no target".into(), |target| format!("to {}", shown_target(target)));
                "the answer leads to another host (a login?): check the URL and the headers"
            }
            _ => return Ok(head),
        };
        let came = self.failed(&plan.asked, &head).came;
        let fault = self.fault(FaultKind::Refused, &plan.asked, came, hint);
        Err(Failure { fault, again: false, is_unknown: status == StatusCode::UNAUTHORIZED })
    }

    fn end(&self, kind: FaultKind, plan: &Plan<'_>, came: String, hint: &'static str) -> Failure {
        Failure { fault: self.fault(kind, &plan.asked, came.into(), hint), again: false, is_unknown: false }
    }

    async fn broken(&self, plan: &Plan<'_>, ready: &Ready, error: &reqwest::Error, bytes: u64) -> Failure {
        let broken = words::of(error, ready, &plan.url, bytes).await;
        Failure { again: broken.again, ..self.end(broken.kind, plan, broken.came, broken.hint) }
    }
}

/// Returns the line by which a person would post a form that `user` logs in for; the secret is left out.
pub(in crate::sources) fn curl_form(endpoint: &HttpEndpoint, user: &str, pairs: &[(&str, &str)]) -> SafeText {
    let mut line = format!("curl -sS {} -u {}", quote(bare(&endpoint.url).as_str()), quote(&format!("{user}:***")));
    for (name, value) in pairs {
        write!(line, " --data-urlencode {}", quote(&format!("{name}={value}"))).expect("a string takes any text");
    }
    client::curl(endpoint, &mut line);
    line.into()
}

impl Http {
    /// Says whether every request has a header of this name.
    pub fn has_header(&self, name: &str) -> bool {
        let mut plain = self.endpoint.headers.iter().map(|(known, _)| known);
        let mut secret = self.endpoint.secret_headers.iter().map(|(known, _)| known);
        plain.any(|known| known.eq_ignore_ascii_case(name)) || secret.any(|known| known.eq_ignore_ascii_case(name))
    }
}

/// Makes one request outside of any question: a login asks for its token. The error holds no URL.
pub(in crate::sources) async fn once(
    endpoint: &HttpEndpoint,
    request: impl FnOnce(&reqwest::Client, Url) -> RequestBuilder,
) -> Result<Response, String> {
    let ready = client::build(endpoint)?;
    match request(&ready.client, endpoint.url.clone()).send().await {
        Ok(answer) => Ok(answer),
        Err(error) => {
            let broken = words::of(&error, &ready, &endpoint.url, 0).await;
            Err(format!("{}; {}", broken.came, broken.hint))
        }
    }
}

/// What became of a part of a body.
enum Taken {
    All,
    /// The sink wants no more.
    Enough,
    NoRowsLeft,
}

/// Hands a part of a body on. Near the end of the budget of rows it goes on in pieces that cannot hold more rows than are left.
fn take(sink: &mut dyn BodySink, lease: &Lease, mut bytes: &[u8]) -> Taken {
    while !bytes.is_empty() {
        let left = lease.rows_left();
        if left == 0 {
            return Taken::NoRowsLeft;
        }
        let piece = usize::try_from(left.saturating_mul(ROW)).unwrap_or(usize::MAX).min(bytes.len());
        let before = sink.rows();
        let flow = sink.take(&bytes[..piece]);
        let came = sink.rows().saturating_sub(before);
        if lease.rows(came) < came {
            return Taken::NoRowsLeft;
        }
        if flow.is_break() {
            return Taken::Enough;
        }
        bytes = &bytes[piece..];
    }
    Taken::All
}

fn form(request: RequestBuilder, pairs: &[(&str, String)]) -> RequestBuilder {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    request.header(reqwest::header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(body)
}

/// Returns the URL without name and password.
fn bare(url: &Url) -> Url {
    let mut bare = url.clone();
    // Both fail only for URLs that cannot hold credentials.
    let (_, _) = (bare.set_username(""), bare.set_password(None));
    bare
}

/// Returns where a redirect leads, without what a query or a login may hold.
fn shown_target(target: &str) -> String {
    let target = target.split(['?', '#']).next().unwrap_or_default();
    Url::parse(target).map_or_else(|_| target.to_owned(), |url| bare(&url).to_string())
}

#[cfg(test)]
mod tests;
