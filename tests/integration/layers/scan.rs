//! Finds the paths that a Rust file takes to other rooms. A scanner, not a parser: it knows
//! comments, literals, and the braces of `use`.

/// One path from a module to another.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Edge {
    /// The module that holds it.
    pub(crate) from: String,
    /// The path behind `crate::`.
    pub(crate) to: String,
}

/// The edges of a file: `crate::` paths, and `super::` chains that reach the crate's root.
pub(crate) fn edges(module: &str, text: &str, rooms: &[&str]) -> Vec<Edge> {
    let tokens = tokens(&code(text));
    let depth = module.split("::").count();
    let mut targets = Vec::new();
    let mut index = 0;
    while index < tokens.len() {
        let start = index;
        index += 1;
        let begins_path = start == 0 || tokens[start - 1] != "::";
        match tokens[start].as_str() {
            "crate" if begins_path && is(&tokens, index, "::") => {
                tree(&tokens, index + 1, "", &mut targets);
            }
            "super" if begins_path => {
                let mut supers = 1;
                while is(&tokens, index, "::") && is(&tokens, index + 1, "super") {
                    supers += 1;
                    index += 2;
                }
                if supers >= depth && is(&tokens, index, "::") {
                    let mut found = Vec::new();
                    tree(&tokens, index + 1, "", &mut found);
                    // An inline module adds a level that this scanner does not count, so only what
                    // names a room is an edge.
                    found.retain(|path| {
                        rooms.contains(&path.split("::").next().unwrap_or_default())
                    });
                    targets.extend(found);
                }
            }
            _ => {}
        }
    }
    targets.into_iter().map(|to| Edge { from: module.to_owned(), to }).collect()
}

fn is(tokens: &[String], index: usize, token: &str) -> bool {
    tokens.get(index).is_some_and(|found| found == token)
}

/// Reads the paths of a use tree that starts at `index`; returns where it ends.
fn tree(tokens: &[String], mut index: usize, prefix: &str, found: &mut Vec<String>) -> usize {
    let mut path = prefix.to_owned();
    while let Some(token) = tokens.get(index) {
        if token == "{" {
            index += 1;
            while index < tokens.len() && !is(tokens, index, "}") {
                let next = tree(tokens, index, &path, found);
                index = next.max(index + 1);
                // Skips `as name` and the comma.
                while index < tokens.len() && !is(tokens, index, ",") && !is(tokens, index, "}") {
                    index += 1;
                }
                if is(tokens, index, ",") {
                    index += 1;
                }
            }
            return index + 1;
        }
        let word = token.chars().all(|c| c.is_alphanumeric() || c == '_');
        if !word {
            break;
        }
        if token != "self" {
            if !path.is_empty() {
                path.push_str("::");
            }
            path.push_str(token);
        }
        index += 1;
        if !is(tokens, index, "::") {
            break;
        }
        index += 1;
    }
    if !path.is_empty() {
        found.push(path);
    }
    index
}

/// Words, `::` and single signs.
fn tokens(code: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut characters = code.chars().peekable();
    while let Some(character) = characters.next() {
        if character.is_alphanumeric() || character == '_' {
            let mut word = String::from(character);
            while let Some(next) = characters.next_if(|c| c.is_alphanumeric() || *c == '_') {
                word.push(next);
            }
            tokens.push(word);
        } else if character == ':' && characters.next_if_eq(&':').is_some() {
            tokens.push("::".to_owned());
        } else if !character.is_whitespace() {
            tokens.push(character.to_string());
        }
    }
    tokens
}

/// The text without comments and without what is inside literals.
fn code(text: &str) -> String {
    let text: Vec<char> = text.chars().collect();
    let at = |index: usize| text.get(index).copied().unwrap_or('\0');
    let mut code = String::new();
    let mut i = 0;
    while i < text.len() {
        match (at(i), at(i + 1)) {
            ('/', '/') => {
                while i < text.len() && at(i) != '\n' {
                    i += 1;
                }
            }
            ('/', '*') => i = block_comment(&text, i),
            ('r', '"' | '#') if !is_word(code.chars().last()) && raw(&text, i).is_some() => {
                i = raw(&text, i).unwrap_or(i + 1);
                code.push(' ');
            }
            ('"', _) => {
                i += 1;
                while i < text.len() && at(i) != '"' {
                    i += if at(i) == '\\' { 2 } else { 1 };
                }
                i += 1;
                code.push(' ');
            }
            // A character, unless it is a lifetime.
            ('\'', '\\') => {
                i += 3;
                while i < text.len() && at(i) != '\'' {
                    i += 1;
                }
                i += 1;
            }
            ('\'', _) if at(i + 2) == '\'' => i += 3,
            (character, _) => {
                code.push(character);
                i += 1;
            }
        }
    }
    code
}

fn is_word(character: Option<char>) -> bool {
    character.is_some_and(|c| c.is_alphanumeric() || c == '_')
}

/// The end of a block comment; they nest.
fn block_comment(text: &[char], start: usize) -> usize {
    let (mut depth, mut i) = (0, start);
    while i < text.len() {
        match (text[i], text.get(i + 1)) {
            ('/', Some('*')) => (depth, i) = (depth + 1, i + 2),
            ('*', Some('/')) => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            break;
        }
    }
    i
}

/// The end of a raw string that starts at `r`; `None` when it is none (`r#type`).
fn raw(text: &[char], start: usize) -> Option<usize> {
    let hashes = text[start + 1..].iter().take_while(|c| **c == '#').count();
    let mut i = start + 1 + hashes;
    if text.get(i) != Some(&'"') {
        return None;
    }
    i += 1;
    while i < text.len() {
        let closes = text[i] == '"'
            && text[i + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes;
        i += 1;
        if closes {
            return Some(i + hashes);
        }
    }
    Some(i)
}
