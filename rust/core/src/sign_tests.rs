use super::*;
use proptest::prelude::*;

fn text(hex: Hex64) -> String {
    String::from_utf8(hex.to_vec()).unwrap()
}

fn hmac_text(key: &[u8], message: &[u8]) -> String {
    text(HmacSha256Key::new(key).sign_hex(&[message]))
}

/// FIPS 180-4 example messages (NIST's `SHA256.pdf` and the long-message vector of one million `a`).
#[test]
fn sha256_known_answers() {
    let cases: [(&[u8], &str); 4] = [
        (b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        ),
        (&vec![b'a'; 1_000_000], "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
    ];
    for (message, expected) in cases {
        assert_eq!(text(sha256_hex(&[message])), expected);
    }
}

/// RFC 4231, section 4: cases 1 to 4, 6 and 7 (5 is about truncation, which is not offered).
#[test]
fn hmac_known_answers() {
    let counting: Vec<u8> = (1..=25).collect();
    let cases: [(&[u8], &[u8], &str); 6] = [
        (&[0x0b; 20], b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (b"Jefe", b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        (&[0xaa; 20], &[0xdd; 50], "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
        (&counting, &[0xcd; 50], "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
        (
            &[0xaa; 131],
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
        (
            &[0xaa; 131],
            b"This is a test using a larger than block-size key and a larger than block-size data. \
              The key needs to be hashed before being used by the HMAC algorithm.",
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
        ),
    ];
    for (key, message, expected) in cases {
        assert_eq!(hmac_text(key, message), expected);
    }
}

#[test]
fn a_key_signs_many_messages_from_the_same_state() {
    let key = HmacSha256Key::new(b"Jefe");
    let first = key.sign_hex(&[b"what do ya want ", b"for nothing?"]);
    let _ = key.sign_hex(&[b"something else"]);
    assert_eq!(first, key.sign_hex(&[b"", b"what do ya want for nothing?"]));
}

#[test]
fn ziario_known_answer() {
    let key = HmacSha256Key::from(&Secret::from("your_api_secret"));
    let signature = text(ziario_signature(b"your_api_key", &key, 1_701_234_567));
    assert_eq!(signature, "e8f770e693e2c1cc568e870d874f9da3f34ceee4104f7addabfc3feb3c863371");
}

/// What the venue's document prints, an HTML entity gone wrong, would give this; it must never be sent.
#[test]
fn ziario_never_signs_the_damaged_text() {
    let damaged = "6cb18987937f9ae1872005679d6e00ae7e9917785900eda4b2990472300e1cda";
    let key = HmacSha256Key::new(b"your_api_secret");
    assert_eq!(text(key.sign_hex(&["api_key=your_api_key×tamp=1701234567".as_bytes()])), damaged);
    assert_ne!(text(ziario_signature(b"your_api_key", &key, 1_701_234_567)), damaged);
}

#[test]
fn coinceres_known_answers() {
    let login =
        coinceres_signature(&[(b"api_key", b"bGppXpZqNrzVOptf")], &Secret::from("bcBFnn3GbFz1cB73f5TkJa8P5gbrFdgt"));
    assert_eq!(text(login), "2bb24f69ca812c766a7bd73e3c2a331b55373a122bba8ede47ced0b4a07139c0");
    let query = coinceres_signature(&[(b"exchange", b"BITMEX")], &Secret::from("TQAFrtRS4WrUn1hHKByszao3ozWvIMkF"));
    assert_eq!(text(query), "9173fddc96e445b07a3d11295b52ca45385f96d9a52307da58134a2fd7e239be");
}

#[test]
fn coinceres_sorts_by_name() {
    let secret = Secret::from("s3cret");
    let expected = sha256_hex(&[b"contract=BTC&count=50&exchange=OKEX&secret=s3cret"]);
    let sorted: [(&[u8], &[u8]); 3] = [(b"contract", b"BTC"), (b"count", b"50"), (b"exchange", b"OKEX")];
    let [a, b, c] = sorted;
    for order in [[a, b, c], [a, c, b], [b, a, c], [b, c, a], [c, a, b], [c, b, a]] {
        assert_eq!(coinceres_signature(&order, &secret), expected);
    }
    assert_eq!(coinceres_signature(&[], &secret), sha256_hex(&[b"secret=s3cret"]));
}

#[test]
fn secrets_are_not_printed() {
    let secret = Secret::from("hunter2");
    assert_eq!(format!("{secret:?} {secret:#?}"), "Secret(***) Secret(***)");
    assert_eq!(format!("{:?}", HmacSha256Key::from(&secret)), "HmacSha256Key(***)");
    assert_eq!(secret.expose(), b"hunter2");
    assert_eq!((secret.len(), secret.is_empty(), Secret::from(Vec::new()).is_empty()), (7, false, true));
}

#[test]
fn secrets_are_equal_by_their_bytes() {
    let secret = Secret::from(String::from("hunter2"));
    assert_eq!(secret, Secret::from(b"hunter2".as_slice()));
    for other in ["hunter3", "iunter2", "hunter", "hunter22", ""] {
        assert_ne!(secret, Secret::from(other));
    }
    assert_eq!(Secret::from(""), Secret::from(Vec::new()));
}

/// RFC 2104 by its definition: `H(K ^ opad || H(K ^ ipad || text))`.
fn naive_hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = if key.len() > 64 { Sha256::digest(key).to_vec() } else { key.to_vec() };
    block.resize(64, 0);
    let padded = |pad: u8| block.iter().map(|byte| byte ^ pad).collect::<Vec<_>>();
    let inner = Sha256::digest([padded(0x36), message.to_vec()].concat());
    Sha256::digest([padded(0x5c), inner.to_vec()].concat()).to_vec()
}

fn naive_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

proptest! {
    #[test]
    fn hmac_is_that_of_the_definition(
        key in prop::collection::vec(any::<u8>(), 0..200),
        parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..150), 0..5),
    ) {
        let slices: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        let signed = text(HmacSha256Key::new(&key).sign_hex(&slices));
        prop_assert_eq!(&signed, &naive_hex(&naive_hmac(&key, &parts.concat())));
        let mut plain = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        plain.update(&parts.concat());
        prop_assert_eq!(signed, naive_hex(&plain.finalize().into_bytes()));
    }

    #[test]
    fn sha256_of_parts_is_that_of_the_whole(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..150), 0..5)) {
        let slices: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        prop_assert_eq!(text(sha256_hex(&slices)), naive_hex(&Sha256::digest(parts.concat())));
    }

    #[test]
    fn ziario_signs_any_second(seconds in prop_oneof![any::<i64>(), Just(0), Just(i64::MIN), Just(i64::MAX), -99_i64..99], name in "[ -~]{0,40}") {
        let key = HmacSha256Key::new(b"k");
        let message = format!("api_key={name}&timestamp={seconds}");
        prop_assert_eq!(ziario_signature(name.as_bytes(), &key, seconds), key.sign_hex(&[message.as_bytes()]));
    }

    #[test]
    fn equality_is_that_of_slices(a in prop::collection::vec(0_u8..3, 0..6), b in prop::collection::vec(0_u8..3, 0..6)) {
        prop_assert_eq!(equal_in_constant_time(&a, &b), a == b);
    }
}
