//! A broker that takes logins, written from the protocol, without any of the client's code. Behind the login there is an
//! empty cluster.

use crate::rude::peer::{Act, Framing, Peer};
use std::sync::{Arc, Mutex};

const METADATA: u8 = 3;
const HANDSHAKE: u8 = 17;
const VERSIONS: u8 = 18;
const AUTHENTICATE: u8 = 36;

/// What a broker says about a login: the bytes of its answer, or the words of its refusal.
pub(super) type Verdict = Result<Vec<u8>, String>;

/// The logins that came: mechanism and bytes.
type Logins = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// A running broker.
pub(super) struct Broker {
    pub(super) address: String,
    logins: Logins,
}

impl Broker {
    /// Starts a broker whose logins live for `lives` milliseconds; 0 stands for no end.
    pub(super) fn start(lives: i64, judge: impl Fn(&[u8]) -> Verdict + Send + Sync + 'static) -> Self {
        let logins = Logins::default();
        let (held, named) = (Arc::clone(&logins), Mutex::new(String::new()));
        let script = move |_: usize, request: &[u8]| match request[1] {
            VERSIONS => {
                let ranges: [[i16; 3]; 5] = [[3, 0, 12], [16, 0, 5], [17, 0, 1], [18, 0, 3], [36, 0, 2]];
                let rows = ranges
                    .iter()
                    .flat_map(|row| row.iter().flat_map(|number| number.to_be_bytes()).chain([0]).collect::<Vec<u8>>());
                // Error, rows, throttle, tags.
                let body: Vec<u8> = [0, 0, 6].into_iter().chain(rows).chain([0; 5]).collect();
                vec![frame(request, &body), Act::Next]
            }
            HANDSHAKE => {
                // Behind number and client id, in the oldest form: the mechanism.
                let rest = behind_client(request);
                *named.lock().unwrap() = String::from_utf8(rest[2..].to_vec()).unwrap();
                vec![frame(request, &[0; 6]), Act::Next]
            }
            AUTHENTICATE => {
                let shown = compact(&behind_client(request)[1..]);
                held.lock().unwrap().push((named.lock().unwrap().clone(), shown.clone()));
                let (error, words, bytes) = match judge(&shown) {
                    Ok(bytes) => (0u8, vec![0], bytes),
                    Err(words) => {
                        (58, [vec![u8::try_from(words.len() + 1).unwrap()], words.into_bytes()].concat(), vec![])
                    }
                };
                let count = u8::try_from(bytes.len() + 1).unwrap();
                let body = [&[0, 0, error][..], &words, &[count], &bytes, &lives.to_be_bytes(), &[0]].concat();
                let then = if error == 0 { Act::Next } else { Act::Send(Vec::new()) };
                vec![frame(request, &body), then]
            }
            // Version 12: tags, throttle, no brokers, no cluster id, no controller, no topics, tags.
            METADATA => vec![frame(request, &[0, 0, 0, 0, 0, 1, 0, 0xff, 0xff, 0xff, 0xff, 1, 0]), Act::Next],
            _ => Vec::new(),
        };
        Self { address: Peer::start(Framing::Kafka, Arc::new(script)).address, logins }
    }

    /// The logins so far: mechanism and bytes.
    pub(super) fn logins(&self) -> Vec<(String, Vec<u8>)> {
        self.logins.lock().unwrap().clone()
    }
}

/// An answer with its length, to the request whose correlation id it takes.
fn frame(request: &[u8], body: &[u8]) -> Act {
    Act::Send([&(body.len() as u32 + 4).to_be_bytes()[..], &request[4..8], body].concat())
}

/// Returns what follows key, version, number and client id.
fn behind_client(request: &[u8]) -> &[u8] {
    let length = usize::from(u16::from_be_bytes([request[8], request[9]]));
    &request[10 + length..]
}

/// Reads bytes behind their length and one, as a varint.
fn compact(from: &[u8]) -> Vec<u8> {
    let size = from.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
    let length = from[..size].iter().rev().fold(0, |all, byte| all << 7 | usize::from(byte & 0x7f));
    from[size..size + length - 1].to_vec()
}
