//! Messages of the gateway's clients: whatever is sent, it is read or refused in words, and what is read was JSON.

use ferrofeed_core::gateway::{Body, read};

/// Reads one message.
pub fn run(data: &[u8]) {
    match read(data) {
        Ok(request) => {
            assert!(request.cid.len() <= 256 && request.token.len() <= 256, "a text of any length got through");
            let value: serde_json::Value = serde_json::from_slice(data).expect("what was read is JSON");
            assert!(value.is_object(), "what was read is an object");
            if let Body::Place { price, quantity, .. } = &request.body {
                assert!(price.scale <= 18 && quantity.scale <= 18, "more digits than there is room for");
            }
            // no secret is printed
            if let Body::Login { access_key, secret_key, .. } = &request.body {
                assert_eq!(format!("{access_key:?}{secret_key:?}"), "Secret(***)Secret(***)");
            }
        }
        Err(misread) => assert!(!misread.why.is_empty() && misread.why.len() < 1_024, "an error without a reason"),
    }
}
