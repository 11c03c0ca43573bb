//! A small OpenID provider on loopback, which really signs, and does what it is told to do wrong.

use base64::{Engine, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use ring::{digest, hmac, rsa};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use url::Url;

/// Of these tests alone.
const RSA: &[u8] = include_bytes!("rsa.pk8");
pub const CLIENT: &str = "portal";
pub const SECRET: &str = "s: e%cret";

/// How a token is signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signed {
    #[default]
    Rs256,
    Es256,
    /// Not at all.
    None,
    /// With the public key taken for a secret.
    Hs256,
    /// By somebody else, who names the provider's key.
    Foreign,
}

/// What it does in place of answering as it should.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    #[default]
    None,
    /// Status 500.
    Broken,
    /// Takes the request and never answers.
    Silent,
    /// An answer without an end.
    Endless,
    /// Something that is no JSON.
    Page,
    /// To elsewhere.
    Redirect,
}

type Alter<T> = Arc<dyn Fn(&mut T) + Send + Sync>;

#[derive(Clone)]
pub struct Ways {
    pub signed: Signed,
    pub fault: Fault,
    /// On this path alone; empty: on each.
    pub fault_at: &'static str,
    pub claims: Alter<Value>,
    pub header: Alter<Value>,
    pub metadata: Alter<Value>,
    pub keys: Alter<Value>,
}

impl Default for Ways {
    fn default() -> Self {
        Self {
            signed: Signed::default(),
            fault: Fault::default(),
            fault_at: "",
            claims: Arc::new(|_| {}),
            header: Arc::new(|_| {}),
            metadata: Arc::new(|_| {}),
            keys: Arc::new(|_| {}),
        }
    }
}

/// What a browser was sent with, and whom it brought.
struct Issued {
    asked: HashMap<String, String>,
    subject: String,
}

struct Inner {
    issuer: String,
    ways: Mutex<Ways>,
    codes: Mutex<HashMap<String, Issued>>,
    /// Paths that were asked for.
    asked: Mutex<Vec<String>>,
    rsa: RsaKeyPair,
    ec: Mutex<(String, EcdsaKeyPair)>,
    ended: (Mutex<bool>, Condvar),
}

pub struct Provider(Arc<Inner>);

fn new_ec() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let octets = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, octets.as_ref(), &random).unwrap()
}

fn base64(octets: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(octets)
}

pub fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

impl Provider {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let inner = Arc::new(Inner {
            issuer: format!("http://{}/realms/staff", listener.local_addr().unwrap()),
            ways: Mutex::default(),
            codes: Mutex::default(),
            asked: Mutex::default(),
            rsa: RsaKeyPair::from_pkcs8(RSA).unwrap(),
            ec: Mutex::new(("ec-1".into(), new_ec())),
            ended: (Mutex::new(false), Condvar::new()),
        });
        let serving = Arc::clone(&inner);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let serving = Arc::clone(&serving);
                // A client that goes away is no matter of the provider's.
                std::thread::spawn(move || serving.serve(stream.unwrap()).unwrap_or_default());
            }
        });
        Self(inner)
    }

    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    pub fn set(&self, ways: Ways) {
        *self.0.ways.lock().unwrap() = ways;
    }

    /// Signs with a new key from now on.
    pub fn rotate(&self) {
        let mut ec = self.0.ec.lock().unwrap();
        *ec = (format!("{}-next", ec.0), new_ec());
    }

    /// How often a path was asked for.
    pub fn asked(&self, path: &str) -> usize {
        self.0.asked.lock().unwrap().iter().filter(|asked| asked.ends_with(path)).count()
    }

    /// Somebody signs in there: where the browser is sent back to.
    pub fn authorize(&self, address: &str, subject: &str) -> Url {
        let address = Url::parse(address).unwrap();
        assert!(address.as_str().starts_with(&format!("{}/auth?", self.0.issuer)), "{address}");
        let asked: HashMap<String, String> = address.query_pairs().into_owned().collect();
        for (name, value) in [
            ("response_type", "code"),
            ("client_id", CLIENT),
            ("scope", "openid"),
            ("code_challenge_method", "S256"),
        ] {
            assert_eq!(asked[name], value);
        }
        assert_eq!(asked["code_challenge"].len(), 43);
        let mut back = Url::parse(&asked["redirect_uri"]).unwrap();
        let code = base64(digest::digest(&digest::SHA256, asked["state"].as_bytes()));
        back.query_pairs_mut()
            .append_pair("code", &code)
            .append_pair("state", &asked["state"])
            .append_pair("iss", &self.0.issuer);
        let issued = Issued { asked, subject: subject.into() };
        self.0.codes.lock().unwrap().insert(code, issued);
        back
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        *self.0.ended.0.lock().unwrap() = true;
        self.0.ended.1.notify_all();
    }
}

impl Inner {
    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(&stream);
        let mut first = String::new();
        reader.read_line(&mut first)?;
        let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
        let (mut length, mut authorization) = (0, String::new());
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim().split_once(": ") else { break };
            match &*name.to_lowercase() {
                "content-length" => length = value.parse().unwrap(),
                "authorization" => authorization = value.to_owned(),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        self.asked.lock().unwrap().push(path.clone());
        let ways = self.ways.lock().unwrap().clone();
        let fault = if path.ends_with(ways.fault_at) { ways.fault } else { Fault::None };
        let answer = |status: &str, more: &str, body: &str| {
            let length = body.len();
            write!(
                &stream,
                "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{more}\r\n{body}"
            )
        };
        match fault {
            Fault::None => {
                let path = path.strip_prefix("/realms/staff").unwrap_or_default();
                let (status, body) = self.answer(path, &authorization, &body, &ways);
                answer(status, "content-type: application/json\r\n", &body.to_string())
            }
            Fault::Broken => answer("500 Internal Server Error", "", "{}"),
            Fault::Page => answer("200 OK", "content-type: text/html\r\n", "<p>Hello</p>"),
            Fault::Redirect => {
                answer("302 Found", &format!("location: {}/keys\r\n", self.issuer), "")
            }
            Fault::Silent => {
                let ended = self.ended.0.lock().unwrap();
                drop(self.ended.1.wait_while(ended, |ended| !*ended).unwrap());
                Ok(())
            }
            Fault::Endless => {
                write!(&stream, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n[")?;
                loop {
                    (&stream).write_all(&[b' '; 4096])?;
                }
            }
        }
    }

    fn answer(&self, path: &str, who: &str, body: &[u8], ways: &Ways) -> (&'static str, Value) {
        let issuer = &self.issuer;
        match path {
            "/.well-known/openid-configuration" => {
                let mut metadata = json!({
                    "issuer": issuer,
                    "authorization_endpoint": format!("{issuer}/auth"),
                    "token_endpoint": format!("{issuer}/token"),
                    "jwks_uri": format!("{issuer}/keys"),
                    "id_token_signing_alg_values_supported": ["RS256"],
                    "authorization_response_iss_parameter_supported": true,
                });
                (ways.metadata)(&mut metadata);
                ("200 OK", metadata)
            }
            "/keys" => {
                let mut keys = self.keys();
                (ways.keys)(&mut keys);
                ("200 OK", keys)
            }
            "/token" => self.token(who, body, ways),
            _ => ("404 Not Found", json!({})),
        }
    }

    fn keys(&self) -> Value {
        let rsa = rsa::PublicKeyComponents::<Vec<u8>>::from(self.rsa.public());
        let (kid, ec) = &*self.ec.lock().unwrap();
        let point = ec.public_key().as_ref();
        let (x, y) = (base64(&point[1..33]), base64(&point[33..]));
        json!({ "keys": [
            // What the portal cannot use is no reason not to use the others.
            { "kty": "OKP", "crv": "Ed448", "x": "AA", "kid": "odd", "use": "sig" },
            { "kty": "NEW", "kid": "new", "alg": "NEW512" },
            { "kty": "RSA", "n": base64(rsa.n), "e": base64(rsa.e), "kid": "rsa", "use": "sig", "alg": "RS256" },
            { "kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": kid, "use": "sig" },
        ] })
    }

    fn token(&self, who: &str, body: &[u8], ways: &Ways) -> (&'static str, Value) {
        let form: HashMap<String, String> =
            url::form_urlencoded::parse(body).into_owned().collect();
        let form = |name: &str| form.get(name).map_or("", |value| value);
        let encoded: String = url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
        let basic = format!("Basic {}", STANDARD.encode(format!("{CLIENT}:{encoded}")));
        let is_client =
            who == basic || form("client_id") == CLIENT && form("client_secret") == SECRET;
        if !is_client {
            return ("401 Unauthorized", json!({ "error": "invalid_client" }));
        }
        // A code counts once.
        let issued = self.codes.lock().unwrap().remove(form("code"));
        let verifier = form("code_verifier");
        let challenge = base64(digest::digest(&digest::SHA256, verifier.as_bytes()));
        let Some(Issued { asked, subject }) = issued.filter(|issued| {
            form("grant_type") == "authorization_code"
                && issued.asked["redirect_uri"] == form("redirect_uri")
                && issued.asked["code_challenge"] == challenge
        }) else {
            return ("400 Bad Request", json!({ "error": "invalid_grant" }));
        };
        let mut claims = json!({
            "iss": self.issuer, "sub": subject, "aud": CLIENT, "iat": now(), "exp": now() + 300,
            "nonce": asked["nonce"], "email": "somebody@example.org", "email_verified": true,
        });
        if asked.contains_key("max_age") {
            claims["auth_time"] = now().into();
        }
        (ways.claims)(&mut claims);
        let token = self.sign(claims, ways);
        ("200 OK", json!({ "access_token": "x", "token_type": "Bearer", "id_token": token }))
    }

    fn sign(&self, claims: Value, ways: &Ways) -> String {
        let ec = self.ec.lock().unwrap();
        let (alg, kid) = match ways.signed {
            Signed::Rs256 => ("RS256", "rsa"),
            Signed::Es256 | Signed::Foreign => ("ES256", &*ec.0),
            Signed::None => ("none", "rsa"),
            Signed::Hs256 => ("HS256", "rsa"),
        };
        let mut header = json!({ "alg": alg, "kid": kid, "typ": "JWT" });
        (ways.header)(&mut header);
        let text = format!("{}.{}", base64(header.to_string()), base64(claims.to_string()));
        let (octets, random) = (text.as_bytes(), SystemRandom::new());
        let signature = match ways.signed {
            Signed::Rs256 => {
                let mut signature = vec![0; self.rsa.public().modulus_len()];
                self.rsa.sign(&RSA_PKCS1_SHA256, &random, octets, &mut signature).unwrap();
                signature
            }
            Signed::Es256 => ec.1.sign(&random, octets).unwrap().as_ref().to_vec(),
            Signed::Foreign => new_ec().sign(&random, octets).unwrap().as_ref().to_vec(),
            Signed::None => Vec::new(),
            Signed::Hs256 => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, self.rsa.public().as_ref());
                hmac::sign(&key, octets).as_ref().to_vec()
            }
        };
        format!("{text}.{}", base64(signature))
    }
}
