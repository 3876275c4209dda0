//! The service as one request's client sees it, and the URL that its answers start with.

use std::future::{Ready, ready};
use std::net::IpAddr;

use actix_web::dev::Payload;
use actix_web::http::header::{HeaderMap, HeaderName};
use actix_web::{FromRequest, HttpRequest, web};

use ipnet::IpNet;

use crate::app::{App, Loopback};
use crate::auth::Provider;
use crate::error::{Error, Result};
use crate::service::Service;

/// By it the service tells itself which URL it was asked for, when it calls itself.
pub const LOOPBACK_URL: HeaderName = HeaderName::from_static("x-everlink-url");
const FORWARDED: HeaderName = HeaderName::from_static("forwarded");
const PLAIN_HOST: HeaderName = HeaderName::from_static("host");
const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The service, and the URL that links and other URLs in an answer start with; no slash at its end.
#[derive(Clone)]
pub struct Site {
    app: web::Data<App>,
    pub url: String,
}

impl Site {
    pub fn service(&self) -> &Service {
        &self.app.service
    }

    /// Where people sign in; none in the embedded default.
    pub fn provider(&self) -> Option<&Provider> {
        self.app.provider.as_deref()
    }

    /// What addresses start with, whoever asks.
    pub fn public_url(&self) -> &str {
        &self.app.public_url
    }

    /// The origin that what people uploaded is had from, where that has one of its own; no slash at its end.
    pub fn content_origin(&self) -> Option<&str> {
        self.app.content_origin.as_deref()
    }

    pub fn loopback(&self) -> &Loopback {
        &self.app.loopback
    }

    /// The part of a URL after the site's own, where it is one of the site's.
    pub fn relative<'u>(&self, url: &'u str) -> &'u str {
        url.strip_prefix(&self.app.public_url).unwrap_or(url)
    }
}

impl FromRequest for Site {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let Some(app) = request.app_data::<web::Data<App>>() else {
            return ready(Err(Error::internal("the app is not there")));
        };
        let peer = request.peer_addr().map(|peer| peer.ip());
        let own = request.headers().get(&LOOPBACK_URL).and_then(|signed| signed.to_str().ok());
        let url = own
            .and_then(|signed| app.loopback.prove(signed).map(str::to_owned))
            .or_else(|| forwarded_url(request.headers(), peer, &app.trusted_proxies));
        ready(Ok(Self { app: app.clone(), url: url.unwrap_or_else(|| app.public_url.clone()) }))
    }
}

/// The URL that a trusted proxy says it was asked for; none where no trusted proxy says so.
///
/// Anybody can send these headers, so they count only from a proxy that is trusted. Where proxies
/// stand behind each other, each adds to the end of the lists, and the last entry is the nearest
/// proxy's.
fn forwarded_url(headers: &HeaderMap, peer: Option<IpAddr>, trusted: &[IpNet]) -> Option<String> {
    let peer = peer?;
    if !trusted.iter().any(|network| contains(network, peer)) {
        return None;
    }
    let values = |name: &HeaderName, separator: char| -> Vec<String> {
        let values = headers.get_all(name).filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(separator)).map(|value| value.trim().to_owned()).collect()
    };
    let hops: Vec<Hop> = values(&FORWARDED, ',').iter().map(|hop| Hop::parse(hop)).collect();
    let forwarded_for = match hops.is_empty() {
        true => values(&FOR, ','),
        false => hops.iter().map(|hop| hop.client.clone()).collect(),
    };
    // Proxies that are trusted too may stand between the nearest and the client: each of them is one
    // step back in the lists.
    let is_trusted =
        |hop: &String| hop.parse().is_ok_and(|hop| trusted.iter().any(|network| contains(network, hop)));
    let behind = forwarded_for.iter().rev().take_while(|hop| is_trusted(hop)).count();
    let step_back = |list: Vec<String>| {
        let at = list.len().checked_sub(1)?.saturating_sub(behind);
        list.into_iter().nth(at)
    };
    let said = |of_hop: fn(&Hop) -> &String, name: &HeaderName| match hops.is_empty() {
        true => values(name, ','),
        false => hops.iter().map(of_hop).filter(|text| !text.is_empty()).cloned().collect(),
    };
    let proto = step_back(said(|hop| &hop.proto, &PROTO));
    let proto =
        proto.map(|proto| proto.to_ascii_lowercase()).filter(|proto| proto == "http" || proto == "https");
    let host = match step_back(said(|hop| &hop.host, &HOST)) {
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
fn contains(network: &IpNet, address: IpAddr) -> bool {
    network.contains(&address.to_canonical())
}

fn is_host(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn url(headers: &[(HeaderName, &'static str)], peer: &str) -> Option<String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name.clone(), HeaderValue::from_static(value));
        }
        let trusted = ["10.0.0.0/8", "::1/128"].map(|network| network.parse().expect("a network"));
        forwarded_url(&map, peer.parse().ok(), &trusted)
    }

    #[test]
    fn a_trusted_proxy_says_under_which_url_it_was_asked() {
        let headers = [(HOST, "files.example"), (PROTO, "https")];
        assert_eq!(url(&headers, "10.1.2.3").as_deref(), Some("https://files.example"));
        assert_eq!(url(&headers, "::1").as_deref(), Some("https://files.example"));
        assert_eq!(
            url(&[(HOST, "files.example:8443")], "10.1.2.3").as_deref(),
            Some("http://files.example:8443")
        );
        assert_eq!(url(&[], "10.1.2.3"), None);
    }

    #[test]
    fn a_proxy_that_passes_the_host_on_says_what_it_was_asked_by() {
        let headers = [(PLAIN_HOST, "files.example"), (PROTO, "https"), (FOR, "192.0.2.7")];
        assert_eq!(url(&headers, "10.1.2.3").as_deref(), Some("https://files.example"));
        assert_eq!(url(&[(PLAIN_HOST, "files.example")], "10.1.2.3"), None);
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
            assert_eq!(url(&[(FORWARDED, header)], "10.1.2.3").as_deref(), Some(expected), "{header}");
        }
    }

    #[test]
    fn anybody_elses_headers_do_not_count() {
        assert_eq!(url(&[(HOST, "evil.example")], "192.0.2.7"), None);
    }

    #[test]
    fn what_the_client_wrote_itself_stands_before_what_proxies_add() {
        let headers = [(HOST, "evil.example, files.example"), (PROTO, "http, https"), (FOR, "192.0.2.7")];
        assert_eq!(url(&headers, "10.1.2.3").as_deref(), Some("https://files.example"));
        let chain = [
            (FOR, "192.0.2.7, 10.9.9.9"),
            (HOST, "evil.example, files.example, inner.local"),
            (PROTO, "http, https, http"),
        ];
        assert_eq!(url(&chain, "10.1.2.3").as_deref(), Some("https://files.example"));
    }

    #[test]
    fn what_is_no_host_is_not_believed() {
        for host in ["a b", "a/b", "<script>", "", "a@b", "a?b"] {
            let mut map = HeaderMap::new();
            map.append(HOST, HeaderValue::from_str(host).expect("a value"));
            assert_eq!(
                forwarded_url(&map, "::1".parse().ok(), &["::1/128".parse().expect("a network")]),
                None
            );
        }
    }
}
