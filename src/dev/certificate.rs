//! The certificate of HTTPS, and the authority that vouches for it, which clients are to trust.
//!
//! Both are made at the first start in a folder. The authority's key is thrown away at once: it vouches for this one
//! certificate and for nothing else, ever, so that trusting it opens no way to others' sites.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use actix_tls::accept::rustls_0_23::reexports::ServerConfig;
use chrono::{Datelike, TimeDelta};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::error::{Error, Result};

/// What it is for at the least.
const NAMES: [&str; 7] =
    ["localhost", "*.localhost", "graph", "everlink", "host.docker.internal", "127.0.0.1", "::1"];
/// Some systems believe none that lasts longer than 825 days. <https://support.apple.com/103769>
const LASTS: TimeDelta = TimeDelta::days(800);
/// Clients' clocks may be behind.
const BEGINS_BEFORE: TimeDelta = TimeDelta::days(1);
/// So much before its end a new one is made.
const RENEWED_BEFORE: TimeDelta = TimeDelta::days(60);

/// A certificate for some names, with its key and its authority.
#[derive(Deserialize, Serialize)]
pub struct Certificate {
    names: Vec<String>,
    ends: Timestamp,
    /// The authority, as PEM.
    pub authority: String,
    certificate: String,
    key: String,
}

impl Certificate {
    /// The file with the authority's PEM, in a data folder.
    pub const AUTHORITY: &str = "ca.pem";

    /// The folder's certificate; a new one where there is none, or it is for other names, or ends soon.
    pub fn load_or_create(folder: &Path, more_names: &[String], now: Timestamp) -> Result<Self> {
        let file = folder.join("tls.json");
        let failed = |error: io::Error| Error::internal(format!("{}: {error}", file.display()));
        let mut names: Vec<String> = NAMES.map(str::to_owned).to_vec();
        names.extend(more_names.iter().filter(|name| !NAMES.contains(&name.as_str())).cloned());
        let found = match fs::read_to_string(&file) {
            Ok(text) => serde_json::from_str::<Self>(&text).ok(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
        };
        if let Some(found) = found.filter(|found| found.names == names && now < found.ends - RENEWED_BEFORE) {
            return Ok(found);
        }
        let made = Self::make(names, now).map_err(Error::internal)?;
        fs::write(&file, serde_json::to_string(&made).map_err(Error::internal)?).map_err(failed)?;
        fs::write(folder.join(Self::AUTHORITY), &made.authority).map_err(failed)?;
        Ok(made)
    }

    fn make(names: Vec<String>, now: Timestamp) -> Result<Self, rcgen::Error> {
        let day = |at: Timestamp| date_time_ymd(at.year(), at.month() as u8, at.day() as u8);
        let ends = now + LASTS;
        let named = |names: Vec<String>, name: &str| {
            let mut params = CertificateParams::new(names)?;
            params.distinguished_name.push(DnType::CommonName, name);
            (params.not_before, params.not_after) = (day(now - BEGINS_BEFORE), day(ends));
            Ok::<_, rcgen::Error>(params)
        };
        let mut authority = named(Vec::new(), "Everlink for tests")?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let authority_key = KeyPair::generate()?;
        let authority_certificate = authority.self_signed(&authority_key)?;
        let issuer = Issuer::new(authority, authority_key);
        let mut params = named(names.clone(), "Everlink")?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &issuer)?;
        Ok(Self {
            names,
            ends,
            authority: authority_certificate.pem(),
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        })
    }

    /// What a listener is to serve with.
    pub fn server_config(&self) -> Result<ServerConfig> {
        let certificate =
            CertificateDer::from_pem_slice(self.certificate.as_bytes()).map_err(Error::internal)?;
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).map_err(Error::internal)?;
        ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(Error::internal)?
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .map_err(Error::internal)
    }

    /// The names that are no addresses.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str).filter(|name| name.parse::<IpAddr>().is_err())
    }
}
