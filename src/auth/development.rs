//! The issuers of `--dev`: the small provider that is part of the service, whose key is known, and the local one.

use jsonwebtoken::{Algorithm, DecodingKey};

use crate::auth::LocalIssuer;
use crate::auth::claims::{self, Expected, Verified};
use crate::clock::Clock;
use crate::error::Result;

pub struct DevelopmentIssuer {
    local: LocalIssuer,
    key: DecodingKey,
    /// The real time, which tokens go by.
    clock: Clock,
}

impl DevelopmentIssuer {
    pub fn new(local: LocalIssuer, key: DecodingKey, clock: Clock) -> Self {
        Self { local, key, clock }
    }

    pub fn local(&self) -> &LocalIssuer {
        &self.local
    }

    /// Whoever a token says it is for, and whatever the provider's address was.
    pub fn verify(&self, token: &str) -> Result<Verified> {
        let now = self.clock.now();
        if jsonwebtoken::decode_header(token).is_ok_and(|header| header.alg == Algorithm::HS256) {
            return self.local.verify(token, now);
        }
        let expected = Expected { issued: None, algorithm: Algorithm::RS256, now, leeway: 0.0 };
        claims::verify(token, &self.key, &expected)
    }
}
