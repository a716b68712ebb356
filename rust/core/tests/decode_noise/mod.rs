//! Writes a JSON value in one of the many ways a venue might: keys in any order, white space anywhere, numbers bare or
//! quoted and in any notation, escapes, unknown keys, and earlier duplicates of every key that the last one overrides.

/// A small deterministic source of choices (splitmix64), so that a seed names a case.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    /// Whether one in `n` came up.
    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// A decimal in its plainest text, above zero, with at most so many digits before and after the point.
    pub(crate) fn decimal(&mut self, integer: usize, fraction: usize) -> String {
        let digits = |dice: &mut Self, most: usize| -> String {
            (0..dice.below(most + 1)).map(|_| char::from(b'0' + u8::try_from(dice.below(10)).unwrap())).collect()
        };
        let whole = digits(self, integer);
        let whole = whole.trim_start_matches('0');
        let parts = digits(self, fraction);
        let parts = parts.trim_end_matches('0');
        match (whole, parts) {
            ("", "") => "1".to_owned(),
            (whole, "") => whole.to_owned(),
            ("", parts) => format!("0.{parts}"),
            (whole, parts) => format!("{whole}.{parts}"),
        }
    }
}

/// A JSON value to be written.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    /// A number in its plainest text; written bare or quoted, in any notation of the same value.
    Number(String),
    Text(String),
    /// Written as it is.
    Raw(String),
    Object(Vec<(&'static str, Node)>),
    Array(Vec<Node>),
}

impl Node {
    /// The members of an object.
    pub(crate) fn members(&mut self) -> &mut Vec<(&'static str, Self)> {
        match self {
            Self::Object(members) => members,
            other => panic!("no object: {other:?}"),
        }
    }
}

/// Keys no venue uses.
const EXTRA: [&str; 5] = ["x", "extra", "zz top", "", "S"];
/// Values of keys that do not matter: unknown ones, and overridden duplicates.
const JUNK: [&str; 9] =
    ["null", "true", "-1.5e3", "\"\"", "\"\\\"s\\\":\\u00e9\"", "[]", "[1,[{}]]", "{\"s\":\"NOT_MINE\",\"p\":0}", "{}"];

/// How the value is written.
pub(crate) struct Noise<'d> {
    pub(crate) dice: &'d mut Dice,
    /// Escapes in keys and strings.
    pub(crate) escapes: bool,
    /// Keys beside which nothing may be added (a key of it would mean something).
    pub(crate) extras: bool,
}

impl Noise<'_> {
    pub(crate) fn write(&mut self, node: &Node) -> Vec<u8> {
        let mut out = String::new();
        self.value(node, &mut out);
        self.space(&mut out);
        out.into_bytes()
    }

    fn space(&mut self, out: &mut String) {
        if self.dice.one_in(3) {
            out.push_str(["", " ", "\n", "\t", "\r\n    "][self.dice.below(5)]);
        }
    }

    fn value(&mut self, node: &Node, out: &mut String) {
        self.space(out);
        match node {
            Node::Number(plain) => self.number(plain, out),
            Node::Text(text) => self.text(text, out),
            Node::Raw(raw) => out.push_str(raw),
            Node::Array(elements) => {
                out.push('[');
                for (index, element) in elements.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    self.value(element, out);
                    self.space(out);
                }
                self.space(out);
                out.push(']');
            }
            Node::Object(members) => {
                let members = self.disturbed(members);
                out.push('{');
                for (index, (key, value)) in members.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    self.space(out);
                    self.text(key, out);
                    self.space(out);
                    out.push(':');
                    self.value(value, out);
                    self.space(out);
                }
                self.space(out);
                out.push('}');
            }
        }
    }

    /// The members in any order, with unknown keys between them, and overridden duplicates in front of them.
    fn disturbed(&mut self, members: &[(&'static str, Node)]) -> Vec<(&'static str, Node)> {
        let mut all: Vec<_> = members.to_vec();
        for index in (1..all.len()).rev() {
            all.swap(index, self.dice.below(index + 1));
        }
        if self.extras {
            for (key, _) in members {
                if self.dice.one_in(8) {
                    let last = all.iter().position(|(other, _)| other == key).unwrap();
                    let junk = Node::Raw((*self.dice.pick(&JUNK)).to_owned());
                    all.insert(self.dice.below(last + 1), (*key, junk));
                }
            }
            while self.dice.one_in(3) {
                let junk = Node::Raw((*self.dice.pick(&JUNK)).to_owned());
                let at = self.dice.below(all.len() + 1);
                all.insert(at, (*self.dice.pick(&EXTRA), junk));
            }
        }
        all
    }

    fn text(&mut self, text: &str, out: &mut String) {
        out.push('"');
        for character in text.chars() {
            match character {
                '"' | '\\' => out.extend(['\\', character]),
                '/' if self.escapes && self.dice.one_in(2) => out.push_str("\\/"),
                _ if self.escapes && self.dice.one_in(12) => {
                    for unit in character.encode_utf16(&mut [0; 2]) {
                        out.push_str(&format!("\\u{unit:04x}"));
                    }
                }
                _ => out.push(character),
            }
        }
        out.push('"');
    }

    /// The same value in another notation.
    fn number(&mut self, plain: &str, out: &mut String) {
        let (sign, digits) = plain.strip_prefix('-').map_or(("", plain), |digits| ("-", digits));
        let (whole, parts) = digits.split_once('.').unwrap_or((digits, ""));
        let quoted = self.dice.one_in(2);
        let magnitude = match self.dice.below(6) {
            0 => format!("{whole}.{parts}000"),
            1 => {
                let all = format!("{whole}{parts}");
                let all = all.trim_start_matches('0');
                let all = if all.is_empty() { "0" } else { all };
                format!("{all}{}{}", ["e-", "E-0"][self.dice.below(2)], parts.len())
            }
            2 => format!("{}.{}e1", &whole[..whole.len() - 1], &format!("{}{parts}0", &whole[whole.len() - 1..])),
            3 if quoted => format!("000{digits}"),
            _ => digits.to_owned(),
        };
        // A point needs a digit in front of it, also after one was moved behind it.
        let magnitude = if magnitude.starts_with('.') { format!("0{magnitude}") } else { magnitude };
        if quoted {
            self.text(&format!("{sign}{magnitude}"), out);
        } else {
            out.push_str(sign);
            out.push_str(&magnitude);
        }
    }
}
