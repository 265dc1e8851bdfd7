//! Statements and blocks: the shape of a configuration, before any keyword means something.

use std::ops::Range;

use config_text::{Span, Word};

use crate::lines::{Line, Note};
use crate::words::{self, QuotedWord, Token, Unterminated};

/// A part of a block.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    /// A line of words, perhaps with a block.
    Statement(Statement),
    /// A `}` that closes nothing.
    ExtraClose(Span),
    /// A `{` with nothing to open.
    StrayBlock(Block),
    /// What reading the lines had to say at this point.
    Note(Note),
    /// A quote that the line does not close, with the line's text.
    UnterminatedQuote(Span, String),
}

/// Words, and the block they open.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Statement {
    /// At least one word.
    pub(crate) words: Vec<Word>,
    /// The stretch of the line that they stand in.
    pub(crate) source: Vec<u8>,
    /// The first word's place.
    pub(crate) span: Span,
    /// What stands in braces after them.
    pub(crate) block: Option<Block>,
}

/// What stands between braces.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Block {
    /// Where it opens.
    pub(crate) open: Span,
    /// Where it closes; `None` when the text ends first.
    pub(crate) close: Option<Span>,
    /// What it holds.
    pub(crate) nodes: Vec<Node>,
}

impl Statement {
    /// The first word, with anything that is not UTF-8 replaced.
    pub(crate) fn keyword(&self) -> String {
        self.words.first().map(Word::lossy).unwrap_or_default()
    }

    /// The word at a position, the keyword being 0.
    pub(crate) fn word(&self, index: usize) -> Option<&Word> {
        self.words.get(index)
    }

    /// The text of the word at a position, with anything that is not UTF-8 replaced.
    pub(crate) fn text(&self, index: usize) -> Option<String> {
        self.word(index).map(Word::lossy)
    }

    /// The words as a script's line has them.
    pub(crate) fn quoted_words(&self) -> Result<Vec<QuotedWord>, Unterminated> {
        words::quoted_words(&self.source)
    }
}

/// A whole configuration as blocks.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tree {
    /// The top level.
    pub(crate) nodes: Vec<Node>,
    /// How many `}` are missing at the end.
    pub(crate) missing_closes: usize,
}

/// Blocks deeper than this are cut off: no keyword is nested more than six deep.
const DEPTH_MAX: usize = 64;

/// Builds the blocks of some lines, with notes between them.
pub(crate) fn parse(lines: &[Line], notes: Vec<(usize, Note)>) -> Tree {
    let mut notes = notes.into_iter().peekable();
    // The innermost open block is last; each level remembers the statement that opened it.
    let mut levels: Vec<Level> = vec![Level::default()];
    for (number, line) in lines.iter().enumerate() {
        while let Some((_, note)) = notes.next_if(|(before, _)| *before <= number) {
            push(&mut levels, Node::Note(note));
        }
        let (tokens, bad) = words::tokens(&line.text, |start, end| line.span(start, end));
        if let Some(bad) = bad {
            let text = String::from_utf8_lossy(line.text.trim_ascii()).into_owned();
            push(&mut levels, Node::UnterminatedQuote(line.span(bad.at, line.text.len()), text));
        }
        let mut words = Words { line: &line.text, list: Vec::new(), from: 0, to: 0 };
        for token in tokens {
            match token {
                Token::Word(word, at) => words.push(word, at),
                Token::Open(span) => {
                    let opener = match words.take() {
                        Some(statement) => Some(statement),
                        None => last_without_block(&mut levels),
                    };
                    if levels.len() < DEPTH_MAX {
                        levels.push(Level { opener, open: Some(span), nodes: Vec::new() });
                    }
                }
                Token::Close(span) => {
                    flush(&mut levels, &mut words);
                    if levels.len() > 1 {
                        close(&mut levels, Some(span));
                    } else {
                        push(&mut levels, Node::ExtraClose(span));
                    }
                }
            }
        }
        flush(&mut levels, &mut words);
    }
    for (_, note) in notes {
        push(&mut levels, Node::Note(note));
    }
    let missing_closes = levels.len() - 1;
    while levels.len() > 1 {
        close(&mut levels, None);
    }
    let nodes = levels.pop().map(|level| level.nodes).unwrap_or_default();
    Tree { nodes, missing_closes }
}

#[derive(Default)]
struct Level {
    opener: Option<Statement>,
    open: Option<Span>,
    nodes: Vec<Node>,
}

/// Words of a line that belong together so far.
struct Words<'l> {
    line: &'l [u8],
    list: Vec<Word>,
    from: usize,
    to: usize,
}

impl Words<'_> {
    fn push(&mut self, word: Word, at: Range<usize>) {
        if self.list.is_empty() {
            self.from = at.start;
        }
        self.to = at.end;
        self.list.push(word);
    }

    fn take(&mut self) -> Option<Statement> {
        let span = self.list.first()?.span;
        let source = self.line.get(self.from..self.to).unwrap_or_default().to_vec();
        Some(Statement { words: std::mem::take(&mut self.list), source, span, block: None })
    }
}

fn push(levels: &mut [Level], node: Node) {
    if let Some(level) = levels.last_mut() {
        level.nodes.push(node);
    }
}

fn flush(levels: &mut [Level], words: &mut Words<'_>) {
    if let Some(statement) = words.take() {
        push(levels, Node::Statement(statement));
    }
}

/// The statement that a brace on a line of its own belongs to.
fn last_without_block(levels: &mut [Level]) -> Option<Statement> {
    let nodes = &mut levels.last_mut()?.nodes;
    match nodes.pop() {
        Some(Node::Statement(statement)) if statement.block.is_none() => Some(statement),
        Some(other) => {
            nodes.push(other);
            None
        }
        None => None,
    }
}

fn close(levels: &mut Vec<Level>, close: Option<Span>) {
    let Some(Level { opener, open, nodes }) = levels.pop() else { return };
    let Some(open) = open else { return };
    let block = Block { open, close, nodes };
    let node = match opener {
        Some(statement) => Node::Statement(Statement { block: Some(block), ..statement }),
        None => Node::StrayBlock(block),
    };
    push(levels, node);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use config_text::FileId;

    fn show(text: &str) -> String {
        let lines: Vec<Line> =
            text.lines().enumerate().map(|(n, l)| Line::exact(FileId(0), n as u32 + 1, l)).collect();
        let tree = parse(&lines, Vec::new());
        let mut out = String::new();
        nodes(&tree.nodes, &mut out);
        if tree.missing_closes > 0 {
            out.push_str(&format!("missing {}", tree.missing_closes));
        }
        out.trim_end().to_owned()
    }

    fn nodes(nodes: &[Node], out: &mut String) {
        for node in nodes {
            match node {
                Node::Statement(s) => {
                    let words: Vec<String> = s.words.iter().map(Word::lossy).collect();
                    out.push_str(&words.join(" "));
                    out.push(' ');
                    if let Some(b) = &s.block {
                        out.push_str("{ ");
                        self::nodes(&b.nodes, out);
                        out.push_str("} ");
                    }
                    out.push_str("; ");
                }
                Node::ExtraClose(s) => out.push_str(&format!("extra@{} ", s.line)),
                Node::StrayBlock(b) => {
                    out.push_str("stray{ ");
                    self::nodes(&b.nodes, out);
                    out.push_str("} ");
                }
                Node::Note(note) => out.push_str(&note.text),
                Node::UnterminatedQuote(s, _) => out.push_str(&format!("quote@{} ", s.line)),
            }
        }
    }

    #[test]
    fn shapes() {
        for (text, want) in [
            ("a b {\n c d\n}\n", "a b { c d ; } ;"),
            ("a\n{\n c }", "a { c ; } ;"),
            ("a { b } c { d }", "a { b ; } ; c { d ; } ;"),
            ("a { b\n c }\n}", "a { b ; c ; } ; extra@3"),
            ("a {\n b {\n", "a { b { } ; } ; missing 2"),
            ("a }\n b", "a ; extra@1 b ;"),
            ("a { }\n{ x }", "a { } ; stray{ x ; }"),
            ("a \"b\n c", "quote@1 a ; c ;"),
        ] {
            assert_eq!(show(text), want, "{text:?}");
        }
    }
}
