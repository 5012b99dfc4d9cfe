//! Metric math: the grammar.

/// A parsed expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expression {
    Number(f64),
    Id(String),
    Negative(Box<Self>),
    Binary(Binary, Box<Self>, Box<Self>),
    Array(Vec<Self>),
    Call(String, Vec<Self>),
}

/// An operator between two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
    And,
    Or,
}

/// Operators by rising precedence; within a row longer spellings come first.
const LEVELS: [&[(&str, Binary)]; 6] = [
    &[("||", Binary::Or), ("OR", Binary::Or)],
    &[("&&", Binary::And), ("AND", Binary::And)],
    &[
        ("<=", Binary::LessOrEqual),
        (">=", Binary::GreaterOrEqual),
        ("==", Binary::Equal),
        ("!=", Binary::NotEqual),
        ("<", Binary::Less),
        (">", Binary::Greater),
    ],
    &[("+", Binary::Add), ("-", Binary::Subtract)],
    &[("*", Binary::Multiply), ("/", Binary::Divide)],
    &[("^", Binary::Power)],
];

/// The deepest nesting; nobody writes more by hand, and the parser recurses.
const DEEPEST: usize = 24;
/// The longest expression (`MetricDataQuery`, `Expression`).
const LONGEST: usize = 2048;

/// Reads an expression.
pub(super) fn parse(text: &str) -> Result<Expression, String> {
    if text.len() > LONGEST {
        return Err(format!("an expression has at most {LONGEST} characters"));
    }
    if let Some(word) =
        ["SELECT", "SEARCH"].into_iter().find(|word| text.trim_start().starts_with(word))
    {
        return Err(format!("the function {word} is not simulated by the rehearsal"));
    }
    let mut reader = Reader { rest: text, depth: 0 };
    let expression = reader.level(0)?;
    if reader.skip().is_empty() { Ok(expression) } else { Err(reader.unexpected()) }
}

impl Expression {
    /// The identifiers that it refers to, words of functions (`REPEAT`) left out.
    pub(super) fn references(&self) -> Vec<&str> {
        match self {
            Self::Number(_) => Vec::new(),
            Self::Id(id) if id.starts_with(|c: char| c.is_ascii_uppercase()) => Vec::new(),
            Self::Id(id) => vec![id],
            Self::Negative(inner) => inner.references(),
            Self::Binary(_, left, right) => {
                let mut all = left.references();
                all.extend(right.references());
                all
            }
            Self::Array(items) | Self::Call(_, items) => {
                items.iter().flat_map(Self::references).collect()
            }
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn skip(&mut self) -> &'a str {
        self.rest = self.rest.trim_start();
        self.rest
    }

    fn unexpected(&self) -> String {
        match self.rest.chars().next() {
            Some(character) => format!("unexpected '{character}'"),
            None => "unexpected end of expression".to_owned(),
        }
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.skip().strip_prefix(token);
        let Some(rest) = found else { return false };
        // A word ends where it ends: `ORDER` does not begin with `OR`.
        let word = token.ends_with(|c: char| c.is_ascii_alphabetic());
        if word && rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
            return false;
        }
        self.rest = rest;
        true
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.take(token) {
            Ok(())
        } else {
            Err(format!("{}; wanted '{token}'", self.unexpected()))
        }
    }

    fn operator(&mut self, level: usize) -> Option<Binary> {
        let row = LEVELS.get(level)?;
        row.iter().find(|(token, _)| self.take(token)).map(|(_, operator)| *operator)
    }

    fn level(&mut self, level: usize) -> Result<Expression, String> {
        if level >= LEVELS.len() {
            return self.unary();
        }
        let mut left = self.level(level + 1)?;
        let mut count = 0;
        while let Some(operator) = self.operator(level) {
            // A long chain makes a deep tree on its left side, which the evaluation walks.
            count += 1;
            if count > 200 {
                return Err("the expression has too many operators".to_owned());
            }
            let right = self.level(level + 1)?;
            left = Expression::Binary(operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expression, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("the expression is nested too deeply".to_owned());
        }
        let expression = if self.take("-") {
            self.unary().map(|inner| Expression::Negative(Box::new(inner)))
        } else {
            self.primary()
        };
        self.depth -= 1;
        expression
    }

    fn primary(&mut self) -> Result<Expression, String> {
        if self.take("(") {
            let inner = self.level(0)?;
            self.expect(")")?;
            return Ok(inner);
        }
        if self.take("[") {
            return self.list("]").map(Expression::Array);
        }
        let rest = self.skip();
        match rest.chars().next() {
            Some(c) if c.is_ascii_digit() || c == '.' => self.number(),
            Some(c) if c.is_ascii_alphabetic() => {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                let (word, tail) = rest.split_at(end.unwrap_or(rest.len()));
                self.rest = tail;
                if self.take("(") {
                    return self.list(")").map(|items| Expression::Call(word.to_owned(), items));
                }
                Ok(Expression::Id(word.to_owned()))
            }
            _ => Err(self.unexpected()),
        }
    }

    fn number(&mut self) -> Result<Expression, String> {
        let end = self.rest.find(|c: char| !c.is_ascii_digit() && c != '.');
        let (digits, tail) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        let number = digits.parse().map_err(|_| format!("'{digits}' is not a number"))?;
        self.rest = tail;
        Ok(Expression::Number(number))
    }

    fn list(&mut self, end: &str) -> Result<Vec<Expression>, String> {
        let mut items = Vec::new();
        if self.take(end) {
            return Ok(items);
        }
        loop {
            items.push(self.level(0)?);
            if self.take(end) {
                return Ok(items);
            }
            self.expect(",")?;
        }
    }
}
