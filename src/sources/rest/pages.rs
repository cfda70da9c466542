//! One list of the proxy, page after page.

use crate::decode::rest::{Page, page, refusal};
use crate::model::ask::NoteKind;
use crate::model::{Exchange, Fault, FaultKind, Note, SafeText};
use crate::sources::http::{Head, Http, looks_like_html};
use crate::sources::lease::Budget;
use serde::de::DeserializeOwned;
use std::sync::Mutex;
use url::Url;

/// One question on its way: its budget and the requests made for it.
pub(super) struct Asking<'a> {
    pub(super) http: &'a Http,
    pub(super) budget: &'a Budget,
    pub(super) made: Mutex<Vec<Exchange>>,
}

/// Why there is no list.
#[derive(Debug)]
pub(super) enum Miss {
    /// 404: no such thing, or nothing of this kind is served.
    NotThere(Fault),
    /// Anything else.
    Fault(Fault),
}

/// A list, with what is missing of it.
#[derive(Debug)]
pub(super) struct List<T> {
    pub(super) rows: Vec<T>,
    pub(super) notes: Vec<Note>,
}

impl Miss {
    pub(super) fn fault(self) -> Fault {
        match self {
            Self::NotThere(fault) | Self::Fault(fault) => fault,
        }
    }
}

impl<'a> Asking<'a> {
    pub(super) fn new(http: &'a Http, budget: &'a Budget) -> Self {
        Self { http, budget, made: Mutex::default() }
    }

    pub(super) fn into_made(self) -> Vec<Exchange> {
        self.made.into_inner().expect("no holder panics")
    }

    /// Reads a whole list. The first page decides whether there is one; what is lost of the others is noted.
    pub(super) async fn list<T: DeserializeOwned>(&self, path: &str) -> Result<List<T>, Miss> {
        let first = self.page::<T>(path, &[]).await?;
        let mut list = List { rows: first.rows, notes: named(path, first.notes) };
        let (mut next, mut seen) = (first.next, Vec::new());
        while let Some(link) = next {
            let Some(query) = query_of(&link, path).filter(|query| !seen.contains(query)) else {
                list.lose(NoteKind::Truncated, format!("{path} goes on at {link}, which is not followed"));
                break;
            };
            let pairs: Vec<(&str, String)> = query.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
            match self.page::<T>(path, &pairs).await {
                Ok(page) => {
                    list.rows.extend(page.rows);
                    list.notes.extend(named(path, page.notes));
                    next = page.next;
                }
                Err(miss) => {
                    let text = format!("{path} has more pages, which were not read: {}", miss.fault().came.as_str());
                    list.lose(NoteKind::Truncated, text);
                    break;
                }
            }
            seen.push(query);
        }
        Ok(list)
    }

    async fn page<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> Result<Page<T>, Miss> {
        let mut body = Vec::new();
        let headers = [("Accept", "application/json")];
        let fetched = self.http.get(self.budget, path, query, &headers, &mut body).await;
        let found = match fetched.outcome {
            Err(fault) => Err(Miss::Fault(fault)),
            Ok(head) if !head.is_success() => {
                let is_gone = head.status == 404;
                let head = Head { text: told(&head.text), ..head };
                let fault = self.http.failed(&fetched.asked, &head);
                Err(if is_gone { Miss::NotThere(fault) } else { Miss::Fault(fault) })
            }
            Ok(_) if looks_like_html(&body) => Err(Miss::NotThere(self.http.web_page(&fetched.asked))),
            Ok(_) => {
                let page = page::<T>(&body);
                if page.is_list {
                    Ok(page)
                } else {
                    let words: Vec<&str> = page.notes.iter().map(|note| note.text.as_str()).collect();
                    let came = SafeText::from(format!("not a list of the REST proxy: {}", words.join("; ")));
                    let hint = "check that the URL is a Confluent REST Proxy with version 3 of its API";
                    Err(Miss::Fault(self.http.fault(FaultKind::Damaged, &fetched.asked, came, hint)))
                }
            }
        };
        let mut exchanges = fetched.exchanges;
        if let (Some(last), Ok(page)) = (exchanges.last_mut(), &found) {
            last.rows = page.rows.len() as u64;
        }
        self.made.lock().expect("no holder panics").extend(exchanges);
        found
    }
}

impl<T> List<T> {
    fn lose(&mut self, kind: NoteKind, text: String) {
        self.notes.push(Note { kind, text: text.into() });
    }
}

fn named(path: &str, notes: Vec<Note>) -> Vec<Note> {
    notes.into_iter().map(|note| Note { text: format!("{path}: {}", note.text.as_str()).into(), ..note }).collect()
}

/// The proxy's message instead of its JSON, where it is one.
fn told(text: &str) -> String {
    refusal(text).map_or_else(|| text.to_owned(), |told| told.as_str().to_owned())
}

/// Takes the query out of a link to the next page, when the link leads to the same list. Host and base of the link are what
/// the proxy believes its own to be; a gateway in front has others, so they are never followed.
fn query_of(link: &str, path: &str) -> Option<Vec<(String, String)>> {
    let here = Url::parse("http://here/").expect("it is a URL");
    let url = here.join(link).ok()?;
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    (url.path().ends_with(path) && !pairs.is_empty()).then_some(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_query_of_a_link_is_followed_and_only_to_the_same_list() {
        let path = "/v3/clusters/c%2F1/topics";
        let token = Some(vec![("page_token".to_owned(), "a b".to_owned())]);
        for (link, followed) in [
            ("http://inner:8082/v3/clusters/c%2F1/topics?page_token=a+b", token.clone()),
            ("https://elsewhere/kafka/v3/clusters/c%2F1/topics?page_token=a%20b", token.clone()),
            ("/v3/clusters/c%2F1/topics?page_token=a%20b", token),
            ("http://inner/v3/clusters/c%2F1/acls?page_token=a", None),
            ("http://inner/v3/clusters/c%2F1/topics", None),
            ("http://[", None),
        ] {
            assert_eq!(query_of(link, path), followed, "{link}");
        }
    }
}
