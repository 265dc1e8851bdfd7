//! The lines that begin with a dot: conditional blocks and messages (configuration manual, section 2.4).

use config_text::Severity;

/// One of the dotted words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Directive {
    If,
    Elif,
    Else,
    Endif,
    Say(Severity),
}

impl Directive {
    /// The directive of a word.
    pub(crate) fn named(word: &str) -> Option<Self> {
        Some(match word {
            ".if" => Self::If,
            ".elif" => Self::Elif,
            ".else" => Self::Else,
            ".endif" => Self::Endif,
            ".diag" => Self::Say(Severity::Diag),
            ".notice" => Self::Say(Severity::Notice),
            ".warning" => Self::Say(Severity::Warning),
            ".alert" => Self::Say(Severity::Alert),
            _ => return None,
        })
    }
}

/// State of one open block.
///
/// ```text
/// .if → Waiting ──true──> Taken ──.elif/.else──> Done
///          └─.elif/.else─> Waiting or Taken
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Block {
    /// No branch was taken so far.
    Waiting,
    /// The current branch is taken.
    Taken,
    /// A former branch was taken, or the block stands in one that is not.
    Done,
}

#[derive(Clone, Copy, Debug)]
struct Level {
    block: Block,
    in_else: bool,
}

/// Deepest nesting of blocks.
const DEPTH: usize = 1024;

/// The open blocks of a file, outermost first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Blocks {
    levels: Vec<Level>,
}

impl Blocks {
    /// Whether lines are read here.
    pub(crate) fn taken(&self) -> bool {
        self.levels.iter().all(|l| l.block == Block::Taken)
    }

    /// Forgets every block after a refusal that ends the file: nothing is said about them any more.
    pub(crate) fn abandon(&mut self) {
        self.levels.clear();
    }

    /// Whether a block was not closed.
    pub(crate) fn open(&self) -> bool {
        !self.levels.is_empty()
    }

    /// `.if`: whether its condition is to be evaluated.
    pub(crate) fn begin(&mut self) -> Result<bool, String> {
        let wanted = self.taken();
        if self.levels.len() == DEPTH {
            return Err(format!("too many nested '.if', max is {DEPTH}."));
        }
        self.levels.push(Level { block: if wanted { Block::Waiting } else { Block::Done }, in_else: false });
        Ok(wanted)
    }

    /// `.elif`: whether its condition is to be evaluated.
    pub(crate) fn otherwise_if(&mut self) -> Result<bool, String> {
        let Some(level) = self.levels.last_mut() else {
            return Err("lone '.elif' with no matching '.if'.".to_owned());
        };
        if level.in_else {
            return Err("'.elif' after '.else' is not permitted.".to_owned());
        }
        if level.block == Block::Taken {
            level.block = Block::Done;
        }
        Ok(level.block == Block::Waiting)
    }

    /// The condition just evaluated is true.
    pub(crate) fn take(&mut self) {
        if let Some(level) = self.levels.last_mut() {
            level.block = Block::Taken;
        }
    }

    /// `.else`
    pub(crate) fn otherwise(&mut self) -> Result<(), String> {
        let Some(level) = self.levels.last_mut() else {
            return Err("lone '.else' with no matching '.if'.".to_owned());
        };
        if level.in_else {
            return Err("'.else' after '.else' is not permitted.".to_owned());
        }
        level.in_else = true;
        level.block = if level.block == Block::Waiting { Block::Taken } else { Block::Done };
        Ok(())
    }

    /// `.endif`
    pub(crate) fn end(&mut self) -> Result<(), String> {
        match self.levels.pop() {
            Some(_) => Ok(()),
            None => Err("lone '.endif' with no matching '.if'.".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn first_true_branch_only() {
        let mut blocks = Blocks::default();
        assert!(blocks.taken());
        assert!(blocks.begin().unwrap());
        assert!(!blocks.taken(), "a condition that is not true yet");
        assert!(blocks.otherwise_if().unwrap());
        blocks.take();
        assert!(blocks.taken());
        assert!(!blocks.otherwise_if().unwrap());
        blocks.otherwise().unwrap();
        assert!(!blocks.taken());
        blocks.end().unwrap();
        assert!(blocks.taken());
        assert!(!blocks.open());
    }

    #[test]
    fn inner_blocks_of_a_branch_not_taken_are_passed_over() {
        let mut blocks = Blocks::default();
        blocks.begin().unwrap();
        assert!(!blocks.begin().unwrap());
        blocks.otherwise().unwrap();
        assert!(!blocks.taken());
        blocks.end().unwrap();
        blocks.otherwise().unwrap();
        assert!(blocks.taken());
    }

    #[test]
    fn lone_words() {
        let mut blocks = Blocks::default();
        assert!(blocks.end().is_err());
        assert!(blocks.otherwise().is_err());
        assert!(blocks.otherwise_if().is_err());
    }
}
