//! The cart, kept by the customer: a cookie of JSON and its HMAC-SHA256. Any task can read it, so blue and
//! green can serve the same customer in turn.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// The cookie's name.
pub const COOKIE: &str = "orders";
/// A cookie holds 4096 bytes at most (RFC 6265, section 6.1).
const LONGEST: usize = 3800;

#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cart {
    pub items: Vec<Item>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    pub sku: String,
    pub quantity: u32,
}

/// Writes a cart; `None` when it is too large for a cookie.
pub fn seal(cart: &Cart, key: &[u8]) -> Option<String> {
    let body = URL_SAFE_NO_PAD.encode(serde_json::to_vec(cart).ok()?);
    let tag = URL_SAFE_NO_PAD.encode(mac(&body, key)?.finalize().into_bytes());
    (body.len() + tag.len() < LONGEST).then(|| format!("{body}.{tag}"))
}

/// Reads a cart; one whose signature is wrong counts as none.
pub fn open(cookie: &str, key: &[u8]) -> Option<Cart> {
    let (body, tag) = cookie.split_once('.')?;
    mac(body, key)?.verify_slice(&URL_SAFE_NO_PAD.decode(tag).ok()?).ok()?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).ok()?).ok()
}

fn mac(body: &str, key: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(body.as_bytes());
    Some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cart_comes_back_and_a_forged_one_does_not() {
        let cart = Cart { items: vec![Item { sku: "tea".into(), quantity: 2 }] };
        let sealed = seal(&cart, b"key").unwrap();
        assert_eq!(open(&sealed, b"key"), Some(cart));
        assert_eq!(open(&sealed, b"other"), None);
        let forged = sealed.replacen('e', "f", 1);
        assert_eq!(open(&forged, b"key"), None);
        assert_eq!(open("", b"key"), None);
    }
}
