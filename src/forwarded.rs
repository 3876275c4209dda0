//! What proxies that are trusted say of a request: who sent it, and under which URL.
//!
//! Anybody can send these headers, so they count only from a proxy that is trusted. Where proxies stand behind each
//! other, each adds to the end of the lists, and the last entry is the nearest proxy's.

use std::net::IpAddr;

use actix_web::http::header::{HeaderMap, HeaderName};
use ipnet::IpNet;

const FORWARDED: HeaderName = HeaderName::from_static("forwarded");
const PLAIN_HOST: HeaderName = HeaderName::from_static("host");
const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The client's address: the nearest that is no trusted proxy's.
pub fn client(headers: &HeaderMap, peer: IpAddr, trusted: &[IpNet]) -> IpAddr {
    if !is_trusted(peer, trusted) {
        return peer.to_canonical();
    }
    let mut nearest = peer;
    for hop in Hops::of(headers).clients.iter().rev() {
        let Ok(address) = hop.parse::<IpAddr>() else { break };
        nearest = address;
        if !is_trusted(address, trusted) {
            break;
        }
    }
    nearest.to_canonical()
}

/// The URL that a trusted proxy says it was asked for; none where no trusted proxy says so. No slash at its end.
pub fn url(headers: &HeaderMap, peer: Option<IpAddr>, trusted: &[IpNet]) -> Option<String> {
    if !is_trusted(peer?, trusted) {
        return None;
    }
    let hops = Hops::of(headers);
    // Proxies that are trusted too may stand between the nearest and the client: each of them is one
    // step back in the lists.
    let is_proxy = |hop: &&String| hop.parse().is_ok_and(|hop| is_trusted(hop, trusted));
    let behind = hops.clients.iter().rev().take_while(is_proxy).count();
    let step_back = |list: Vec<String>| {
        let at = list.len().checked_sub(1)?.saturating_sub(behind);
        list.into_iter().nth(at)
    };
    let proto = step_back(hops.protos);
    let proto =
        proto.map(|proto| proto.to_ascii_lowercase()).filter(|proto| proto == "http" || proto == "https");
    let host = match step_back(hops.hosts) {
        Some(host) => Some(host),
        // A proxy that passes the client's Host on, and says what it was asked by, says the rest.
        None if proto.is_some() => {
            headers.get(PLAIN_HOST).and_then(|host| Some(host.to_str().ok()?.to_owned()))
        }
        None => None,
    };
    let host = host.filter(|host| is_host(host))?;
    Some(format!("{}://{host}", proto.as_deref().unwrap_or("http")))
}

/// The URL that a client asks by its own word. No slash at its end.
pub fn asked_url(headers: &HeaderMap, is_secure: bool) -> Option<String> {
    let host = headers.get(PLAIN_HOST)?.to_str().ok().filter(|host| is_host(host))?;
    Some(format!("{}://{host}", if is_secure { "https" } else { "http" }))
}

/// What all proxies say, the nearest last. <https://www.rfc-editor.org/rfc/rfc7239#section-4>
struct Hops {
    clients: Vec<String>,
    hosts: Vec<String>,
    protos: Vec<String>,
}

impl Hops {
    /// By what proxies commonly write; by `Forwarded` where there is nothing of that.
    fn of(headers: &HeaderMap) -> Self {
        let values = |name: &HeaderName| -> Vec<String> {
            let values = headers.get_all(name).filter_map(|value| value.to_str().ok());
            values.flat_map(|value| value.split(',')).map(|value| value.trim().to_owned()).collect()
        };
        let said: Vec<Hop> = values(&FORWARDED).iter().map(|hop| Hop::parse(hop)).collect();
        // A proxy that writes the older headers leaves a `Forwarded` as its client wrote it.
        if said.is_empty() || [&FOR, &HOST, &PROTO].into_iter().any(|name| headers.contains_key(name)) {
            let clients = values(&FOR).iter().map(|client| address(client).to_owned()).collect();
            return Self { clients, hosts: values(&HOST), protos: values(&PROTO) };
        }
        let named = |of_hop: fn(&Hop) -> &String| {
            said.iter().map(of_hop).filter(|text| !text.is_empty()).cloned().collect()
        };
        Self {
            hosts: named(|hop| &hop.host),
            protos: named(|hop| &hop.proto),
            clients: said.into_iter().map(|hop| hop.client).collect(),
        }
    }
}

/// What one proxy says of a request. <https://www.rfc-editor.org/rfc/rfc7239#section-4>
#[derive(Default)]
struct Hop {
    client: String,
    host: String,
    proto: String,
}

impl Hop {
    /// `for=192.0.2.43;proto=https;host="files.example"`
    fn parse(text: &str) -> Self {
        let mut hop = Self::default();
        for (name, value) in text.split(';').filter_map(|pair| pair.split_once('=')) {
            let value = value.trim().trim_matches('"');
            match &*name.trim().to_ascii_lowercase() {
                // An IPv6 address stands in brackets, and a port may follow.
                "for" => hop.client = address(value).to_owned(),
                "host" => hop.host = value.to_owned(),
                "proto" => hop.proto = value.to_owned(),
                _ => {}
            }
        }
        hop
    }
}

/// The address of an address with a port.
fn address(text: &str) -> &str {
    if let Some((address, _)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address;
    }
    match text.split_once(':') {
        Some((address, port)) if !port.contains(':') => address,
        _ => text,
    }
}

/// An IPv4 address may come written as an IPv6 one.
fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    let address = address.to_canonical();
    trusted.iter().any(|network| network.contains(&address))
}

fn is_host(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn url_of(headers: &[(HeaderName, &'static str)], peer: &str) -> Option<String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name.clone(), HeaderValue::from_static(value));
        }
        let trusted = ["10.0.0.0/8", "::1/128"].map(|network| network.parse().expect("a network"));
        url(&map, peer.parse().ok(), &trusted)
    }

    #[test]
    fn a_trusted_proxy_says_under_which_url_it_was_asked() {
        let headers = [(HOST, "files.example"), (PROTO, "https")];
        assert_eq!(url_of(&headers, "10.1.2.3").as_deref(), Some("https://files.example"));
        assert_eq!(url_of(&headers, "::1").as_deref(), Some("https://files.example"));
        assert_eq!(
            url_of(&[(HOST, "files.example:8443")], "10.1.2.3").as_deref(),
            Some("http://files.example:8443")
        );
        assert_eq!(url_of(&[], "10.1.2.3"), None);
    }

    #[test]
    fn a_proxy_that_passes_the_host_on_says_what_it_was_asked_by() {
        let headers = [(PLAIN_HOST, "files.example"), (PROTO, "https"), (FOR, "192.0.2.7")];
        assert_eq!(url_of(&headers, "10.1.2.3").as_deref(), Some("https://files.example"));
        assert_eq!(url_of(&[(PLAIN_HOST, "files.example")], "10.1.2.3"), None);
    }

    #[test]
    fn forwarded_says_all_of_it() {
        for (header, expected) in [
            ("for=192.0.2.7;proto=https;host=files.example", "https://files.example"),
            (
                "For=\"[2001:db8::1]:4711\"; Host=\"files.example:8443\"; Proto=https",
                "https://files.example:8443",
            ),
            (
                "host=evil.example, for=192.0.2.7;host=files.example;proto=https, for=10.9.9.9;host=inner;proto=http",
                "https://files.example",
            ),
        ] {
            assert_eq!(url_of(&[(FORWARDED, header)], "10.1.2.3").as_deref(), Some(expected), "{header}");
        }
    }

    #[test]
    fn anybody_elses_headers_do_not_count() {
        assert_eq!(url_of(&[(HOST, "evil.example")], "192.0.2.7"), None);
    }

    #[test]
    fn what_the_client_wrote_itself_stands_before_what_proxies_add() {
        let headers = [(HOST, "evil.example, files.example"), (PROTO, "http, https"), (FOR, "192.0.2.7")];
        assert_eq!(url_of(&headers, "10.1.2.3").as_deref(), Some("https://files.example"));
        let chain = [
            (FOR, "192.0.2.7, 10.9.9.9"),
            (HOST, "evil.example, files.example, inner.local"),
            (PROTO, "http, https, http"),
        ];
        assert_eq!(url_of(&chain, "10.1.2.3").as_deref(), Some("https://files.example"));
    }

    #[test]
    fn what_is_no_host_is_not_believed() {
        for host in ["a b", "a/b", "<script>", "", "a@b", "a?b"] {
            let mut map = HeaderMap::new();
            map.append(HOST, HeaderValue::from_str(host).expect("a value"));
            assert_eq!(url(&map, "::1".parse().ok(), &["::1/128".parse().expect("a network")]), None);
        }
    }

    #[test]
    fn the_client_is_the_nearest_that_is_no_trusted_proxy() {
        let client = |said: &str, peer: &str| {
            let mut map = HeaderMap::new();
            map.append(FOR, HeaderValue::from_str(said).expect("a value"));
            let trusted = ["10.0.0.0/8", "::1/128"].map(|network| network.parse().expect("a network"));
            client(&map, peer.parse().expect("an address"), &trusted).to_string()
        };
        assert_eq!(client("198.51.100.1, 192.0.2.7", "10.1.2.3"), "192.0.2.7");
        assert_eq!(client("198.51.100.1, 192.0.2.7:4711, 10.9.9.9", "10.1.2.3"), "192.0.2.7");
        assert_eq!(client("[2001:db8::1]:4711", "::1"), "2001:db8::1");
        assert_eq!(client("192.0.2.7", "::ffff:10.1.2.3"), "192.0.2.7");
        // What is no address says nothing, and what anybody says is not believed.
        assert_eq!(client("192.0.2.7, unknown", "10.1.2.3"), "10.1.2.3");
        assert_eq!(client("192.0.2.7", "203.0.113.5"), "203.0.113.5");
    }
}
