//! Reads Rust just well enough to see which modules a file names: comments, texts and tests are blanked first.

use std::path::Path;

/// A file of the crate, without its comments, texts and tests.
pub(super) struct Source {
    /// Below `src`.
    pub(super) path: String,
    /// Its place in the crate: `store/users/mod.rs` is `store::users`.
    pub(super) module: Vec<String>,
    code: Vec<char>,
}

/// A path to something in this crate, from its root.
#[derive(Debug, PartialEq)]
pub(super) struct Reference {
    pub(super) line: usize,
    pub(super) path: Vec<String>,
}

impl Source {
    /// All files of the folder but those that are compiled for tests alone.
    pub(super) fn read_all(root: &Path) -> Vec<Self> {
        let mut sources = Vec::new();
        let mut for_tests = Vec::new();
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let text = std::fs::read_to_string(&path).unwrap();
                    let path = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                    let (source, test_modules) = Self::parse(&path, &text);
                    for_tests.extend(test_modules);
                    sources.push(source);
                }
            }
        }
        sources.retain(|source| !for_tests.iter().any(|module| source.module.starts_with(module)));
        sources.sort_by(|a, b| a.path.cmp(&b.path));
        assert!(sources.len() > 50, "the source was not found");
        sources
    }

    /// The file, and the modules in files of their own that it declares for tests.
    fn parse(path: &str, text: &str) -> (Self, Vec<Vec<String>>) {
        let mut module: Vec<_> = path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
        if module.len() > 1 && module.last().is_some_and(|last| last == "mod") {
            module.pop();
        }
        let mut code = blank_comments_and_texts(text);
        let test_modules = blank_tests(&mut code)
            .into_iter()
            .map(|name| module.iter().cloned().chain([name]).collect())
            .collect();
        (Self { path: path.to_owned(), module, code }, test_modules)
    }

    /// Whether it belongs to that module of the first level.
    pub(super) fn is_in(&self, module: &str) -> bool {
        self.module.first().is_some_and(|first| first == module)
    }

    /// How many lines it has, blank ones and comments included, tests not.
    pub(super) fn lines(&self) -> usize {
        let end = self.code.iter().rposition(|character| !character.is_whitespace()).unwrap_or(0);
        self.line(end)
    }

    /// The lines where `word` stands by itself.
    pub(super) fn lines_that_name(&self, word: &str) -> Vec<usize> {
        self.words().filter(|(_, found)| found == word).map(|(at, _)| self.line(at)).collect()
    }

    /// Every path that starts with `crate` or `super`, in imports and elsewhere.
    pub(super) fn references(&self) -> Vec<Reference> {
        let mut references = Vec::new();
        for (at, word) in self.words() {
            let is_start = !self.code[..at].ends_with(&[':', ':']);
            // Others than paths are visibilities, as in `pub(crate)`.
            let is_path = self.code[at + word.len()..].starts_with(&[':', ':']);
            if is_start && is_path && (word == "crate" || word == "super") {
                let mut paths = Vec::new();
                self.read_tree(at, &mut self.module.clone(), &mut paths);
                let line = self.line(at);
                references.extend(paths.into_iter().map(|path| Reference { line, path }));
            }
        }
        references
    }

    /// Reads one tree of an import from `at` on, below `prefix`, and answers where it ends.
    fn read_tree(&self, at: usize, prefix: &mut Vec<String>, paths: &mut Vec<Vec<String>>) -> usize {
        let mut at = self.skip_spaces(at);
        match self.code.get(at) {
            Some('{') => {
                at += 1;
                loop {
                    at = self.skip_spaces(at);
                    match self.code.get(at) {
                        Some('}') | None => return at + 1,
                        Some(',') => at += 1,
                        Some(_) => at = self.read_tree(at, &mut prefix.clone(), paths).max(at + 1),
                    }
                }
            }
            Some(character) if is_of_word(*character) => {
                let word: String =
                    self.code[at..].iter().take_while(|character| is_of_word(**character)).collect();
                at += word.chars().count();
                match word.as_str() {
                    "crate" => prefix.clear(),
                    "super" => drop(prefix.pop()),
                    "self" => {}
                    _ => prefix.push(word),
                }
                let next = self.skip_spaces(at);
                if self.code[next..].starts_with(&[':', ':']) {
                    return self.read_tree(next + 2, prefix, paths);
                }
                paths.push(prefix.clone());
                self.skip_alias(at)
            }
            // `*`, or the `<` of a type's arguments.
            _ => {
                paths.push(prefix.clone());
                at + 1
            }
        }
    }

    /// `as name`, in an import.
    fn skip_alias(&self, at: usize) -> usize {
        let next = self.skip_spaces(at);
        if !self.code[next..].starts_with(&['a', 's', ' ']) {
            return at;
        }
        let name = self.skip_spaces(next + 3);
        name + self.code[name..].iter().take_while(|character| is_of_word(**character)).count()
    }

    fn skip_spaces(&self, at: usize) -> usize {
        at + self.code[at.min(self.code.len())..]
            .iter()
            .take_while(|character| character.is_whitespace())
            .count()
    }

    fn words(&self) -> impl Iterator<Item = (usize, String)> {
        self.code.chunk_by(|a, b| is_of_word(*a) == is_of_word(*b)).scan(0, |at, chunk| {
            let start = *at;
            *at += chunk.len();
            Some((start, chunk.iter().collect()))
        })
    }

    fn line(&self, at: usize) -> usize {
        self.code[..at].iter().filter(|character| **character == '\n').count() + 1
    }
}

fn is_of_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Puts spaces in the place of comments, texts and characters; lines stay.
fn blank_comments_and_texts(text: &str) -> Vec<char> {
    let text: Vec<char> = text.chars().collect();
    let mut code = text.clone();
    let mut at = 0;
    while at < text.len() {
        let end = end_of_blank(&text, at);
        for character in code[at..end].iter_mut().filter(|character| **character != '\n') {
            *character = ' ';
        }
        at = end.max(at + 1);
    }
    code
}

/// Where the comment, text or character ends that begins at `at`; `at` itself if none does.
fn end_of_blank(text: &[char], at: usize) -> usize {
    let rest = &text[at..];
    let after = |pattern: &[char], from: usize| {
        let place = rest[from..].windows(pattern.len()).position(|window| window == pattern);
        place.map_or(text.len(), |place| at + from + place + pattern.len())
    };
    match rest {
        ['/', '/', ..] => after(&['\n'], 0) - 1,
        ['/', '*', ..] => after(&['*', '/'], 2),
        ['"', ..] => {
            let mut end = at + 1;
            while end < text.len() && text[end] != '"' {
                end += if text[end] == '\\' { 2 } else { 1 };
            }
            end + 1
        }
        ['r', '"' | '#', ..] if at == 0 || !is_of_word(text[at - 1]) || text[at - 1] == 'b' => {
            let hashes = rest[1..].iter().take_while(|character| **character == '#').count();
            if rest.get(1 + hashes) != Some(&'"') {
                return at;
            }
            let quote: Vec<_> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
            after(&quote, 2 + hashes)
        }
        ['\'', '\\', ..] => after(&['\''], 3),
        ['\'', _, '\'', ..] => at + 3,
        _ => at,
    }
}

/// Blanks every item behind `#[cfg(test)]`. Answers the modules among them that stand in files of their own.
fn blank_tests(code: &mut [char]) -> Vec<String> {
    let attribute: Vec<char> = "#[cfg(test)]".chars().collect();
    let mut files = Vec::new();
    while let Some(start) = code.windows(attribute.len()).position(|window| window == attribute) {
        let end = end_of_item(code, start + attribute.len());
        let item: String = code[start + attribute.len()..end].iter().collect();
        if let Some(name) = item.trim().trim_start_matches("pub ").strip_prefix("mod ") {
            files.extend(name.strip_suffix(';').map(|name| name.trim().to_owned()));
        }
        for character in code[start..end].iter_mut().filter(|character| **character != '\n') {
            *character = ' ';
        }
    }
    files
}

/// After the first `;`, or the brace that closes the first one.
fn end_of_item(code: &[char], start: usize) -> usize {
    let mut depth = 0_usize;
    for (at, character) in code.iter().enumerate().skip(start) {
        match character {
            '{' => depth += 1,
            '}' if depth <= 1 => return at + 1,
            '}' => depth -= 1,
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

#[test]
fn references_are_seen_in_groups_across_lines_and_inside_code_but_not_in_comments_texts_and_tests() {
    let text = r##"
        //! crate::comment
        use crate::{
            clock::Clock,
            store::{self, users as people, rosters::*},
        };
        use super::super::upstream;
        #[cfg(test)]
        mod fixture;
        pub(crate) fn f<'a>(_: &'a str) { crate::secret::Secret::<u8>::new("crate::text", '"', r#"crate::"raw"#) }
        #[cfg(test)]
        mod tests { use crate::sim; fn g() { if true {} } }
        use super::sibling;
    "##;
    let (source, for_tests) = Source::parse("connector/aha/client.rs", text);
    let seen: Vec<_> = source
        .references()
        .into_iter()
        .map(|found| format!("{} {}", found.line, found.path.join("::")))
        .collect();
    assert_eq!(
        seen,
        [
            "3 clock::Clock",
            "3 store",
            "3 store::users",
            "3 store::rosters",
            "7 connector::upstream",
            "10 secret::Secret",
            "13 connector::aha::sibling",
        ]
    );
    assert_eq!(for_tests, [["connector", "aha", "client", "fixture"].map(str::to_owned)]);
    assert_eq!(source.lines(), 13);
}
