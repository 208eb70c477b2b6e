//! Text -> syntax: a recursive descent over RFC 7644 §3.4.2.2, figure 1, with bounds on length, depth and number of tests.
//!
//! It is written by hand, not with parser combinators, because there every message of the kind "expected `)` at
//! character 14" has to be threaded through the alternatives, while here each one stands where it is found.

use super::ast::{
    Expression, Located, Operator, WrittenCondition, WrittenElementTest, WrittenTest, WrittenValue,
};
use crate::scim::error::{Error, ScimType};

/// The longest filter or path that is read, in bytes.
pub const MAX_LENGTH: usize = 8 * 1024;
/// How deep parentheses may stand in one another.
pub const MAX_DEPTH: usize = 32;
/// How many tests a filter may hold.
pub const MAX_TESTS: usize = 200;

/// How many characters of the client's text an error repeats.
const MAX_QUOTED: usize = 60;

/// What is wrong with a filter or path, and the byte offset where that shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// Where, in bytes from the start of the text.
    pub offset: usize,
    /// What, as a fragment that follows "at character 14: ".
    pub message: String,
}

impl Problem {
    /// A problem at that byte offset.
    pub fn new(offset: usize, message: impl Into<String>) -> Self {
        Self { offset, message: message.into() }
    }

    /// The error for the client. `subject` is what `text` is: "filter" or "path". Characters are counted from 1.
    pub fn into_error(self, scim_type: ScimType, subject: &str, text: &str) -> Error {
        let character = text.char_indices().take_while(|(offset, _)| *offset < self.offset).count() + 1;
        Error::new(scim_type, format!("The {subject} is wrong at character {character}: {}.", self.message))
    }
}

/// `text` for an error message: in back-quotes, shortened.
pub fn quoted(text: &str) -> String {
    match text.char_indices().nth(MAX_QUOTED) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}

/// Reads a whole filter.
///
/// # Errors
/// What is wrong with it and where.
pub fn filter(text: &str) -> Result<Expression<WrittenTest<'_>>, Problem> {
    let mut parser = Parser::new(text)?;
    if parser.at_end() {
        return Err(Problem::new(0, "it is empty; a filter reads like `userName eq \"bob\"`"));
    }
    let expression = parser.expression(Parser::test)?;
    parser.end("`and`, `or` or the end of the filter")?;
    Ok(expression)
}

/// The filter in the brackets of a PATCH path, and its place in the text.
pub type Brackets<'t> = Expression<WrittenElementTest<'t>>;

/// A place in the text, and how much of the bounds is used up.
#[derive(Debug)]
pub struct Parser<'t> {
    text: &'t str,
    offset: usize,
    depth: usize,
    tests: usize,
}

/// How one test is read: the only thing in which a filter and the filter in its brackets differ.
type ReadTest<'t, T> = fn(&mut Parser<'t>) -> Result<T, Problem>;

impl<'t> Parser<'t> {
    /// Starts at the beginning of the text.
    ///
    /// # Errors
    /// If the text is longer than [`MAX_LENGTH`].
    pub fn new(text: &'t str) -> Result<Self, Problem> {
        if text.len() > MAX_LENGTH {
            return Err(Problem::new(
                text.floor_char_boundary(MAX_LENGTH),
                format!("it is {} bytes long, and at most {MAX_LENGTH} are read", text.len()),
            ));
        }
        Ok(Self { text, offset: 0, depth: 0, tests: 0 })
    }

    /// What comes next.
    pub fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Whether only spaces are left.
    pub fn at_end(&mut self) -> bool {
        self.skip_spaces();
        self.offset == self.text.len()
    }

    /// Makes sure that only spaces are left.
    ///
    /// # Errors
    /// If not, saying that `expected` was expected.
    pub fn end(&mut self, expected: &str) -> Result<(), Problem> {
        if self.at_end() { Ok(()) } else { Err(self.unexpected(expected)) }
    }

    /// The name of an attribute, perhaps with a URN before and a sub-attribute after it.
    ///
    /// # Errors
    /// If what comes next does not have the form of such a name.
    pub fn name(&mut self) -> Result<Located<&'t str>, Problem> {
        self.skip_spaces();
        let word = self.peek_word();
        if !is_name(word) {
            return Err(self.unexpected("the name of an attribute"));
        }
        Ok(self.take(word))
    }

    /// The name of a sub-attribute alone, as it stands after brackets and a dot.
    ///
    /// # Errors
    /// If what comes next does not have the form of such a name.
    pub fn sub_attribute_name(&mut self) -> Result<Located<&'t str>, Problem> {
        let word = self.peek_word();
        if !is_attribute_name(word) {
            return Err(self.unexpected("the name of a sub-attribute"));
        }
        Ok(self.take(word))
    }

    /// The expression in brackets that follow now; stops before the closing one.
    ///
    /// # Errors
    /// If there is no such expression.
    pub fn bracketed(&mut self) -> Result<Brackets<'t>, Problem> {
        self.expression(Self::element_test)
    }

    /// Steps over `symbol` if it comes next; tells whether it did.
    pub fn skip(&mut self, symbol: char) -> bool {
        let found = self.rest().starts_with(symbol);
        if found {
            self.offset += symbol.len_utf8();
        }
        found
    }

    /// The problem that something else stands here than was expected.
    pub fn unexpected(&self, expected: &str) -> Problem {
        let found = match (self.peek_word(), self.peek()) {
            (_, None) => "the end".to_owned(),
            ("", Some(symbol)) => quoted(symbol.encode_utf8(&mut [0; 4])),
            (word, _) => quoted(word),
        };
        Problem::new(self.offset, format!("expected {expected}, found {found}"))
    }

    /// `or` binds least, then `and`, then `not` (RFC-066).
    fn expression<T>(&mut self, read_test: ReadTest<'t, T>) -> Result<Expression<T>, Problem> {
        let mut parts = vec![self.conjunction(read_test)?];
        while self.skip_keyword("or") {
            parts.push(self.conjunction(read_test)?);
        }
        Ok(Expression::any(parts))
    }

    fn conjunction<T>(&mut self, read_test: ReadTest<'t, T>) -> Result<Expression<T>, Problem> {
        let mut parts = vec![self.factor(read_test)?];
        while self.skip_keyword("and") {
            parts.push(self.factor(read_test)?);
        }
        Ok(Expression::all(parts))
    }

    fn factor<T>(&mut self, read_test: ReadTest<'t, T>) -> Result<Expression<T>, Problem> {
        if self.skip_keyword("not") {
            self.skip_spaces();
            if !self.rest().starts_with('(') {
                return Err(self.unexpected("`(` after `not`"));
            }
            return Ok(self.group(read_test)?.negated());
        }
        if self.rest().starts_with('(') {
            return self.group(read_test);
        }
        self.tests += 1;
        if self.tests > MAX_TESTS {
            return Err(Problem::new(self.offset, format!("it has more than {MAX_TESTS} comparisons")));
        }
        read_test(self).map(Expression::Test)
    }

    /// An expression in parentheses. All recursion goes through here, so this is where depth is bounded (RFC-080).
    fn group<T>(&mut self, read_test: ReadTest<'t, T>) -> Result<Expression<T>, Problem> {
        if self.depth == MAX_DEPTH {
            return Err(Problem::new(
                self.offset,
                format!("parentheses stand in one another more than {MAX_DEPTH} deep"),
            ));
        }
        self.depth += 1;
        self.skip('(');
        let expression = self.expression(read_test)?;
        self.skip_spaces();
        if !self.skip(')') {
            return Err(self.unexpected("`and`, `or` or `)`"));
        }
        self.depth -= 1;
        Ok(expression)
    }

    fn test(&mut self) -> Result<WrittenTest<'t>, Problem> {
        let name = self.name()?;
        if !self.skip('[') {
            return Ok(WrittenTest::Attribute(WrittenElementTest {
                name,
                condition: self.condition(name.item)?,
            }));
        }
        let filter = self.bracketed()?;
        self.skip_spaces();
        if !self.skip(']') {
            return Err(self.unexpected("`and`, `or` or `]`"));
        }
        let then = if self.skip('.') {
            let name = self.sub_attribute_name()?;
            Some(WrittenElementTest { name, condition: self.condition(name.item)? })
        } else {
            None
        };
        Ok(WrittenTest::Element { name, filter, then })
    }

    fn element_test(&mut self) -> Result<WrittenElementTest<'t>, Problem> {
        let name = self.name()?;
        if self.peek() == Some('[') {
            return Err(self.unexpected("an operator, since brackets cannot stand in brackets"));
        }
        Ok(WrittenElementTest { name, condition: self.condition(name.item)? })
    }

    fn condition(&mut self, name: &str) -> Result<WrittenCondition<'t>, Problem> {
        self.skip_spaces();
        let word = self.peek_word();
        if word.is_empty() {
            return Err(self.unexpected(&format!("an operator such as `eq` after {}", quoted(name))));
        }
        if word.eq_ignore_ascii_case("pr") {
            self.take(word);
            return Ok(WrittenCondition::Present);
        }
        let Some(operator) = Operator::find(word) else {
            return Err(Problem::new(
                self.offset,
                format!(
                    "{} is not an operator; those are eq, ne, co, sw, ew, gt, ge, lt, le and pr",
                    quoted(word)
                ),
            ));
        };
        let operator = Located { item: operator, offset: self.take(word).offset };
        // The space before a quoted value is not insisted on: the RFC's own example has none (RFC-081).
        let value = self.value(word)?;
        Ok(WrittenCondition::Compare(operator, value))
    }

    fn value(&mut self, operator: &str) -> Result<Located<WrittenValue<'t>>, Problem> {
        self.skip_spaces();
        let offset = self.offset;
        if self.rest().starts_with('"') {
            return Ok(Located { item: WrittenValue::Quoted(self.string()?), offset });
        }
        match self.peek_word() {
            "" => Err(self.unexpected(&format!("a value after {}", quoted(operator)))),
            word if word.starts_with('\'') => {
                Err(Problem::new(offset, "text stands in double quotes, not in single ones"))
            }
            word if word.starts_with('{') => {
                Err(Problem::new(offset, "a value is a text, a number, true, false or null"))
            }
            word => Ok(Located { item: WrittenValue::Bare(self.take(word).item), offset }),
        }
    }

    /// A JSON string (RFC-065). Its end is the first quote without a backslash; the rest is the JSON parser's business.
    fn string(&mut self) -> Result<String, Problem> {
        let mut escaped = false;
        let end = self.rest().char_indices().skip(1).find(|&(_, character)| {
            let closes = character == '"' && !escaped;
            escaped = character == '\\' && !escaped;
            closes
        });
        let Some((end, _)) = end else {
            return Err(Problem::new(self.offset, "the text that starts here has no closing double quote"));
        };
        let literal = &self.rest()[..=end];
        let string = serde_json::from_str(literal).map_err(|_| {
            Problem::new(self.offset, format!("{} is not a string as JSON writes it", quoted(literal)))
        })?;
        self.take(literal);
        Ok(string)
    }

    fn skip_keyword(&mut self, keyword: &str) -> bool {
        self.skip_spaces();
        let word = self.peek_word();
        let found = word.eq_ignore_ascii_case(keyword);
        if found {
            self.take(word);
        }
        found
    }

    fn skip_spaces(&mut self) {
        self.offset = self.text.len() - self.rest().trim_ascii_start().len();
    }

    /// What stands here up to a space, quote, parenthesis or bracket; perhaps nothing.
    fn peek_word(&self) -> &'t str {
        let rest = self.rest();
        let ends = |character: char| character.is_ascii_whitespace() || "\"()[]".contains(character);
        &rest[..rest.find(ends).unwrap_or(rest.len())]
    }

    fn take(&mut self, piece: &'t str) -> Located<&'t str> {
        let offset = self.offset;
        self.offset += piece.len();
        Located { item: piece, offset }
    }

    fn rest(&self) -> &'t str {
        &self.text[self.offset..]
    }
}

/// Whether `word` has the form of an `attrPath`. What stands before the last colon may be any URI, because URNs hold
/// dots themselves; whether it is a known one is found out when it is looked up.
fn is_name(word: &str) -> bool {
    if word.contains(':') {
        let is_uri_character =
            |character: char| character.is_ascii_graphic() && !"<>\\^`{|}".contains(character);
        return word.starts_with(|first: char| first.is_ascii_alphabetic())
            && word.chars().all(is_uri_character);
    }
    match word.split_once('.') {
        Some((name, sub_name)) => is_attribute_name(name) && is_attribute_name(sub_name),
        None => is_attribute_name(word),
    }
}

/// Whether `word` has the form of an `ATTRNAME`. `$` is for `$ref`: RFC 7643 §2.1 allows it, RFC 7644 forgot it.
fn is_attribute_name(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_alphabetic() || first == '$')
        && word.chars().all(|character| character.is_ascii_alphanumeric() || "-_$".contains(character))
}
