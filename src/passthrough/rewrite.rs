//! URLs in JSON, replaced as it streams by. Nothing else changes: not a number, not the order of keys, not a space.
//!
//! To parse and print would change all of that. So this is a scanner of bytes: it knows strings, what escapes are in them, and
//! which string is a key. It holds back no more than the beginning of one string. Text that is not JSON passes as it is.

use std::sync::Arc;

use memchr::{memchr, memchr2};

use super::base::Translation;

/// The keys whose values are looked at: `meta.location` and the `location` of bulk answers, `$ref`, and the `endpoint` of a
/// resource type, which some give as a whole URL. They compare without case, as all names of SCIM. What a PATCH names by a path
/// ([`OF_A_PATH`]) is looked at as well.
const KEYS: [&str; 3] = ["location", "$ref", "endpoint"];

/// How a path ends that leads to such a value: `manager.$ref`.
const OF_A_PATH: &str = ".$ref";

/// What a key takes at the most that is looked at, with a schema's URN before it: each character as `\u0000`.
const MOST_KEY_BYTES: usize = 6 * 80;

/// Replaces the URLs of one JSON text.
#[derive(Debug)]
pub(super) struct Rewriter {
    translation: Arc<Translation>,
    state: State,
    /// What was held back: the string so far, which is not in the output yet if it may be a URL to replace, and which is if it
    /// may be a key.
    string: Vec<u8>,
    /// How many URLs were replaced.
    replaced: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing but white space so far.
    Start,
    /// It is not JSON.
    Verbatim,
    /// Between strings.
    Outside(Awaits),
    /// In a string, which may be a key.
    Key(Escape),
    /// In a string that may be a URL to replace.
    Url(Escape),
    /// In the rest of such a string, or in one that is too long for a key.
    Rest(Escape),
}

/// What the last string and what stood behind it say of the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaits {
    Anything,
    /// The last string was one of [`KEYS`], if a colon follows.
    Colon,
    /// A colon followed.
    Url,
}

/// Whether the last byte was a backslash that escapes the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escape {
    No,
    Yes,
}

/// What a text seems to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Looks {
    /// It begins as an object or an array does.
    LikeJson,
    Otherwise,
}

impl Looks {
    /// What a text seems to be that begins so; `None` if that does not tell.
    pub(super) fn of(beginning: &[u8]) -> Option<Self> {
        // A byte order mark is no white space, and no reason to give up.
        let is_skipped = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0xef | 0xbb | 0xbf);
        let first = beginning.iter().find(|byte| !is_skipped(byte))?;
        Some(if matches!(first, b'{' | b'[') { Self::LikeJson } else { Self::Otherwise })
    }
}

impl Rewriter {
    /// A rewriter at the start of a text.
    pub(super) fn new(translation: Arc<Translation>) -> Self {
        Self { translation, state: State::Start, string: Vec::new(), replaced: 0 }
    }

    /// How many URLs were replaced so far.
    pub(super) fn replaced(&self) -> usize {
        self.replaced
    }

    /// Reads the next part of the text and writes what is certain by now.
    pub(super) fn push(&mut self, input: &[u8], output: &mut Vec<u8>) {
        output.reserve(input.len() + self.string.len());
        let mut rest = input;
        while !rest.is_empty() {
            let taken = self.step(rest, output);
            rest = &rest[taken..];
        }
    }

    /// Reads the next part of the text, a string that is a URL whatever key it stands at, its quotes included.
    pub(super) fn push_url(&mut self, string: &[u8], output: &mut Vec<u8>) {
        if matches!(self.state, State::Outside(_)) {
            self.state = State::Outside(Awaits::Url);
        }
        self.push(string, output);
    }

    /// Ends the text: writes what was held back.
    pub(super) fn finish(&mut self, output: &mut Vec<u8>) {
        if matches!(self.state, State::Url(_)) {
            self.write_url(output);
        }
        self.state = State::Verbatim;
    }

    /// Reads at least one byte; answers how many.
    fn step(&mut self, input: &[u8], output: &mut Vec<u8>) -> usize {
        let byte = input[0];
        match self.state {
            State::Start => {
                self.state = match Looks::of(&[byte]) {
                    None => State::Start,
                    Some(Looks::LikeJson) => State::Outside(Awaits::Anything),
                    Some(Looks::Otherwise) => State::Verbatim,
                };
                output.push(byte);
                1
            }
            State::Verbatim => {
                output.extend_from_slice(input);
                input.len()
            }
            State::Outside(awaits) => self.outside(awaits, input, output),
            State::Key(escape) => match self.whole_string(escape, input) {
                Some(key) => {
                    output.extend_from_slice(&input[..=key.len()]);
                    self.state = State::Outside(Awaits::after(key));
                    key.len() + 1
                }
                None => {
                    output.push(byte);
                    self.in_key(byte, escape);
                    1
                }
            },
            State::Url(escape) => match self.whole_string(escape, input) {
                Some(url) if url.is_ascii() => {
                    self.write_plain_url(url, output);
                    self.state = State::Outside(Awaits::Anything);
                    url.len() + 1
                }
                _ => {
                    self.in_url(byte, escape, output);
                    1
                }
            },
            State::Rest(escape) => self.in_rest(escape, input, output),
        }
    }

    /// The whole of the string that begins here, if its end is in `input` and nothing in it is escaped: nearly always.
    fn whole_string<'i>(&self, escape: Escape, input: &'i [u8]) -> Option<&'i [u8]> {
        if !self.string.is_empty() || escape == Escape::Yes {
            return None;
        }
        let end = memchr2(b'"', b'\\', input)?;
        (input[end] == b'"').then(|| &input[..end])
    }

    fn outside(&mut self, awaits: Awaits, input: &[u8], output: &mut Vec<u8>) -> usize {
        if awaits == Awaits::Anything {
            // Nothing matters here but where the next string begins.
            let quote = memchr(b'"', input);
            let taken = quote.map_or(input.len(), |quote| quote + 1);
            output.extend_from_slice(&input[..taken]);
            if quote.is_some() {
                self.string.clear();
                self.state = State::Key(Escape::No);
            }
            return taken;
        }
        let byte = input[0];
        output.push(byte);
        self.state = match (byte, awaits) {
            (b'"', Awaits::Url) => {
                self.string.clear();
                State::Url(Escape::No)
            }
            (b'"', _) => {
                self.string.clear();
                State::Key(Escape::No)
            }
            (b' ' | b'\t' | b'\r' | b'\n', awaits) => State::Outside(awaits),
            (b':', Awaits::Colon) => State::Outside(Awaits::Url),
            _ => State::Outside(Awaits::Anything),
        };
        1
    }

    fn in_key(&mut self, byte: u8, escape: Escape) {
        self.state = match (byte, escape) {
            (b'"', Escape::No) => {
                let (key, _) = decode(&self.string, usize::MAX);
                State::Outside(Awaits::after(key.as_bytes()))
            }
            _ if self.string.len() == MOST_KEY_BYTES => State::Rest(escape.after(byte)),
            _ => {
                self.string.push(byte);
                State::Key(escape.after(byte))
            }
        };
    }

    fn in_url(&mut self, byte: u8, escape: Escape, output: &mut Vec<u8>) {
        if (byte, escape) == (b'"', Escape::No) {
            self.write_url(output);
            output.push(byte);
            self.state = State::Outside(Awaits::Anything);
            return;
        }
        self.string.push(byte);
        let escape = escape.after(byte);
        // Each character takes six bytes at the most.
        let is_enough = self.string.len() >= 6 * self.translation.reach() + 6;
        self.state = if is_enough { State::Rest(escape) } else { State::Url(escape) };
        if is_enough {
            self.write_url(output);
        }
    }

    /// In a string that changes no more: all up to its end or the next escape at once.
    fn in_rest(&mut self, escape: Escape, input: &[u8], output: &mut Vec<u8>) -> usize {
        let found = match escape {
            Escape::No => memchr2(b'"', b'\\', input),
            Escape::Yes => Some(0),
        };
        let taken = found.map_or(input.len(), |index| index + 1);
        output.extend_from_slice(&input[..taken]);
        self.state = match (found.map(|index| input[index]), escape) {
            (Some(b'"'), Escape::No) => State::Outside(Awaits::Anything),
            (Some(byte), escape) => State::Rest(escape.after(byte)),
            (None, _) => State::Rest(Escape::No),
        };
        taken
    }

    /// Writes a string without escapes, and the quote behind it, with the other base if it points below the one.
    fn write_plain_url(&mut self, url: &[u8], output: &mut Vec<u8>) {
        let below = std::str::from_utf8(url).ok().and_then(|url| self.translation.find(url));
        match below {
            Some(below) => {
                output.extend_from_slice(self.translation.to().as_bytes());
                output.extend_from_slice(below.as_bytes());
                self.replaced += 1;
            }
            None => output.extend_from_slice(url),
        }
        output.push(b'"');
    }

    /// Writes the string that was held back, with the other base if it points below the one.
    fn write_url(&mut self, output: &mut Vec<u8>) {
        let (url, ends) = decode(&self.string, self.translation.reach());
        match self.translation.find(&url) {
            Some(below) => {
                let base_length = url.len() - below.len();
                // Where the last byte of the base ends in the string as it is written.
                let end = base_length.checked_sub(1).map_or(0, |last| ends[last]);
                let escapes_slashes = self.string[..end].windows(2).any(|pair| pair == b"\\/");
                let base = self.translation.to();
                if escapes_slashes {
                    output.extend_from_slice(base.replace('/', "\\/").as_bytes());
                } else {
                    output.extend_from_slice(base.as_bytes());
                }
                output.extend_from_slice(&self.string[end..]);
                self.replaced += 1;
            }
            None => output.extend_from_slice(&self.string),
        }
        self.string.clear();
    }
}

impl Awaits {
    /// What a string says of the next one.
    fn after(string: &[u8]) -> Self {
        let is_key = KEYS.iter().any(|key| string.eq_ignore_ascii_case(key.as_bytes()));
        let end = string.len().checked_sub(OF_A_PATH.len()).map(|start| &string[start..]);
        let is_path = end.is_some_and(|end| end.eq_ignore_ascii_case(OF_A_PATH.as_bytes()));
        if is_key || is_path { Self::Colon } else { Self::Anything }
    }
}

impl Escape {
    fn after(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::No, b'\\') => Self::Yes,
            _ => Self::No,
        }
    }
}

/// The text that a JSON string means, up to `most` bytes of it, or up to what is no text; and for each of its bytes, where in
/// `string` the character that it belongs to ends. What is not ASCII stands as `\u{1a}`, which no base URL has.
fn decode(string: &[u8], most: usize) -> (String, Vec<usize>) {
    let mut text = String::new();
    let mut ends = Vec::new();
    let mut index = 0;
    while index < string.len() && text.len() < most {
        let (character, length) = match (string[index], string.get(index + 1)) {
            (b'\\', Some(b'u')) => match string.get(index + 2..index + 6).and_then(hexadecimal) {
                Some(code) => (u8::try_from(code).ok().filter(u8::is_ascii).unwrap_or(0x1a), 6),
                None => break,
            },
            (b'\\', Some(b'b' | b'f' | b'n' | b'r' | b't')) => (0x1a, 2),
            (b'\\', Some(escaped)) => (*escaped, 2),
            (b'\\', None) => break,
            (byte, _) => (if byte.is_ascii() { byte } else { 0x1a }, 1),
        };
        index += length;
        text.push(char::from(character));
        ends.push(index);
    }
    (text, ends)
}

fn hexadecimal(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |code, digit| Some(code * 16 + char::from(*digit).to_digit(16)?))
}

#[cfg(test)]
mod tests;
