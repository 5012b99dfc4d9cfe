//! `.dockerignore`, as the engine reads it.
//!
//! Follows moby/patternmatcher: the last pattern that matches a path or one of its parents decides; `!`
//! takes back; `*` and `?` stop at a slash, `**` does not. Matching is a simulation of the pattern's
//! automaton, so its time is bounded by pattern times path, whatever the pattern.

/// The patterns of one file.
#[derive(Debug, Default)]
pub(super) struct Ignore(Vec<Pattern>);

#[derive(Debug)]
struct Pattern {
    /// Written with `!`.
    keeps: bool,
    tokens: Vec<Token>,
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    /// This character.
    Is(char),
    /// One character that is no slash.
    One,
    /// Any characters but slashes.
    Star,
    /// Any number of whole folders, or none; an [`Token::Inside`] follows it.
    Folders,
    /// Within those folders: it ends at a slash.
    Inside,
    /// Everything.
    Rest,
    /// A character in, or not in, one of these ranges.
    Class { not: bool, ranges: Vec<(char, char)> },
}

impl Ignore {
    /// Reads the text of a file.
    pub(super) fn parse(text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Self(lines.filter_map(|line| Pattern::parse(line.trim())).collect())
    }

    /// Whether some pattern takes back what another ignores: then a folder that is ignored may hold
    /// a file that is not.
    pub(super) fn takes_back(&self) -> bool {
        self.0.iter().any(|pattern| pattern.keeps)
    }

    /// Whether a path, relative and with slashes, is left out of the context.
    pub(super) fn ignores(&self, path: &str) -> bool {
        let mut ignored = false;
        for pattern in &self.0 {
            // One that could only say what is so already need not be asked.
            if pattern.keeps == ignored && pattern.matches_or_parent(path) {
                ignored = !pattern.keeps;
            }
        }
        ignored
    }
}

impl Pattern {
    fn parse(line: &str) -> Option<Self> {
        let (keeps, rest) = match line.strip_prefix('!') {
            Some(rest) => (true, rest.trim()),
            None => (false, line),
        };
        let clean = clean(rest);
        // `.` names the whole context, which neither builder ignores.
        (!clean.is_empty()).then(|| Self { keeps, tokens: tokens(&clean) })
    }

    fn matches_or_parent(&self, path: &str) -> bool {
        let parents = path.match_indices('/').filter_map(|(at, _)| path.get(..at));
        self.matches(path) || parents.into_iter().any(|parent| self.matches(parent))
    }

    fn matches(&self, path: &str) -> bool {
        let end = self.tokens.len();
        let mut states = vec![false; end + 1];
        let mut next = vec![false; end + 1];
        if let Some(first) = states.first_mut() {
            *first = true;
        }
        self.skip(&mut states);
        for character in path.chars() {
            next.fill(false);
            for (at, token) in self.tokens.iter().enumerate() {
                if !states.get(at).copied().unwrap_or(false) {
                    continue;
                }
                let (stays, moves) = match token {
                    Token::Is(wanted) => (false, *wanted == character),
                    Token::One => (false, character != '/'),
                    Token::Star => (character != '/', false),
                    Token::Rest => (true, false),
                    Token::Folders => (false, false),
                    Token::Inside => (true, character == '/'),
                    Token::Class { not, ranges } => {
                        let inside =
                            ranges.iter().any(|(low, high)| (*low..=*high).contains(&character));
                        (false, inside != *not)
                    }
                };
                if stays && let Some(state) = next.get_mut(at) {
                    *state = true;
                }
                if moves && let Some(state) = next.get_mut(at + 1) {
                    *state = true;
                }
            }
            std::mem::swap(&mut states, &mut next);
            self.skip(&mut states);
        }
        states.last().copied().unwrap_or(false)
    }

    /// Goes past tokens that match nothing as well.
    fn skip(&self, states: &mut [bool]) {
        for (at, token) in self.tokens.iter().enumerate() {
            if !states.get(at).copied().unwrap_or(false) {
                continue;
            }
            let reached = match token {
                Token::Star | Token::Rest => at + 1..at + 2,
                Token::Folders => at + 1..at + 3,
                _ => 0..0,
            };
            for state in states.get_mut(reached).into_iter().flatten() {
                *state = true;
            }
        }
    }
}

/// Cleans a path as Go's `filepath.Clean` does, and drops a leading slash.
fn clean(text: &str) -> String {
    let mut pieces: Vec<&str> = Vec::new();
    for piece in text.split('/') {
        match piece {
            "" | "." => {}
            ".." if pieces.last().is_some_and(|last| *last != "..") => {
                pieces.pop();
            }
            piece => pieces.push(piece),
        }
    }
    pieces.join("/")
}

fn tokens(pattern: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut characters = pattern.chars().peekable();
    while let Some(character) = characters.next() {
        let token = match character {
            '*' if characters.next_if_eq(&'*').is_some() => {
                // `**/` is `**`: it eats the slash itself.
                characters.next_if_eq(&'/');
                if characters.peek().is_none() {
                    Token::Rest
                } else {
                    tokens.push(Token::Folders);
                    Token::Inside
                }
            }
            '*' => Token::Star,
            '?' => Token::One,
            '\\' => Token::Is(characters.next().unwrap_or('\\')),
            '[' => class(&mut characters),
            other => Token::Is(other),
        };
        tokens.push(token);
    }
    tokens
}

fn class(characters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Token {
    let not = characters.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    while let Some(low) = characters.next() {
        if low == ']' {
            break;
        }
        let low = if low == '\\' { characters.next().unwrap_or(low) } else { low };
        let mut high = low;
        if characters.next_if_eq(&'-').is_some() {
            high = match characters.next() {
                Some('\\') => characters.next().unwrap_or(low),
                Some(end) => end,
                None => low,
            };
        }
        ranges.push((low, high));
    }
    Token::Class { not, ranges }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ignored(file: &str, path: &str) -> bool {
        Ignore::parse(file).ignores(path)
    }

    #[test]
    fn patterns_match_as_the_engine_matches_them() {
        for (file, path, expected) in [
            ("target", "target/debug/x", true),
            ("/target/", "target/x", true),
            ("target", "src/target", false),
            ("**/target", "src/target", true),
            ("**/target", "target", true),
            ("**/target", "a/b/mytarget", false),
            ("*.log", "a.log", true),
            ("*.log", "a/b.log", false),
            ("**/*.log", "a/b.log", true),
            ("a/**/b", "a/b", true),
            ("a/**/b", "a/x/y/b", true),
            ("a/**/b", "a/xb", false),
            ("a**b", "axb", false),
            ("a**b", "ax/b", true),
            ("a?c", "abc", true),
            ("a?c", "a/c", false),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("x\\*", "x*", true),
            ("x\\*", "xy", false),
            ("# x", "# x", false),
            ("../x", "x", false),
            ("a/../b", "b", true),
            (".", "a", false),
            ("**", "a/b", true),
            ("a/**", "a/b/c", true),
            ("a/**", "a", false),
        ] {
            assert_eq!(ignored(file, path), expected, "{file} {path}");
        }
    }

    #[test]
    fn the_last_pattern_that_matches_decides() {
        let file = "*\n!src\nsrc/*.tmp\n! src/keep.tmp\n";
        for (path, expected) in [
            ("README.md", true),
            ("src/main.rs", false),
            ("src/a.tmp", true),
            ("src/keep.tmp", false),
            ("docs/x", true),
        ] {
            assert_eq!(ignored(file, path), expected, "{path}");
        }
        assert!(Ignore::parse(file).takes_back());
        assert!(!Ignore::parse("a\n").takes_back());
    }

    #[test]
    fn a_hostile_pattern_takes_no_longer_than_its_length() {
        let file = "*a".repeat(2_000);
        assert!(!ignored(&file, &"a".repeat(1_000)));
    }
}
